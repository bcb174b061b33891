//! Deletes rows that have served their time: ended sessions, old runs of schedules, old idempotency keys,
//! unique keys and leases whose time is over, workers long gone, messages to people that have ended, and
//! tasks that were given up and that nobody put back in line.

use chrono::Duration;
use database::{jobs, mails, politeness, saved_searches, schedules, sessions, tasks, unique_keys, workers};
use domain::schedules::ExpiredRows;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{SweepError, Swept};
use crate::scheduler::Parts;

const BATCH: u32 = 1_000;
/// An ended message holds an address, and is of use only to whoever asks why it did not arrive.
const MESSAGES_KEPT: Duration = Duration::days(3);

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    pub(crate) sessions: u64,
    /// Forgotten; the jobs and the searches stay.
    pub(crate) idempotency_keys: u64,
    pub(crate) given_up_tasks: u64,
    pub(crate) workers: u64,
    /// Of schedules.
    pub(crate) runs: u64,
    /// Unique keys, and leases of other hosts, whose time is over.
    pub(crate) keys_and_leases: u64,
    /// Messages to people that were sent or given up, with the hashes of their links.
    pub(crate) messages: u64,
}

impl Report {
    /// Rows deleted or changed.
    pub(crate) const fn rows(&self) -> u64 {
        self.sessions
            + self.idempotency_keys
            + self.given_up_tasks
            + self.workers
            + self.runs
            + self.keys_and_leases
            + self.messages
    }
}

/// Deletes what is older than the options say, and adds to the report how much it was.
pub(crate) async fn delete(
    parts: &Parts,
    options: &ExpiredRows,
    stop: &CancellationToken,
    report: &mut Report,
) -> Result<Swept, SweepError> {
    let now = parts.clock.now();
    let days = |days: u32| now - Duration::days(i64::from(days));
    let keys_before = now - Duration::hours(i64::from(options.idempotency_keys_hours));
    report.workers += workers::delete_silent(&parts.database, days(options.workers_days)).await?;
    report.keys_and_leases += politeness::delete_old(&parts.database, now).await?;
    while !stop.is_cancelled() {
        let db = &parts.database;
        let unique = unique_keys::delete_expired(db, now, BATCH).await?;
        report.keys_and_leases += unique;
        let sessions =
            sessions::delete_ended(db, days(options.ended_sessions_days), u64::from(BATCH)).await?;
        report.sessions += sessions;
        let keys = jobs::forget_idempotency_keys(db, keys_before, BATCH).await?;
        let keys_of_searches = saved_searches::forget_idempotency_keys(db, keys_before, BATCH).await?;
        report.idempotency_keys += keys + keys_of_searches;
        let given_up = tasks::delete_given_up(db, days(options.given_up_tasks_days), BATCH).await?;
        report.given_up_tasks += given_up;
        let old = schedules::delete_old(db, days(options.runs_days), BATCH).await?;
        report.runs += old;
        let surplus = schedules::delete_surplus(db, options.runs_per_schedule_max, BATCH).await?;
        report.runs += surplus;
        let messages = mails::delete_ended(db, now - MESSAGES_KEPT, BATCH).await?;
        report.messages += messages;
        let all = [
            sessions,
            keys,
            keys_of_searches,
            given_up,
            old,
            surplus,
            unique,
            messages,
        ];
        if all.iter().all(|rows| *rows < u64::from(BATCH)) {
            return Ok(Swept::All);
        }
    }
    Ok(Swept::Some)
}
