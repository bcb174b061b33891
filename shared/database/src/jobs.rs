//! What clients asked for and poll.

mod cancel;
mod clean_up;
mod count;
mod place;
mod rows;
mod submit;
mod terms;
mod waiting;

use chrono::{DateTime, Utc};
use domain::{ConversationId, JobId, JobKind, JobStatus, MessageId, UserId, limits};
use sea_orm::{DatabaseTransaction, FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::discarded::{NOTED_BEFORE, StoredDocument, StoredRow};
use crate::spending::Spent;
use crate::{Database, DatabaseError, Result, audit, quotas, sql};
pub use cancel::{Cancelled, cancel};
pub use clean_up::{OldJobs, count_old, delete_old};
pub(crate) use count::{Counts, FailedPart, count, count_columns, count_failed, count_values};
pub(crate) use place::full;
pub use submit::{JobOptions, NewDocument, NewJob, Submitted, replay, submit, submit_on};
pub use terms::{Terms, Unique};
pub use waiting::{Waiting, waiting};

/// A job as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// Its owner.
    pub user: UserId,
    /// One document or several.
    pub kind: JobKind,
    /// Where it stands.
    pub status: JobStatus,
    /// Why, where the word alone does not tell.
    pub status_reason: Option<String>,
    /// Its documents.
    pub total: i32,
    /// Documents with results.
    pub completed: i32,
    /// Documents with a reason instead.
    pub failed: i32,
    /// Documents cancelled first.
    pub cancelled: i32,
    /// Grows with every change that the row itself records.
    pub version: i64,
    /// The highest attempt of any of its tasks so far; 0 before the first.
    pub attempt: i16,
    /// The attempts allowed to the task that is allowed most; more than a new one has once an operator has put it back.
    pub attempts_max: i16,
    /// When accepted.
    pub created_at: DateTime<Utc>,
    /// When the first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it ends at the latest.
    pub deadline_at: DateTime<Utc>,
    /// The reason of its first failed document, or of its question: code and detail.
    pub error: Option<(String, Option<String>)>,
    /// Where its answer appears, of a question.
    pub question: Option<QuestionOf>,
    /// What models took for it; `None` when none was asked.
    pub spent: Option<Spent>,
}

/// Where the answer to a question appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionOf {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message in it; it is there when the job is completed.
    pub message: MessageId,
}

impl Job {
    /// A job as it is when it has just been stored.
    pub(crate) fn accepted(
        id: JobId,
        user: UserId,
        kind: JobKind,
        total: i32,
        deadline_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            user,
            kind,
            status: JobStatus::Pending,
            status_reason: None,
            total,
            completed: 0,
            failed: 0,
            cancelled: 0,
            version: 1,
            attempt: 0,
            attempts_max: limits::ATTEMPTS_MAX,
            created_at: now,
            started_at: None,
            finished_at: None,
            deadline_at,
            error: None,
            question: None,
            spent: None,
        }
    }

    /// Changes whenever anything that this struct shows has changed.
    #[must_use]
    pub fn revision(&self) -> String {
        let mut revision = format!(
            "{}.{}.{}",
            self.version,
            self.attempt,
            i32::from(self.started_at.is_some())
        );
        if let Some(spent) = self.spent {
            revision += &format!(".{}.{}", spent.calls, spent.cost);
        }
        revision
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only those that stand here.
    pub status: Option<JobStatus>,
    /// Only those of this kind.
    pub kind: Option<JobKind>,
    /// Only those older than this one.
    pub before: Option<JobId>,
}

