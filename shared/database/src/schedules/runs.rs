//! Runs: claimed with a fence, kept by signs of life, taken over from the silent, ended once.

use chrono::{DateTime, Utc};
use domain::schedules::{RunCause, RunState, WorkKind};
use domain::{RunId, ScheduleId, UserId};
use sea_orm::{FromQueryResult, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{Database, DatabaseError, Result, sql};

/// Schedulers that may die on one run. A run that ends so many is to blame, and fails.
pub const TAKEOVERS_MAX: i16 = 5;

/// Why a run fails that was lost too often.
const KILLS_SCHEDULERS: &str = "every scheduler that tried it was lost";

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

/// A run that this process owns until somebody else does.
#[derive(Debug, Clone, PartialEq)]
pub struct RunClaim {
    /// The run.
    pub run: RunId,
    /// Its schedule.
    pub schedule: ScheduleId,
    /// The name of its schedule.
    pub name: String,
    /// What is to be done: a kind that this release knows.
    pub work: WorkKind,
    /// How.
    pub options: Json,
    /// The time that it is for.
    pub slot: DateTime<Utc>,
    /// The number of this claim, without which nothing is written.
    pub fence: i64,
    /// The number of this attempt, from 1.
    pub attempt: i16,
    /// What earlier attempts of the run have done.
    pub report: Option<Json>,
}

/// Which runs of a schedule are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those that stand here.
    pub state: Option<RunState>,
    /// Only those noted before this one.
    pub before: Option<RunId>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// For good.
    Now,
    /// Another attempt follows.
    Again,
    /// The run belongs to somebody else by now, is cancelled, or is gone.
    Lost,
}

/// What came of looking for lost schedulers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// Runs that wait again.
    pub waiting: u64,
    /// Runs that were lost too often.
    pub failed: u64,
}

