//! What the messages say: plain text, short, in English.

use domain::MailToken;
use secrecy::{ExposeSecret, SecretString};

/// A message to be sent.
#[derive(Debug)]
pub struct Letter {
    /// To whom.
    pub to: String,
    pub(crate) subject: &'static str,
    pub(crate) text: SecretString,
}

const NOT_YOU: &str = "If that was not you, you need not do anything.";

impl Letter {
    /// Somebody made an account with this address.
    #[must_use]
    pub fn verify(to: &str, public_url: &str, token: &MailToken) -> Self {
        let link = link(public_url, "verify", token);
        Self::new(
            to,
            "Confirm your address",
            format!(
                "Somebody made an account at {public_url} with this address.\n\n\
                 To confirm that it is yours, open this link within 30 minutes:\n\n{link}\n\n{NOT_YOU}"
            ),
        )
    }

    /// Somebody tried to make an account with this address, which has one.
    #[must_use]
    pub fn already_registered(to: &str, public_url: &str) -> Self {
        Self::new(
            to,
            "You have an account already",
            format!(
                "Somebody tried to make an account at {public_url} with this address, which has one already.\n\n\
                 If that was you, log in; whoever has forgotten the password can ask there for a new one. {NOT_YOU}"
            ),
        )
    }

    /// Somebody has forgotten the password.
    #[must_use]
    pub fn reset_password(to: &str, public_url: &str, token: &MailToken) -> Self {
        let link = link(public_url, "reset-password", token);
        Self::new(
            to,
            "Set a new password",
            format!(
                "Somebody asked for a new password for the account at {public_url} with this address.\n\n\
                 To set one, open this link within 30 minutes:\n\n{link}\n\n{NOT_YOU} The password stays as it is."
            ),
        )
    }

    /// Somebody wants this address for their account.
    #[must_use]
    pub fn change_address(to: &str, public_url: &str, token: &MailToken) -> Self {
        let link = link(public_url, "verify", token);
        Self::new(
            to,
            "Confirm your new address",
            format!(
                "The owner of an account at {public_url} wants to use this address for it.\n\n\
                 To confirm that it is yours, open this link within 30 minutes:\n\n{link}\n\n{NOT_YOU}"
            ),
        )
    }

    /// The password was changed.
    #[must_use]
    pub fn password_changed(to: &str, public_url: &str) -> Self {
        Self::new(
            to,
            "Your password was changed",
            format!(
                "The password of your account at {public_url} was changed.\n\n\
                 If that was not you, ask there for a new password now, and tell whoever runs the server."
            ),
        )
    }

    /// The account has another address now; this goes to the old one.
    #[must_use]
    pub fn address_changed(to: &str, public_url: &str) -> Self {
        Self::new(
            to,
            "Your address was changed",
            format!(
                "Your account at {public_url} has another address now, and this one belongs to it no more.\n\n\
                 If that was not you, tell whoever runs the server at once."
            ),
        )
    }

    fn new(to: &str, subject: &'static str, text: String) -> Self {
        Self {
            to: to.to_owned(),
            subject,
            text: text.into(),
        }
    }
}

/// The secret stands behind a `#`, which browsers keep to themselves: no log and no other site hears of it.
fn link(public_url: &str, page: &str, token: &MailToken) -> String {
    format!("{public_url}/{page}#{}", token.expose().expose_secret())
}
