//! What becomes of tasks whose worker has died or whose time has run out. Bounded batches, safe to repeat and to run
//! in several schedulers at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{AttemptEnd, JobStatus, ReasonCode, TaskId};
use sea_orm::{DatabaseTransaction, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use super::close::{Ended, fail_documents};
use super::{End, Reason, append, append_if_running, held_until};
use crate::{Database, Result, sql};

/// What became of tasks whose worker is no longer heard of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Back in line.
    pub queued: u64,
    /// Their attempts were used up: a document that kills workers stops here.
    pub dead: u64,
}

/// What a worker ran beside a document that killed it comes back together with it. After the second death they are given
/// out one after the other, so that the one that is to blame is alone with its third attempt.
pub const SUSPECTS_APART: Duration = Duration::from_secs(5);

// That there is an owner goes without saying, except to the index of running tasks.
const NO_LIVING_OWNER: &str = "t.owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = t.owner \
     AND w.heartbeat_at >= $1 AND w.stopped_at IS NULL)";

/// Takes back at most `limit` running tasks whose owner has said goodbye, or has not been heard of since `silent_since`. The
/// attempt counts.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn recover_orphans(
    db: &Database,
    silent_since: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Recovered> {
    let orphans = format!(
        "SELECT t.id, t.attempt, t.attempts_max FROM tasks t WHERE t.state = 'running' AND {NO_LIVING_OWNER}"
    );
    let values: [Value; 2] = [silent_since.into(), i64::from(limit).into()];
    // Nearly always there is none, and that is found without a transaction.
    let one: Option<Orphan> = sql::first(
        db.connection(),
        format!("{orphans} LIMIT 1"),
        [silent_since.into()],
    )
    .await?;
    if one.is_none() {
        return Ok(Recovered::default());
    }
    let transaction = db.begin().await?;
    let skip_locked = of_tasks(db.backend());
    let orphans: Vec<Orphan> = sql::all(
        &transaction,
        format!("{orphans} ORDER BY t.id LIMIT $2{skip_locked}"),
        values,
    )
    .await?;
    let recovered = lose(&transaction, db.backend(), &orphans, now).await?;
    transaction.commit().await?;
    Ok(recovered)
}

/// As [`recover_orphans`], for claims whose end a living worker could not write down. A claim that is not the standing one any
/// more is left alone.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn lose_these(db: &Database, claims: &[(TaskId, i64)], now: DateTime<Utc>) -> Result<Recovered> {
    if claims.is_empty() {
        return Ok(Recovered::default());
    }
    let pairs = sql::pairs(1, claims.len());
    let mut values = Vec::with_capacity(2 * claims.len());
    for (task, fence) in claims {
        values.extend([Value::from(task.uuid()), Value::from(*fence)]);
    }
    let in_order = sql::locked_in_order(db.connection());
    let transaction = db.begin().await?;
    let lost: Vec<Orphan> = sql::all(
        &transaction,
        format!(
            "SELECT id, attempt, attempts_max FROM tasks WHERE state = 'running' \
             AND (id, fence) IN (VALUES {pairs}){in_order}"
        ),
        values,
    )
    .await?;
    let recovered = lose(&transaction, db.backend(), &lost, now).await?;
    transaction.commit().await?;
    Ok(recovered)
}

#[derive(FromQueryResult)]
struct Orphan {
    id: Uuid,
    attempt: i16,
    attempts_max: i16,
}

/// Ends the attempts of tasks that this transaction has locked: their worker is dead.
async fn lose(
    transaction: &DatabaseTransaction,
    backend: DbBackend,
    orphans: &[Orphan],
    now: DateTime<Utc>,
) -> Result<Recovered> {
    let (dead, waiting): (Vec<&Orphan>, Vec<&Orphan>) =
        orphans.iter().partition(|task| task.attempt >= task.attempts_max);
    let (suspects, first): (Vec<&Orphan>, Vec<&Orphan>) = waiting.iter().partition(|task| task.attempt >= 2);
    let first: Vec<Uuid> = first.iter().map(|task| task.id).collect();
    let mut queued = requeue_lost(transaction, backend, &first, now, now).await?;
    let mut run_at = now;
    for suspect in suspects {
        queued += requeue_lost(transaction, backend, &[suspect.id], run_at, now).await?;
        run_at += SUSPECTS_APART;
    }
    let dead: Vec<Uuid> = dead.iter().map(|task| task.id).collect();
    let dead = give_up(transaction, backend, &dead, now).await?;
    Ok(Recovered { queued, dead })
}

