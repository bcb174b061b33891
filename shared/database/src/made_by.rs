//! Who made a result.

use serde::{Deserialize, Serialize};

/// Who made a result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// `local` for rules, else the maker of the model.
    pub provider: String,
    /// The model, as its maker calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Why it was made by rules although a model was wanted, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_reason: Option<String>,
}
