//! Refresh tokens: good once, stored as a hash. The first one of a session is random, each next one follows from the one
//! before it and a key, so that whoever lost an answer gets the same one again.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::settings::AuthSettings;

/// Before every refresh token, so that people and scanners see what leaked.
const PREFIX: &str = "dmr_";

/// A text that is not a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token")]
pub struct InvalidRefreshToken;

/// A secret of 256 random bits with which a session gets its next access token, once.
///
/// The database keeps [`RefreshToken::hash`] and looks it up by that; the token itself is with the client only. A plain
/// hash suffices, for nobody can try 2^256 values, and comparing hashes tells nothing about the secret.
pub struct RefreshToken([u8; 32]);

impl RefreshToken {
    /// A new token.
    #[must_use]
    pub fn generate() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        Self(secret)
    }

    /// Reads what a client sent.
    ///
    /// # Errors
    /// When it cannot be a token of ours.
    pub fn parse(text: &str) -> Result<Self, InvalidRefreshToken> {
        const DIGITS: usize = 43; // 32 bytes in base64
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidRefreshToken)?;
        if digits.len() != DIGITS {
            return Err(InvalidRefreshToken);
        }
        let secret = URL_SAFE_NO_PAD.decode(digits).map_err(|_| InvalidRefreshToken)?;
        secret.try_into().map(Self).map_err(|_| InvalidRefreshToken)
    }

    /// The text for the client: `dmr_` and 43 characters.
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

/// Which token follows which. The same on every replica, for it follows from the keys in the settings.
pub struct Successors(Vec<[u8; 32]>);

impl Successors {
    /// With the keys of the settings.
    #[must_use]
    pub fn derive(settings: &AuthSettings) -> Self {
        let keys = settings.keys.iter();
        Self(
            keys.map(|key| digest(key.expose_secret().as_bytes(), b"docmill refresh token"))
                .collect(),
        )
    }

    /// What may follow a token: by the newest key first, then by those that a replica may still have in front.
    #[must_use]
    pub fn of(&self, token: &RefreshToken) -> Vec<RefreshToken> {
        self.0
            .iter()
            .map(|key| RefreshToken(digest(key, &token.0)))
            .collect()
    }
}

fn digest(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::auth::keys::generate_key;
    use proptest::prelude::*;

    #[test]
    fn a_refresh_token_reads_back_and_is_stored_as_a_hash() {
        let token = RefreshToken::generate();
        let text = token.expose();
        let again = RefreshToken::parse(text.expose_secret()).unwrap();
        assert_eq!(again.hash(), token.hash());
        assert_ne!(token.hash(), token.0);
        assert_ne!(RefreshToken::generate().hash(), token.hash());
        assert!(!format!("{token:?}").contains(&text.expose_secret()[4..]));
    }

    #[test]
    fn what_follows_a_token_is_always_the_same_and_needs_the_key() {
        let settings = |keys: &[&SecretString]| AuthSettings {
            keys: keys.iter().map(|key| (*key).clone()).collect(),
            ..AuthSettings::default()
        };
        let (old, new) = (generate_key(), generate_key());
        let token = RefreshToken::generate();
        let before = Successors::derive(&settings(&[&old])).of(&token);
        let during = Successors::derive(&settings(&[&new, &old])).of(&token);
        assert_eq!(before.len(), 1);
        assert_eq!(before[0].0, during[1].0);
        assert_ne!(during[0].0, during[1].0);
        assert_ne!(before[0].0, token.0);
        assert_ne!(
            before[0].0,
            Successors::derive(&settings(&[&old])).of(&RefreshToken::generate())[0].0
        );
    }

    #[test]
    fn a_refresh_token_has_one_spelling() {
        let text = RefreshToken([0; 32]).expose();
        let text = text.expose_secret();
        // The last character carries only four bits; the two others must not be ignored.
        let respelled = format!("{}B", &text[..text.len() - 1]);
        for wrong in [
            &respelled,
            &text[4..],
            &format!("{text}="),
            &text.replace("dmr_", "dmk_"),
            "dmr_",
            "",
        ] {
            assert_eq!(
                RefreshToken::parse(wrong).unwrap_err(),
                InvalidRefreshToken,
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_no_refresh_token_is_refused(text in ".{0,100}", tail in "[A-Za-z0-9_.-]{0,100}") {
            prop_assert!(RefreshToken::parse(&text).is_err());
            let of_length = tail.len() == 43;
            let headed = format!("{PREFIX}{tail}");
            prop_assert!(of_length || RefreshToken::parse(&headed).is_err());
        }
    }
}
