//! Documents and what was found in them.

use chrono::{DateTime, Utc};
use domain::{DocumentId, DocumentKind, DocumentStatus, JobId, JobStatus, UserId};
use sea_orm::{DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use crate::discarded::{self, StoredDocument, StoredRow};
use crate::jobs::{self, Counts};
use crate::{Database, DatabaseError, MadeBy, Result, audit, quotas, search, sql};

/// A document as its owner sees it, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The document.
    pub id: DocumentId,
    /// The job that it came with.
    pub job: JobId,
    /// Its owner.
    pub user: UserId,
    /// Its place among the documents of the job, from 0.
    pub position: i32,
    /// The label that its owner gave it.
    pub file_name: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Its size.
    pub size_bytes: u64,
    /// Its content's SHA-256.
    pub sha256: Vec<u8>,
    /// Where it stands.
    pub status: DocumentStatus,
    /// Its title.
    pub title: Option<String>,
    /// Its language (ISO 639-1).
    pub language: Option<String>,
    /// How sure that is, 0 to 1.
    pub language_confidence: Option<f32>,
    /// All its languages with their shares, as JSON objects.
    pub languages: serde_json::Value,
    /// Its tags, as JSON objects.
    pub tags: serde_json::Value,
    /// Its pages, where its kind has pages.
    pub pages: Option<i32>,
    /// Words of its text.
    pub words: Option<i64>,
    /// Characters of its text.
    pub characters: Option<i64>,
    /// What its file says about itself.
    pub metadata: serde_json::Value,
    /// It has pages and no usable text on them.
    pub needs_ocr: bool,
    /// A limit was reached; the text is only its beginning.
    pub truncated: bool,
    /// Which engine read it.
    pub engine: Option<String>,
    /// Which rules found language, tags, todos and events.
    pub enriched_by: Option<String>,
    /// What it says, in a few sentences.
    pub summary: Option<String>,
    /// Who found tags, todos, events and summary. Those of earlier releases do not say.
    pub made_by: Option<MadeBy>,
    /// Its todos.
    pub todos: i64,
    /// Its events.
    pub events: i64,
    /// The fence under which its text was stored.
    pub text_fence: Option<i64>,
    /// Why it failed: code and detail.
    pub error: Option<(String, Option<String>)>,
    /// When accepted.
    pub created_at: DateTime<Utc>,
    /// When it was done or given up.
    pub processed_at: Option<DateTime<Utc>>,
    /// What its owner calls it, in order.
    pub labels: Vec<String>,
    /// Which version it is, from 1.
    pub version: i32,
    /// The first version, if this is a later one.
    pub root: Option<DocumentId>,
    /// The version before it.
    pub parent: Option<DocumentId>,
    /// How often a person has changed what it is called.
    pub edits: i32,
    /// Which release of docmill made its results.
    pub release: Option<String>,
    /// The document whose results these are, if they were not made for this one.
    pub reused_from: Option<DocumentId>,
}

/// Which documents to list or search.
#[derive(Debug, Clone, Default)]
pub struct DocumentFilter {
    /// Only those that stand here.
    pub status: Option<DocumentStatus>,
    /// Only those of this kind.
    pub kind: Option<DocumentKind>,
    /// Only those of this job.
    pub job: Option<JobId>,
    /// Only some of these; empty means all.
    pub among: Vec<DocumentId>,
    /// Only those in this language (ISO 639-1).
    pub language: Option<String>,
    /// Only those with this tag, whatever its case and signs.
    pub tag: Option<String>,
    /// Only those with this label.
    pub label: Option<String>,
    /// Only those accepted at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Only those accepted before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only the newest version of each that was completed. Others are left out as long as it exists.
    pub current_only: bool,
    /// Only those older than this one. Not for searches.
    pub before: Option<DocumentId>,
}

// As with jobs, "processing" is not stored: it follows from an attempt having begun. It does not end with the attempt, so
// that a document never goes back while it waits for the next one.
const BEGUN: &str = "EXISTS (SELECT 1 FROM tasks t WHERE t.job_id = d.job_id AND t.document_id = d.id \
     AND t.started_at IS NOT NULL)";

