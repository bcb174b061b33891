//! Why a document was not parsed.

use std::error::Error;
use std::io;
use std::time::Duration;

use domain::ReasonCode;
use domain::units::duration;
use extraction::ExtractionError;

/// Why a document was not parsed; its [code](ParseError::code) says whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The document cannot be read.
    #[error(transparent)]
    Refused(ExtractionError),
    /// Two children in turn died of the document, or answered nonsense.
    #[error("the parser did not survive the document: {detail}")]
    Crashed {
        /// How the child ended, without any of the document's content.
        detail: String,
    },
    /// The child had to be killed because the document took too long.
    #[error("the parser did not finish within {}", duration::show(*.after))]
    TimedOut {
        /// The bound that was reached.
        after: Duration,
    },
    /// The document is larger than what a child may be given.
    #[error("the document has more than {bytes_max} bytes")]
    TooLarge {
        /// The bound that was reached.
        bytes_max: u64,
    },
    /// No child could be started, or the pool is shut down.
    #[error("could not start a parser child")]
    Unavailable(#[source] io::Error),
    /// The document's bytes could not be had.
    #[error("could not read the document for its parser")]
    Body(#[source] Box<dyn Error + Send + Sync>),
}

impl ParseError {
    /// The reason, as a word for programs. Where the bytes come from is up to the caller, who knows better than
    /// `storage_unavailable` why there were none.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Refused(error) => error.code(),
            Self::Crashed { .. } => ReasonCode::CrashedParser,
            Self::TimedOut { .. } => ReasonCode::ParserTimeout,
            Self::TooLarge { .. } => ReasonCode::TooLarge,
            Self::Unavailable(_) => ReasonCode::ParserUnavailable,
            Self::Body(_) => ReasonCode::StorageUnavailable,
        }
    }
}
