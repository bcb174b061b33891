//! A job becomes durable.

use chrono::{DateTime, Utc};
use domain::{
    ApiKeyId, AuditId, Content, DocumentId, DocumentKind, DocumentStatus, JobId, JobKind, JobStatus,
    Priority, RequestId, SealedPassword, TaskId, TaskKind, TaskState, UserId, VersionOf, limits,
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult, Value,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Job;
use super::place::{full, place_in_line};
use super::terms::{Terms, refuse};
use crate::entity::{documents, jobs, tasks};
use crate::quotas::Exceeded;
use crate::tasks::{DocumentPayload, PAYLOAD_VERSION};
use crate::{Database, DatabaseError, Result, audit, labels, sql, versions};

/// What a client chose for a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// Tags per document at most.
    pub tags_max: u8,
    /// Which part of a web page is read.
    #[serde(default)]
    pub content: Content,
    /// The languages that tags are wanted in (ISO 639-1); none for that of each document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// What opens the documents. It is stored with their tasks only, and goes when they end.
    #[serde(skip)]
    pub password: Option<SealedPassword>,
    /// Whether a password came with them: what it opened is not handed out without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// The level of its tasks. Otherwise a single document is `high` and one of several `normal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// When its tasks may begin; at once otherwise. Hints for later ones are not pushed by the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<DateTime<Utc>>,
    /// What its owner calls the documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// That its one document is the next version of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_of: Option<VersionOf>,
}

impl JobOptions {
    /// Whether nothing but the usual rows has to be written.
    fn is_plain(&self) -> bool {
        self.labels.is_empty() && self.version_of.is_none()
    }

    /// Whether the same bytes come to the same results.
    pub(crate) fn gives_the_same_as(&self, other: &Self) -> bool {
        let of_results = |options: &Self| Self {
            labels: Vec::new(),
            version_of: None,
            priority: None,
            run_at: None,
            ..options.clone()
        };
        // Whether a password is the right one is known only when it is tried.
        !self.locked && !other.locked && of_results(self) == of_results(other)
    }
}

/// Two versions may be handed in at the same moment; one of them takes the next number.
const VERSION_TRIES: usize = 5;

/// A job to be stored. Its documents' bytes are in storage already.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The job.
    pub id: JobId,
    /// Its owner.
    pub user: UserId,
    /// Its documents, at least one.
    pub documents: Vec<NewDocument>,
    /// What the client chose.
    pub options: JobOptions,
    /// The client's own name for this request, and the fingerprint of what it asked.
    pub idempotency: Option<(String, [u8; 32])>,
    /// When it ends at the latest.
    pub deadline_at: DateTime<Utc>,
    /// The trace that it belongs to (W3C traceparent).
    pub trace_parent: Option<String>,
    /// Whether its hints are about to be pushed by the caller; the dispatcher pushes them otherwise.
    pub dispatched: bool,
    /// From where it came.
    pub origin: audit::Origin,
}

/// A document to be stored.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// The document.
    pub id: DocumentId,
    /// The label that its owner gave it.
    pub file_name: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Its size.
    pub size_bytes: u64,
    /// Its content's SHA-256.
    pub sha256: [u8; 32],
}

/// What came of storing a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is stored, as this, with these tasks.
    Accepted(Box<Job>, Vec<TaskId>),
    /// The same request was accepted before, as this job.
    Replayed(JobId),
    /// The client used this key before, for something else.
    KeyReused,
    /// This job has the unique key. Nothing is stored.
    Unique(JobId),
    /// The account has not so much left. Nothing is stored.
    QuotaExceeded(Exceeded),
    /// So many tasks of the user wait that no more are taken; the number is the bound.
    QueueFull(u64),
}

/// Stores a job with its documents, tasks and a line in the audit log, in one transaction, within the account's own limits.
///
/// What is not pushed by the caller is counted first, for tenants may have only so many waiting tasks. The bound may be passed
/// by what is handed in at the same moment.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn submit(db: &Database, new: NewJob, now: DateTime<Utc>) -> Result<Submitted> {
    submit_on(db, Terms::default(), new, now).await
}

