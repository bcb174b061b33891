//! The table of everything that happens again and again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveTime, Utc};
use database::audit::seals::Look;
use database::cron_slots;
use telemetry::metrics;

use crate::scheduler::Parts;
use crate::sweeps;

/// One line of the table.
pub(crate) struct Recurring {
    /// Its name in logs and metrics.
    name: &'static str,
    when: When,
    work: fn(Arc<Parts>) -> Work,
}

enum When {
    /// In every scheduler, again and again: harmless to do twice.
    Every(Duration),
    /// Once a day over all schedulers, at this hour UTC.
    Daily { hour: u32 },
}

type Work = Pin<Box<dyn Future<Output = Result<u64, sweeps::SweepError>> + Send>>;

const SECOND: Duration = Duration::from_secs(1);

/// What happens again and again. Intervals differ a little, so that sweeps do not meet.
pub(crate) const TABLE: &[Recurring] = &[
    Recurring {
        name: "recover_orphans",
        // A dead worker's task starts again 35 seconds after it died at the latest: this, its silence, and the dispatcher's
        // round.
        when: When::Every(Duration::from_millis(950)),
        work: |parts| Box::pin(async move { sweeps::orphans::recover(&parts).await }),
    },
    Recurring {
        name: "expire_jobs",
        when: When::Every(Duration::from_millis(3_700)),
        work: |parts| Box::pin(async move { sweeps::deadlines::expire(&parts).await }),
    },
    Recurring {
        name: "observe_queue",
        when: When::Every(SECOND.saturating_mul(11)),
        work: |parts| Box::pin(async move { sweeps::observation::observe(&parts).await }),
    },
    Recurring {
        name: "seal_audit_log",
        // The time in which a line can be changed unseen.
        when: When::Every(Duration::from_millis(4_300)),
        work: |parts| Box::pin(async move { sweeps::audit_seals::seal(&parts, Look::Lately).await }),
    },
    Recurring {
        name: "delete_discarded",
        when: When::Every(SECOND.saturating_mul(61)),
        work: |parts| Box::pin(async move { sweeps::discarded::delete(&parts).await }),
    },
    Recurring {
        name: "delete_closed_accounts",
        when: When::Every(SECOND.saturating_mul(601)),
        work: |parts| Box::pin(async move { sweeps::closed_accounts::delete(&parts).await }),
    },
    Recurring {
        name: "seal_late_audit_lines",
        when: When::Daily { hour: 4 },
        work: |parts| Box::pin(async move { sweeps::audit_seals::seal(&parts, Look::Everywhere).await }),
    },
    Recurring {
        name: "delete_expired_rows",
        when: When::Daily { hour: 2 },
        work: |parts| Box::pin(async move { sweeps::expired_rows::delete(&parts).await }),
    },
    Recurring {
        name: "delete_leftover_objects",
        when: When::Daily { hour: 3 },
        work: |parts| Box::pin(async move { sweeps::leftovers::delete(&parts).await }),
    },
];

/// How often a daily entry looks whether its day has come.
const LOOK_EVERY: Duration = SECOND.saturating_mul(30);

/// Runs one line of the table until the process is asked to stop.
pub(crate) async fn run(parts: Arc<Parts>, recurring: &'static Recurring) {
    let pause = match recurring.when {
        When::Every(pause) => pause,
        When::Daily { .. } => LOOK_EVERY,
    };
    loop {
        if is_mine(&parts, recurring).await {
            let started = Instant::now();
            match (recurring.work)(Arc::clone(&parts)).await {
                Ok(rows) => metrics::sweep_finished(recurring.name, rows, started.elapsed()),
                Err(error) => {
                    metrics::sweep_failed(recurring.name);
                    tracing::warn!("{} did not finish: {}", recurring.name, telemetry::chain(&error));
                }
            }
        }
        tokio::select! {
            () = parts.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Whether this scheduler should do it now.
async fn is_mine(parts: &Parts, recurring: &Recurring) -> bool {
    let When::Daily { hour } = recurring.when else {
        return true;
    };
    let now = parts.clock.now();
    match cron_slots::claim(&parts.database, recurring.name, daily_slot(now, hour), now).await {
        Ok(mine) => mine,
        Err(error) => {
            tracing::debug!(
                "could not look at the slot of {}: {}",
                recurring.name,
                telemetry::chain(&error)
            );
            false
        }
    }
}

/// The newest slot that has come: a scheduler that was away at the hour does the work when it is back.
fn daily_slot(now: DateTime<Utc>, hour: u32) -> DateTime<Utc> {
    let time = NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or(NaiveTime::MIN);
    let today = now.date_naive().and_time(time).and_utc();
    if today <= now {
        today
    } else {
        today - chrono::Duration::days(1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_is_the_newest_one_that_has_come() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(
            daily_slot(at("2026-03-04T02:00:00Z"), 2),
            at("2026-03-04T02:00:00Z")
        );
        assert_eq!(
            daily_slot(at("2026-03-04T23:59:59Z"), 2),
            at("2026-03-04T02:00:00Z")
        );
        assert_eq!(
            daily_slot(at("2026-03-04T01:59:59Z"), 2),
            at("2026-03-03T02:00:00Z")
        );
    }

    #[test]
    fn every_entry_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = TABLE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), TABLE.len());
    }
}
