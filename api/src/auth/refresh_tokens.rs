//! Refresh tokens: good once, stored as a hash. The first one of a session is random, each next one follows from the one
//! before it and a key, so that whoever lost an answer gets the same one again.

use domain::RefreshToken;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::settings::AuthSettings;

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
            .map(|key| RefreshToken::of(digest(key, token.bytes())))
            .collect()
    }
}

fn digest(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::auth::keys::generate_key;

    #[test]
    fn what_follows_a_token_is_always_the_same_and_needs_the_key() {
        let settings = |keys: &[&SecretString]| AuthSettings {
            keys: keys.iter().map(|key| (*key).clone()).collect(),
            ..AuthSettings::default()
        };
        let (old, new) = (generate_key(), generate_key());
        let token = RefreshToken::draw(getrandom::fill);
        let before = Successors::derive(&settings(&[&old])).of(&token);
        let during = Successors::derive(&settings(&[&new, &old])).of(&token);
        assert_eq!(before.len(), 1);
        assert_eq!(before[0], during[1]);
        assert_ne!(during[0], during[1]);
        assert_ne!(before[0], token);
        assert_ne!(
            before[0],
            Successors::derive(&settings(&[&old])).of(&RefreshToken::draw(getrandom::fill))[0]
        );
    }
}