/// As [`submit`], on these terms. A request that was accepted before is answered with its job, whatever is left by now.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn submit_on(db: &Database, terms: Terms, new: NewJob, now: DateTime<Utc>) -> Result<Submitted> {
    let (user, idempotency) = (new.user, new.idempotency.clone());
    // What was just written needs no asking for.
    let job = Job {
        id: new.id,
        user,
        kind: kind_of(&new.documents),
        status: JobStatus::Pending,
        status_reason: None,
        total: count_of(&new.documents),
        completed: 0,
        failed: 0,
        cancelled: 0,
        version: 1,
        attempt: 0,
        attempts_max: limits::ATTEMPTS_MAX,
        created_at: now,
        started_at: None,
        finished_at: None,
        deadline_at: new.deadline_at,
        error: None,
    };
    if !new.dispatched
        && let Some(full) = full(db, &new).await?
    {
        // What was accepted before stays accepted, however full it is by now.
        return Ok(match idempotency {
            Some((key, fingerprint)) => replay(db, user, &key, fingerprint).await?.unwrap_or(full),
            None => full,
        });
    }
    let again = new.options.version_of.is_some().then(|| new.clone());
    let mut stored = insert(db, &terms, new, now).await;
    if let Some(again) = again {
        for _ in 1..VERSION_TRIES {
            if matches!(stored, Err(DatabaseError::Constraint(_))) {
                stored = insert(db, &terms, again.clone(), now).await;
            }
        }
    }
    match stored {
        Err(DatabaseError::Constraint(error)) => {
            let Some((key, fingerprint)) = idempotency else {
                return Err(DatabaseError::Constraint(error));
            };
            replay(db, user, &key, fingerprint)
                .await?
                .ok_or(DatabaseError::Constraint(error))
        }
        Err(error) => Err(error),
        Ok(Inserted::Tasks(tasks)) => Ok(Submitted::Accepted(Box::new(job), tasks)),
        Ok(Inserted::Not(why)) => {
            let Some((key, fingerprint)) = idempotency else {
                return Ok(why);
            };
            Ok(replay(db, user, &key, fingerprint).await?.unwrap_or(why))
        }
    }
}

/// What an earlier use of an idempotency key came to; `None` when it was not used.
///
/// # Errors
/// When the database is away.
pub async fn replay(
    db: &Database,
    user: UserId,
    key: &str,
    fingerprint: [u8; 32],
) -> Result<Option<Submitted>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        fingerprint: Option<Vec<u8>>,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT id, fingerprint FROM jobs WHERE user_id = $1 AND idempotency_key = $2",
        [user.uuid().into(), key.into()],
    )
    .await?;
    Ok(row.map(|row| match row.fingerprint {
        Some(known) if known == fingerprint => Submitted::Replayed(row.id.into()),
        _ => Submitted::KeyReused,
    }))
}

enum Inserted {
    Tasks(Vec<TaskId>),
    Not(Submitted),
}

async fn insert(db: &Database, terms: &Terms, new: NewJob, now: DateTime<Utc>) -> Result<Inserted> {
    let task_ids: Vec<TaskId> = new.documents.iter().map(|_| TaskId::new()).collect();
    let without_terms = terms.unique.is_none() && !terms.quotas.any();
    if db.backend() == DbBackend::Postgres && without_terms && new.options.is_plain() {
        // Nearly everybody: the statement itself looks whether the account has limits.
        if insert_in_one_statement(db.connection(), &new, &task_ids, false, now).await? {
            return Ok(Inserted::Tasks(task_ids));
        }
    }
    let transaction = db.begin().await?;
    if let Some(why) = refuse(&transaction, terms, &new, now).await? {
        // Whoever has used everything up need not have it counted anew at every request.
        if matches!(why, Submitted::QuotaExceeded(_)) && terms.unique.is_none() {
            transaction.commit().await?;
        }
        return Ok(Inserted::Not(why));
    }
    match db.backend() {
        DbBackend::Postgres if new.options.is_plain() => {
            insert_in_one_statement(&transaction, &new, &task_ids, true, now).await?;
        }
        _ => insert_in_steps(&transaction, new, &task_ids, now).await?,
    }
    transaction.commit().await?;
    Ok(Inserted::Tasks(task_ids))
}