// "Processing" is not stored: it follows from a task having been begun. So a claim changes one row, and a job can never say
// something else than its tasks.
const SELECT: &str = "SELECT j.id, j.user_id, j.kind, j.status, j.status_reason, j.total, j.completed, j.failed, \
    j.cancelled, j.version, j.created_at, j.finished_at, j.deadline_at, \
    COALESCE(j.started_at, (SELECT min(t.started_at) FROM tasks t WHERE t.job_id = j.id)) AS started_at, \
    (SELECT max(t.attempt) FROM tasks t WHERE t.job_id = j.id) AS attempt, \
    (SELECT max(t.attempts_max) FROM tasks t WHERE t.job_id = j.id) AS attempts_max, \
    (CASE WHEN j.failed > 0 THEN (SELECT d.error_code FROM documents d WHERE d.job_id = j.id AND d.status = 'failed' \
        ORDER BY d.position LIMIT 1) END) AS error_code, \
    (CASE WHEN j.kind = 'question' THEN j.options END) AS question, \
    (CASE WHEN j.kind = 'question' AND j.failed > 0 THEN (SELECT t.error_code FROM tasks t WHERE t.job_id = j.id \
        ORDER BY t.id LIMIT 1) END) AS question_error_code, \
    (CASE WHEN j.kind = 'question' AND j.failed > 0 THEN (SELECT t.error_detail FROM tasks t WHERE t.job_id = j.id \
        ORDER BY t.id LIMIT 1) END) AS question_error_detail, \
    s.calls, s.input_tokens, s.output_tokens, s.cost, \
    (CASE WHEN j.failed > 0 THEN (SELECT d.error_detail FROM documents d WHERE d.job_id = j.id AND d.status = 'failed' \
        ORDER BY d.position LIMIT 1) END) AS error_detail \
    FROM jobs j LEFT JOIN model_spending_of_jobs s ON s.job_id = j.id ";

const BEGUN: &str = "EXISTS (SELECT 1 FROM tasks t WHERE t.job_id = j.id AND t.started_at IS NOT NULL)";

/// A job of a user.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: JobId) -> Result<Option<Job>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("{SELECT} WHERE j.id = $1 AND j.user_id = $2"),
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    row.map(Job::try_from).transpose()
}

/// What was chosen for a job; the defaults where that cannot be read or the job is gone.
///
/// # Errors
/// When the database is away.
pub async fn options(db: &Database, id: JobId) -> Result<JobOptions> {
    #[derive(FromQueryResult)]
    struct Row {
        options: serde_json::Value,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT options FROM jobs WHERE id = $1",
        [id.uuid().into()],
    )
    .await?;
    Ok(row
        .and_then(|row| serde_json::from_value(row.options).ok())
        .unwrap_or_default())
}

/// Jobs of a user, the newest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, user: UserId, filter: &JobFilter, limit: u64) -> Result<Vec<Job>> {
    let mut statement = format!("{SELECT} WHERE j.user_id = $1");
    let mut values: Vec<Value> = vec![user.uuid().into()];
    if let Some(before) = filter.before {
        values.push(before.uuid().into());
        statement += &format!(" AND j.id < ${}", values.len());
    }
    if let Some(kind) = filter.kind {
        values.push(kind.as_str().into());
        statement += &format!(" AND j.kind = ${}", values.len());
    }
    match filter.status {
        Some(JobStatus::Pending) => statement += &format!(" AND j.finished_at IS NULL AND NOT {BEGUN}"),
        Some(JobStatus::Processing) => statement += &format!(" AND j.finished_at IS NULL AND {BEGUN}"),
        Some(status) => {
            values.push(status.as_str().into());
            statement += &format!(" AND j.status = ${}", values.len());
        }
        None => {}
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    statement += &format!(" ORDER BY j.id DESC LIMIT ${}", values.len());
    let rows: Vec<Row> = sql::all(db.connection(), statement, values).await?;
    rows.into_iter().map(Job::try_from).collect()
}

