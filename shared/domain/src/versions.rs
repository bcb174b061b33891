//! How a version of a document came about.

use serde::{Deserialize, Serialize};

use crate::DocumentId;

/// Where a later version of a document came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionOrigin {
    /// Its owner handed it in.
    Upload,
    /// An older version was brought back.
    Restore,
    /// The same bytes were processed once more.
    Reprocess,
}

impl VersionOrigin {
    /// The word used in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Restore => "restore",
            Self::Reprocess => "reprocess",
        }
    }
}

/// That a new document is the next version of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionOf {
    /// Any version of the other one.
    pub document: DocumentId,
    /// Why there is a new one.
    pub origin: VersionOrigin,
}
