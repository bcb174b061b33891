//! Runs as people see them, and how long they are kept.

use chrono::{DateTime, Utc};
use domain::schedules::{RunCause, RunState};
use domain::{RunId, ScheduleId, UserId};
use sea_orm::{FromQueryResult, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{Database, DatabaseError, Result, sql};

/// A run as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What it is a run of.
    pub schedule: ScheduleId,
    /// Its time had come, or somebody wanted it.
    pub cause: RunCause,
    /// The time that it is for; when somebody wanted it, the time of the wish.
    pub slot: DateTime<Utc>,
    /// The options of the work, as they were then.
    pub options: Json,
    /// Earlier slots for which it stands.
    pub missed: i32,
    /// Where it stands.
    pub state: RunState,
    /// Attempts so far that did not just change hands.
    pub attempt: i16,
    /// Attempts allowed.
    pub attempts_max: i16,
    /// How often its scheduler was lost.
    pub takeovers: i16,
    /// The scheduler that does it, or did it last: host and process.
    pub owner: Option<String>,
    /// When it may begin.
    pub run_at: DateTime<Utc>,
    /// When the last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it did.
    pub report: Option<Json>,
    /// Why it did not, or why its last attempt did not.
    pub error: Option<String>,
    /// Who wanted it.
    pub requested_by: Option<UserId>,
}

impl Run {
    pub(super) const fn attempts_max(retries: i16) -> i16 {
        retries.saturating_add(1)
    }
}

/// Which runs of a schedule are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those that stand here.
    pub state: Option<RunState>,
    /// Only those noted before this one.
    pub before: Option<RunId>,
}

/// A run of a schedule. `None` when there is none.
///
/// # Errors
/// When the database is away.
pub async fn find_run(db: &Database, id: RunId) -> Result<Option<Run>> {
    let row: Option<RunRow> = sql::first(
        db.connection(),
        format!("{SELECT_RUN} WHERE id = $1"),
        [id.uuid().into()],
    )
    .await?;
    row.map(Run::try_from).transpose()
}

/// Runs of a schedule, those noted last first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list_runs(
    db: &Database,
    schedule: ScheduleId,
    filter: RunFilter,
    limit: u64,
) -> Result<Vec<Run>> {
    let mut values: Vec<Value> = vec![schedule.uuid().into()];
    let mut statement = format!("{SELECT_RUN} WHERE schedule_id = $1");
    if let Some(state) = filter.state {
        values.push(state.as_str().into());
        statement += &format!(" AND state = ${}", values.len());
    }
    if let Some(before) = filter.before {
        values.push(before.uuid().into());
        statement += &format!(" AND id < ${}", values.len());
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    statement += &format!(" ORDER BY id DESC LIMIT ${}", values.len());
    let rows: Vec<RunRow> = sql::all(db.connection(), statement, values).await?;
    rows.into_iter().map(Run::try_from).collect()
}

/// The run of each of these schedules that was noted last.
///
/// # Errors
/// When the database is away.
pub async fn latest_runs(db: &Database, schedules: &[ScheduleId]) -> Result<Vec<Run>> {
    if schedules.is_empty() {
        return Ok(Vec::new());
    }
    let list = sql::placeholders(1, schedules.len());
    let rows: Vec<RunRow> = sql::all(
        db.connection(),
        format!(
            "{SELECT_RUN} WHERE id IN (SELECT (SELECT r.id FROM schedule_runs r WHERE r.schedule_id = s.id \
             ORDER BY r.id DESC LIMIT 1) FROM schedules s WHERE s.id IN ({list}))"
        ),
        schedules.iter().map(|id| Value::from(id.uuid())),
    )
    .await?;
    rows.into_iter().map(Run::try_from).collect()
}

/// Deletes at most `limit` runs that ended before `before`. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_old(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    sql::execute(
        db.connection(),
        "DELETE FROM schedule_runs WHERE id IN (SELECT id FROM schedule_runs WHERE finished_at < $1 LIMIT $2)",
        [before.into(), i64::from(limit).into()],
    )
    .await
}

/// Deletes at most `limit` ended runs of which the schedule has `keep` newer ones. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_surplus(db: &Database, keep: u32, limit: u32) -> Result<u64> {
    sql::execute(
        db.connection(),
        "DELETE FROM schedule_runs WHERE id IN (SELECT r.id FROM schedules s JOIN schedule_runs r \
         ON r.schedule_id = s.id WHERE r.finished_at IS NOT NULL AND r.id < (SELECT n.id FROM schedule_runs n \
         WHERE n.schedule_id = s.id ORDER BY n.id DESC LIMIT 1 OFFSET $1) LIMIT $2)",
        [
            i64::from(keep.saturating_sub(1)).into(),
            i64::from(limit).into(),
        ],
    )
    .await
}

const SELECT_RUN: &str = "SELECT id, schedule_id, cause, slot, options, missed, state, attempt, attempts_max, takeovers, \
    owner, run_at, started_at, finished_at, report, error, requested_by FROM schedule_runs";

#[derive(FromQueryResult)]
struct RunRow {
    id: Uuid,
    schedule_id: Uuid,
    cause: String,
    slot: DateTime<Utc>,
    options: Json,
    missed: i32,
    state: String,
    attempt: i16,
    attempts_max: i16,
    takeovers: i16,
    owner: Option<String>,
    run_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    report: Option<Json>,
    error: Option<String>,
    requested_by: Option<Uuid>,
}

impl TryFrom<RunRow> for Run {
    type Error = DatabaseError;

    fn try_from(row: RunRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            schedule: row.schedule_id.into(),
            cause: row.cause.parse()?,
            slot: row.slot,
            options: row.options,
            missed: row.missed,
            state: row.state.parse()?,
            attempt: row.attempt,
            attempts_max: row.attempts_max,
            takeovers: row.takeovers,
            owner: row.owner,
            run_at: row.run_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            report: row.report,
            error: row.error,
            requested_by: row.requested_by.map(UserId::from),
        })
    }
}
