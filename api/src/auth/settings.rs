//! What an operator may choose about who is asking.

use pasetors::keys::SymmetricKey;
use pasetors::version4::V4;
use secrecy::SecretString;
use serde::Deserialize;

use super::keys::read_key;
use super::passwords::PasswordSettings;

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::auth::keys::generate_key;

    fn settings(keys: &[&SecretString]) -> AuthSettings {
        AuthSettings {
            keys: keys.iter().map(|key| (*key).clone()).collect(),
            ..AuthSettings::default()
        }
    }

    #[test]
    fn keys_that_are_missing_malformed_or_doubled_are_problems() {
        let good = generate_key();
        assert_eq!(settings(&[&good]).problems(), Vec::<String>::new());
        assert_eq!(settings(&[]).problems().len(), 1);
        assert_eq!(
            settings(&[&good, &good]).problems(),
            ["keys: key 2 is there twice"]
        );
        let problems = settings(&[&"k4.local.AAAA".into()]).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(!problems[0].contains("AAAA"), "{problems:?}");
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
}