/// Claims at most `limit` runs that may begin now: of each schedule the oldest, when none of it is under way and this release
/// knows its work. `owner` is what people call the process.
///
/// # Errors
/// When the database is away. Claims of which no answer came are taken over when their owner gives no sign.
pub async fn claim(db: &Database, owner: &str, limit: u32, now: DateTime<Utc>) -> Result<Vec<RunClaim>> {
    let kinds = WorkKind::ALL.iter().map(|kind| Value::from(kind.as_str()));
    let list = sql::placeholders(4, WorkKind::ALL.len());
    let lock = match db.backend() {
        sea_orm::DbBackend::Postgres => " FOR UPDATE OF r SKIP LOCKED",
        _ => "",
    };
    let values: [Value; 3] = [owner.into(), now.into(), i64::from(limit).into()];
    let claimed: Result<Vec<ClaimRow>> = sql::all(
        db.connection(),
        format!(
            "UPDATE schedule_runs SET state = 'running', owner = $1, attempt = attempt + 1, fence = fence + 1, \
             heartbeat_at = $2, started_at = $2 WHERE state = 'waiting' AND id IN (\
                SELECT r.id FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id \
                WHERE r.state = 'waiting' AND r.run_at <= $2 AND s.work IN ({list}) AND NOT EXISTS (\
                    SELECT 1 FROM schedule_runs e WHERE e.schedule_id = r.schedule_id AND (e.state = 'running' \
                    OR (e.state = 'waiting' AND (e.slot < r.slot OR (e.slot = r.slot AND e.id < r.id))))) \
                ORDER BY r.run_at, r.id LIMIT $3{lock}) \
             RETURNING id, schedule_id, slot, options, fence, attempt, report, \
                (SELECT s.name FROM schedules s WHERE s.id = schedule_id) AS name, \
                (SELECT s.work FROM schedules s WHERE s.id = schedule_id) AS work"
        ),
        values.into_iter().chain(kinds),
    )
    .await;
    match claimed {
        Ok(rows) => rows.into_iter().map(RunClaim::try_from).collect(),
        // Another scheduler began a run of the same schedule in between. The next look finds what is left.
        Err(DatabaseError::Constraint(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Writes a sign of life. `false` when the run is not this claim's any more: whoever does it should stop.
///
/// # Errors
/// When the database is away.
pub async fn beat(db: &Database, claim: &RunClaim, now: DateTime<Utc>) -> Result<bool> {
    let beaten = sql::execute(
        db.connection(),
        "UPDATE schedule_runs SET heartbeat_at = $3 WHERE id = $1 AND fence = $2 AND state = 'running'",
        [claim.run.uuid().into(), claim.fence.into(), now.into()],
    )
    .await?;
    Ok(beaten == 1)
}

/// Ends a run that has done what it should. `false` when it is not this claim's any more.
///
/// # Errors
/// When the database is away. Then it may have happened or not.
pub async fn finish(db: &Database, claim: &RunClaim, report: &Json, now: DateTime<Utc>) -> Result<bool> {
    let finished = sql::execute(
        db.connection(),
        "UPDATE schedule_runs SET state = 'done', finished_at = $3, report = $4, error = NULL \
         WHERE id = $1 AND fence = $2 AND state = 'running'",
        [
            claim.run.uuid().into(),
            claim.fence.into(),
            now.into(),
            report.clone().into(),
        ],
    )
    .await?;
    Ok(finished == 1)
}

/// Ends an attempt that failed, with what it has done so far: the run waits until `again_at`, or has failed for good when it
/// was the last one.
///
/// # Errors
/// When the database is away. Then it may have happened or not.
pub async fn fail(
    db: &Database,
    claim: &RunClaim,
    error: &str,
    report: &Json,
    again_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Ended> {
    let state: Option<StateRow> = sql::first(
        db.connection(),
        "UPDATE schedule_runs SET state = CASE WHEN attempt < attempts_max THEN 'waiting' ELSE 'failed' END, \
         finished_at = CASE WHEN attempt < attempts_max THEN NULL ELSE $3 END, run_at = $4, error = $5, report = $6 \
         WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING state",
        [
            claim.run.uuid().into(),
            claim.fence.into(),
            now.into(),
            again_at.into(),
            error.into(),
            report.clone().into(),
        ],
    )
    .await?;
    Ok(match state.map(|row| row.state.parse()).transpose()? {
        None => Ended::Lost,
        Some(RunState::Waiting) => Ended::Again,
        Some(_) => Ended::Now,
    })
}

/// Hands a run back that was not finished because the process stops, with what it has done so far. It costs no attempt, and
/// begins elsewhere at once. `false` when it is not this claim's any more.
///
/// # Errors
/// When the database is away; the owner's silence will tell.
pub async fn give_back(db: &Database, claim: &RunClaim, report: &Json, now: DateTime<Utc>) -> Result<bool> {
    let given = sql::execute(
        db.connection(),
        "UPDATE schedule_runs SET state = 'waiting', attempt = attempt - 1, run_at = $3, report = $4 \
         WHERE id = $1 AND fence = $2 AND state = 'running'",
        [
            claim.run.uuid().into(),
            claim.fence.into(),
            now.into(),
            report.clone().into(),
        ],
    )
    .await?;
    Ok(given == 1)
}

/// Takes runs back whose scheduler has given no sign since `silent_since`, at most `limit`. Being lost costs no attempt, and
/// is counted by itself: the run of which [`TAKEOVERS_MAX`] schedulers were lost has failed.
///
/// # Errors
/// When the database is away.
pub async fn take_over(
    db: &Database,
    silent_since: DateTime<Utc>,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<TakenOver> {
    let skip_locked = sql::skip_locked(db.connection());
    let rows: Vec<StateRow> = sql::all(
        db.connection(),
        format!(
            "UPDATE schedule_runs SET state = CASE WHEN takeovers + 1 < $3 THEN 'waiting' ELSE 'failed' END, \
             finished_at = CASE WHEN takeovers + 1 < $3 THEN NULL ELSE $2 END, \
             error = CASE WHEN takeovers + 1 < $3 THEN error ELSE $4 END, \
             takeovers = takeovers + 1, attempt = attempt - 1, run_at = $2 \
             WHERE state = 'running' AND heartbeat_at <= $1 AND id IN (SELECT id FROM schedule_runs \
             WHERE state = 'running' AND heartbeat_at <= $1 ORDER BY id LIMIT $5{skip_locked}) RETURNING state"
        ),
        [
            silent_since.into(),
            now.into(),
            TAKEOVERS_MAX.into(),
            KILLS_SCHEDULERS.into(),
            i64::from(limit).into(),
        ],
    )
    .await?;
    let waiting = rows.iter().filter(|row| row.state == "waiting").count() as u64;
    Ok(TakenOver {
        waiting,
        failed: rows.len() as u64 - waiting,
    })
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
struct StateRow {
    state: String,
}

#[derive(FromQueryResult)]
struct ClaimRow {
    id: Uuid,
    schedule_id: Uuid,
    name: String,
    work: String,
    slot: DateTime<Utc>,
    options: Json,
    fence: i64,
    attempt: i16,
    report: Option<Json>,
}

impl TryFrom<ClaimRow> for RunClaim {
    type Error = DatabaseError;

    fn try_from(row: ClaimRow) -> Result<Self> {
        Ok(Self {
            run: row.id.into(),
            schedule: row.schedule_id.into(),
            name: row.name,
            work: row.work.parse()?,
            options: row.options,
            slot: row.slot,
            fence: row.fence,
            attempt: row.attempt,
            report: row.report,
        })
    }
}

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