const LOST: End<'static> = End {
    how: AttemptEnd::Lost,
    at: "$1",
    code: "$2",
    detail: "$3",
};

async fn requeue_lost(
    transaction: &DatabaseTransaction,
    backend: DbBackend,
    ids: &[Uuid],
    run_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let reason = ReasonCode::WorkerLost;
    let mut values: Vec<Value> = vec![
        now.into(),
        reason.as_str().into(),
        reason.meaning().into(),
        run_at.into(),
        held_until(run_at, now).into(),
    ];
    let list = sql::placeholders(values.len() + 1, ids.len());
    values.extend(ids.iter().map(|id| Value::from(*id)));
    let history = append(backend, LOST);
    sql::execute(
        transaction,
        format!(
            "UPDATE tasks SET state = 'queued', owner = NULL, dispatched_at = NULL, error_code = $2, error_detail = $3, \
             run_at = $4, held = $5, history = {history} WHERE id IN ({list})"
        ),
        values,
    )
    .await
}

async fn give_up(
    transaction: &DatabaseTransaction,
    backend: DbBackend,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let (lost, reason) = (ReasonCode::WorkerLost, Reason::of(ReasonCode::CrashedWorker));
    let mut values: Vec<Value> = vec![
        now.into(),
        lost.as_str().into(),
        lost.meaning().into(),
        reason.code.as_str().into(),
        reason.detail.as_str().into(),
    ];
    let list = sql::placeholders(values.len() + 1, ids.len());
    values.extend(ids.iter().map(|id| Value::from(*id)));
    let history = append(backend, LOST);
    let ended: Vec<Ended> = sql::all(
        transaction,
        format!(
            "UPDATE tasks SET state = 'dead', owner = NULL, finished_at = $1, error_code = $4, error_detail = $5, \
             history = {history} WHERE id IN ({list}) RETURNING job_id, document_id, started_at"
        ),
        values,
    )
    .await?;
    fail_documents(transaction, &ended, &reason, JobStatus::Failed, now).await?;
    Ok(ended.len() as u64)
}

/// Ends at most `limit` tasks of jobs that have reached their deadline, those that were due first. Returns how many. What
/// somebody else is changing right now is passed over: it ends, or the next sweep finds it.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn expire(db: &Database, now: DateTime<Utc>, limit: u32) -> Result<u64> {
    let reason = Reason::of(ReasonCode::Deadline);
    let history = append_if_running(
        db.backend(),
        End {
            how: AttemptEnd::Expired,
            at: "$1",
            code: "$3",
            detail: "$4",
        },
    );
    let values: [Value; 4] = [
        now.into(),
        i64::from(limit).into(),
        reason.code.as_str().into(),
        reason.detail.as_str().into(),
    ];
    let skip_locked = of_tasks(db.backend());
    let transaction = db.begin().await?;
    let ended: Vec<Ended> = sql::all(
        &transaction,
        format!(
            "UPDATE tasks SET state = 'expired', owner = NULL, finished_at = $1, error_code = $3, error_detail = $4, \
             history = {history} WHERE id IN (SELECT t.id FROM jobs j JOIN tasks t ON t.job_id = j.id \
             WHERE j.finished_at IS NULL AND j.deadline_at <= $1 AND t.state IN ('queued', 'running') \
             ORDER BY j.deadline_at LIMIT $2{skip_locked}) RETURNING job_id, document_id, started_at"
        ),
        values,
    )
    .await?;
    fail_documents(&transaction, &ended, &reason, JobStatus::Expired, now).await?;
    transaction.commit().await?;
    Ok(ended.len() as u64)
}

/// Deletes at most `limit` tasks that were given up before `before`: failed and dead ones. Their documents stay, with the
/// reason, and cannot be put back in line any more. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_given_up(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    let skip_locked = of_tasks(db.backend());
    sql::execute(
        db.connection(),
        format!(
            "DELETE FROM tasks WHERE id IN (SELECT t.id FROM tasks t WHERE t.state IN ('failed', 'dead') \
             AND t.finished_at < $1 LIMIT $2{skip_locked})"
        ),
        [before.into(), i64::from(limit).into()],
    )
    .await
}

/// As [`sql::skip_locked`], where the sub-select names other tables too.
pub(super) fn of_tasks(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Postgres {
        " FOR UPDATE OF t SKIP LOCKED"
    } else {
        ""
    }
}
