//! Where everything lies. This file owns every path in the storage.

use std::fmt;

use domain::{DocumentId, UserId};
use object_store::path::Path;

/// A text that is no key of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a storage key")]
pub struct InvalidKey;

/// The name of an object. It consists of ids, so it is the same for all times and cannot lead anywhere else.
///
/// Objects of a user lie together, in a folder for each day on which documents were made: a folder for each document
/// would cost more than writing a small file into it, and one for all would grow without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageKey {
    user: UserId,
    document: DocumentId,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Original,
    Text { fence: i64 },
    Markdown { fence: i64 },
    Parts { fence: i64 },
}

impl StorageKey {
    /// What the user uploaded.
    #[must_use]
    pub const fn original(user: UserId, document: DocumentId) -> Self {
        let part = Part::Original;
        Self { user, document, part }
    }

    /// The text that the attempt with this fence read. Every attempt writes to a key of its own, so that a worker that
    /// has lost its task cannot overwrite the text of the one that has it now.
    #[must_use]
    pub const fn text(user: UserId, document: DocumentId, fence: i64) -> Self {
        let part = Part::Text { fence };
        Self { user, document, part }
    }

    /// The same text as Markdown, for a document whose structure is known. It comes and goes with the text.
    #[must_use]
    pub const fn markdown(user: UserId, document: DocumentId, fence: i64) -> Self {
        let part = Part::Markdown { fence };
        Self { user, document, part }
    }

    /// Where the parts of that text begin and end, for a document whose parts have titles. It comes and goes with the text.
    #[must_use]
    pub const fn parts(user: UserId, document: DocumentId, fence: i64) -> Self {
        let part = Part::Parts { fence };
        Self { user, document, part }
    }

    /// Every object that an attempt with this fence may have stored; the first is always there.
    #[must_use]
    pub const fn results(user: UserId, document: DocumentId, fence: i64) -> [Self; 3] {
        [
            Self::text(user, document, fence),
            Self::markdown(user, document, fence),
            Self::parts(user, document, fence),
        ]
    }

    /// Every object that a document may have: its original, and its results if there are any.
    #[must_use]
    pub fn of_document(user: UserId, document: DocumentId, text_fence: Option<i64>) -> Vec<Self> {
        let mut keys = vec![Self::original(user, document)];
        if let Some(fence) = text_fence {
            keys.extend(Self::results(user, document, fence));
        }
        keys
    }

    /// Whose document it is.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
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
        let Self { user, document, .. } = self;
        // The day is part of the id; an id that holds no time is of the first day.
        let day = document.made_on();
        write!(f, "users/{user}/{day}/{document}.")?;
        match self.part {
            Part::Original => f.write_str("original"),
            Part::Text { fence } => write!(f, "text-{fence}"),
            Part::Markdown { fence } => write!(f, "markdown-{fence}"),
            Part::Parts { fence } => write!(f, "parts-{fence}"),
        }
    }
}

impl TryFrom<&str> for StorageKey {
    type Error = InvalidKey;

    /// Reads a key back from the database or from a listing. Only what [`Display`](fmt::Display) writes is a key.
    fn try_from(text: &str) -> Result<Self, InvalidKey> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(InvalidKey);
        let ("users", user, _day, name) = (next()?, next()?, next()?, next()?) else {
            return Err(InvalidKey);
        };
        let (document, part) = name.split_once('.').ok_or(InvalidKey)?;
        let number = |fence: &str| fence.parse().map_err(|_| InvalidKey);
        let part = match part.split_once('-') {
            Some(("text", fence)) => Part::Text {
                fence: number(fence)?,
            },
            Some(("markdown", fence)) => Part::Markdown {
                fence: number(fence)?,
            },
            Some(("parts", fence)) => Part::Parts {
                fence: number(fence)?,
            },
            Some(_) => return Err(InvalidKey),
            None => Part::Original,
        };
        let key = Self {
            user: user.parse().map_err(|_| InvalidKey)?,
            document: document.parse().map_err(|_| InvalidKey)?,
            part,
        };
        // Ids, days and numbers have other spellings too, and there may be more after the name.
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

    fn keys() -> [StorageKey; 5] {
        let (user, document) = (UserId::new(), DocumentId::new());
        [
            StorageKey::original(user, document),
            StorageKey::text(user, document, 0),
            StorageKey::text(user, document, i64::MAX),
            StorageKey::markdown(user, document, 7),
            StorageKey::parts(user, document, 7),
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
        let user = UserId::new();
        let document: DocumentId = "01901658-8ec0-7aaa-8aaa-aaaaaaaaaaaa".parse().unwrap();
        assert_eq!(
            StorageKey::original(user, document).to_string(),
            format!("users/{user}/2024-06-14/{document}.original")
        );
    }

    #[test]
    fn odd_keys_are_refused() {
        let good = keys()[0].to_string();
        let text = keys()[1].to_string();
        let odd = [
            String::new(),
            "/".to_owned(),
            "../../etc/passwd".to_owned(),
            "users/../../.original".to_owned(),
            format!("/{good}"),
            format!("{good}/"),
            format!("{good}/more"),
            format!("{good}#1"),
            format!("{good}\0"),
            format!("./{good}"),
            good.to_uppercase(),
            good.replace('.', "/../"),
            good.replacen('/', "//", 1),
            good.replace("original", "originals"),
            good.replace("original", "text-"),
            good.replace("original", "text-1.txt"),
            good.replace("original", "markdown-"),
            good.replace("original", "markdown-1.md"),
            good.replace("original", "parts-1.json"),
            good.replace("original", "html-1"),
            good.replace("/20", "/19"),
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