pub(crate) fn columns(backend: DbBackend) -> String {
    let labels = match backend {
        DbBackend::Postgres => {
            "SELECT jsonb_agg(l.label ORDER BY l.label) FROM document_labels l WHERE l.document_id = d.id"
        }
        _ => {
            "SELECT json_group_array(l.label) FROM \
             (SELECT label FROM document_labels WHERE document_id = d.id ORDER BY label) AS l"
        }
    };
    format!(
        "d.id, d.job_id, d.user_id, d.position, d.file_name, d.kind, d.size_bytes, d.sha256, \
         COALESCE(d.own_title, d.title) AS title, d.language, d.version, d.root_id, d.parent_id, d.edits, d.release, d.reused_from, \
         ({labels}) AS labels, \
         d.language_confidence, d.tags, d.pages, d.words, d.characters, d.metadata, d.needs_ocr, d.truncated, d.engine, \
         d.languages, d.enriched_by, d.summary, d.made_by, d.text_fence, d.error_code, d.error_detail, d.created_at, d.processed_at, \
         (SELECT count(*) FROM todos k WHERE k.document_id = d.id) AS todos, \
         (SELECT count(*) FROM events k WHERE k.document_id = d.id) AS events, \
         CASE WHEN d.status = 'pending' AND {BEGUN} THEN 'processing' ELSE d.status END AS status"
    )
}

/// A document of a user.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: DocumentId) -> Result<Option<Document>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!(
            "SELECT {} FROM documents d WHERE d.id = $1 AND d.user_id = $2",
            columns(db.backend())
        ),
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    row.map(Document::try_from).transpose()
}

/// Documents of a user, the newest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, user: UserId, filter: &DocumentFilter, limit: u64) -> Result<Vec<Document>> {
    let mut statement = format!(
        "SELECT {} FROM documents d WHERE d.user_id = $1",
        columns(db.backend())
    );
    let mut values: Vec<Value> = vec![user.uuid().into()];
    if let Some(before) = filter.before {
        values.push(before.uuid().into());
        statement += &format!(" AND d.id < ${}", values.len());
    }
    statement += &conditions(db.backend(), user, filter, &mut values);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    statement += &format!(" ORDER BY d.id DESC LIMIT ${}", values.len());
    let rows: Vec<Row> = sql::all(db.connection(), statement, values).await?;
    rows.into_iter().map(Document::try_from).collect()
}

// Which version is the current one follows from the others, so that deleting it, or its failing, needs no repair.
const CURRENT: &str = " AND NOT EXISTS (SELECT 1 FROM documents n WHERE n.root_id = COALESCE(d.root_id, d.id) \
     AND n.version > d.version AND n.status = 'completed')";

/// The filter as conditions on `documents d` of a user, its values appended to `values`.
pub(crate) fn conditions(
    backend: DbBackend,
    user: UserId,
    filter: &DocumentFilter,
    values: &mut Vec<Value>,
) -> String {
    let mut statement = String::new();
    if let Some(job) = filter.job {
        values.push(job.uuid().into());
        statement += &format!(" AND d.job_id = ${}", values.len());
    }
    if let Some(kind) = filter.kind {
        values.push(kind.as_str().into());
        statement += &format!(" AND d.kind = ${}", values.len());
    }
    if !filter.among.is_empty() {
        let list = sql::placeholders(values.len() + 1, filter.among.len());
        values.extend(filter.among.iter().map(|id| Value::from(id.uuid())));
        statement += &format!(" AND d.id IN ({list})");
    }
    if let Some(language) = &filter.language {
        values.push(language.as_str().into());
        statement += &format!(" AND d.language = ${}", values.len());
    }
    if let Some(tag) = &filter.tag {
        statement += &search::tag_condition(backend, user, tag, values);
    }
    if let Some(label) = &filter.label {
        values.push(label.as_str().into());
        statement += &format!(
            " AND EXISTS (SELECT 1 FROM document_labels l WHERE l.user_id = d.user_id AND l.label = ${} \
             AND l.document_id = d.id)",
            values.len()
        );
    }
    if let Some(from) = filter.from {
        values.push(from.into());
        statement += &format!(" AND d.created_at >= ${}", values.len());
    }
    if let Some(until) = filter.until {
        values.push(until.into());
        statement += &format!(" AND d.created_at < ${}", values.len());
    }
    if filter.current_only {
        statement += CURRENT;
    }
    match filter.status {
        Some(DocumentStatus::Pending) => statement += &format!(" AND d.status = 'pending' AND NOT {BEGUN}"),
        Some(DocumentStatus::Processing) => statement += &format!(" AND d.status = 'pending' AND {BEGUN}"),
        Some(status) => {
            values.push(status.as_str().into());
            statement += &format!(" AND d.status = ${}", values.len());
        }
        None => {}
    }
    statement
}

