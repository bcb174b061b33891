//! Secrets that docmill makes and shows once: what they look like, how they are read back, and what is kept of them.
//!
//! Each kind has a prefix, so that people and scanners see what leaked. All of them are 256 random bits: the database keeps their
//! SHA-256, and a plain hash suffices, for nobody can try 2^256 values.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Digits of the secret: 32 bytes in base64.
const SECRET_DIGITS: usize = 43;
/// Digits that a secret is known by afterwards. The other 35 stay secret: 210 bits.
const HINT_DIGITS: usize = 8;

/// What a kind of secret looks like.
pub trait SecretKind {
    /// What every such secret begins with. Each kind has its own.
    const PREFIX: &'static str;
    /// Digits of a checksum at its end, at most 43, which tells a secret from something that only looks like one, without asking
    /// anybody.
    const CHECKSUM_DIGITS: usize = 0;
}

/// What a program shows: an API key, `dmk_[A-Za-z0-9_-]{49}`, with six digits of checksum.
pub type ApiKeyText = PrefixedSecret<OfApiKey>;
/// With what a session gets its next access token, once: `dmr_[A-Za-z0-9_-]{43}`.
pub type RefreshToken = PrefixedSecret<OfSession>;
/// What a browser keeps of its session: `dms_[A-Za-z0-9_-]{43}`.
pub type BrowserCookie = PrefixedSecret<OfBrowser>;
/// The secret in the link of a message: `dml_[A-Za-z0-9_-]{43}`.
pub type MailToken = PrefixedSecret<OfLink>;

/// The kind of [`ApiKeyText`].
pub enum OfApiKey {}
/// The kind of [`RefreshToken`].
pub enum OfSession {}
/// The kind of [`BrowserCookie`].
pub enum OfBrowser {}
/// The kind of [`MailToken`].
pub enum OfLink {}

impl SecretKind for OfApiKey {
    const PREFIX: &'static str = "dmk_";
    const CHECKSUM_DIGITS: usize = 6;
}

impl SecretKind for OfSession {
    const PREFIX: &'static str = "dmr_";
}

impl SecretKind for OfBrowser {
    const PREFIX: &'static str = "dms_";
}

impl SecretKind for OfLink {
    const PREFIX: &'static str = "dml_";
}

/// A text that is no secret of the kind: wrong prefix, length, digits or checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret of the form {0}…")]
pub struct InvalidSecret(&'static str);

/// A secret of 256 bits with the prefix of its kind. Nothing prints it but [`PrefixedSecret::expose`].
pub struct PrefixedSecret<K> {
    bytes: [u8; 32],
    kind: PhantomData<fn() -> K>,
}

impl<K: SecretKind> PrefixedSecret<K> {
    /// What every secret of the kind begins with.
    pub const PREFIX: &'static str = K::PREFIX;

    /// A new one, of the random bytes that `fill` gives, which is the operating system's.
    ///
    /// # Panics
    /// When there are none: whatever were made instead could be guessed.
    #[must_use]
    pub fn draw<E: fmt::Debug>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Self {
        let mut bytes = [0; 32];
        fill(&mut bytes).expect("the operating system gives random bytes");
        Self::of(bytes)
    }

    /// The secret of these bytes, which nobody can guess.
    #[must_use]
    pub const fn of(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            kind: PhantomData,
        }
    }

    /// Reads what somebody showed. A secret has one spelling.
    ///
    /// # Errors
    /// When it cannot be a secret of this kind.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        Self::read(text).ok_or(InvalidSecret(K::PREFIX))
    }

    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(K::PREFIX)?;
        if digits.len() != SECRET_DIGITS + K::CHECKSUM_DIGITS || !digits.is_ascii() {
            return None;
        }
        let (secret, sum) = digits.split_at(SECRET_DIGITS);
        let bytes = URL_SAFE_NO_PAD.decode(secret).ok()?;
        let secret = Self::of(bytes.try_into().ok()?);
        (secret.checksum() == sum).then_some(secret)
    }

    /// The text for whoever it is made for: prefix, 43 characters, and the checksum where the kind has one.
    #[must_use]
    pub fn expose(&self) -> SecretString {
        format!("{}{}{}", K::PREFIX, self.digits(), self.checksum()).into()
    }

    /// How it begins, for its owner to recognise it by.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("{}{}", K::PREFIX, &self.digits()[..HINT_DIGITS])
    }

    /// What is stored: SHA-256 of the secret.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }

    /// The secret itself, for what follows from it.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn digits(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// Of the text and not of the bytes, so that a scanner needs no base64; and not the beginning of the stored hash.
    fn checksum(&self) -> String {
        if K::CHECKSUM_DIGITS == 0 {
            return String::new();
        }
        let digest = Sha256::digest(format!("{}{}", K::PREFIX, self.digits()));
        URL_SAFE_NO_PAD.encode(digest)[..K::CHECKSUM_DIGITS].to_owned()
    }
}

