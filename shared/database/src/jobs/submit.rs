//! A job becomes durable.

use chrono::{DateTime, Utc};
use domain::{
    AuditId, Content, DocumentId, DocumentKind, DocumentStatus, JobId, JobKind, JobStatus, RequestId, TaskId,
    TaskKind, TaskState, UserId, VersionOf, limits,
};
use sea_orm::{ActiveValue::Set, DbBackend, EntityTrait, FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Job;
use crate::entity::{documents, jobs, tasks};
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
            ..options.clone()
        };
        of_results(self) == of_results(other)
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
}

/// Stores a job with its documents, tasks and a line in the audit log, in one transaction.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn submit(db: &Database, new: NewJob, now: DateTime<Utc>) -> Result<Submitted> {
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
    let again = new.options.version_of.is_some().then(|| new.clone());
    let mut stored = insert(db, new, now).await;
    if let Some(again) = again {
        for _ in 1..VERSION_TRIES {
            if matches!(stored, Err(DatabaseError::Constraint(_))) {
                stored = insert(db, again.clone(), now).await;
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
        Ok(tasks) => Ok(Submitted::Accepted(Box::new(job), tasks)),
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

async fn insert(db: &Database, new: NewJob, now: DateTime<Utc>) -> Result<Vec<TaskId>> {
    let task_ids: Vec<TaskId> = new.documents.iter().map(|_| TaskId::new()).collect();
    match db.backend() {
        DbBackend::Postgres if new.options.is_plain() => {
            insert_in_one_statement(db, new, &task_ids, now).await?;
        }
        _ => insert_in_steps(db, new, &task_ids, now).await?,
    }
    Ok(task_ids)
}

/// SQLite: a transaction, whose statements cost no round trip. Postgres too, where there is more to write than usual.
async fn insert_in_steps(db: &Database, new: NewJob, task_ids: &[TaskId], now: DateTime<Utc>) -> Result<()> {
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
            priority: Set(PRIORITY),
            user_id: Set(new.user.uuid()),
            job_id: Set(new.id.uuid()),
            document_id: Set(Some(document.id.uuid())),
            payload: Set(json(&payload_of(document, &new.options))),
            payload_version: Set(PAYLOAD_VERSION),
            attempt: Set(0),
            attempts_max: Set(limits::ATTEMPTS_MAX),
            fence: Set(0),
            owner: Set(None),
            run_at: Set(now),
            deadline_at: Set(new.deadline_at),
            dispatched_at: Set(new.dispatched.then_some(now)),
            created_at: Set(now),
            started_at: Set(None),
            finished_at: Set(None),
            error_code: Set(None),
            error_detail: Set(None),
            history: Set(serde_json::json!([])),
        });
    let task_rows: Vec<_> = task_rows.collect();
    let ids: Vec<Uuid> = new.documents.iter().map(|document| document.id.uuid()).collect();
    let document_rows: Vec<_> = (0..)
        .zip(new.documents)
        .map(|(position, document)| document_row(document, new.id, new.user, position, now))
        .collect();
    let transaction = db.begin().await?;
    jobs::Entity::insert(job)
        .exec_without_returning(&transaction)
        .await?;
    documents::Entity::insert_many(document_rows)
        .exec_without_returning(&transaction)
        .await?;
    tasks::Entity::insert_many(task_rows)
        .exec_without_returning(&transaction)
        .await?;
    labels::insert(&transaction, new.user, &ids, &new.options.labels).await?;
    if let (Some(version_of), [document]) = (&new.options.version_of, ids.as_slice()) {
        versions::append(&transaction, new.user, *document, version_of).await?;
    }
    audit::insert(&transaction, audit_entry(new.user, new.id, new.origin), now).await?;
    transaction.commit().await?;
    Ok(())
}

/// Postgres: one statement, hence one round trip and one commit where the steps would take six.
async fn insert_in_one_statement(
    db: &Database,
    new: NewJob,
    task_ids: &[TaskId],
    now: DateTime<Utc>,
) -> Result<()> {
    let (key, fingerprint) = new.idempotency.unzip();
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
    for document in new.documents {
        ids.push(document.id.uuid());
        names.push(document.file_name);
        kinds.push(document.kind.to_string());
        sizes.push(i64::try_from(document.size_bytes).unwrap_or(i64::MAX));
        digests.push(document.sha256.to_vec());
    }
    let values: [Value; 26] = [
        new.id.uuid().into(),
        new.user.uuid().into(),
        kind.as_str().into(),
        total.into(),
        json(&new.options).into(),
        key.into(),
        fingerprint.map(|digest| digest.to_vec()).into(),
        new.trace_parent.into(),
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
        new.origin.ip.into(),
        new.origin.request.map(RequestId::uuid).into(),
    ];
    sql::execute(db.connection(), INSERT, values).await?;
    Ok(())
}

// The foreign keys between the parts are checked when the whole statement is done.
const INSERT: &str = "WITH job AS (\
        INSERT INTO jobs (id, user_id, kind, status, total, completed, failed, cancelled, version, options, \
            idempotency_key, fingerprint, trace_parent, deadline_at, created_at) \
        VALUES ($1, $2, $3, 'pending', $4, 0, 0, 0, 1, $5, $6, $7, $8, $9, $10)), \
    document AS (\
        INSERT INTO documents (id, job_id, user_id, position, file_name, kind, size_bytes, sha256, status, tags, \
            metadata, needs_ocr, truncated, created_at) \
        SELECT d.id, $1, $2, d.position, d.file_name, d.kind, d.size_bytes, d.sha256, 'pending', '[]', '{}', false, \
            false, $10 \
        FROM unnest($11, $12, $13, $14, $15, $16) AS d (id, position, file_name, kind, size_bytes, sha256)), \
    task AS (\
        INSERT INTO tasks (id, kind, queue, state, priority, user_id, job_id, document_id, payload, payload_version, \
            attempt, attempts_max, fence, run_at, deadline_at, dispatched_at, created_at) \
        SELECT t.id, $19, $20, 'queued', 0, $2, $1, t.document_id, t.payload::jsonb, $21, 0, $22, 0, $10, $9, $23, $10 \
        FROM unnest($17, $11, $18) AS t (id, document_id, payload)) \
    INSERT INTO audit_log (id, at, user_id, action, resource_type, resource_id, outcome, ip, request_id) \
    VALUES ($24, $10, $2, 'job.create', 'job', $1, 'success', $25, $26)";

/// All jobs wait alike for now; lower numbers are handed out first.
const PRIORITY: i16 = 0;

fn kind_of(documents: &[NewDocument]) -> JobKind {
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
