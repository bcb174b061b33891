//! Identifiers. All are UUIDv7 (RFC 9562): unguessable enough not to be enumerated, and ordered by the time
//! of their making, so that the newest rows lie together in an index.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than every id made before it by this process.
            #[must_use]
            #[allow(clippy::new_without_default)] // two defaults would not be equal
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id as a plain UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

id!(
    /// A person with an account.
    UserId
);
id!(
    /// One login on one device; the family of its refresh tokens.
    SessionId
);
id!(
    /// A key with which a program acts for an account.
    ApiKeyId
);
id!(
    /// What a client asked for and polls.
    JobId
);
id!(
    /// One document of a job, with its results.
    DocumentId
);
id!(
    /// A piece of a document's text, of about two kilobytes.
    PassageId
);
id!(
    /// The unit of work. The only thing that travels through the queue.
    TaskId
);
id!(
    /// One worker process, from its start to its end.
    WorkerId
);
id!(
    /// Something that happens again and again.
    ScheduleId
);
id!(
    /// One run of a schedule.
    RunId
);
id!(
    /// One line of the audit log.
    AuditId
);
id!(
    /// A search that somebody kept.
    SavedSearchId
);
id!(
    /// Questions about documents that belong together, with their answers.
    ConversationId
);
id!(
    /// A question or an answer.
    MessageId
);
id!(
    /// One HTTP request.
    RequestId
);

id!(
    /// Something that a document asks somebody to do.
    TodoId
);
id!(
    /// Something that a document says takes place.
    EventId
);

impl DocumentId {
    /// The day (UTC) on which this id was made, from the time that it holds; 1970-01-01 when it holds none.
    #[must_use]
    pub fn made_on(self) -> NaiveDate {
        let seconds = self.0.get_timestamp().map_or(0, |time| time.to_unix().0);
        let time = DateTime::from_timestamp(seconds.cast_signed(), 0).unwrap_or_default();
        time.date_naive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_the_time_of_their_making() {
        let ids: Vec<JobId> = (0..1000).map(|_| JobId::new()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_document_knows_its_day() {
        let id: DocumentId = "01901658-8ec0-7aaa-8aaa-aaaaaaaaaaaa".parse().unwrap();
        assert_eq!(id.made_on().to_string(), "2024-06-14");
        let without_time: DocumentId = "00000000-0000-4000-8000-000000000000".parse().unwrap();
        assert_eq!(without_time.made_on().to_string(), "1970-01-01");
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = TaskId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("../etc/passwd".parse::<TaskId>(), Err(InvalidId));
    }
}
