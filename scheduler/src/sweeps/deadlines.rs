//! Ends jobs whose deadline has come, whatever else is away.

use database::tasks;
use telemetry::metrics;

use super::SweepError;
use crate::scheduler::Parts;

const BATCH: u32 = 500;

/// Returns how many tasks expired.
pub(crate) async fn expire(parts: &Parts) -> Result<u64, SweepError> {
    let mut sum = 0;
    loop {
        let expired = tasks::expire(&parts.database, parts.clock.now(), BATCH).await?;
        sum += expired;
        if expired > 0 {
            metrics::jobs_expired(expired);
            tracing::warn!("{expired} documents reached the deadline of their job");
        }
        if expired < u64::from(BATCH) || parts.stopping.is_cancelled() {
            return Ok(sum);
        }
    }
}
