//! Takes tasks back whose worker is not heard of any more.

use std::time::Duration;

use database::mails;
use database::tasks::{self, Recovered};
use telemetry::metrics;

use super::SweepError;
use crate::scheduler::Parts;

/// Silence after which a worker counts as dead: six of its signs of life.
const SILENCE: Duration = Duration::from_secs(30);
const BATCH: u32 = 500;

/// Returns how many tasks were taken back or given up.
pub(crate) async fn recover(parts: &Parts) -> Result<u64, SweepError> {
    let mut sum = recover_messages(parts).await?;
    loop {
        let now = parts.clock.now();
        let recovered = tasks::recover_orphans(&parts.database, now - SILENCE, now, BATCH).await?;
        let rows = recovered.queued + recovered.dead;
        sum += rows;
        if rows > 0 {
            metrics::orphans_recovered(rows);
            let (queued, dead) = (recovered.queued, recovered.dead);
            tracing::warn!("took back {queued} tasks of dead workers and gave {dead} up");
        }
        if rows < u64::from(BATCH) || parts.stopping.is_cancelled() {
            return Ok(sum);
        }
    }
}

/// There are never many: a worker sends a few at a time.
async fn recover_messages(parts: &Parts) -> Result<u64, SweepError> {
    let now = parts.clock.now();
    let Recovered { queued, dead } = mails::recover_orphans(&parts.database, now - SILENCE, now).await?;
    if queued + dead > 0 {
        metrics::orphans_recovered(queued + dead);
        tracing::warn!("took back {queued} messages of dead workers and gave {dead} up");
    }
    Ok(queued + dead)
}
