//! Argon2id hashes of passwords as PHC strings. Hashes of bcrypt, which earlier systems made, are verified too, and replaced
//! at the first login.
//!
//! Hashing is slow and hungry on purpose. It runs on threads of its own, a bounded number at a time, so that a wave of
//! logins waits for itself and not the rest of the API for it.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use telemetry::metrics::PlaceKind;
use tokio::sync::{AcquireError, Semaphore};
use tokio::task::{JoinError, spawn_blocking};

use super::bcrypt_hashes;
use crate::http::admission::Room;

/// Bytes of a password at most: more would only cost time, ours.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The weakest parameters that OWASP accepts: for so many passes, so much memory in KiB at least.
const MEMORY_FLOOR_KIB: [(u32, u32); 5] = [(1, 47_104), (2, 19_456), (3, 12_288), (4, 9_216), (5, 7_168)];

/// One login must not take the memory of the host.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;

/// Nor seconds of a core.
const PASSES_MAX: u32 = 20;

/// Who may wait for each slot. A hash takes a core some tens of milliseconds, so the last of them waits about two seconds:
/// as long as somebody who logs in may be left without an answer. While hashes of bcrypt are left it may be more.
const WAITING_PER_SLOT: usize = 64;

/// The section `auth.password`: what a hash costs. Hashes made with other parameters stay valid and are replaced at
/// the next login.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordSettings {
    /// Memory of one hash in KiB.
    pub memory_kib: u32,
    /// Passes over that memory, 1 to 20.
    pub passes: u32,
    /// Lanes of one hash, 1 to 16. They run one after the other; more lanes make no hash faster.
    pub lanes: u32,
    /// Hashes at the same time, 1 to 256; 64 for each of them wait, the others are refused. Half of the cores by default.
    pub parallel_hashes: usize,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
            parallel_hashes: (cores / 2).max(1),
        }
    }
}

impl PasswordSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        // More passes than the table knows are held to its last line.
        let floor = MEMORY_FLOOR_KIB
            .iter()
            .rev()
            .find(|(passes, _)| self.passes >= *passes);
        match floor {
            Some((_, floor)) if self.passes <= PASSES_MAX => {
                if !(*floor..=MEMORY_KIB_MAX).contains(&self.memory_kib) {
                    let passes = self.passes;
                    problems.push(format!(
                        "memory_kib: must be between {floor} and {MEMORY_KIB_MAX} with {passes} passes"
                    ));
                }
            }
            _ => problems.push(format!("passes: must be between 1 and {PASSES_MAX}")),
        }
        if !(1..=16).contains(&self.lanes) {
            problems.push("lanes: must be between 1 and 16".to_owned());
        }
        if !(1..=256).contains(&self.parallel_hashes) {
            problems.push("parallel_hashes: must be between 1 and 256".to_owned());
        }
        problems
    }
}

/// The C library gives back to the system at once what it took for a block of at least 32 MiB. Smaller blocks stay with
/// the process, one for each thread that ever hashed (mallopt(3), `M_MMAP_THRESHOLD`). What lies behind the blocks that
/// are used is never touched and costs nothing.
const RETURNED_BYTES_MIN: usize = 33 << 20;

