//! The end of a run that has no results: given up, or tried again. Each changes nothing unless the claim's fence still stands.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{AttemptEnd, DocumentStatus, JobStatus, TaskState};
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult, Value};
use uuid::Uuid;

use super::{Claim, End, Reason, Subject, append, held_until};
use crate::jobs::{self, FailedPart};
use crate::{Database, Result, quotas, sql};

/// Whether a run was the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Its outcome is stored.
    Won,
    /// The task was taken back, cancelled, expired or deleted meanwhile; nothing changed.
    Lost,
}

/// What came of asking for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// It will run again.
    Queued,
    /// That was the last attempt; the document has failed.
    Dead,
    /// The task was not this run's any more; nothing changed.
    Lost,
}

/// Ends a task whose document will never succeed, with the reason.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn reject<S: Subject, P>(
    db: &Database,
    claim: &Claim<S, P>,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Result<Closed> {
    let transaction = db.begin().await?;
    if !end(
        &transaction,
        claim,
        TaskState::Failed,
        AttemptEnd::Failed,
        reason,
        now,
    )
    .await?
    {
        return Ok(Closed::Lost);
    }
    fail_document(&transaction, claim, reason, now).await?;
    transaction.commit().await?;
    Ok(Closed::Won)
}

/// Lets a task run again at `run_at`, or ends it when its attempts are used up.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn retry<S: Subject, P>(
    db: &Database,
    claim: &Claim<S, P>,
    run_at: DateTime<Utc>,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Result<Retried> {
    if claim.attempt < claim.attempts_max {
        let history = append(
            db.backend(),
            End {
                how: AttemptEnd::Retried,
                at: "$6",
                code: "$4",
                detail: "$5",
            },
        );
        let queued = sql::execute(
            db.connection(),
            format!(
                "UPDATE tasks SET state = 'queued', owner = NULL, dispatched_at = NULL, run_at = $3, held = $7, \
                 error_code = $4, error_detail = $5, history = {history} WHERE id = $1 AND fence = $2 AND state = 'running'"
            ),
            [
                claim.task.uuid().into(),
                claim.fence.into(),
                run_at.into(),
                reason.code.as_str().into(),
                reason.detail.as_str().into(),
                now.into(),
                held_until(run_at, now).into(),
            ],
        )
        .await?;
        return Ok(if queued == 1 {
            Retried::Queued
        } else {
            Retried::Lost
        });
    }
    let transaction = db.begin().await?;
    if !end(
        &transaction,
        claim,
        TaskState::Dead,
        AttemptEnd::Dead,
        reason,
        now,
    )
    .await?
    {
        return Ok(Retried::Lost);
    }
    fail_document(&transaction, claim, reason, now).await?;
    transaction.commit().await?;
    Ok(Retried::Dead)
}

/// `running` → `state` without results, if the fence stands.
async fn end<S, P>(
    transaction: &DatabaseTransaction,
    claim: &Claim<S, P>,
    state: TaskState,
    how: AttemptEnd,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Result<bool> {
    let history = append(
        transaction.get_database_backend(),
        End {
            how,
            at: "$4",
            code: "$5",
            detail: "$6",
        },
    );
    let values: [Value; 6] = [
        claim.task.uuid().into(),
        claim.fence.into(),
        state.as_str().into(),
        now.into(),
        reason.code.as_str().into(),
        reason.detail.as_str().into(),
    ];
    let changed = sql::execute(
        transaction,
        format!(
            "UPDATE tasks SET state = $3, owner = NULL, finished_at = $4, error_code = $5, error_detail = $6, \
             history = {history} WHERE id = $1 AND fence = $2 AND state = 'running'"
        ),
        values,
    )
    .await?;
    Ok(changed == 1)
}

async fn fail_document<S: Subject, P>(
    transaction: &DatabaseTransaction,
    claim: &Claim<S, P>,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Result<()> {
    let ended = Ended {
        job_id: claim.job.uuid(),
        document_id: claim.document.document(),
        started_at: Some(claim.started_at),
    };
    fail_documents(transaction, &[ended], reason, JobStatus::Failed, now).await
}

/// A task that has just ended without results.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct Ended {
    pub(super) job_id: Uuid,
    pub(super) document_id: Option<Uuid>,
    pub(super) started_at: Option<DateTime<Utc>>,
}

/// Carries ended tasks over to their documents and jobs.
pub(super) async fn fail_documents(
    transaction: &DatabaseTransaction,
    ended: &[Ended],
    reason: &Reason,
    none_completed: JobStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let mut values: Vec<Value> = vec![
        DocumentStatus::Failed.as_str().into(),
        reason.code.as_str().into(),
        reason.detail.as_str().into(),
        now.into(),
    ];
    let documents: Vec<Uuid> = ended.iter().filter_map(|task| task.document_id).collect();
    if !documents.is_empty() {
        let list = sql::placeholders(values.len() + 1, documents.len());
        values.extend(documents.iter().copied().map(Value::from));
        sql::execute(
            transaction,
            format!(
                "UPDATE documents SET status = $1, error_code = $2, error_detail = $3, processed_at = $4 WHERE id IN ({list})"
            ),
            values,
        )
        .await?;
    }
    let mut jobs: BTreeMap<Uuid, FailedPart> = BTreeMap::new();
    for task in ended {
        let part = jobs.entry(task.job_id).or_default();
        part.failed += 1;
        part.started_at = part.started_at.into_iter().chain(task.started_at).min();
    }
    jobs::count_failed(transaction, &jobs, none_completed, now).await?;
    for (user, change) in quotas::release(transaction, documents).await? {
        quotas::change(transaction, user, change).await?;
    }
    Ok(())
}
