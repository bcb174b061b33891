//! What was given up is put back in line, because an operator says so.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{JobId, JobStatus, TaskId, TaskState, UserId, limits};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use super::inspect::{TaskFilter, conditions};
use crate::{Database, Result, audit, quotas, sql};

/// Tasks that are put back in one go at most.
pub const REQUEUED_MAX: u64 = 1_000;

/// Who puts tasks back.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// The account; `None` on the command line.
    pub user: Option<UserId>,
    /// From where.
    pub origin: audit::Origin,
}

/// What came of putting one task back in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeued {
    /// It waits again; this is its job.
    Queued(JobId),
    /// It has not been given up, but stands here.
    NotGivenUp(TaskState),
    /// Its job was cancelled by its owner and stays so.
    JobCancelled,
    /// There is no such task.
    NoSuchTask,
}

/// What came of putting many tasks back in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequeuedAll {
    /// They wait again; these are their jobs.
    Queued(Vec<JobId>),
    /// So many tasks match, which is not what was expected. Nothing changed. More than [`REQUEUED_MAX`] are not counted to
    /// their end.
    CountDiffers(u64),
}

/// Puts a failed or dead task back in line with as many attempts as a new one, which go on counting where the earlier ones
/// ended. In the same transaction its document is pending again, its job is open again, and the job has at
/// least as much time as a new one.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn requeue(db: &Database, id: TaskId, operator: Operator, now: DateTime<Utc>) -> Result<Requeued> {
    let transaction = db.begin().await?;
    let found = given_up(&transaction, "id = $1", vec![id.uuid().into()], 1).await?;
    if let Some(task) = found.first() {
        let job = task.job_id.into();
        put_back(&transaction, &found, operator, now).await?;
        transaction.commit().await?;
        return Ok(Requeued::Queued(job));
    }
    #[derive(FromQueryResult)]
    struct Row {
        state: String,
    }
    let row: Option<Row> = sql::first(
        &transaction,
        "SELECT state FROM tasks WHERE id = $1",
        [id.uuid().into()],
    )
    .await?;
    Ok(match row.map(|row| row.state.parse()).transpose()? {
        None => Requeued::NoSuchTask,
        Some(TaskState::Failed | TaskState::Dead) => Requeued::JobCancelled,
        Some(state) => Requeued::NotGivenUp(state),
    })
}

/// As [`requeue`], for every failed or dead task that matches, except those of cancelled jobs; all of them or none. Whoever
/// asks says how many he has seen, at most [`REQUEUED_MAX`].
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn requeue_all(
    db: &Database,
    filter: &TaskFilter,
    expected_count: u64,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<RequeuedAll> {
    let transaction = db.begin().await?;
    let mut values = Vec::new();
    let condition = conditions(filter, &mut values);
    let found = given_up(&transaction, &condition, values, REQUEUED_MAX + 1).await?;
    let count = found.len() as u64;
    if count != expected_count || count > REQUEUED_MAX {
        return Ok(RequeuedAll::CountDiffers(count));
    }
    let jobs = put_back(&transaction, &found, operator, now).await?;
    transaction.commit().await?;
    Ok(RequeuedAll::Queued(jobs))
}

#[derive(FromQueryResult)]
struct GivenUp {
    id: Uuid,
    job_id: Uuid,
    document_id: Option<Uuid>,
}

/// Locks and returns tasks that may be put back.
async fn given_up(
    transaction: &DatabaseTransaction,
    condition: &str,
    mut values: Vec<Value>,
    limit: u64,
) -> Result<Vec<GivenUp>> {
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let lock = match transaction.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    };
    sql::all(
        transaction,
        format!(
            "SELECT id, job_id, document_id FROM tasks WHERE {condition} AND state IN ('failed', 'dead') \
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = tasks.job_id AND j.status = 'cancelled') \
             ORDER BY id LIMIT ${}{lock}",
            values.len()
        ),
        values,
    )
    .await
}

