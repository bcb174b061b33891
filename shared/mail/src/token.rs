//! The secret in a link: good once, for half an hour, stored as a hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Before every such secret, so that people and scanners see what leaked.
const PREFIX: &str = "dml_";
/// 32 bytes in base64.
const DIGITS: usize = 43;

/// A text that is not such a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret of a link")]
pub struct InvalidMailToken;

/// A secret of 256 random bits that a worker puts into a link. The database keeps its hash; a plain one suffices, for nobody
/// can try 2^256 values.
pub struct MailToken([u8; 32]);

impl MailToken {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        Self(secret)
    }

    /// Reads what somebody found in a message.
    ///
    /// # Errors
    /// When it cannot be a secret of ours.
    pub fn parse(text: &str) -> Result<Self, InvalidMailToken> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidMailToken)?;
        if digits.len() != DIGITS {
            return Err(InvalidMailToken);
        }
        let secret = URL_SAFE_NO_PAD.decode(digits).map_err(|_| InvalidMailToken)?;
        secret.try_into().map(Self).map_err(|_| InvalidMailToken)
    }

    /// The text for the message: `dml_` and 43 characters.
    #[must_use]
    pub fn expose(&self) -> SecretString {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0)).into()
    }

    /// What is stored: SHA-256 of the secret.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for MailToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailToken(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_reads_back_and_is_stored_as_a_hash() {
        let token = MailToken::generate();
        let text = token.expose();
        let again = MailToken::parse(text.expose_secret()).unwrap();
        assert_eq!(again.hash(), token.hash());
        assert_ne!(token.hash(), token.0);
        assert_ne!(MailToken::generate().hash(), token.hash());
        assert!(!format!("{token:?}").contains(&text.expose_secret()[4..]));
    }

    proptest! {
        #[test]
        fn what_is_no_secret_is_refused(text in ".{0,100}", tail in "[A-Za-z0-9_.-]{0,100}") {
            prop_assert!(MailToken::parse(&text).is_err());
            let headed = format!("{PREFIX}{tail}");
            prop_assert!(tail.len() == DIGITS || MailToken::parse(&headed).is_err());
        }
    }
}
