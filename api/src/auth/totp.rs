//! Second factors: codes that an app makes every thirty seconds (RFC 6238), and recovery codes for who has lost it.

use hmac::{Hmac, KeyInit, Mac};
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::keys::read_key;
use super::settings::AuthSettings;

/// Seconds that a code is made for. What every app knows, as the six digits and SHA-1 are.
const STEP_SECONDS: i64 = 30;
/// Clocks of telephones differ: the code before and the one after are good too.
const STEPS_EITHER_SIDE: i64 = 1;
/// As RFC 4226 recommends, and as long as what SHA-1 gives.
const SECRET_BYTES: usize = 20;
/// Recovery codes that are made at once.
pub(crate) const RECOVERY_CODES: usize = 10;
/// Random bytes of a recovery code: 80 bits, 16 characters.
const RECOVERY_BYTES: usize = 10;
/// Digits and letters of base32 (RFC 4648), which people can copy.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Bound into what is encrypted, so that no access token can stand in its place.
const IMPLICIT_ASSERTION: &[u8] = b"docmill second factor v1";

/// What an app and we share.
pub(crate) struct TotpSecret([u8; SECRET_BYTES]);

impl TotpSecret {
    /// A new one.
    pub(crate) fn generate() -> Self {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        Self(secret)
    }

    /// As people type it into an app: 32 characters of base32.
    pub(crate) fn text(&self) -> SecretString {
        base32(&self.0).into()
    }

    /// As apps read it from a picture, for the account of that name.
    pub(crate) fn uri(&self, issuer: &str, account: &str) -> SecretString {
        let encoded = |text: &str| -> String {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            text.bytes()
                .map(|byte| match plain(byte) {
                    true => char::from(byte).to_string(),
                    false => format!("%{byte:02X}"),
                })
                .collect()
        };
        let (issuer, account) = (encoded(issuer), encoded(account));
        let secret = base32(&self.0);
        format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}").into()
    }

    /// The step that a code is made for, if it is one that is good at this time. Whoever accepts it must see to it that no step
    /// is good twice.
    pub(crate) fn step_of(&self, code: &str, unix_seconds: i64) -> Option<i64> {
        let now = unix_seconds.div_euclid(STEP_SECONDS);
        let steps = now - STEPS_EITHER_SIDE..=now + STEPS_EITHER_SIDE;
        // Every step is looked at, whichever it was.
        steps.fold(None, |found, step| match same(&self.code(step), code) {
            true => Some(step),
            false => found,
        })
    }

    /// RFC 4226, section 5.3.
    fn code(&self, step: i64) -> String {
        let mut mac: Hmac<Sha1> = Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest[19] & 0x0f);
        let word: [u8; 4] = digest[offset..offset + 4].try_into().expect("four bytes");
        format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }
}

/// Encrypts secrets for the database with the newest key of the settings, and reads what any of them has encrypted.
pub(crate) struct SecretBox(Vec<SymmetricKey<V4>>);

impl SecretBox {
    /// With the keys of the settings; those that cannot be read were refused before.
    pub(crate) fn new(settings: &AuthSettings) -> Self {
        Self(
            settings
                .keys
                .iter()
                .filter_map(|key| read_key(key).ok())
                .collect(),
        )
    }

    pub(crate) fn close(&self, secret: &TotpSecret) -> String {
        let key = self
            .0
            .first()
            .expect("there is a key, or there would be no tokens");
        let text = base32(&secret.0);
        LocalToken::encrypt(key, text.as_bytes(), None, Some(IMPLICIT_ASSERTION))
            .expect("the operating system gives random bytes")
    }

    /// `None` when the key with which it was encrypted is gone.
    pub(crate) fn open(&self, closed: &str) -> Option<TotpSecret> {
        let token = UntrustedToken::<Local, V4>::try_from(closed).ok()?;
        let opened = |key| LocalToken::decrypt(key, &token, None, Some(IMPLICIT_ASSERTION)).ok();
        let trusted = self.0.iter().find_map(opened)?;
        let secret = from_base32(trusted.payload())?;
        Some(TotpSecret(secret.try_into().ok()?))
    }

    /// Whether it was encrypted with another key than the newest one, which may be gone one day.
    pub(crate) fn is_old(&self, closed: &str) -> bool {
        let newest = self.0.first().map(|key| Self(vec![key.clone()]));
        newest.is_some_and(|newest| newest.open(closed).is_none())
    }
}

