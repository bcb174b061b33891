//! Deletes accounts that their owners closed, with every job and document of theirs.

use std::time::Duration;

use database::audit::{self, Entry, Origin, Outcome};
use database::{jobs, users};
use domain::UserId;

use super::SweepError;
use crate::scheduler::Parts;

/// An administrator can open a closed account again for half a day. The other half of the day that is promised is for a
/// scheduler that was away.
const LEFT_ALONE: Duration = Duration::from_secs(12 * 3600);
/// Accounts that are looked up at once.
const BATCH: u32 = 100;

/// Returns how many accounts are gone for good. Their objects in storage go with the next round for discarded documents.
pub(crate) async fn delete(parts: &Parts) -> Result<u64, SweepError> {
    let mut sum = 0;
    loop {
        let closed = users::closed(&parts.database, parts.clock.now() - LEFT_ALONE, BATCH).await?;
        let mut deleted = 0;
        for user in &closed {
            if parts.stopping.is_cancelled() {
                return Ok(sum);
            }
            deleted += u64::from(delete_one(parts, *user).await?);
        }
        sum += deleted;
        // Nothing deleted: somebody else is faster, or an account has got something new. Then the next round goes on.
        if closed.len() < BATCH as usize || deleted == 0 {
            return Ok(sum);
        }
    }
}

async fn delete_one(parts: &Parts, user: UserId) -> Result<bool, SweepError> {
    let now = parts.clock.now();
    loop {
        let left = users::jobs_left(&parts.database, user, BATCH).await?;
        for job in &left {
            jobs::delete(&parts.database, user, *job, Origin::default(), now).await?;
            if parts.stopping.is_cancelled() {
                return Ok(false);
            }
        }
        if left.len() < BATCH as usize {
            break;
        }
    }
    let deleted = users::delete_closed(&parts.database, user).await?;
    if deleted {
        let entry = Entry {
            user: None,
            action: "user.delete",
            resource: Some(("user", user.uuid())),
            outcome: Outcome::Success,
            origin: Origin::default(),
        };
        audit::record(&parts.database, entry, now).await?;
        tracing::info!(user.id = %user, "deleted the closed account {user}");
    }
    Ok(deleted)
}