/// Why a password has no hash.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Longer than [`PASSWORD_BYTES_MAX`].
    #[error("the password has more than {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// The parameters are out of bounds, memory was short, or there were no random bytes.
    #[error("could not hash a password")]
    Hash(#[source] argon2::password_hash::Error),
    /// The parameters are no parameters of Argon2.
    #[error("the parameters for password hashes are not usable")]
    Parameters(#[source] argon2::Error),
    /// Too many wait for a slot already.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The process stops.
    #[error("the hashing of a password was cut off")]
    Stopped,
}

impl From<AcquireError> for PasswordError {
    fn from(_: AcquireError) -> Self {
        Self::Stopped
    }
}

impl From<JoinError> for PasswordError {
    fn from(_: JoinError) -> Self {
        Self::Stopped
    }
}

/// Hashes and verifies passwords. Clones share the bound on parallel hashes.
#[derive(Clone)]
pub struct Passwords(Arc<Hashing>);

struct Hashing {
    argon2: Argon2<'static>,
    /// What an unknown account is verified against.
    nobody: String,
    slots: Arc<Semaphore>,
    /// Room for those who wait for a slot.
    queue: Room,
}

impl Passwords {
    /// Ready to hash. Makes one hash, so it takes as long as a login.
    ///
    /// # Errors
    /// When the settings are no parameters of Argon2, or the first hash fails.
    pub fn new(settings: &PasswordSettings) -> Result<Self, PasswordError> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, None)
            .map_err(PasswordError::Parameters)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut unguessable = [0; 32];
        getrandom::fill(&mut unguessable)
            .map_err(|_| PasswordError::Hash(argon2::password_hash::Error::Crypto))?;
        let nobody = hash(&argon2, &unguessable)?;
        let slots = Arc::new(Semaphore::new(settings.parallel_hashes));
        let queue = Room::new(PlaceKind::Password, WAITING_PER_SLOT * settings.parallel_hashes);
        Ok(Self(Arc::new(Hashing {
            argon2,
            nobody,
            slots,
            queue,
        })))
    }

    /// A PHC string of the password, with a salt of its own. Waits for a free slot.
    ///
    /// # Errors
    /// When the password is too long (told before any work), too many wait already, or hashing fails.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        if password.expose_secret().len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        self.run(move |hashing| {
            telemetry::metrics::password_hashed();
            hash(&hashing.argon2, password.expose_secret().as_bytes())
        })
        .await?
    }

    /// Whether the password of somebody who is known belongs to the hash. Waits for a free slot.
    ///
    /// A hash that is neither a PHC string of Argon2 nor one of bcrypt belongs to no password, and so does one of bcrypt that costs
    /// too much.
    ///
    /// # Errors
    /// When too many wait already, or the process stops.
    pub async fn verify(&self, password: SecretString, phc: &str) -> Result<bool, PasswordError> {
        if password.expose_secret().len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let phc = phc.to_owned();
        self.run(move |_| {
            let (matches, work) = compare(&phc, password.expose_secret().as_bytes());
            work.tell();
            matches
        })
        .await
    }

    /// Whether a password logs in to an account, whose hash is `None` when there is no such account. Waits for a free slot.
    ///
    /// `false` takes the same time whether there is an account, and however its password was hashed: as much of Argon2 as the
    /// parameters of the settings want, and bcrypt as often as the costliest hash in use takes, `bcrypt_cost_max`. Only a hash that
    /// costs more than one made now takes more. `true` takes what it takes.
    ///
    /// # Errors
    /// When too many wait already, or the process stops.
    pub async fn verify_login(
        &self,
        password: SecretString,
        phc: Option<&str>,
        bcrypt_cost_max: Option<u32>,
    ) -> Result<bool, PasswordError> {
        if password.expose_secret().len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let phc = phc.map(str::to_owned);
        self.run(move |hashing| {
            let password = password.expose_secret().as_bytes();
            let (matches, work) = hashing.log_in(password, phc.as_deref(), bcrypt_cost_max);
            work.tell();
            matches
        })
        .await
    }

    /// Whether a hash was made in another way than hashes are made now, and should be replaced when the password is
    /// at hand.
    #[must_use]
    pub fn needs_rehash(&self, phc: &str) -> bool {
        let Ok(stored) = PasswordHash::new(phc) else {
            return true;
        };
        let ours = self.0.argon2.params();
        let same = stored.algorithm == Algorithm::Argon2id.ident()
            && stored.version == Some(Version::V0x13.into())
            && Params::try_from(&stored).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost())
                    == (ours.m_cost(), ours.t_cost(), ours.p_cost())
            });
        !same
    }

    /// Runs on a thread for blocking work, in a slot. Whoever finds no room to wait for one is told so at once.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hashing) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let slot = {
            let _waiting = self.0.queue.enter().ok_or(PasswordError::Busy)?;
            Arc::clone(&self.0.slots).acquire_owned().await?
        };
        let hashing = Arc::clone(&self.0);
        let work = spawn_blocking(move || {
            // Held by the work and not by who waits for it: a client that hangs up frees no core.
            let _slot = slot;
            work(&hashing)
        });
        Ok(work.await?)
    }
}

