//! Bytes under keys: originals and texts in a folder, in an S3-compatible store, or in memory.
//!
//! Keys are made here and nowhere else, from ids alone, so no name that a user chose ever becomes a path. Writing
//! replaces the whole object at once: a reader sees the old bytes or the new ones, never a part. No object is ever
//! changed; deleting one that is not there is fine, so everything may be done twice.

mod busy;
mod error;
mod folder;
mod key;
mod settings;
mod storage;
mod upload;

pub use error::{PutError, StorageError};
pub use key::{InvalidKey, StorageKey};
pub use settings::{StorageBackend, StorageSettings};
pub use storage::{ByteRange, Listed, Object, Storage};
pub use upload::Stored;
