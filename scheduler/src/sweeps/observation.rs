//! Looks at what waits and who works, for the metrics.

use std::time::Duration;

use database::{tasks, workers};
use domain::QueueName;
use telemetry::metrics;

use super::SweepError;
use crate::scheduler::Parts;

/// A worker heard of within this time is alive.
const ALIVE: Duration = Duration::from_secs(30);

/// Changes nothing and returns 0.
pub(crate) async fn observe(parts: &Parts) -> Result<u64, SweepError> {
    let now = parts.clock.now();
    for queue in QueueName::ALL {
        let backlog = tasks::backlog(&parts.database, *queue).await?;
        let oldest = backlog
            .oldest_due_at
            .and_then(|due| (now - due).to_std().ok())
            .unwrap_or_default();
        metrics::queue_observed(*queue, backlog.waiting, oldest);
    }
    let (alive, _slots) = workers::count_alive(&parts.database, now - ALIVE).await?;
    metrics::workers_observed(alive);
    Ok(0)
}
