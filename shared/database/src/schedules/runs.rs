//! Runs on their way: claimed with a fence, kept by signs of life, taken over from the silent, ended once.

use chrono::{DateTime, Utc};
use domain::schedules::{RunState, WorkKind};
use domain::{RunId, ScheduleId};
use sea_orm::{FromQueryResult, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{Database, DatabaseError, Result, sql};

/// Schedulers that may die on one run. A run that ends so many is to blame, and fails.
pub const TAKEOVERS_MAX: i16 = 5;

/// Why a run fails that was lost too often.
const KILLS_SCHEDULERS: &str = "every scheduler that tried it was lost";

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
