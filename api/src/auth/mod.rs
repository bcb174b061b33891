//! Who is asking: passwords, and the tokens that stand for them.

pub mod access_tokens;
pub(crate) mod caller;
pub mod keys;
pub mod password_strength;
pub mod passwords;
pub mod refresh_tokens;
pub mod settings;
pub(crate) mod standing;
