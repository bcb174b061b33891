//! The text of API keys: made once, recognised by people and scanners, stored as a hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Before every key, so that people and scanners see what leaked: `dmk_[A-Za-z0-9_-]{49}`.
pub const PREFIX: &str = "dmk_";

/// Digits of the secret: 32 bytes in base64.
const SECRET_DIGITS: usize = 43;
/// Digits of the checksum after it, which tells a key from something that only looks like one, without asking anybody.
const CHECKSUM_DIGITS: usize = 6;
/// Digits that a key is known by afterwards. The other 35 stay secret: 210 bits.
const HINT_DIGITS: usize = 8;

/// A text that is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct InvalidApiKey;

/// A key of 256 random bits. As with refresh tokens, a plain hash of so much chance is safe.
pub struct ApiKeyText([u8; 32]);

impl ApiKeyText {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        Self(secret)
    }

    /// Reads what a client sent.
    ///
    /// # Errors
    /// When it cannot be a key of ours: wrong form, or wrong checksum.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidApiKey)?;
        if digits.len() != SECRET_DIGITS + CHECKSUM_DIGITS || !digits.is_ascii() {
            return Err(InvalidApiKey);
        }
        let (secret, sum) = digits.split_at(SECRET_DIGITS);
        let secret = URL_SAFE_NO_PAD.decode(secret).map_err(|_| InvalidApiKey)?;
        let key = Self(secret.try_into().map_err(|_| InvalidApiKey)?);
        if key.checksum() == sum {
            Ok(key)
        } else {
            Err(InvalidApiKey)
        }
    }

    /// The text for the client: `dmk_`, 43 characters and 6 of checksum.
    #[must_use]
    pub fn expose(&self) -> SecretString {
        format!("{PREFIX}{}{}", self.digits(), self.checksum()).into()
    }

    /// How it begins, for its owner to recognise it by.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("{PREFIX}{}", &self.digits()[..HINT_DIGITS])
    }

    /// What is stored: SHA-256 of the secret.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    fn digits(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Of the text and not of the bytes, so that a scanner needs no base64; and not the beginning of the stored hash.
    fn checksum(&self) -> String {
        let digest = Sha256::digest(format!("{PREFIX}{}", self.digits()));
        URL_SAFE_NO_PAD.encode(digest)[..CHECKSUM_DIGITS].to_owned()
    }
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyText(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_reads_back_and_is_stored_as_a_hash() {
        let key = ApiKeyText::generate();
        let text = key.expose();
        let text = text.expose_secret();
        assert_eq!((text.len(), &text[..4]), (53, "dmk_"));
        assert_eq!(ApiKeyText::parse(text).unwrap().hash(), key.hash());
        assert!(text.starts_with(&key.hint()) && key.hint().len() == 12);
        assert!(!text.contains(&URL_SAFE_NO_PAD.encode(key.hash())[..CHECKSUM_DIGITS]));
        assert_ne!(ApiKeyText::generate().hash(), key.hash());
        assert!(!format!("{key:?}").contains(&text[4..10]));
    }

    proptest! {
        #[test]
        fn a_mistyped_key_is_recognised_as_none(
            place in any::<prop::sample::Index>(),
            character in "[A-Za-z0-9_-]",
        ) {
            let text = ApiKeyText::generate().expose();
            let text = text.expose_secret();
            let place = place.index(text.len());
            let mut changed = text.to_owned();
            changed.replace_range(place..=place, &character);
            prop_assert!(changed == text || ApiKeyText::parse(&changed).is_err());
            prop_assert!(ApiKeyText::parse(&text[..place]).is_err());
            let longer = format!("{text}{character}");
            prop_assert!(ApiKeyText::parse(&longer).is_err());
        }

        #[test]
        fn what_is_no_key_is_refused(text in ".{0,100}", tail in "[A-Za-z0-9_.-]{0,100}", odd in "\\PC{49}") {
            prop_assert!(ApiKeyText::parse(&text).is_err());
            for tail in [tail, odd] {
                let headed = format!("{PREFIX}{tail}");
                prop_assert!(ApiKeyText::parse(&headed).is_err());
            }
        }
    }
}
