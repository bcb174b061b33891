//! Seals the passwords of documents for their way through the database to a worker.
//!
//! The API, which takes a password, and the workers, which need it, have a key in common that the database does not know
//! (the section `sealing`). What lies in the database in between can only be opened with that key, only for the job for
//! which it was sealed, and is gone when the task has ended: the database sees to that itself.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::{JobId, SealedPassword};
use orion::aead::{self, SecretKey};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of an id in front of the password.
const ID_BYTES: usize = 16;

/// The section `sealing`: the keys that the API and the workers of a fleet have in common.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SealingSettings {
    /// Keys of 64 hexadecimal digits, as `docmill generate-key --sealing` prints them. The first one seals, all of them open:
    /// a new key goes to the workers first, as their second one. Without any, passwords of documents are not accepted.
    pub keys: Vec<SecretString>,
}

impl SealingSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let broken = |key: &SecretString| parse(key).is_none();
        let places = self.keys.iter().enumerate().filter(|(_, key)| broken(key));
        places
            .map(|(place, _)| format!("keys: {}", UnusableKey { place: place + 1 }))
            .collect()
    }
}

/// A key is not what [`generate_key`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key in place {place} is not {} hexadecimal digits; make one with `docmill generate-key --sealing`", 2 * KEY_BYTES)]
pub struct UnusableKey {
    place: usize,
}

/// A sealed password cannot be opened here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the password that came with the job was sealed with a key that this process does not have (setting sealing.keys)"
)]
pub struct Unopened;

/// Seals and opens. Without keys it does neither.
pub struct Sealing {
    keys: Vec<SecretKey>,
}

impl Sealing {
    /// Takes the keys over.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn new(settings: &SealingSettings) -> Result<Self, UnusableKey> {
        let key = |(place, key)| parse(key).ok_or(UnusableKey { place: place + 1 });
        let keys = settings
            .keys
            .iter()
            .enumerate()
            .map(key)
            .collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// Seals the password for the documents of a job; `None` when there is no key to do it with.
    #[must_use]
    pub fn seal(&self, job: JobId, password: &SecretString) -> Option<SealedPassword> {
        let mut content = job.uuid().as_bytes().to_vec();
        content.extend_from_slice(password.expose_secret().as_bytes());
        let sealed = aead::seal(self.keys.first()?, &content).ok()?;
        Some(SealedPassword::of_text(BASE64_STANDARD.encode(sealed)))
    }

    /// Opens what was sealed for the documents of this job.
    ///
    /// # Errors
    /// When it was sealed with another key, or for another job, or was changed.
    pub fn open(&self, job: JobId, sealed: &SealedPassword) -> Result<SecretString, Unopened> {
        let sealed = BASE64_STANDARD.decode(sealed.as_text()).map_err(|_| Unopened)?;
        let content = self.keys.iter().find_map(|key| aead::open(key, &sealed).ok());
        let content = content.ok_or(Unopened)?;
        let (id, password) = content.split_at_checked(ID_BYTES).ok_or(Unopened)?;
        if id != job.uuid().as_bytes() {
            return Err(Unopened);
        }
        let password = std::str::from_utf8(password).map_err(|_| Unopened)?;
        Ok(password.to_owned().into())
    }
}

/// A new key, as the settings want it.
///
/// # Panics
/// When the operating system has no random numbers.
#[must_use]
pub fn generate_key() -> SecretString {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).expect("the operating system gives random bytes");
    hex::encode(key).into()
}

fn parse(key: &SecretString) -> Option<SecretKey> {
    let bytes = hex::decode(key.expose_secret().trim()).ok()?;
    Some(bytes)
        .filter(|bytes| bytes.len() == KEY_BYTES)
        .and_then(|bytes| SecretKey::try_from(bytes.as_slice()).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sealing(keys: &[&SecretString]) -> Sealing {
        let keys = keys.iter().map(|key| (*key).clone()).collect();
        Sealing::new(&SealingSettings { keys }).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_for_its_job_only() {
        let key = generate_key();
        let job = JobId::new();
        let password = SecretString::from("Obstgarten 7ü".to_owned());
        let sealed = sealing(&[&key]).seal(job, &password).unwrap();
        assert!(!sealed.as_text().contains("Obst"));
        let opened = sealing(&[&key]).open(job, &sealed).unwrap();
        assert_eq!(opened.expose_secret(), "Obstgarten 7ü");
        assert_eq!(
            sealing(&[&key]).open(JobId::new(), &sealed).unwrap_err(),
            Unopened
        );
        assert_ne!(
            sealing(&[&key]).seal(job, &password).unwrap(),
            sealed,
            "never twice the same"
        );
    }

    #[test]
    fn a_new_key_opens_what_the_old_one_sealed_while_both_are_there() {
        let (old, new) = (generate_key(), generate_key());
        let job = JobId::new();
        let sealed = sealing(&[&old]).seal(job, &"secret".to_owned().into()).unwrap();
        assert!(sealing(&[&new, &old]).open(job, &sealed).is_ok());
        assert!(sealing(&[&new]).open(job, &sealed).is_err());
        let sealed = sealing(&[&new, &old])
            .seal(job, &"secret".to_owned().into())
            .unwrap();
        assert!(sealing(&[&new]).open(job, &sealed).is_ok());
    }

    #[test]
    fn without_a_key_nothing_is_sealed_or_opened() {
        let job = JobId::new();
        assert!(sealing(&[]).seal(job, &"secret".to_owned().into()).is_none());
        let sealed = sealing(&[&generate_key()])
            .seal(job, &"secret".to_owned().into())
            .unwrap();
        assert!(sealing(&[]).open(job, &sealed).is_err());
    }

    #[test]
    fn keys_that_are_none_are_reported_without_being_shown() {
        let keys = vec![
            generate_key(),
            "hunter2".to_owned().into(),
            "00".to_owned().into(),
        ];
        let settings = SealingSettings { keys };
        let problems = settings.problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("place 2") && !problems.concat().contains("hunter2"));
        assert!(Sealing::new(&settings).is_err());
    }
}