impl Hashing {
    /// Compares, and makes up for what another account would have taken.
    fn log_in(&self, password: &[u8], phc: Option<&str>, bcrypt_cost_max: Option<u32>) -> (bool, Work) {
        let (matches, mut work) = phc.map_or((false, Work::default()), |phc| compare(phc, password));
        if matches {
            return (true, work);
        }
        let ours = blocks(self.argon2.params());
        match ours.saturating_sub(work.argon2_blocks) {
            0 => {}
            missing if work.argon2_blocks == 0 => {
                let _ = black_box(verify(&self.nobody, password));
                work.argon2_blocks = missing;
            }
            missing => work.argon2_blocks += make_up(missing, password),
        }
        if let Some(cost_max) = bcrypt_cost_max {
            work.bcrypt_rounds += bcrypt_hashes::make_up(work.bcrypt_rounds, cost_max);
        }
        (false, work)
    }
}

/// What it took to compare a password.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Work {
    /// Blocks of Argon2, of a KiB each, counted once for each pass over them: what its time goes by.
    argon2_blocks: u64,
    /// Rounds of bcrypt.
    bcrypt_rounds: u64,
}

impl Work {
    fn tell(self) {
        if self.argon2_blocks > 0 {
            telemetry::metrics::password_hashed();
        }
        if self.bcrypt_rounds > 0 {
            telemetry::metrics::bcrypt_computed(self.bcrypt_rounds);
        }
    }
}

/// Whether the password belongs to the hash of either kind. What is broken takes no work.
fn compare(phc: &str, password: &[u8]) -> (bool, Work) {
    let mut work = Work::default();
    if bcrypt_hashes::is_one(phc) {
        let (matches, rounds) = bcrypt_hashes::verify(phc, password);
        work.bcrypt_rounds = rounds;
        return (matches, work);
    }
    let Ok(Some((matches, blocks))) = verify(phc, password) else {
        return (false, work);
    };
    work.argon2_blocks = blocks;
    (matches, work)
}

/// What a hash with these parameters takes.
fn blocks(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// Spends so many blocks more, after a hash with parameters that took fewer than those of today. Gives how many that were.
fn make_up(missing: u64, password: &[u8]) -> u64 {
    let memory_kib = u32::try_from(missing).map_or(MEMORY_KIB_MAX, |kib| kib.min(MEMORY_KIB_MAX));
    let Ok(params) = Params::new(memory_kib.max(Params::MIN_M_COST), 1, 1, None) else {
        return 0;
    };
    let spent = blocks(&params);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    let _ = black_box(derive(&argon2, password, &[0; 16], &mut output));
    spent
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, PasswordError> {
    let hash = || {
        let salt = Salt::generate();
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        derive(argon2, password, &salt, &mut output)?;
        Ok(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params())?,
            salt: Some(salt),
            hash: Some(Output::new(&output)?),
        })
    };
    let hash: PasswordHash = hash().map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Whether the password belongs to the hash, whatever its parameters, and how many blocks it took to know; `None` when half of the
/// hash is missing, and an error when it is none of Argon2.
fn verify(phc: &str, password: &[u8]) -> argon2::password_hash::Result<Option<(bool, u64)>> {
    let stored = PasswordHash::new(phc)?;
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Ok(None);
    };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from)?;
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&stored)?);
    let mut output = vec![0; expected.len()];
    derive(&argon2, password, &salt, &mut output)?;
    // Compares in constant time.
    Ok(Some((Output::new(&output)? == expected, blocks(argon2.params()))))
}

