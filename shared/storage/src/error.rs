//! What can go wrong with storage, as far as callers care. That an object is not there is no error but an answer.

use std::time::Duration;

use domain::ByteSize;

/// A request to the storage that failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The settings cannot be used.
    #[error("the storage cannot be opened: {0}")]
    Settings(&'static str),
    /// The folder could not be made or read, or the client could not be built.
    #[error("the storage cannot be opened")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage, or the bucket or folder in it, is away, full or too slow.
    #[error("the storage is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage did not answer in time.
    #[error("the storage did not answer within {}", domain::units::duration::show(*.0))]
    TimedOut(Duration),
    /// The storage does not let us, or does not know how to: wrong keys, missing rights, or a fault of ours.
    #[error("the storage refused a request")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was written is not what is read back.
    #[error("the storage returned other bytes than it was given")]
    Corrupt,
    /// The object is larger than its reader wants to hold in memory.
    #[error("the object has {size} but may have {max} at most")]
    TooLarge {
        /// Its size.
        size: ByteSize,
        /// What the reader allows.
        max: ByteSize,
    },
    /// No byte of the object lies in the range.
    #[error("the range is outside of the object's {size_bytes} bytes")]
    OutOfRange {
        /// The size of the object.
        size_bytes: u64,
    },
}

impl StorageError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut(_))
    }
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error;
        match error {
            // Where it matters, a missing object has been turned into an answer before: what is missing here is more.
            Error::Generic { .. } | Error::NotFound { .. } | Error::JoinError { .. } => {
                Self::Unavailable(error.into())
            }
            _ => Self::Refused(error.into()),
        }
    }
}

/// Why a stream was not stored. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum PutError<E> {
    /// The stream itself failed.
    #[error("the bytes to store ended with an error")]
    Stream(#[source] E),
    /// The stream held more than it was allowed to.
    #[error("more than {max} came to be stored")]
    TooLarge {
        /// What was allowed.
        max: ByteSize,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
