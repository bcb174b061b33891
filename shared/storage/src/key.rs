//! Where everything lies. This file owns every path in the storage.

use std::fmt;

use domain::{DocumentId, JobId, UserId};
use object_store::path::Path;

/// A text that is no key of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a storage key")]
pub struct InvalidKey;

/// The name of an object. It consists of ids, so it is the same for all times and cannot lead anywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageKey {
    user: UserId,
    job: JobId,
    document: DocumentId,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Original,
    Text { fence: i64 },
    Markdown { fence: i64 },
}

impl StorageKey {
    /// What the user uploaded.
    #[must_use]
    pub const fn original(user: UserId, job: JobId, document: DocumentId) -> Self {
        let part = Part::Original;
        Self {
            user,
            job,
            document,
            part,
        }
    }

    /// The text that the attempt with this fence read. Every attempt writes to a key of its own, so that a worker that
    /// has lost its task cannot overwrite the text of the one that has it now.
    #[must_use]
    pub const fn text(user: UserId, job: JobId, document: DocumentId, fence: i64) -> Self {
        let part = Part::Text { fence };
        Self {
            user,
            job,
            document,
            part,
        }
    }

    /// The same text as Markdown, for a document whose structure is known. It comes and goes with the text.
    #[must_use]
    pub const fn markdown(user: UserId, job: JobId, document: DocumentId, fence: i64) -> Self {
        let part = Part::Markdown { fence };
        Self {
            user,
            job,
            document,
            part,
        }
    }

    /// Every object that a document may have: its original, and its text in both forms if one was stored.
    #[must_use]
    pub fn of_document(user: UserId, job: JobId, document: DocumentId, text_fence: Option<i64>) -> Vec<Self> {
        let mut keys = vec![Self::original(user, job, document)];
        if let Some(fence) = text_fence {
            keys.push(Self::text(user, job, document, fence));
            keys.push(Self::markdown(user, job, document, fence));
        }
        keys
    }

    /// Whose document it is.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The job that the document belongs to.
    #[must_use]
    pub const fn job(&self) -> JobId {
        self.job
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> DocumentId {
        self.document
    }

    pub(crate) fn path(&self) -> Path {
        // Ids and numbers hold nothing that a path would have to escape.
        Path::from(self.to_string())
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user, job, document, ..
        } = self;
        write!(f, "users/{user}/jobs/{job}/{document}/")?;
        match self.part {
            Part::Original => f.write_str("original"),
            Part::Text { fence } => write!(f, "text-{fence}.txt"),
            Part::Markdown { fence } => write!(f, "text-{fence}.md"),
        }
    }
}

impl TryFrom<&str> for StorageKey {
    type Error = InvalidKey;

    /// Reads a key back from the database or from a listing. Only what [`Display`](fmt::Display) writes is a key.
    fn try_from(text: &str) -> Result<Self, InvalidKey> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(InvalidKey);
        let ("users", user, "jobs", job) = (next()?, next()?, next()?, next()?) else {
            return Err(InvalidKey);
        };
        let (document, name) = (next()?, next()?);
        let part = match name.strip_prefix("text-").and_then(|name| name.split_once('.')) {
            Some((fence, ending)) => {
                let fence = fence.parse().map_err(|_| InvalidKey)?;
                match ending {
                    "txt" => Part::Text { fence },
                    "md" => Part::Markdown { fence },
                    _ => return Err(InvalidKey),
                }
            }
            None => Part::Original,
        };
        let key = Self {
            user: user.parse().map_err(|_| InvalidKey)?,
            job: job.parse().map_err(|_| InvalidKey)?,
            document: document.parse().map_err(|_| InvalidKey)?,
            part,
        };
        // Ids and numbers have other spellings too, and there may be more after the name.
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(InvalidKey)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keys() -> [StorageKey; 4] {
        let (user, job, document) = (UserId::new(), JobId::new(), DocumentId::new());
        [
            StorageKey::original(user, job, document),
            StorageKey::text(user, job, document, 0),
            StorageKey::text(user, job, document, i64::MAX),
            StorageKey::markdown(user, job, document, 7),
        ]
    }

    #[test]
    fn a_key_reads_back_from_its_text() {
        for key in keys() {
            let text = key.to_string();
            assert_eq!(StorageKey::try_from(text.as_str()), Ok(key));
            assert_eq!(key.path().as_ref(), text);
            assert_eq!(key.path(), Path::parse(&text).unwrap());
        }
    }

    #[test]
    fn a_key_shows_whose_document_it_is() {
        let key = keys()[0];
        let expected = format!(
            "users/{}/jobs/{}/{}/original",
            key.user(),
            key.job(),
            key.document()
        );
        assert_eq!(key.to_string(), expected);
    }

    #[test]
    fn odd_keys_are_refused() {
        let good = keys()[0].to_string();
        let text = keys()[1].to_string();
        let odd = [
            String::new(),
            "/".to_owned(),
            "../../etc/passwd".to_owned(),
            "users/../jobs/../../original".to_owned(),
            format!("/{good}"),
            format!("{good}/"),
            format!("{good}/more"),
            format!("{good}#1"),
            format!("{good}\0"),
            format!("./{good}"),
            good.to_uppercase(),
            good.replace("/original", "/../original"),
            good.replace("/original", "//original"),
            good.replace("original", "originals"),
            good.replace("original", "text-.txt"),
            good.replace("original", "text-1"),
            good.replace("original", "text-1.html"),
            good.replace("original", "text-.md"),
            good.replace('/', "%2f"),
            good.replace('/', "\\"),
            good.replace("users", "user"),
            good.replacen('-', "", 1),
            text.replace("text-0", "text-00"),
            text.replace("text-0", "text-+0"),
            text.replace("text-0", "text-9223372036854775808"),
        ];
        for key in odd {
            assert_eq!(StorageKey::try_from(key.as_str()), Err(InvalidKey), "{key:?}");
        }
    }
}
