//! How sessions and keys stand, asked at most every few seconds: a revoked session, a disabled account and a changed role take
//! effect on every replica within [`FRESH`]. The database is asked and nobody else, so Redis may be away.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use database::Result;
use database::api_keys::{KeyHash, KeyStanding};
use database::sessions::{Standing, TokenHash};
use domain::SessionId;

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(4);
/// Answers remembered at most; beyond it the stale ones are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// What was last heard of sessions.
pub(crate) type Standings = Heard<SessionId, Standing>;

/// What was last heard of sessions of browsers, by the hash of their cookie.
pub(crate) type BrowserStandings = Heard<TokenHash, (SessionId, Standing)>;

/// What was last heard of API keys.
pub(crate) type KeyStandings = Heard<KeyHash, KeyStanding>;

/// What the costliest hash of bcrypt costs that any account still has, if one has.
pub(crate) type BcryptInUse = Heard<(), Option<u32>>;

/// Answers of the database that are good for a moment.
#[derive(Debug)]
pub(crate) struct Heard<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K, V> Default for Heard<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V: Clone> Heard<K, V> {
    /// What was heard, or else what `ask` hears. That there is nothing is not remembered.
    pub(crate) async fn of(&self, key: K, ask: impl Future<Output = Result<Option<V>>>) -> Result<Option<V>> {
        if let Some((at, answer)) = self.lock().get(&key)
            && at.elapsed() < FRESH
        {
            return Ok(Some(answer.clone()));
        }
        // Before the question, for whatever changes while it is on its way is not in the answer.
        let asked_at = Instant::now();
        let answer = ask.await?;
        let mut known = self.lock();
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        match &answer {
            Some(answer) if known.len() < REMEMBERED_MAX => {
                known.insert(key, (asked_at, answer.clone()));
            }
            _ => {
                known.remove(&key);
            }
        }
        Ok(answer)
    }

    /// Forgets what was heard, so that this replica asks again at once.
    pub(crate) fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, (Instant, V)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_good_until_it_is_forgotten_and_nothing_is_asked_for_again() {
        let heard: Heard<u8, &str> = Heard::default();
        assert_eq!(
            heard.of(1, async { Ok(Some("first")) }).await.unwrap(),
            Some("first")
        );
        assert_eq!(
            heard.of(1, async { Ok(Some("second")) }).await.unwrap(),
            Some("first")
        );
        heard.forget_all();
        assert_eq!(heard.of(1, async { Ok(None) }).await.unwrap(), None);
        assert_eq!(
            heard.of(1, async { Ok(Some("third")) }).await.unwrap(),
            Some("third")
        );
    }
}
