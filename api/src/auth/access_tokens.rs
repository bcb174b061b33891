//! Access tokens (PASETO v4.local: encrypted, authenticated, short-lived).
//!
//! An access token is believed without asking the database who it belongs to, so everything in it is checked here: key,
//! purpose, issuer, audience and times, against the clock handed in. Whether its session still lives is for the caller
//! to ask.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use domain::{SessionId, SharedClock, UserId, UserRole};
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use serde::{Deserialize, Serialize};

use super::keys::{InvalidKeys, read_key};
use super::settings::AuthSettings;

/// Bound into every token without being part of it: a token that other software made with the same key is none of ours.
const IMPLICIT_ASSERTION: &[u8] = b"docmill access token v1";

/// Our tokens have about 500 bytes. Anything much longer is not worth decoding.
const TOKEN_BYTES_MAX: usize = 1024;

/// Clocks of replicas differ a little: a token may come from this far in the future.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use domain::{ManualClock, RefreshToken};
    use proptest::prelude::*;
    use secrecy::{ExposeSecret, SecretString};

    use super::*;
    use crate::auth::keys::{InvalidKey, generate_key};

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
    fn a_refresh_token_is_no_access_token() {
        let tokens = tokens(&[&generate_key()], &clock());
        let refresh = RefreshToken::draw(getrandom::fill).expose();
        assert_eq!(tokens.verify(refresh.expose_secret()), Err(TokenError::Malformed));
    }

    #[test]
    fn without_a_good_key_there_are_no_tokens() {
        let weak = SecretString::from(format!("k4.local.{}", "A".repeat(43)));
        assert_eq!(
            Tokens::new(&settings(&[&weak]), clock()).err(),
            Some(InvalidKeys::Key(InvalidKey::Weak))
        );
        assert_eq!(
            Tokens::new(&settings(&[]), clock()).err(),
            Some(InvalidKeys::Missing)
        );
    }

    proptest! {
        #[test]
        fn garbage_of_any_length_is_refused(text in ".{0,1500}", tail in "[A-Za-z0-9_.-]{0,1500}") {
            let tokens = tokens(&[&generate_key()], &clock());
            prop_assert!(tokens.verify(&text).is_err());
            prop_assert!(tokens.verify(&tail).is_err());
            let headed = format!("v4.local.{tail}");
            prop_assert!(tokens.verify(&headed).is_err());
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