fn derive(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
) -> argon2::password_hash::Result<()> {
    let blocks = argon2.params().block_count();
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(blocks.max(RETURNED_BYTES_MIN / Block::SIZE))
        .map_err(|_| argon2::password_hash::Error::Crypto)?;
    memory.resize(blocks, Block::new());
    Ok(argon2.hash_password_into_with_memory(password, salt, output, &mut memory)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::future::join_all;

    use super::*;

    /// Far below the floor, for tests are many.
    fn cheap() -> PasswordSettings {
        PasswordSettings {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
            parallel_hashes: 1,
        }
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let phc = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
        let logs_in = async |password| passwords.verify_login(secret(password), Some(&phc), None).await;
        assert!(passwords.verify(secret("correct horse"), &phc).await.unwrap());
        assert!(logs_in("correct horse").await.unwrap());
        for wrong in ["Correct horse", ""] {
            assert!(!passwords.verify(secret(wrong), &phc).await.unwrap());
            assert!(!logs_in(wrong).await.unwrap());
        }
        assert_ne!(passwords.hash(secret("correct horse")).await.unwrap(), phc);
    }

    #[tokio::test]
    async fn nobody_can_log_in_to_an_account_that_is_not_there() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let nobody = passwords.verify_login(secret("correct horse"), None, None);
        assert!(!nobody.await.unwrap());
        for rubbish in [
            "",
            "plain text",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ",
        ] {
            let matches = passwords.verify(secret("correct horse"), rubbish).await;
            assert!(!matches.unwrap(), "{rubbish}");
        }
    }

    #[test]
    fn whoever_is_refused_has_cost_the_same_whatever_their_hash() {
        let made_by = |settings: &PasswordSettings| {
            let passwords = Passwords::new(settings).unwrap();
            let made = hash(&passwords.0.argon2, b"correct horse").unwrap();
            (passwords, made)
        };
        let settings = PasswordSettings {
            memory_kib: 128,
            passes: 2,
            ..cheap()
        };
        let (passwords, ours) = made_by(&settings);
        let (_, weaker) = made_by(&cheap());
        let (_, nearly_as_strong) = made_by(&PasswordSettings {
            memory_kib: 248,
            passes: 1,
            lanes: 2,
            ..cheap()
        });
        let dearer = BY_BCRYPT.replace("$04$", "$06$");
        let unaffordable = BY_BCRYPT.replace("$04$", "$31$");
        let hashes = [
            None,
            Some(ours.as_str()),
            Some(&weaker),
            Some(&nearly_as_strong),
            Some(BY_BCRYPT),
            Some(&dearer),
            Some(&unaffordable),
            Some("plain text"),
            Some("$2b$04$tooshort"),
            Some("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ"),
        ];
        for phc in hashes {
            let refused = passwords.0.log_in(b"a wrong password", phc, Some(6));
            let work = Work {
                argon2_blocks: 256,
                bcrypt_rounds: 1 << 6,
            };
            assert_eq!(refused, (false, work), "{phc:?}");
        }
        // Once nobody has a hash of bcrypt any more, none is computed.
        for phc in [None, Some(ours.as_str())] {
            let work = Work {
                argon2_blocks: 256,
                bcrypt_rounds: 0,
            };
            assert_eq!(passwords.0.log_in(b"a wrong password", phc, None), (false, work));
        }
        // Whoever gets in may know it.
        let bcrypt_only = Work {
            argon2_blocks: 0,
            bcrypt_rounds: 1 << 4,
        };
        let welcome = passwords.0.log_in(b"correct horse", Some(BY_BCRYPT), Some(6));
        assert_eq!(welcome, (true, bcrypt_only));
    }

    #[tokio::test]
    async fn a_password_that_is_too_long_is_refused_before_it_is_hashed() {
        let passwords = Passwords::new(&cheap()).unwrap();
        passwords.0.slots.close(); // work would be refused from here on
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        assert!(matches!(
            passwords.hash(secret(&long)).await,
            Err(PasswordError::TooLong)
        ));
        assert!(
            !passwords
                .verify_login(secret(&long), None, Some(14))
                .await
                .unwrap()
        );
        assert!(!passwords.verify(secret(&long), BY_BCRYPT).await.unwrap());
        let longest = "x".repeat(PASSWORD_BYTES_MAX);
        assert!(matches!(
            passwords.hash(secret(&longest)).await,
            Err(PasswordError::Stopped)
        ));
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_valid_and_should_be_replaced() {
        let old = Passwords::new(&cheap()).unwrap();
        let new = Passwords::new(&PasswordSettings { passes: 2, ..cheap() }).unwrap();
        let phc = old.hash(secret("correct horse")).await.unwrap();
        assert!(new.verify(secret("correct horse"), &phc).await.unwrap());
        assert!(!old.needs_rehash(&phc));
        assert!(new.needs_rehash(&phc));
        assert!(new.needs_rehash(&phc.replace("argon2id", "argon2i")));
        assert!(new.needs_rehash("$2b$12$abcdefghijklmnopqrstuv"));
    }

    #[tokio::test]
    async fn a_caller_who_gives_up_does_not_free_the_slot_of_running_work() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let caller = tokio::spawn({
            let passwords = passwords.clone();
            async move {
                let work = move |_: &Hashing| {
                    started.send(()).unwrap();
                    may_finish.recv().unwrap();
                };
                passwords.run(work).await.unwrap();
            }
        });
        has_started.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(passwords.0.slots.available_permits(), 0);

        finish.send(()).unwrap();
        assert!(passwords.hash(secret("correct horse")).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_finds_no_room_to_wait_is_refused_at_once() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let running = passwords.run(move |_| {
            started.send(()).unwrap();
            may_finish.recv().unwrap();
        });
        let waiting = join_all((0..WAITING_PER_SLOT).map(|_| passwords.hash(secret("correct horse"))));
        let late = async {
            has_started.await.unwrap();
            // Everybody before has been polled once by now: one has the slot, the others wait for it.
            let refused = passwords.verify_login(secret("correct horse"), None, None).await;
            assert!(matches!(refused, Err(PasswordError::Busy)), "{refused:?}");
            finish.send(()).unwrap();
        };
        let (ran, hashed, ()) = tokio::join!(running, waiting, late);
        ran.unwrap();
        assert!(hashed.iter().all(Result::is_ok));
        assert!(passwords.hash(secret("correct horse")).await.is_ok());
    }

    /// Of "correct horse", made by the C library's crypt(3).
    const BY_BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

    #[tokio::test]
    async fn a_hash_of_bcrypt_is_verified_and_should_be_replaced() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let verify = async |password, hash: &str| passwords.verify(secret(password), hash).await.unwrap();
        assert!(verify("correct horse", BY_BCRYPT).await);
        assert!(!verify("Correct horse", BY_BCRYPT).await);
        assert!(passwords.needs_rehash(BY_BCRYPT));
        let ours = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(!passwords.needs_rehash(&ours));
        // It would keep a core busy for days.
        assert!(!verify("correct horse", &BY_BCRYPT.replace("$04$", "$31$")).await);
    }

    #[test]
    fn parameters_below_the_floor_are_refused() {
        assert_eq!(PasswordSettings::default().problems(), Vec::<String>::new());
        let with = |memory_kib, passes| PasswordSettings {
            memory_kib,
            passes,
            ..PasswordSettings::default()
        };
        for (memory_kib, passes) in [(47_104, 1), (12_288, 3), (7_168, 5), (7_168, 20)] {
            assert_eq!(with(memory_kib, passes).problems(), Vec::<String>::new());
        }
        for (memory_kib, passes) in [
            (47_103, 1),
            (19_455, 2),
            (7_167, 9),
            (19_456, 0),
            (19_456, 21),
            (u32::MAX, 2),
        ] {
            assert_eq!(
                with(memory_kib, passes).problems().len(),
                1,
                "{memory_kib} {passes}"
            );
        }
        let wrong = PasswordSettings {
            lanes: 0,
            parallel_hashes: 0,
            ..with(0, 0)
        };
        assert_eq!(wrong.problems().len(), 3);
    }
}