/// Deletes a document of a user, every version of it, with passages and tasks, notes the objects that must go, and keeps the
/// counters of the jobs true. Empty when there is no such document.
///
/// # Errors
/// When the database is away; nothing is deleted then.
pub async fn delete(
    db: &Database,
    user: UserId,
    id: DocumentId,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Vec<StoredDocument>> {
    #[derive(FromQueryResult)]
    struct Version {
        id: Uuid,
    }
    #[derive(FromQueryResult)]
    struct Deleted {
        job_id: Uuid,
        status: String,
        bytes: i64,
    }
    let transaction = db.begin().await?;
    // In the order of their ids, in which everything locks that locks several.
    let versions: Vec<Version> = sql::all(
        &transaction,
        format!("{OF_SERIES} ORDER BY v.id"),
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    let list = sql::placeholders(1, versions.len());
    let ids = || versions.iter().map(|version| Value::from(version.id));
    // The tasks first, in the order in which a worker that closes one takes its locks.
    sql::execute(
        &transaction,
        format!(
            "DELETE FROM tasks WHERE document_id IN ({list}) \
             AND job_id IN (SELECT job_id FROM documents WHERE id IN ({list}))"
        ),
        ids(),
    )
    .await?;
    let stored: Vec<StoredRow> = sql::all(
        &transaction,
        format!("SELECT id AS document_id, job_id, user_id, text_fence FROM documents WHERE id IN ({list})"),
        ids(),
    )
    .await?;
    let mut deleted: Vec<Deleted> = sql::all(
        &transaction,
        format!(
            "DELETE FROM documents WHERE id IN ({list}) RETURNING job_id, status, size_bytes + result_bytes AS bytes"
        ),
        ids(),
    )
    .await?;
    if deleted.is_empty() {
        return Ok(Vec::new());
    }
    let stored: Vec<StoredDocument> = stored.into_iter().map(StoredDocument::from).collect();
    discarded::note(&transaction, &stored, now).await?;
    let mut freed = quotas::release(&transaction, versions.iter().map(|version| version.id)).await?;
    let mut freed = freed.remove(&user.uuid()).unwrap_or_default();
    // Jobs in the order of their ids, so that two deletions cannot wait for each other.
    deleted.sort_unstable_by_key(|deleted| deleted.job_id);
    for deleted in deleted {
        let mut change = Counts {
            total: -1,
            ..Counts::default()
        };
        freed.storage -= deleted.bytes;
        match deleted.status.parse()? {
            DocumentStatus::Completed => change.completed = -1,
            DocumentStatus::Failed => change.failed = -1,
            DocumentStatus::Cancelled => {
                change.cancelled = -1;
                // Its content went when it was cancelled.
                freed.storage += deleted.bytes;
            }
            DocumentStatus::Pending | DocumentStatus::Processing => {}
        }
        jobs::count(&transaction, deleted.job_id, change, JobStatus::Failed, None, now).await?;
    }
    quotas::change(&transaction, user.uuid(), freed).await?;
    let entry = audit::Entry {
        user: Some(user),
        action: "document.delete",
        resource: Some(("document", id.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    };
    audit::insert(&transaction, entry, now).await?;
    transaction.commit().await?;
    Ok(stored)
}

/// Every version of the document $1 of the user $2.
const OF_SERIES: &str = "SELECT v.id FROM documents v JOIN documents d ON d.id = $1 AND d.user_id = $2 \
    WHERE v.user_id = d.user_id AND (v.id = COALESCE(d.root_id, d.id) OR v.root_id = COALESCE(d.root_id, d.id))";

/// Which of these documents exist and are not cancelled, with the fence of their text: to find objects that nothing points
/// at.
///
/// # Errors
/// When the database is away.
pub async fn existing(db: &Database, ids: &[DocumentId]) -> Result<Vec<StoredDocument>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list = sql::placeholders(1, ids.len());
    let rows: Vec<StoredRow> = sql::all(
        db.connection(),
        format!(
            "SELECT id AS document_id, job_id, user_id, text_fence FROM documents \
             WHERE status <> 'cancelled' AND id IN ({list})"
        ),
        ids.iter().map(|id| Value::from(id.uuid())),
    )
    .await?;
    Ok(rows.into_iter().map(StoredDocument::from).collect())
}

#[derive(FromQueryResult)]
pub(crate) struct Row {
    id: Uuid,
    job_id: Uuid,
    user_id: Uuid,
    position: i32,
    file_name: String,
    kind: String,
    size_bytes: i64,
    sha256: Vec<u8>,
    status: String,
    title: Option<String>,
    language: Option<String>,
    language_confidence: Option<f32>,
    tags: serde_json::Value,
    pages: Option<i32>,
    words: Option<i64>,
    characters: Option<i64>,
    metadata: serde_json::Value,
    needs_ocr: bool,
    truncated: bool,
    engine: Option<String>,
    languages: serde_json::Value,
    enriched_by: Option<String>,
    summary: Option<String>,
    made_by: Option<serde_json::Value>,
    todos: i64,
    events: i64,
    text_fence: Option<i64>,
    error_code: Option<String>,
    error_detail: Option<String>,
    created_at: DateTime<Utc>,
    processed_at: Option<DateTime<Utc>>,
    labels: Option<serde_json::Value>,
    version: i32,
    root_id: Option<Uuid>,
    parent_id: Option<Uuid>,
    edits: i32,
    release: Option<String>,
    reused_from: Option<Uuid>,
}

impl TryFrom<Row> for Document {
    type Error = DatabaseError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            job: row.job_id.into(),
            user: row.user_id.into(),
            position: row.position,
            file_name: row.file_name,
            kind: row.kind.parse()?,
            size_bytes: row.size_bytes.cast_unsigned(),
            sha256: row.sha256,
            status: row.status.parse()?,
            title: row.title,
            language: row.language,
            language_confidence: row.language_confidence,
            tags: row.tags,
            pages: row.pages,
            words: row.words,
            characters: row.characters,
            metadata: row.metadata,
            needs_ocr: row.needs_ocr,
            truncated: row.truncated,
            engine: row.engine,
            languages: row.languages,
            enriched_by: row.enriched_by,
            summary: row.summary,
            made_by: row
                .made_by
                .and_then(|made_by| serde_json::from_value(made_by).ok()),
            todos: row.todos,
            events: row.events,
            text_fence: row.text_fence,
            error: row.error_code.map(|code| (code, row.error_detail)),
            created_at: row.created_at,
            processed_at: row.processed_at,
            labels: row
                .labels
                .and_then(|labels| serde_json::from_value(labels).ok())
                .unwrap_or_default(),
            version: row.version,
            root: row.root_id.map(DocumentId::from),
            parent: row.parent_id.map(DocumentId::from),
            edits: row.edits,
            release: row.release,
            reused_from: row.reused_from.map(DocumentId::from),
        })
    }
}
