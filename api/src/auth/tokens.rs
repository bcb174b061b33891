//! Access tokens (PASETO v4.local: encrypted, authenticated, short-lived) and refresh tokens (random, stored as a hash).
//!
//! An access token is believed without asking the database who it belongs to, so everything in it is checked here: key,
//! purpose, issuer, audience and times, against the clock handed in. Whether its session still lives is for the caller
//! to ask.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SubsecRound, Utc};
use domain::{SessionId, SharedClock, UserId, UserRole};
use pasetors::Local;
use pasetors::keys::{Generate, SymmetricKey};
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::passwords::PasswordSettings;

/// Bound into every token without being part of it: a token that other software made with the same key is none of ours.
const IMPLICIT_ASSERTION: &[u8] = b"docmill access token v1";

/// Our tokens have about 500 bytes. Anything much longer is not worth decoding.
const TOKEN_BYTES_MAX: usize = 1024;

/// Clocks of replicas differ a little: a token may come from this far in the future.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);

/// Before every refresh token, so that people and scanners see what leaked.
const REFRESH_PREFIX: &str = "dmr_";

/// The section `auth`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Keys of access tokens, as `docmill generate-key` makes them (`k4.local.…`). The first one makes tokens, all of
    /// them are accepted: to replace a key, put the new one first and remove the old one an hour later.
    pub keys: Vec<SecretString>,
    /// Minutes that an access token is valid, 5 to 60.
    pub access_token_minutes: u16,
    /// Days that a refresh token is valid, 1 to 90.
    pub refresh_token_days: u16,
    /// Who makes the tokens.
    pub issuer: String,
    /// Whom the tokens are for. Two installations with a common key need different names here.
    pub audience: String,
    /// What a password hash costs.
    pub password: PasswordSettings,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            access_token_minutes: 15,
            refresh_token_days: 7,
            issuer: "docmill".to_owned(),
            audience: "docmill-api".to_owned(),
            password: PasswordSettings::default(),
        }
    }
}

impl AuthSettings {
    /// Everything wrong with the section, one line each, without secrets.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.keys.is_empty() {
            problems.push("keys: must have at least one key; `docmill generate-key` makes one".to_owned());
        }
        let mut read: Vec<SymmetricKey<V4>> = Vec::new();
        for (index, key) in self.keys.iter().enumerate() {
            let number = index + 1;
            match read_key(key) {
                Err(reason) => problems.push(format!("keys: key {number} {reason}")),
                Ok(key) if read.contains(&key) => problems.push(format!("keys: key {number} is there twice")),
                Ok(key) => read.push(key),
            }
        }
        if !(5..=60).contains(&self.access_token_minutes) {
            problems.push("access_token_minutes: must be between 5 and 60".to_owned());
        }
        if !(1..=90).contains(&self.refresh_token_days) {
            problems.push("refresh_token_days: must be between 1 and 90".to_owned());
        }
        for (key, value) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if !is_name(value) {
                problems.push(format!(
                    "{key}: must have 1 to 100 letters, digits or one of .:/_-"
                ));
            }
        }
        problems.extend(
            self.password
                .problems()
                .into_iter()
                .map(|problem| format!("password.{problem}")),
        );
        problems
    }
}

/// Names that are the same text in JSON, and leave a token as long as tokens are.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_-".contains(&byte);
    (1..=100).contains(&text.len()) && text.bytes().all(allowed)
}

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

fn read_key(text: &SecretString) -> Result<SymmetricKey<V4>, InvalidKey> {
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

/// Who an access token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// The account.
    pub user: UserId,
    /// The login that the token came from.
    pub session: SessionId,
    /// What the account was allowed when the token was made.
    pub role: UserRole,
}

/// Why a token is not believed. For the log only: every caller gets the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of the form of our tokens.
    #[error("not an access token")]
    Malformed,
    /// Made with a key that we do not have, or no longer.
    #[error("the access token names an unknown key")]
    UnknownKey,
    /// Changed, or made by somebody without the key.
    #[error("the access token is forged")]
    Forged,
    /// Made by or for somebody else.
    #[error("the access token is for somebody else")]
    OtherAudience,
    /// Its time is over.
    #[error("the access token has expired")]
    Expired,
    /// Its time has not come: the clocks of two replicas differ too much.
    #[error("the access token is from the future")]
    NotYetValid,
}

