//! States, and which may follow which. Written once; the database keeps the words, `docs/architecture.md` draws them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of: {known}")]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// The words that would have been understood.
    pub known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in the order of their meaning.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in the database, in the API and in metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: word.to_owned(), known: [$($word),+].join(", ") }),
                }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// Where a task stands. The row's word is the truth; a hint in the queue is only a reason to look.
    TaskState {
        /// Waits for a worker, or for its time.
        Queued = "queued",
        /// A worker owns it, as long as that worker is heard of.
        Running = "running",
        /// Its results are stored.
        Done = "done",
        /// The document will never succeed; the error says why.
        Failed = "failed",
        /// Every attempt was used up by faults of the world or by dying workers.
        Dead = "dead",
        /// Its job was cancelled.
        Cancelled = "cancelled",
        /// Its job reached its deadline first.
        Expired = "expired",
    }
}

impl TaskState {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether a task may go from `self` to `next` in one step.
    ///
    /// `Running` to `Queued` is a retry, a hand-back at shutdown, or the recovery from a dead worker. A dead or
    /// failed task may be queued again by a person.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Running | Self::Cancelled | Self::Expired),
            Self::Running => !matches!(next, Self::Running),
            Self::Dead | Self::Failed => matches!(next, Self::Queued),
            Self::Done | Self::Cancelled | Self::Expired => false,
        }
    }

    /// What becomes of the document when its task ends like this; `None` while it has not ended.
    #[must_use]
    pub const fn document_status(self) -> Option<DocumentStatus> {
        match self {
            Self::Queued | Self::Running => None,
            Self::Done => Some(DocumentStatus::Completed),
            Self::Failed | Self::Dead | Self::Expired => Some(DocumentStatus::Failed),
            Self::Cancelled => Some(DocumentStatus::Cancelled),
        }
    }
}

words! {
    /// How one attempt at a task ended.
    AttemptEnd {
        /// With results.
        Done = "done",
        /// With a reason for which no further attempt makes sense.
        Failed = "failed",
        /// With a fault of the world; another attempt follows.
        Retried = "retried",
        /// With a fault of the world, and it was the last one.
        Dead = "dead",
        /// Its worker was not heard of any more.
        Lost = "lost",
        /// Its worker was stopped and handed it back; it does not count.
        Returned = "returned",
        /// The job was cancelled.
        Cancelled = "cancelled",
        /// The job reached its deadline.
        Expired = "expired",
    }
}

words! {
    /// Where a document stands.
    DocumentStatus {
        /// Accepted, not begun.
        Pending = "pending",
        /// A worker is on it.
        Processing = "processing",
        /// Text and results are there.
        Completed = "completed",
        /// It has a reason instead of results.
        Failed = "failed",
        /// Its job was cancelled first.
        Cancelled = "cancelled",
    }
}

impl DocumentStatus {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Processing)
    }
}

words! {
    /// Where a job stands.
    JobStatus {
        /// Accepted; none of its documents has begun.
        Pending = "pending",
        /// Some document has begun and some has not ended.
        Processing = "processing",
        /// Every document succeeded.
        Completed = "completed",
        /// Some documents succeeded.
        Partial = "partial",
        /// No document succeeded.
        Failed = "failed",
        /// Cancelled by its owner.
        Cancelled = "cancelled",
        /// Its deadline came first.
        Expired = "expired",
    }
}

impl JobStatus {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Processing)
    }

    /// How a job ends whose documents have all ended.
    #[must_use]
    pub const fn at_end(total: i32, completed: i32) -> Self {
        if completed == total {
            Self::Completed
        } else if completed > 0 {
            Self::Partial
        } else {
            Self::Failed
        }
    }
}

words! {
    /// What a job was made for.
    JobKind {
        /// One document.
        Single = "single",
        /// Several documents accepted together.
        Batch = "batch",
    }
}

words! {
    /// What a task does.
    TaskKind {
        /// Reads one document and stores its text, language and tags.
        ProcessDocument = "process_document",
    }
}

impl TaskKind {
    /// The queue on which tasks of this kind wait.
    #[must_use]
    pub const fn queue(self) -> QueueName {
        match self {
            Self::ProcessDocument => QueueName::Documents,
        }
    }
}

words! {
    /// A line in which hints wait for workers.
    QueueName {
        /// Documents to be read.
        Documents = "documents",
    }
}

words! {
    /// What a person may do beyond their own documents.
    UserRole {
        /// Own documents only.
        User = "user",
        /// Sees and steers the work of everyone.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

words! {
    /// Whether an account may be used.
    UserStatus {
        /// It may.
        Active = "active",
        /// An administrator switched it off.
        Disabled = "disabled",
        /// Its owner closed it.
        Closed = "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for state in TaskState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        for status in JobStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "finished".parse::<DocumentStatus>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""finished" is not one of: pending, processing, completed, failed, cancelled"#
        );
    }

    #[test]
    fn only_a_person_brings_an_ended_task_back() {
        for from in TaskState::ALL.iter().filter(|s| s.is_terminal()) {
            for to in TaskState::ALL {
                let requeue = matches!(from, TaskState::Dead | TaskState::Failed) && *to == TaskState::Queued;
                assert_eq!(from.may_become(*to), requeue, "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_job_is_partial_when_some_documents_succeeded() {
        assert_eq!(JobStatus::at_end(3, 3), JobStatus::Completed);
        assert_eq!(JobStatus::at_end(3, 1), JobStatus::Partial);
        assert_eq!(JobStatus::at_end(3, 0), JobStatus::Failed);
    }
}