/// Deletes a job of a user with its documents, passages and tasks, and notes the objects that must go. `None` when there
/// is no such job.
///
/// # Errors
/// When the database is away; nothing is deleted then.
pub async fn delete(
    db: &Database,
    user: UserId,
    id: JobId,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Option<Vec<StoredDocument>>> {
    let transaction = db.begin().await?;
    let key = [id.uuid().into(), user.uuid().into()];
    // Tasks first, in the order in which a worker that closes one takes its locks.
    sql::execute(
        &transaction,
        "DELETE FROM tasks WHERE job_id IN (SELECT id FROM jobs WHERE id = $1 AND user_id = $2)",
        key.clone(),
    )
    .await?;
    let stored: Vec<StoredRow> = sql::all(
        &transaction,
        format!(
            "INSERT INTO discarded_documents (document_id, job_id, user_id, text_fence, discarded_at) \
             SELECT d.id, d.job_id, d.user_id, d.text_fence, $3 FROM documents d \
             WHERE d.job_id = $1 AND d.user_id = $2 {NOTED_BEFORE} \
             RETURNING document_id, job_id, user_id, text_fence"
        ),
        [id.uuid().into(), user.uuid().into(), now.into()],
    )
    .await?;
    let freed = free(&transaction, id, &stored).await?;
    if sql::execute(
        &transaction,
        "DELETE FROM jobs WHERE id = $1 AND user_id = $2",
        key,
    )
    .await?
        == 0
    {
        return Ok(None);
    }
    quotas::change(&transaction, user.uuid(), freed).await?;
    let entry = audit::Entry {
        user: Some(user),
        action: "job.delete",
        resource: Some(("job", id.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    };
    audit::insert(&transaction, entry, now).await?;
    transaction.commit().await?;
    Ok(Some(stored.into_iter().map(StoredDocument::from).collect()))
}

/// What deleting the documents of a job gives back to its owner. The job's tasks are gone already, so nothing of it changes.
async fn free(
    transaction: &DatabaseTransaction,
    job: JobId,
    documents: &[StoredRow],
) -> Result<quotas::Change> {
    #[derive(FromQueryResult)]
    struct Stored {
        bytes: i64,
    }
    let stored: Option<Stored> = sql::first(
        transaction,
        "SELECT CAST(COALESCE(sum(size_bytes + result_bytes), 0) AS bigint) AS bytes FROM documents \
         WHERE job_id = $1 AND status <> 'cancelled'",
        [job.uuid().into()],
    )
    .await?;
    let ids = documents.iter().map(StoredRow::document);
    let released = quotas::release(transaction, ids).await?.into_values().next();
    Ok(quotas::Change {
        storage: -stored.map_or(0, |stored| stored.bytes),
        ..released.unwrap_or_default()
    })
}

/// Lets idempotency keys go that are older than `before`, at most `limit`. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn forget_idempotency_keys(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    sql::execute(
        db.connection(),
        "UPDATE jobs SET idempotency_key = NULL, fingerprint = NULL WHERE id IN \
         (SELECT id FROM jobs WHERE idempotency_key IS NOT NULL AND created_at < $1 LIMIT $2)",
        [before.into(), i64::from(limit).into()],
    )
    .await
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    status: String,
    status_reason: Option<String>,
    total: i32,
    completed: i32,
    failed: i32,
    cancelled: i32,
    version: i64,
    attempt: Option<i16>,
    attempts_max: Option<i16>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    deadline_at: DateTime<Utc>,
    error_code: Option<String>,
    error_detail: Option<String>,
    question: Option<serde_json::Value>,
    question_error_code: Option<String>,
    question_error_detail: Option<String>,
    calls: Option<i64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cost: Option<i64>,
}

impl TryFrom<Row> for Job {
    type Error = DatabaseError;

    fn try_from(row: Row) -> Result<Self> {
        let stored: JobStatus = row.status.parse()?;
        let status = match stored {
            JobStatus::Pending if row.started_at.is_some() => JobStatus::Processing,
            other => other,
        };
        Ok(Self {
            id: row.id.into(),
            user: row.user_id.into(),
            kind: row.kind.parse()?,
            status,
            status_reason: row.status_reason,
            total: row.total,
            completed: row.completed,
            failed: row.failed,
            cancelled: row.cancelled,
            version: row.version,
            attempt: row.attempt.unwrap_or(0),
            attempts_max: row.attempts_max.unwrap_or(limits::ATTEMPTS_MAX),
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            deadline_at: row.deadline_at,
            error: match row.error_code {
                Some(code) => Some((code, row.error_detail)),
                None => row
                    .question_error_code
                    .map(|code| (code, row.question_error_detail)),
            },
            question: row.question.and_then(|asked| serde_json::from_value(asked).ok()),
            spent: row.calls.map(|calls| Spent {
                calls,
                input_tokens: row.input_tokens.unwrap_or(0),
                output_tokens: row.output_tokens.unwrap_or(0),
                cost: row.cost.unwrap_or(0),
            }),
        })
    }
}
