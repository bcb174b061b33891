//! Who is asking: passwords, and the tokens that stand for them.

pub(crate) mod caller;
pub mod passwords;
pub(crate) mod standing;
pub mod tokens;
