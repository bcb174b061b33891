//! The table of what every scheduler does every few seconds. It is harmless to do twice and has nothing to decide, so it is no
//! row that anybody could edit or pause; what is done once, and at a time, is a schedule.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use database::audit::seals::Look;
use telemetry::metrics;

use crate::scheduler::Parts;
use crate::sweeps;

/// One line of the table.
pub(crate) struct Recurring {
    /// Its name in logs and metrics.
    name: &'static str,
    /// The pause between two times.
    every: Duration,
    work: fn(Arc<Parts>) -> Work,
}

type Work = Pin<Box<dyn Future<Output = Result<u64, sweeps::SweepError>> + Send>>;

const SECOND: Duration = Duration::from_secs(1);

/// What every scheduler does. Intervals differ a little, so that sweeps do not meet.
pub(crate) const TABLE: &[Recurring] = &[
    Recurring {
        name: "recover_orphans",
        // A dead worker's task starts again 35 seconds after it died at the latest: this, its silence, and the dispatcher's
        // round.
        every: Duration::from_millis(950),
        work: |parts| Box::pin(async move { sweeps::orphans::recover(&parts).await }),
    },
    Recurring {
        name: "expire_jobs",
        every: Duration::from_millis(3_700),
        work: |parts| Box::pin(async move { sweeps::deadlines::expire(&parts).await }),
    },
    Recurring {
        name: "observe_queue",
        every: SECOND.saturating_mul(11),
        work: |parts| Box::pin(async move { sweeps::observation::observe(&parts).await }),
    },
    Recurring {
        name: "seal_audit_log",
        // The time in which a line can be changed unseen.
        every: Duration::from_millis(4_300),
        work: |parts| Box::pin(async move { sweeps::audit_seals::seal(&parts, Look::Lately).await }),
    },
    Recurring {
        name: "write_search_entries",
        every: SECOND.saturating_mul(7),
        work: |parts| Box::pin(async move { sweeps::search_entries::write(&parts).await }),
    },
    Recurring {
        name: "delete_discarded",
        every: SECOND.saturating_mul(61),
        work: |parts| Box::pin(async move { sweeps::discarded::delete(&parts).await }),
    },
    Recurring {
        name: "delete_closed_accounts",
        every: SECOND.saturating_mul(601),
        work: |parts| Box::pin(async move { sweeps::closed_accounts::delete(&parts).await }),
    },
    Recurring {
        name: "seal_late_audit_lines",
        every: SECOND.saturating_mul(21_613),
        work: |parts| Box::pin(async move { sweeps::audit_seals::seal(&parts, Look::Everywhere).await }),
    },
];

/// Runs one line of the table until the process is asked to stop.
pub(crate) async fn run(parts: Arc<Parts>, recurring: &'static Recurring) {
    loop {
        let started = Instant::now();
        match (recurring.work)(Arc::clone(&parts)).await {
            Ok(rows) => metrics::sweep_finished(recurring.name, rows, started.elapsed()),
            Err(error) => {
                metrics::sweep_failed(recurring.name);
                tracing::warn!("{} did not finish: {}", recurring.name, telemetry::chain(&error));
            }
        }
        tokio::select! {
            () = parts.stopping.cancelled() => return,
            () = tokio::time::sleep(recurring.every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = TABLE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), TABLE.len());
    }
}
