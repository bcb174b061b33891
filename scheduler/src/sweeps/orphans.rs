//! Takes tasks back whose worker is not heard of any more.

use std::time::Duration;

use database::tasks;
use telemetry::metrics;

use super::SweepError;
use crate::scheduler::Parts;

/// Silence after which a worker counts as dead: six of its signs of life.
const SILENCE: Duration = Duration::from_secs(30);
const BATCH: u32 = 500;

/// Returns how many tasks were taken back or given up.
pub(crate) async fn recover(parts: &Parts) -> Result<u64, SweepError> {
    let mut sum = 0;
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