/// Tasks, then documents, then jobs: the order in which a worker that closes a task takes its locks.
async fn put_back(
    transaction: &DatabaseTransaction,
    tasks: &[GivenUp],
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Vec<JobId>> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut jobs: BTreeMap<Uuid, i32> = BTreeMap::new();
    for task in tasks {
        *jobs.entry(task.job_id).or_default() += 1;
    }
    lock_open_tasks(transaction, jobs.keys()).await?;
    let list = sql::placeholders(3, ids.len());
    let first: [Value; 2] = [now.into(), limits::ATTEMPTS_MAX.into()];
    // What was begun before is in the history; the task itself has not begun anew.
    sql::execute(
        transaction,
        format!(
            "UPDATE tasks SET state = 'queued', attempts_max = attempt + $2, run_at = $1, dispatched_at = NULL, \
             held = NULL, started_at = NULL, finished_at = NULL, error_code = NULL, error_detail = NULL WHERE id IN ({list})"
        ),
        first.into_iter().chain(ids.iter().map(|id| Value::from(*id))),
    )
    .await?;
    let documents: Vec<Uuid> = tasks.iter().filter_map(|task| task.document_id).collect();
    if !documents.is_empty() {
        let list = sql::placeholders(1, documents.len());
        sql::execute(
            transaction,
            format!(
                "UPDATE documents SET status = 'pending', error_code = NULL, error_detail = NULL, processed_at = NULL \
                 WHERE id IN ({list})"
            ),
            documents.iter().copied().map(Value::from),
        )
        .await?;
    }
    for (job, count) in &jobs {
        reopen(transaction, *job, *count, now).await?;
    }
    for (user, change) in quotas::reserve_again(transaction, documents).await? {
        quotas::change(transaction, user, change).await?;
    }
    for id in ids {
        let entry = audit::Entry {
            user: operator.user,
            action: "task.requeue",
            resource: Some(("task", id)),
            outcome: audit::Outcome::Success,
            origin: operator.origin.clone(),
        };
        audit::insert(transaction, entry, now).await?;
    }
    Ok(jobs.into_keys().map(JobId::from).collect())
}

/// The other open tasks of the jobs get the new deadline too. They are locked before the jobs are, as everywhere.
async fn lock_open_tasks(transaction: &DatabaseTransaction, jobs: impl Iterator<Item = &Uuid>) -> Result<()> {
    #[derive(FromQueryResult)]
    struct Locked {
        #[allow(dead_code)] // that it is locked is all
        id: Uuid,
    }
    let jobs: Vec<Value> = jobs.map(|job| Value::from(*job)).collect();
    let list = sql::placeholders(1, jobs.len());
    let in_order = sql::locked_in_order(transaction);
    let _locked: Vec<Locked> = sql::all(
        transaction,
        format!("SELECT id FROM tasks WHERE job_id IN ({list}) AND state IN ('queued', 'running'){in_order}"),
        jobs,
    )
    .await?;
    Ok(())
}

/// A job has open documents again, and at least as much time as a new one.
async fn reopen(transaction: &DatabaseTransaction, job: Uuid, count: i32, now: DateTime<Utc>) -> Result<()> {
    #[derive(FromQueryResult)]
    struct Row {
        deadline_at: DateTime<Utc>,
    }
    let row: Option<Row> = sql::first(
        transaction,
        "UPDATE jobs SET failed = failed - $2, status = $3, status_reason = NULL, started_at = NULL, \
         finished_at = NULL, version = version + 1 WHERE id = $1 RETURNING deadline_at",
        [job.into(), count.into(), JobStatus::Pending.as_str().into()],
    )
    .await?;
    let Some(Row { deadline_at }) = row else {
        return Ok(());
    };
    let deadline_at = deadline_at.max(now + limits::DEADLINE_DEFAULT);
    let values: [Value; 2] = [job.into(), deadline_at.into()];
    for statement in [
        "UPDATE jobs SET deadline_at = $2 WHERE id = $1",
        "UPDATE tasks SET deadline_at = $2 WHERE job_id = $1 AND state IN ('queued', 'running')",
    ] {
        sql::execute(transaction, statement, values.clone()).await?;
    }
    Ok(())
}
