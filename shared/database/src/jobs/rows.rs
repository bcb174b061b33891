//! The rows of a new job with its documents and tasks: the same by one statement and in steps.

use chrono::{DateTime, Utc};
use domain::{
    ApiKeyId, AuditId, DocumentStatus, JobId, JobStatus, RequestId, TaskId, TaskKind, TaskState, UserId,
    limits,
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, Value};
use serde::Serialize;
use uuid::Uuid;

use super::place::place_in_line;
use super::submit::{JobOptions, NewDocument, NewJob, count_of, kind_of};
use crate::entity::{documents, jobs, tasks};
use crate::tasks::{DocumentPayload, PAYLOAD_VERSION};
use crate::{Result, audit, labels, sql, versions};

/// SQLite: steps, which cost no round trip. Postgres too, where there is more to write than usual.
pub(super) async fn insert_in_steps(
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
pub(super) async fn insert_in_one_statement(
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

fn payload_of(document: &NewDocument, options: &JobOptions) -> DocumentPayload {
    DocumentPayload {
        kind: document.kind,
        file_name: document.file_name.clone(),
        size_bytes: document.size_bytes,
        tags_max: options.tags_max,
        content: options.content,
        languages: options.languages.clone(),
        sealed_password: options.password.clone(),
        findings: None,
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