/// The content of a token. The names are those that the PASETO standard reserves.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    sid: SessionId,
    role: UserRole,
    iat: DateTime<Utc>,
    nbf: DateTime<Utc>,
    exp: DateTime<Utc>,
}

struct Key {
    key: SymmetricKey<V4>,
    /// The footer of its tokens, `{"kid":"k4.lid.…"}`. Compared as bytes: what strangers write is never parsed.
    footer: Vec<u8>,
}

/// Makes and checks access tokens.
pub struct Tokens {
    /// At least one; the first one makes tokens.
    keys: Vec<Key>,
    issuer: String,
    audience: String,
    access_lifetime: Duration,
    refresh_lifetime: Duration,
    clock: SharedClock,
}

impl Tokens {
    /// With the keys and lifetimes of the settings.
    ///
    /// # Errors
    /// When there is no key, or one that [`AuthSettings::problems`] would refuse.
    pub fn new(settings: &AuthSettings, clock: SharedClock) -> Result<Self, InvalidKeys> {
        let keys: Vec<Key> = settings
            .keys
            .iter()
            .map(|text| {
                let key = read_key(text).map_err(InvalidKeys::Key)?;
                let mut kid = String::new();
                Id::from(&key)
                    .fmt(&mut kid)
                    .expect("writing to a string does not fail");
                Ok(Key {
                    key,
                    footer: format!(r#"{{"kid":"{kid}"}}"#).into_bytes(),
                })
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(InvalidKeys::Missing);
        }
        Ok(Self {
            keys,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            access_lifetime: Duration::from_secs(60 * u64::from(settings.access_token_minutes)),
            refresh_lifetime: Duration::from_secs(86_400 * u64::from(settings.refresh_token_days)),
            clock,
        })
    }

    /// How long an access token is valid.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.access_lifetime
    }

    /// How long a refresh token is valid.
    #[must_use]
    pub const fn refresh_lifetime(&self) -> Duration {
        self.refresh_lifetime
    }

    /// A token that says this, valid from now on for [`Tokens::lifetime`], to the second.
    #[must_use]
    pub fn issue(&self, claims: Claims) -> String {
        let now = self.clock.now().trunc_subsecs(0);
        let payload = Payload {
            iss: &self.issuer,
            aud: &self.audience,
            sub: claims.user,
            sid: claims.session,
            role: claims.role,
            iat: now,
            nbf: now,
            exp: now + self.access_lifetime,
        };
        let payload = serde_json::to_vec(&payload).expect("ids, words and times have a form in JSON");
        let key = &self.keys[0];
        LocalToken::encrypt(&key.key, &payload, Some(&key.footer), Some(IMPLICIT_ASSERTION))
            .expect("the operating system gives random bytes")
    }

    /// What the token says, if one of our keys made it, for us, and its time is now.
    ///
    /// # Errors
    /// With the first reason not to believe it.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let token = UntrustedToken::<Local, V4>::try_from(token).map_err(|_| TokenError::Malformed)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.footer == token.untrusted_footer())
            .ok_or(TokenError::UnknownKey)?;
        let trusted = LocalToken::decrypt(&key.key, &token, Some(&key.footer), Some(IMPLICIT_ASSERTION))
            .map_err(|_| TokenError::Forged)?;
        let payload: Payload<'_> =
            serde_json::from_str(trusted.payload()).map_err(|_| TokenError::Malformed)?;
        if payload.iss != self.issuer || payload.aud != self.audience {
            return Err(TokenError::OtherAudience);
        }
        let now = self.clock.now();
        if payload.exp <= now {
            return Err(TokenError::Expired);
        }
        if payload.nbf.max(payload.iat) > now + CLOCK_SKEW_MAX {
            return Err(TokenError::NotYetValid);
        }
        Ok(Claims {
            user: payload.sub,
            session: payload.sid,
            role: payload.role,
        })
    }
}

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
        let digits = text.strip_prefix(REFRESH_PREFIX).ok_or(InvalidRefreshToken)?;
        if digits.len() != DIGITS {
            return Err(InvalidRefreshToken);
        }
        let secret = URL_SAFE_NO_PAD.decode(digits).map_err(|_| InvalidRefreshToken)?;
        secret.try_into().map(Self).map_err(|_| InvalidRefreshToken)
    }

    /// The text for the client: `dmr_` and 43 characters.
    #[must_use]
    pub fn expose(&self) -> SecretString {
        format!("{REFRESH_PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0)).into()
    }

    /// What is stored: SHA-256 of the secret.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use domain::ManualClock;
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn clock() -> Arc<ManualClock> {
        ManualClock::at(DateTime::from_timestamp_millis(1_800_000_000_123).unwrap())
    }

    fn settings(keys: &[&SecretString]) -> AuthSettings {
        AuthSettings {
            keys: keys.iter().map(|key| (*key).clone()).collect(),
            ..AuthSettings::default()
        }
    }

    fn tokens(keys: &[&SecretString], clock: &Arc<ManualClock>) -> Tokens {
        Tokens::new(&settings(keys), clock.clone()).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            user: UserId::new(),
            session: SessionId::new(),
            role: UserRole::Operator,
        }
    }

    #[test]
    fn a_token_says_what_it_was_made_for_and_shows_nothing() {
        let tokens = tokens(&[&generate_key()], &clock());
        let claims = claims();
        let token = tokens.issue(claims);
        assert!(token.starts_with("v4.local."), "{token}");
        assert!(!token.contains(&claims.user.to_string()));
        assert!(token.len() < TOKEN_BYTES_MAX * 3 / 4, "{}", token.len());
        assert_eq!(tokens.verify(&token), Ok(claims));
        assert_ne!(tokens.issue(claims), token);
    }

    #[test]
    fn a_token_lives_for_fifteen_minutes_by_the_clock_that_was_handed_in() {
        let clock = clock();
        let tokens = tokens(&[&generate_key()], &clock);
        let token = tokens.issue(claims());
        clock.advance(15 * MINUTE - Duration::from_secs(1));
        assert!(tokens.verify(&token).is_ok());
        clock.advance(Duration::from_secs(1));
        assert_eq!(tokens.verify(&token), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_from_the_future_is_believed_only_within_the_skew_of_clocks() {
        let key = generate_key();
        let behind = tokens(&[&key], &clock());
        let ahead_by = |by: Duration| {
            let ahead = clock();
            ahead.advance(by);
            tokens(&[&key], &ahead).issue(claims())
        };
        assert!(behind.verify(&ahead_by(CLOCK_SKEW_MAX)).is_ok());
        assert_eq!(
            behind.verify(&ahead_by(2 * CLOCK_SKEW_MAX)),
            Err(TokenError::NotYetValid)
        );
    }

    #[test]
    fn a_key_is_replaced_without_logging_anybody_out() {
        let (old, new, clock) = (generate_key(), generate_key(), clock());
        let before = tokens(&[&old], &clock).issue(claims());
        let during = tokens(&[&new, &old], &clock);
        assert!(during.verify(&before).is_ok());

        let after = tokens(&[&new], &clock);
        assert!(after.verify(&during.issue(claims())).is_ok());
        assert_eq!(after.verify(&before), Err(TokenError::UnknownKey));
    }

    #[test]
    fn a_token_under_the_name_of_our_key_but_made_with_another_is_forged() {
        let (ours, other, clock) = (generate_key(), generate_key(), clock());
        let ours = tokens(&[&ours], &clock);
        let mut forger = tokens(&[&other], &clock);
        forger.keys[0].footer.clone_from(&ours.keys[0].footer);
        assert_eq!(ours.verify(&forger.issue(claims())), Err(TokenError::Forged));
    }

    #[test]
    fn a_token_for_another_audience_or_purpose_is_refused() {
        let (key, clock) = (generate_key(), clock());
        let ours = tokens(&[&key], &clock);
        for other in [
            AuthSettings {
                audience: "another-api".to_owned(),
                ..settings(&[&key])
            },
            AuthSettings {
                issuer: "another".to_owned(),
                ..settings(&[&key])
            },
        ] {
            let token = Tokens::new(&other, clock.clone()).unwrap().issue(claims());
            assert_eq!(ours.verify(&token), Err(TokenError::OtherAudience));
        }
        // The same key, used by other software.
        let key = &ours.keys[0];
        let foreign = LocalToken::encrypt(&key.key, br#"{"sub":"x"}"#, Some(&key.footer), None).unwrap();
        assert_eq!(ours.verify(&foreign), Err(TokenError::Forged));
    }

    #[test]
    fn a_refresh_token_is_no_access_token_and_the_other_way_round() {
        let tokens = tokens(&[&generate_key()], &clock());
        let refresh = RefreshToken::generate().expose();
        assert_eq!(tokens.verify(refresh.expose_secret()), Err(TokenError::Malformed));
        assert_eq!(
            RefreshToken::parse(&tokens.issue(claims())).unwrap_err(),
            InvalidRefreshToken
        );
    }

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

    #[test]
    fn keys_that_are_missing_malformed_weak_or_doubled_are_refused() {
        let paserk =
            |bytes: [u8; 32]| SecretString::from(format!("k4.local.{}", URL_SAFE_NO_PAD.encode(bytes)));
        let good = generate_key();
        assert_eq!(settings(&[&good]).problems(), Vec::<String>::new());
        assert_eq!(settings(&[]).problems().len(), 1);
        assert_eq!(
            settings(&[&good, &good]).problems(),
            ["keys: key 2 is there twice"]
        );

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
            assert_eq!(
                Tokens::new(&settings(&[&weak]), clock()).err(),
                Some(InvalidKeys::Key(InvalidKey::Weak))
            );
        }
        for malformed in [
            "",
            "secret",
            "k4.local.",
            "k4.local.AAAA",
            "k4.public.AAAA",
            "k3.local.AAAA",
        ] {
            let problems = settings(&[&malformed.into()]).problems();
            assert_eq!(problems.len(), 1, "{malformed}");
            assert!(!problems[0].contains("AAAA"), "{problems:?}");
        }
        assert_eq!(
            Tokens::new(&settings(&[]), clock()).err(),
            Some(InvalidKeys::Missing)
        );
    }

    #[test]
    fn lifetimes_out_of_bounds_and_empty_names_are_problems() {
        let wrong = AuthSettings {
            access_token_minutes: 61,
            refresh_token_days: 0,
            issuer: String::new(),
            audience: "x".repeat(101),
            password: PasswordSettings {
                lanes: 0,
                ..PasswordSettings::default()
            },
            ..settings(&[&generate_key()])
        };
        let problems = wrong.problems();
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(problems[4].starts_with("password.lanes:"), "{problems:?}");
        assert!(
            !AuthSettings {
                access_token_minutes: 4,
                ..settings(&[&generate_key()])
            }
            .problems()
            .is_empty()
        );
    }

    #[test]
    fn generated_keys_are_different_and_good() {
        for _ in 0..1000 {
            assert!(read_key(&generate_key()).is_ok());
        }
        assert_ne!(generate_key().expose_secret(), generate_key().expose_secret());
    }

    proptest! {
        #[test]
        fn garbage_of_any_length_is_refused(text in ".{0,1500}", tail in "[A-Za-z0-9_.-]{0,1500}") {
            let tokens = tokens(&[&generate_key()], &clock());
            prop_assert!(tokens.verify(&text).is_err());
            prop_assert!(tokens.verify(&tail).is_err());
            let headed = format!("v4.local.{tail}");
            prop_assert!(tokens.verify(&headed).is_err());
            prop_assert!(RefreshToken::parse(&text).is_err());
        }

        #[test]
        fn a_token_with_any_character_changed_added_or_cut_off_is_refused(
            place in any::<prop::sample::Index>(),
            character in "[A-Za-z0-9_.-]",
        ) {
            let tokens = tokens(&[&generate_key()], &clock());
            let token = tokens.issue(claims());
            let place = place.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(place..=place, &character);
            prop_assert!(changed == token || tokens.verify(&changed).is_err());
            let mut longer = token.clone();
            longer.insert_str(place, &character);
            prop_assert!(tokens.verify(&longer).is_err());
            prop_assert!(tokens.verify(&token[..place]).is_err());
        }
    }
}