impl<K> Clone for PrefixedSecret<K> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes,
            kind: PhantomData,
        }
    }
}

/// Compares hashes: where two of them differ says nothing of where the secrets do, so the time it takes tells nothing.
impl<K: SecretKind> PartialEq for PrefixedSecret<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl<K: SecretKind> Eq for PrefixedSecret<K> {}

impl<K: SecretKind> fmt::Debug for PrefixedSecret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", K::PREFIX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    /// Different with each number.
    fn drawn<K: SecretKind>(number: u8) -> PrefixedSecret<K> {
        PrefixedSecret::draw(|bytes| {
            for (byte, value) in bytes.iter_mut().zip(0_u8..) {
                *byte = value.wrapping_mul(37).wrapping_add(number);
            }
            Ok::<_, ()>(())
        })
    }

    fn reads_back<K: SecretKind>(length: usize) {
        let secret = drawn::<K>(1);
        let text = secret.expose();
        let text = text.expose_secret();
        assert_eq!((text.len(), &text[..4]), (length, K::PREFIX));
        let again = PrefixedSecret::<K>::parse(text).unwrap();
        assert!(again == secret && again.hash() == secret.hash() && secret.clone() == secret);
        assert!(drawn::<K>(2) != secret);
        assert_eq!(secret.hash(), <[u8; 32]>::from(Sha256::digest(secret.bytes())));
        assert!(text.starts_with(&secret.hint()) && secret.hint().len() == 12);
        assert!(!text.contains(&URL_SAFE_NO_PAD.encode(secret.hash())[..6]));
        assert!(!format!("{secret:?}").contains(&text[4..10]));
    }

    #[test]
    fn a_secret_reads_back_and_is_stored_as_a_hash() {
        reads_back::<OfApiKey>(53);
        reads_back::<OfSession>(47);
        reads_back::<OfBrowser>(47);
        reads_back::<OfLink>(47);
    }

    // What is out there must stay good, and what scanners look for must stay the same.
    #[test]
    fn the_spelling_of_each_kind_is_the_one_that_was_published() {
        let zeros = "A".repeat(SECRET_DIGITS);
        let spelling = |text: SecretString| text.expose_secret().to_owned();
        assert_eq!(
            spelling(ApiKeyText::of([0; 32]).expose()),
            format!("dmk_{zeros}eTOMzV")
        );
        assert_eq!(
            spelling(RefreshToken::of([0; 32]).expose()),
            format!("dmr_{zeros}")
        );
        assert_eq!(
            spelling(BrowserCookie::of([0; 32]).expose()),
            format!("dms_{zeros}")
        );
        assert_eq!(spelling(MailToken::of([0; 32]).expose()), format!("dml_{zeros}"));
    }

    #[test]
    fn a_secret_has_one_spelling_and_one_kind() {
        let text = RefreshToken::of([0; 32]).expose();
        let text = text.expose_secret();
        // The last character carries only four bits; the two others must not be ignored.
        let respelled = format!("{}B", &text[..text.len() - 1]);
        for wrong in [
            &respelled,
            &text[4..],
            &format!("{text}="),
            &text.replace("dmr_", "dmk_"),
            &text.replace("dmr_", "dml_"),
            &text.to_uppercase(),
            "dmr_",
            "",
        ] {
            assert_eq!(RefreshToken::parse(wrong), Err(InvalidSecret("dmr_")), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_mistyped_key_is_recognised_as_none(
            place in any::<prop::sample::Index>(),
            character in "[A-Za-z0-9_-]",
            number in any::<u8>(),
        ) {
            let text = drawn::<OfApiKey>(number).expose();
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
        fn what_is_no_secret_is_refused(text in ".{0,100}", tail in "[A-Za-z0-9_.-]{0,100}", odd in "\\PC{43}") {
            prop_assert!(ApiKeyText::parse(&text).is_err() && MailToken::parse(&text).is_err());
            for tail in [tail, odd] {
                let key = ApiKeyText::parse(&format!("dmk_{tail}"));
                prop_assert!(key.is_err());
                let token = MailToken::parse(&format!("dml_{tail}"));
                prop_assert!(token.is_err() || (tail.len() == SECRET_DIGITS && tail.is_ascii()));
            }
        }
    }
}
