//! Writes messages to people and hands them to a mail server, or into a folder.
//!
//! [`Letter`] is what a message says, [`Post`] how it gets away. Nothing that a person typed stands in a message but the address
//! that it goes to, so nobody can have docmill send words of their own to others.
//! This is the only crate that knows lettre.

mod letter;
mod post;
mod settings;

pub use letter::Letter;
pub use post::{Post, SendError};
pub use settings::{MailEncryption, MailSettings, UnusableMail};
