//! A job ends because its owner says so.

use chrono::{DateTime, Utc};
use domain::{AttemptEnd, DocumentId, JobId, JobStatus, ReasonCode, UserId};
use sea_orm::{DatabaseTransaction, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use crate::discarded::{self, StoredDocument};
use crate::tasks::{End, append_if_running};
use crate::{Database, Result, audit, quotas, sql};

/// What came of cancelling a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled now. These documents were not done; their objects have to go.
    Now(Vec<StoredDocument>),
    /// It had been cancelled before.
    Before,
    /// It had ended otherwise.
    Ended(JobStatus),
    /// The user has no such job.
    NoSuchJob,
}

/// Ends a job of a user with everything of it that waits or runs, in one transaction: tasks, documents, counters. Completed
/// documents keep their results. A run under way is stale from then on: whatever it brings changes nothing.
///
/// The objects of the documents that were not done are noted as discarded. A run that is just storing its text deletes it
/// itself when it finds that it has lost. Repeating it is safe.
///
/// # Errors
/// When the database is away; nothing is cancelled then.
pub async fn cancel(
    db: &Database,
    user: UserId,
    id: JobId,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Cancelled> {
    let transaction = db.begin().await?;
    // Tasks first, in the order in which a worker that closes one takes its locks.
    let ended = end_tasks(&transaction, db.backend(), user, id, now).await?;
    if ended.is_empty() {
        return how_it_ended(&transaction, user, id).await;
    }
    let stored: Vec<StoredDocument> = ended
        .iter()
        .filter_map(|task| {
            Some(StoredDocument {
                user,
                job: id,
                document: DocumentId::from(task.document_id?),
                // A run may be storing its text under this number.
                text_fence: (task.fence > 0).then_some(task.fence),
            })
        })
        .collect();
    let freed = end_documents(&transaction, &stored, now).await?;
    discarded::note(&transaction, &stored, now).await?;
    let started_at = ended.iter().filter_map(|task| task.started_at).min();
    sql::execute(
        &transaction,
        "UPDATE jobs SET status = 'cancelled', cancelled = cancelled + $2, finished_at = $3, version = version + 1, \
         started_at = COALESCE(started_at, $4) WHERE id = $1",
        [
            id.uuid().into(),
            i32::try_from(ended.len()).unwrap_or(i32::MAX).into(),
            now.into(),
            started_at.into(),
        ],
    )
    .await?;
    quotas::change(&transaction, user.uuid(), freed).await?;
    let entry = audit::Entry {
        user: Some(user),
        action: "job.cancel",
        resource: Some(("job", id.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    };
    audit::insert(&transaction, entry, now).await?;
    transaction.commit().await?;
    Ok(Cancelled::Now(stored))
}

#[derive(FromQueryResult)]
struct EndedTask {
    document_id: Option<Uuid>,
    fence: i64,
    started_at: Option<DateTime<Utc>>,
}

async fn end_tasks(
    transaction: &DatabaseTransaction,
    backend: DbBackend,
    user: UserId,
    id: JobId,
    now: DateTime<Utc>,
) -> Result<Vec<EndedTask>> {
    let history = append_if_running(
        backend,
        End {
            how: AttemptEnd::Cancelled,
            at: "$3",
            code: "$4",
            detail: "$5",
        },
    );
    let in_order = sql::locked_in_order(transaction);
    let reason = ReasonCode::Cancelled;
    sql::all(
        transaction,
        format!(
            "UPDATE tasks SET state = 'cancelled', owner = NULL, finished_at = $3, error_code = $4, error_detail = $5, \
             history = {history} WHERE id IN (SELECT id FROM tasks WHERE job_id = $1 AND user_id = $2 \
             AND state IN ('queued', 'running'){in_order}) RETURNING document_id, fence, started_at"
        ),
        [
            id.uuid().into(),
            user.uuid().into(),
            now.into(),
            reason.as_str().into(),
            reason.meaning().into(),
        ],
    )
    .await
}

/// Returns what is given back to their owner.
async fn end_documents(
    transaction: &DatabaseTransaction,
    stored: &[StoredDocument],
    now: DateTime<Utc>,
) -> Result<quotas::Change> {
    #[derive(FromQueryResult)]
    struct Row {
        size_bytes: i64,
    }
    if stored.is_empty() {
        return Ok(quotas::Change::default());
    }
    let list = sql::placeholders(2, stored.len());
    let ids = stored.iter().map(|stored| Value::from(stored.document.uuid()));
    let cancelled: Vec<Row> = sql::all(
        transaction,
        format!(
            "UPDATE documents SET status = 'cancelled', processed_at = $1 WHERE id IN ({list}) RETURNING size_bytes"
        ),
        std::iter::once(Value::from(now)).chain(ids),
    )
    .await?;
    let ids = stored.iter().map(|stored| stored.document.uuid());
    let released = quotas::release(transaction, ids).await?.into_values().next();
    Ok(quotas::Change {
        storage: -cancelled.iter().map(|row| row.size_bytes).sum::<i64>(),
        ..released.unwrap_or_default()
    })
}

async fn how_it_ended(transaction: &DatabaseTransaction, user: UserId, id: JobId) -> Result<Cancelled> {
    #[derive(FromQueryResult)]
    struct Row {
        status: String,
    }
    let row: Option<Row> = sql::first(
        transaction,
        "SELECT status FROM jobs WHERE id = $1 AND user_id = $2",
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    Ok(match row.map(|row| row.status.parse()).transpose()? {
        None => Cancelled::NoSuchJob,
        Some(JobStatus::Cancelled) => Cancelled::Before,
        Some(status) => Cancelled::Ended(status),
    })
}
