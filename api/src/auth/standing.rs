//! Whether a session still stands, asked at most every few seconds: a revoked session, a disabled account and a changed
//! role take effect on every replica within [`FRESH`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use database::sessions::{self, Standing};
use database::{Database, Result};
use domain::SessionId;

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(4);
/// Sessions remembered at most; beyond it the stale ones are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// What was last heard of sessions.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<HashMap<SessionId, (Instant, Standing)>>);

impl Standings {
    /// How a session stands; `None` when there is none.
    pub(crate) async fn of(
        &self,
        database: &Database,
        session: SessionId,
        now: DateTime<Utc>,
    ) -> Result<Option<Standing>> {
        if let Some((at, standing)) = self.lock().get(&session)
            && at.elapsed() < FRESH
        {
            return Ok(Some(standing.clone()));
        }
        let standing = sessions::standing(database, session, now).await?;
        let mut known = self.lock();
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        match &standing {
            Some(standing) if known.len() < REMEMBERED_MAX => {
                known.insert(session, (Instant::now(), standing.clone()));
            }
            _ => {
                known.remove(&session);
            }
        }
        Ok(standing)
    }

    /// Forgets what was heard, so that this replica asks again at once.
    pub(crate) fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, (Instant, Standing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
