//! What becomes of tasks whose worker has died or whose time has run out. Bounded batches, safe to repeat and to run
//! in several schedulers at once.

use chrono::{DateTime, Utc};
use domain::JobStatus;
use sea_orm::{DbBackend, Value};

use super::Reason;
use super::close::{Ended, fail_documents};
use crate::{Database, Result, sql};

/// What became of tasks whose worker is no longer heard of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Back in line.
    pub queued: u64,
    /// Their attempts were used up: a document that kills workers stops here.
    pub dead: u64,
}

const NO_LIVING_OWNER: &str = "t.owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = t.owner AND w.heartbeat_at >= $1)";

/// Takes back at most `limit` running tasks whose owner has not been heard of since `silent_since`. The attempt counts.
///
/// # Errors
/// When the database is away.
pub async fn recover_orphans(
    db: &Database,
    silent_since: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Recovered> {
    let skip_locked = of_tasks(db);
    let queued = sql::execute(
        db.connection(),
        format!(
            "UPDATE tasks SET state = 'queued', owner = NULL, dispatched_at = NULL, error_code = 'worker_lost', \
             error_detail = 'the worker was not heard of any more' WHERE id IN (SELECT t.id FROM tasks t \
             WHERE t.state = 'running' AND t.attempt < t.attempts_max AND {NO_LIVING_OWNER} LIMIT $2{skip_locked})"
        ),
        [silent_since.into(), i64::from(limit).into()],
    )
    .await?;
    let reason = Reason {
        code: "crashed_worker",
        detail: "every worker that tried this document died; it was given up".to_owned(),
    };
    let dead = end_tasks(
        db,
        "dead",
        &format!("t.state = 'running' AND t.attempt >= t.attempts_max AND {NO_LIVING_OWNER}"),
        silent_since,
        &reason,
        JobStatus::Failed,
        now,
        limit,
    )
    .await?;
    Ok(Recovered { queued, dead })
}

/// Ends at most `limit` tasks of jobs that have reached their deadline. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn expire(db: &Database, now: DateTime<Utc>, limit: u32) -> Result<u64> {
    let reason = Reason {
        code: "deadline",
        detail: "the deadline of the job came before the document was done".to_owned(),
    };
    end_tasks(
        db,
        "expired",
        "t.state IN ('queued', 'running') AND t.job_id IN \
         (SELECT j.id FROM jobs j WHERE j.finished_at IS NULL AND j.deadline_at <= $1)",
        now,
        &reason,
        JobStatus::Expired,
        now,
        limit,
    )
    .await
}

#[allow(clippy::too_many_arguments)] // one statement, told twice with other words
async fn end_tasks(
    db: &Database,
    state: &'static str,
    condition: &str,
    bound: DateTime<Utc>,
    reason: &Reason,
    none_completed: JobStatus,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<u64> {
    let skip_locked = of_tasks(db);
    let values: [Value; 6] = [
        bound.into(),
        i64::from(limit).into(),
        state.into(),
        now.into(),
        reason.code.into(),
        reason.detail.as_str().into(),
    ];
    let transaction = db.begin().await?;
    let ended: Vec<Ended> = sql::all(
        &transaction,
        format!(
            "UPDATE tasks SET state = $3, owner = NULL, finished_at = $4, error_code = $5, error_detail = $6 \
             WHERE id IN (SELECT t.id FROM tasks t WHERE {condition} LIMIT $2{skip_locked}) \
             RETURNING job_id, document_id, started_at"
        ),
        values,
    )
    .await?;
    fail_documents(&transaction, &ended, reason, none_completed, now).await?;
    transaction.commit().await?;
    Ok(ended.len() as u64)
}

fn of_tasks(db: &Database) -> &'static str {
    if db.backend() == DbBackend::Postgres {
        " FOR UPDATE OF t SKIP LOCKED"
    } else {
        ""
    }
}
