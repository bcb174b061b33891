//! Deletes rows that have served their time: ended sessions, old slots, old idempotency keys, unique keys and leases whose
//! time is over, workers long gone, and tasks that were given up and that nobody put back in line.

use chrono::Duration;
use database::{cron_slots, jobs, politeness, sessions, tasks, unique_keys, workers};

use super::SweepError;
use crate::scheduler::Parts;

/// A spent refresh token is kept this long after its session ended, to recognise its reuse.
const SESSIONS_KEPT: Duration = Duration::days(7);
/// A client may send the same request again for a day.
const IDEMPOTENCY_KEYS_KEPT: Duration = Duration::hours(24);
/// Longer than any clock is wrong, or a scheduler away.
const SLOTS_KEPT: Duration = Duration::days(30);
/// What was given up waits so long for an operator, with the history of its attempts. Its document keeps its reason.
const GIVEN_UP_KEPT: Duration = Duration::days(30);
/// So long the tasks of a worker have the name of their owner.
const WORKERS_KEPT: Duration = Duration::days(30);
const BATCH: u32 = 1_000;

/// Returns how many rows were deleted or changed.
pub(crate) async fn delete(parts: &Parts) -> Result<u64, SweepError> {
    let now = parts.clock.now();
    let mut sum = cron_slots::delete_old(&parts.database, now - SLOTS_KEPT).await?;
    sum += workers::delete_silent(&parts.database, now - WORKERS_KEPT).await?;
    sum += politeness::delete_old(&parts.database, now).await?;
    loop {
        let sessions = sessions::delete_ended(&parts.database, now - SESSIONS_KEPT, u64::from(BATCH)).await?;
        let keys = jobs::forget_idempotency_keys(&parts.database, now - IDEMPOTENCY_KEYS_KEPT, BATCH).await?;
        let given_up = tasks::delete_given_up(&parts.database, now - GIVEN_UP_KEPT, BATCH).await?;
        let unique = unique_keys::delete_expired(&parts.database, now, BATCH).await?;
        sum += sessions + keys + given_up + unique;
        if sessions.max(keys).max(given_up).max(unique) < u64::from(BATCH) || parts.stopping.is_cancelled() {
            return Ok(sum);
        }
    }
}