/// SQLite: steps, which cost no round trip. Postgres too, where there is more to write than usual.
async fn insert_in_steps(
    transaction: &DatabaseTransaction,
    new: NewJob,
    task_ids: &[TaskId],
    now: DateTime<Utc>,
) -> Result<()> {
    let (priority, run_at, held) = place_in_line(&new, now);
    let (key, fingerprint) = new.idempotency.unzip();
    let job = jobs::ActiveModel {
        id: Set(new.id.uuid()),
        user_id: Set(new.user.uuid()),
        kind: Set(kind_of(&new.documents).to_string()),
        status: Set(JobStatus::Pending.to_string()),
        status_reason: Set(None),
        total: Set(count_of(&new.documents)),
        completed: Set(0),
        failed: Set(0),
        cancelled: Set(0),
        version: Set(1),
        options: Set(json(&new.options)),
        idempotency_key: Set(key),
        fingerprint: Set(fingerprint.map(|digest| digest.to_vec())),
        trace_parent: Set(new.trace_parent),
        deadline_at: Set(new.deadline_at),
        created_at: Set(now),
        started_at: Set(None),
        finished_at: Set(None),
    };
    let task_rows = new
        .documents
        .iter()
        .zip(task_ids)
        .map(|(document, task)| tasks::ActiveModel {
            id: Set(task.uuid()),
            kind: Set(TaskKind::ProcessDocument.to_string()),
            queue: Set(TaskKind::ProcessDocument.queue().to_string()),
            state: Set(TaskState::Queued.to_string()),
            priority: Set(priority.level()),
            user_id: Set(new.user.uuid()),
            job_id: Set(new.id.uuid()),
            document_id: Set(Some(document.id.uuid())),
            payload: Set(json(&payload_of(document, &new.options))),
            payload_version: Set(PAYLOAD_VERSION),
            attempt: Set(0),
            attempts_max: Set(limits::ATTEMPTS_MAX),
            fence: Set(0),
            owner: Set(None),
            run_at: Set(run_at),
            deadline_at: Set(new.deadline_at),
            dispatched_at: Set(new.dispatched.then_some(now)),
            created_at: Set(now),
            started_at: Set(None),
            finished_at: Set(None),
            error_code: Set(None),
            error_detail: Set(None),
            history: Set(serde_json::json!([])),
            held: Set(held.map(str::to_owned)),
        });
    let task_rows: Vec<_> = task_rows.collect();
    let ids: Vec<Uuid> = new.documents.iter().map(|document| document.id.uuid()).collect();
    let document_rows: Vec<_> = (0..)
        .zip(new.documents)
        .map(|(position, document)| document_row(document, new.id, new.user, position, now))
        .collect();
    jobs::Entity::insert(job)
        .exec_without_returning(transaction)
        .await?;
    documents::Entity::insert_many(document_rows)
        .exec_without_returning(transaction)
        .await?;
    tasks::Entity::insert_many(task_rows)
        .exec_without_returning(transaction)
        .await?;
    labels::insert(transaction, new.user, &ids, &new.options.labels).await?;
    if let (Some(version_of), [document]) = (&new.options.version_of, ids.as_slice()) {
        versions::append(transaction, new.user, *document, version_of).await?;
    }
    audit::insert(transaction, audit_entry(new.user, new.id, new.origin), now).await
}

/// Postgres: one statement, hence one round trip and one commit where the steps would take six. `false` when the account has
/// limits and nobody has counted the documents against them: then nothing is stored.
async fn insert_in_one_statement(
    db: &impl ConnectionTrait,
    new: &NewJob,
    task_ids: &[TaskId],
    counted: bool,
    now: DateTime<Utc>,
) -> Result<bool> {
    let (priority, run_at, held) = place_in_line(new, now);
    let (key, fingerprint) = new.idempotency.clone().unzip();
    let tasks: Vec<Uuid> = task_ids.iter().map(|id| id.uuid()).collect();
    let payloads: Vec<String> = new
        .documents
        .iter()
        .map(|document| json(&payload_of(document, &new.options)).to_string())
        .collect();
    let kind = kind_of(&new.documents);
    let total = count_of(&new.documents);
    let positions: Vec<i32> = (0..total).collect();
    let (mut ids, mut names, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sizes, mut digests) = (Vec::new(), Vec::new());
    for document in &new.documents {
        ids.push(document.id.uuid());
        names.push(document.file_name.clone());
        kinds.push(document.kind.to_string());
        sizes.push(i64::try_from(document.size_bytes).unwrap_or(i64::MAX));
        digests.push(document.sha256.to_vec());
    }
    let values: [Value; 31] = [
        new.id.uuid().into(),
        new.user.uuid().into(),
        kind.as_str().into(),
        total.into(),
        json(&new.options).into(),
        key.into(),
        fingerprint.map(|digest| digest.to_vec()).into(),
        new.trace_parent.clone().into(),
        new.deadline_at.into(),
        now.into(),
        ids.into(),
        positions.into(),
        names.into(),
        kinds.into(),
        sizes.into(),
        digests.into(),
        tasks.into(),
        payloads.into(),
        TaskKind::ProcessDocument.as_str().into(),
        TaskKind::ProcessDocument.queue().as_str().into(),
        PAYLOAD_VERSION.into(),
        limits::ATTEMPTS_MAX.into(),
        new.dispatched.then_some(now).into(),
        AuditId::new().uuid().into(),
        new.origin.ip.clone().into(),
        new.origin.request.map(RequestId::uuid).into(),
        priority.level().into(),
        run_at.into(),
        held.into(),
        counted.into(),
        new.origin.key.map(ApiKeyId::uuid).into(),
    ];
    Ok(sql::execute(db, INSERT, values).await? == 1)
}

