//! A password of a document on its way to a worker.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password that nobody can read without the key with which it was sealed. It is no secret by itself; still, nothing
/// prints it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedPassword(String);

impl SealedPassword {
    /// What a seal was written down as.
    #[must_use]
    pub const fn of_text(text: String) -> Self {
        Self(text)
    }

    /// What to write down.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SealedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedPassword(…)")
    }
}
