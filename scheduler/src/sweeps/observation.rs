//! Looks at what waits and who works, for the metrics.

use database::{tasks, workers};
use domain::{Priority, QueueName, limits};
use telemetry::metrics;

use super::SweepError;
use crate::scheduler::Parts;

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
        let due = tasks::oldest_by_level(&parts.database, *queue).await?;
        for level in Priority::ALL {
            let due = due.iter().find(|(waiting, _)| waiting == level);
            let oldest = due.and_then(|(_, due)| (now - *due).to_std().ok());
            metrics::oldest_wait_observed(*queue, *level, oldest.unwrap_or_default());
        }
    }
    let (alive, _slots) = workers::count_alive(&parts.database, now - limits::WORKER_SILENCE).await?;
    metrics::workers_observed(alive);
    Ok(0)
}
