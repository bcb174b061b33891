//! What happens again and again, and every run of it.
//!
//! A schedule waits for one slot at a time (`next_at`). Firing is one transaction that moves it on and notes the run: of any
//! number of schedulers one does it, and a death before the commit leaves the slot to the next one that looks. A run is
//! claimed with a fence and a sign of life, as a task is.

mod change;
mod fire;
mod run_log;
mod runs;

use chrono::{DateTime, Utc};
use domain::ScheduleId;
use domain::schedules::{Plan, WorkKind};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use crate::{Database, DatabaseError, Result, sql};
pub use change::{Added, Changed, add, edit, insert_missing, pause, remove, resume};
pub use fire::{RUNS_WAITING_MAX, RunNow, fire, run_now};
pub use run_log::{Run, RunFilter, delete_old, delete_surplus, find_run, latest_runs, list_runs};
pub use runs::{Ended, RunClaim, TAKEOVERS_MAX, TakenOver, beat, claim, fail, finish, give_back, take_over};

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// What people call it; unique.
    pub name: String,
    /// Everything that is decided about it.
    pub plan: Plan,
    /// Whether it came with docmill; such a one can be edited and paused, and not removed.
    pub built_in: bool,
    /// Grows with every change that a person makes. Firing does not count.
    pub version: i64,
    /// Since when it is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// The slot that it waits for; `None` while it is paused.
    pub next_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

const SELECT: &str = "SELECT id, name, work, options, cron, every_seconds, time_zone, missed, overlap, retries, built_in, \
    version, paused_at, next_at, created_at, updated_at FROM schedules";

/// At most `limit` schedules by name, from the `offset`-th on, which counts from 0.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, offset: u64, limit: u64) -> Result<Vec<Schedule>> {
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!("{SELECT} ORDER BY name LIMIT $1 OFFSET $2"),
        [number(limit), number(offset)],
    )
    .await?;
    rows.into_iter().map(Schedule::try_from).collect()
}

/// The schedule of that name. `None` when there is none.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, name: &str) -> Result<Option<Schedule>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("{SELECT} WHERE name = $1"),
        [name.into()],
    )
    .await?;
    row.map(Schedule::try_from).transpose()
}

/// Schedules whose slot has come, at most `limit`, those that wait longest first. What this release does not understand is
/// left to those that do.
///
/// # Errors
/// When the database is away.
pub async fn due(db: &Database, now: DateTime<Utc>, limit: u32) -> Result<Vec<Schedule>> {
    let kinds = WorkKind::ALL.iter().map(|kind| Value::from(kind.as_str()));
    let list = sql::placeholders(3, WorkKind::ALL.len());
    let values: [Value; 2] = [now.into(), i64::from(limit).into()];
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!("{SELECT} WHERE next_at <= $1 AND work IN ({list}) ORDER BY next_at LIMIT $2"),
        values.into_iter().chain(kinds),
    )
    .await?;
    let understood = |row: Row| {
        let name = row.name.clone();
        Schedule::try_from(row)
            .inspect_err(|error| tracing::debug!("left the schedule {name} to others: {error}"))
            .ok()
    };
    Ok(rows.into_iter().filter_map(understood).collect())
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    name: String,
    work: String,
    options: serde_json::Value,
    cron: Option<String>,
    every_seconds: Option<i32>,
    time_zone: String,
    missed: String,
    overlap: String,
    retries: i16,
    built_in: bool,
    version: i64,
    paused_at: Option<DateTime<Utc>>,
    next_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Schedule {
    type Error = DatabaseError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            plan: Plan {
                work: row.work,
                options: row.options,
                cron: row.cron,
                every_seconds: row.every_seconds.map(i32::cast_unsigned),
                time_zone: row.time_zone,
                missed: row.missed.parse()?,
                overlap: row.overlap.parse()?,
                retries: row.retries,
            },
            built_in: row.built_in,
            version: row.version,
            paused_at: row.paused_at,
            next_at: row.next_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
