//! What is written to people, and what the links in it are good for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::UnknownWord;
use crate::states::words;

words! {
    /// Why somebody is written to.
    MailKind {
        /// Somebody made an account with the address, or tried to although it has one.
        Register = "register",
        /// Somebody asks for the link of [`MailKind::Register`] once more.
        Verify = "verify",
        /// Somebody has forgotten the password.
        ResetPassword = "reset_password",
        /// Somebody wants the address for their account.
        ChangeAddress = "change_address",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// The account has another address now; this is the old one.
        AddressChanged = "address_changed",
    }
}

impl MailKind {
    /// Whether anybody may ask for it who knows an address. Of these an address gets only so many in an hour.
    #[must_use]
    pub const fn is_asked_for(self) -> bool {
        match self {
            Self::Register | Self::Verify | Self::ResetPassword | Self::ChangeAddress => true,
            Self::PasswordChanged | Self::AddressChanged => false,
        }
    }
}

words! {
    /// What the link in a message is good for, once.
    LinkPurpose {
        /// It proves that the address is that of the account's owner.
        Verify = "verify",
        /// It lets a new password be set.
        ResetPassword = "reset_password",
        /// It gives the account the address.
        ChangeAddress = "change_address",
    }
}
