//! Deletes rows that have served their time: ended sessions, old slots, old idempotency keys.

use chrono::Duration;
use database::{cron_slots, jobs, sessions};

use super::SweepError;
use crate::scheduler::Parts;

/// A spent refresh token is kept this long after its session ended, to recognise its reuse.
const SESSIONS_KEPT: Duration = Duration::days(7);
/// A client may send the same request again for a day.
const IDEMPOTENCY_KEYS_KEPT: Duration = Duration::hours(24);
/// Longer than any clock is wrong, or a scheduler away.
const SLOTS_KEPT: Duration = Duration::days(30);
const BATCH: u32 = 1_000;

/// Returns how many rows were deleted or changed.
pub(crate) async fn delete(parts: &Parts) -> Result<u64, SweepError> {
    let now = parts.clock.now();
    let mut sum = cron_slots::delete_old(&parts.database, now - SLOTS_KEPT).await?;
    loop {
        let sessions = sessions::delete_ended(&parts.database, now - SESSIONS_KEPT, u64::from(BATCH)).await?;
        let keys = jobs::forget_idempotency_keys(&parts.database, now - IDEMPOTENCY_KEYS_KEPT, BATCH).await?;
        sum += sessions + keys;
        if sessions.max(keys) < u64::from(BATCH) || parts.stopping.is_cancelled() {
            return Ok(sum);
        }
    }
}