// The foreign keys between the parts are checked when the whole statement is done. Whether the account has limits is one look
// into a small index, without a lock; where it has, there is no job, and hence nothing else.
const INSERT: &str = "WITH job AS (\
        INSERT INTO jobs (id, user_id, kind, status, total, completed, failed, cancelled, version, options, \
            idempotency_key, fingerprint, trace_parent, deadline_at, created_at) \
        SELECT $1, $2, $3, 'pending', $4, 0, 0, 0, 1, $5, $6, $7, $8, $9, $10 \
        WHERE $30 OR NOT EXISTS (SELECT 1 FROM quotas WHERE user_id = $2) RETURNING id), \
    document AS (\
        INSERT INTO documents (id, job_id, user_id, position, file_name, kind, size_bytes, sha256, status, tags, \
            metadata, needs_ocr, truncated, created_at) \
        SELECT d.id, $1, $2, d.position, d.file_name, d.kind, d.size_bytes, d.sha256, 'pending', '[]', '{}', false, \
            false, $10 \
        FROM job, unnest($11, $12, $13, $14, $15, $16) AS d (id, position, file_name, kind, size_bytes, sha256)), \
    task AS (\
        INSERT INTO tasks (id, kind, queue, state, priority, user_id, job_id, document_id, payload, payload_version, \
            attempt, attempts_max, fence, run_at, deadline_at, dispatched_at, created_at, held) \
        SELECT t.id, $19, $20, 'queued', $27, $2, $1, t.document_id, t.payload::jsonb, $21, 0, $22, 0, $28, $9, $23, \
            $10, $29 \
        FROM job, unnest($17, $11, $18) AS t (id, document_id, payload)) \
    INSERT INTO audit_log (id, at, user_id, action, resource_type, resource_id, outcome, ip, request_id, \
        api_key_id) \
    SELECT $24, $10, $2, 'job.create', 'job', $1, 'success', $25, $26, $31 FROM job";

pub(super) fn kind_of(documents: &[NewDocument]) -> JobKind {
    if documents.len() == 1 {
        JobKind::Single
    } else {
        JobKind::Batch
    }
}

fn count_of(documents: &[NewDocument]) -> i32 {
    i32::try_from(documents.len()).unwrap_or(i32::MAX)
}

fn payload_of(document: &NewDocument, options: &JobOptions) -> DocumentPayload {
    DocumentPayload {
        kind: document.kind,
        file_name: document.file_name.clone(),
        size_bytes: document.size_bytes,
        tags_max: options.tags_max,
        content: options.content,
        languages: options.languages.clone(),
        sealed_password: options.password.clone(),
    }
}

fn audit_entry(user: UserId, job: JobId, origin: audit::Origin) -> audit::Entry {
    audit::Entry {
        user: Some(user),
        action: "job.create",
        resource: Some(("job", job.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    }
}

fn document_row(
    document: NewDocument,
    job: JobId,
    user: UserId,
    position: i32,
    now: DateTime<Utc>,
) -> documents::ActiveModel {
    documents::ActiveModel {
        id: Set(document.id.uuid()),
        job_id: Set(job.uuid()),
        user_id: Set(user.uuid()),
        position: Set(position),
        file_name: Set(document.file_name),
        kind: Set(document.kind.to_string()),
        size_bytes: Set(i64::try_from(document.size_bytes).unwrap_or(i64::MAX)),
        sha256: Set(document.sha256.to_vec()),
        status: Set(DocumentStatus::Pending.to_string()),
        title: Set(None),
        language: Set(None),
        language_confidence: Set(None),
        tags: Set(serde_json::json!([])),
        pages: Set(None),
        words: Set(None),
        characters: Set(None),
        metadata: Set(serde_json::json!({})),
        needs_ocr: Set(false),
        truncated: Set(false),
        engine: Set(None),
        text_fence: Set(None),
        error_code: Set(None),
        error_detail: Set(None),
        created_at: Set(now),
        processed_at: Set(None),
    }
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("plain structs always become JSON")
}