/// Ten new recovery codes, such as `ABCD-EFGH-IJKL-MNOP`.
pub(crate) fn recovery_codes() -> Vec<SecretString> {
    let code = |_| {
        let mut random = [0; RECOVERY_BYTES];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        let text = base32(&random);
        let parts: Vec<&str> = (0..text.len()).step_by(4).map(|at| &text[at..at + 4]).collect();
        parts.join("-").into()
    };
    (0..RECOVERY_CODES).map(code).collect()
}

/// What is stored of a recovery code, however it was typed. Eighty random bits need no slow hash.
pub(crate) fn recovery_hash(code: &SecretString) -> [u8; 32] {
    let typed = code.expose_secret().chars().filter(char::is_ascii_alphanumeric);
    let plain: String = typed.map(|c| c.to_ascii_uppercase()).collect();
    Sha256::digest(plain).into()
}

fn base32(bytes: &[u8]) -> String {
    let bit = |index: usize| {
        bytes
            .get(index / 8)
            .is_some_and(|byte| (byte >> (7 - index % 8)) & 1 == 1)
    };
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|digit| {
            let value = (0..5).fold(0, |value, at| (value << 1) | usize::from(bit(digit * 5 + at)));
            char::from(BASE32[value])
        })
        .collect()
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bits = Vec::with_capacity(text.len() * 5);
    for digit in text.bytes() {
        let value = BASE32.iter().position(|known| *known == digit)?;
        bits.extend((0..5).rev().map(|at| (value >> at) & 1 == 1));
    }
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| (byte << 1) | u8::from(*bit));
    Some(bits.chunks_exact(8).map(byte).collect())
}

/// In a time that does not tell where they differ.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one
            .bytes()
            .zip(other.bytes())
            .fold(0, |all, (a, b)| all | (a ^ b))
            == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::auth::keys::generate_key;

    /// The one of RFC 6238, appendix B.
    fn known() -> TotpSecret {
        TotpSecret(*b"12345678901234567890")
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(known().code(time / STEP_SECONDS), code);
            assert_eq!(known().step_of(code, time), Some(time / STEP_SECONDS));
        }
    }

    #[test]
    fn a_code_is_good_a_step_early_and_a_step_late_and_no_longer() {
        let code = known().code(100);
        for (seconds, good) in [
            (100 * 30 - 31, false),
            (100 * 30 - 30, true),
            (100 * 30 + 59, true),
            (100 * 30 + 60, false),
        ] {
            assert_eq!(known().step_of(&code, seconds).is_some(), good, "{seconds}");
        }
        for wrong in ["", "28708", "2870822", "28708a", "000000"] {
            assert_eq!(known().step_of(wrong, 59), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_reads_back_from_its_box_with_every_key_that_is_left() {
        let settings = |keys: &[&SecretString]| AuthSettings {
            keys: keys.iter().map(|key| (*key).clone()).collect(),
            ..AuthSettings::default()
        };
        let (old, new) = (generate_key(), generate_key());
        let secret = TotpSecret::generate();
        let closed = SecretBox::new(&settings(&[&old])).close(&secret);
        assert!(!closed.contains(secret.text().expose_secret()));
        let opened = SecretBox::new(&settings(&[&new, &old])).open(&closed).unwrap();
        assert_eq!(opened.0, secret.0);
        assert!(SecretBox::new(&settings(&[&new])).open(&closed).is_none());
        for broken in ["", "v4.local.AAAA", &closed[..closed.len() - 4]] {
            assert!(SecretBox::new(&settings(&[&old])).open(broken).is_none());
        }
    }

    #[test]
    fn recovery_codes_differ_and_may_be_typed_in_any_way() {
        let codes = recovery_codes();
        let hashes: std::collections::HashSet<_> = codes.iter().map(recovery_hash).collect();
        assert_eq!((codes.len(), hashes.len()), (RECOVERY_CODES, RECOVERY_CODES));
        let code = codes[0].expose_secret();
        assert_eq!(code.len(), 19, "{code}");
        let typed = SecretString::from(code.to_lowercase().replace('-', " "));
        assert_eq!(recovery_hash(&typed), recovery_hash(&codes[0]));
    }

    #[test]
    fn base32_is_that_of_the_standard() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(from_base32("MZXW6YTBOI").unwrap(), b"foobar");
        assert_eq!(from_base32("M1"), None);
        let uri = known().uri("docmill", "ada+x@example.com");
        assert_eq!(
            uri.expose_secret(),
            "otpauth://totp/docmill:ada%2Bx%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=docmill"
        );
    }
}
