//! Why an attempt or a document did not succeed. The one table of reasons: whether trying again makes sense is decided here
//! and nowhere else. Reasons only ever get added; a code never changes its meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::UnknownWord;

/// Whether trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonClass {
    /// The same document comes to the same end: it is never tried again by itself.
    Permanent,
    /// The world may get better: it is tried again as long as there are attempts and time.
    Transient,
}

impl ReasonClass {
    /// The word used in documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
        }
    }
}

macro_rules! reasons {
    ($($variant:ident = $word:literal, $class:ident, $meaning:literal;)+) => {
        /// A reason, as one stable word for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ReasonCode {
            $(#[doc = $meaning] #[serde(rename = $word)] $variant),+
        }

        impl ReasonCode {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in the database, in the API and in documentation.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Whether trying again makes sense.
            #[must_use]
            pub const fn class(self) -> ReasonClass {
                match self { $(Self::$variant => ReasonClass::$class),+ }
            }

            /// What it means, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }

        impl FromStr for ReasonCode {
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

reasons! {
    Unreadable = "unreadable", Permanent, "the file is damaged, or is not what it says it is";
    Encrypted = "encrypted", Permanent, "the file is locked with a password";
    Unsupported = "unsupported", Permanent, "files of this kind cannot be read";
    TooLarge = "too_large", Permanent, "reading the file would take more than a document may have";
    ParserTimeout = "parser_timeout", Permanent, "reading the file took longer than a document may take";
    CrashedParser = "crashed_parser", Permanent, "the file made two reader processes in turn crash";
    CrashedWorker = "crashed_worker", Permanent, "every worker that tried the document died";
    OriginalMissing = "original_missing", Permanent, "the stored file is gone; it has to be uploaded again";
    EnrichmentFailed = "enrichment_failed", Permanent, "the text could not be analysed";
    Internal = "internal", Permanent, "a fault of docmill's own; the log of the worker says more";
    MailRefused = "mail_refused", Permanent, "the mail server does not take the message, or the address is none";
    Cancelled = "cancelled", Permanent, "the job was cancelled first";
    StorageUnavailable = "storage_unavailable", Transient, "the object store was away, or did not answer in time";
    DatabaseUnavailable = "database_unavailable", Transient, "the database was away for too long";
    ParserUnavailable = "parser_unavailable", Transient, "no reader process could be started";
    MailUnavailable = "mail_unavailable", Transient, "the mail server was away, or asked to wait";
    AttemptTimeout = "attempt_timeout", Transient, "the attempt took longer than any should";
    WorkerLost = "worker_lost", Transient, "the worker was not heard of any more";
    WorkerStopped = "worker_stopped", Transient, "the worker was stopped first; that costs no attempt";
    Deadline = "deadline", Transient, "the deadline of the job came before the document was done";
}

impl ReasonCode {
    /// Whether trying again makes sense because the world may get better.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self.class(), ReasonClass::Transient)
    }

    /// Whether a stored word, perhaps of another release, names a reason for which trying again makes sense. A word that
    /// this release does not know promises nothing.
    #[must_use]
    pub fn is_retryable(word: &str) -> bool {
        word.parse().is_ok_and(Self::is_transient)
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<&str> for ReasonCode {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_as_itself() {
        for code in ReasonCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(code.as_str().len() <= 50, "{code} does not fit its column");
        }
    }

    #[test]
    fn a_word_of_another_release_promises_nothing() {
        assert!(!ReasonCode::is_retryable("struck_by_lightning"));
        assert!(ReasonCode::is_retryable("storage_unavailable"));
        assert!(!ReasonCode::is_retryable("encrypted"));
    }

    #[test]
    fn the_documentation_lists_exactly_these_reasons() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, section) = page.split_once("\n## Reasons\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let listed: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = ReasonCode::ALL
            .iter()
            .map(|code| format!("| `{code}` | {} | {} |", code.class().as_str(), code.meaning()))
            .collect();
        assert_eq!(listed, expected);
    }
}
