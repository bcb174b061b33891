//! Keys of access tokens: made, read, and refused when nobody would have made them by chance.

use pasetors::keys::{Generate, SymmetricKey};
use pasetors::paserk::FormatAsPaserk;
use pasetors::version4::V4;
use secrecy::{ExposeSecret, SecretString};

/// What is wrong with a key, to be read after "key 1".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not a PASERK of the right version and purpose.
    #[error("is not of the form k4.local.… that `docmill generate-key` makes")]
    Malformed,
    /// Thirty-two bytes that no random source would give.
    #[error("is not random; `docmill generate-key` makes one that is")]
    Weak,
}

/// Why there can be no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// Not one key.
    #[error("there is no key for access tokens")]
    Missing,
    /// One of them cannot be used.
    #[error("a key for access tokens cannot be used")]
    Key(#[source] InvalidKey),
}

/// A new key for access tokens, as the settings take it.
#[must_use]
pub fn generate_key() -> SecretString {
    let key = SymmetricKey::<V4>::generate().expect("the operating system gives random bytes");
    let mut text = String::new();
    key.fmt(&mut text).expect("writing to a string does not fail");
    text.into()
}

/// Reads a key of the settings.
///
/// # Errors
/// When it is no key, or one that could be guessed.
pub(super) fn read_key(text: &SecretString) -> Result<SymmetricKey<V4>, InvalidKey> {
    /// Of 32 random bytes fewer are different once in 10^14 keys.
    const DIFFERENT_BYTES_MIN: usize = 20;
    let key = SymmetricKey::<V4>::try_from(text.expose_secret()).map_err(|_| InvalidKey::Malformed)?;
    let mut bytes = key.as_bytes().to_vec();
    // Typed by somebody, and then encoded.
    let typed = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    // Counted up or down, as keys in examples are.
    let counted = bytes
        .windows(3)
        .all(|w| w[1].wrapping_sub(w[0]) == w[2].wrapping_sub(w[1]));
    bytes.sort_unstable();
    bytes.dedup();
    if typed || counted || bytes.len() < DIFFERENT_BYTES_MIN {
        Err(InvalidKey::Weak)
    } else {
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn keys_that_are_malformed_or_weak_are_refused() {
        let paserk =
            |bytes: [u8; 32]| SecretString::from(format!("k4.local.{}", URL_SAFE_NO_PAD.encode(bytes)));
        let mut counted = [0; 32];
        counted
            .iter_mut()
            .zip(0x70..)
            .for_each(|(byte, value)| *byte = value);
        for weak in [
            paserk([0; 32]),
            paserk([7; 32]),
            paserk(counted),
            paserk(*b"correct horse battery staple 123"),
        ] {
            assert_eq!(read_key(&weak).err(), Some(InvalidKey::Weak));
        }
        for malformed in [
            "",
            "secret",
            "k4.local.",
            "k4.local.AAAA",
            "k4.public.AAAA",
            "k3.local.AAAA",
        ] {
            let key = SecretString::from(malformed);
            assert_eq!(read_key(&key).err(), Some(InvalidKey::Malformed), "{malformed}");
        }
    }

    #[test]
    fn generated_keys_are_different_and_good() {
        for _ in 0..1000 {
            assert!(read_key(&generate_key()).is_ok());
        }
        assert_ne!(generate_key().expose_secret(), generate_key().expose_secret());
    }
}
