//! Who is asking: passwords, and the tokens that stand for them.

pub(crate) mod access;
pub mod access_tokens;
pub(crate) mod bcrypt_hashes;
pub(crate) mod browser;
pub(crate) mod caller;
pub mod keys;
pub mod password_strength;
pub mod passwords;
pub mod refresh_tokens;
pub mod settings;
pub(crate) mod standing;
pub(crate) mod totp;
