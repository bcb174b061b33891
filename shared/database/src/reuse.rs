//! Results that serve twice: the same bytes, read with the same options by the same release, for the same owner.
//!
//! A job is stored as any other first. Then its waiting task may be ended with the results of an earlier document, instead of
//! by a worker; whoever is first, the row decides. So a process that dies in between leaves a task that is simply run.

use chrono::{DateTime, Utc};
use domain::{DocumentId, DocumentKind, JobId, JobStatus, RELEASE, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use crate::jobs::{self, Counts, JobOptions};
use crate::quotas::Settled;
use crate::usage::Charge;
use crate::{Database, MadeBy, Result, events, quotas, search, sql, todos, usage};

/// The fence under which results are stored that no run has made: runs begin at 1.
pub const FENCE: i64 = 0;

/// Earlier documents with the same bytes that are looked at.
const LOOKED_AT_MAX: usize = 5;

/// A document whose results can serve again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The document.
    pub document: DocumentId,
    /// The fence under which its text is stored.
    pub text_fence: i64,
}

/// What is to be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sought {
    /// The SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// What they are.
    pub kind: DocumentKind,
}

/// For each of what is to be processed with these options, the newest document of the user whose results would come out again,
/// made by these: rules do not serve for a model, nor one model for another, nor what rules did because a model failed.
///
/// Never one that a password opened, one whose pictures nobody has read yet, or one whose todos a person has reworded: what was
/// found in that is not known any more.
///
/// # Errors
/// When the database is away.
pub async fn find(
    db: &Database,
    user: UserId,
    options: &JobOptions,
    by: &MadeBy,
    sought: &[Sought],
) -> Result<Vec<Option<Source>>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        sha256: Vec<u8>,
        kind: String,
        text_fence: i64,
        options: serde_json::Value,
        made_by: Option<serde_json::Value>,
    }
    if sought.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<Value> = vec![user.uuid().into(), RELEASE.into()];
    values.extend(sought.iter().map(|sought| Value::from(sought.sha256.to_vec())));
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "SELECT d.id, d.sha256, d.kind, d.text_fence, j.options, d.made_by FROM documents d JOIN jobs j ON j.id = d.job_id \
             WHERE d.user_id = $1 AND d.sha256 IN ({}) AND d.release = $2 AND d.status = 'completed' \
             AND d.text_fence IS NOT NULL AND NOT d.needs_ocr AND NOT EXISTS \
             (SELECT 1 FROM todos k WHERE k.document_id = d.id AND k.edited & {} <> 0) ORDER BY d.id DESC LIMIT {}",
            sql::placeholders(3, sought.len()),
            todos::REWORDED,
            LOOKED_AT_MAX * sought.len(),
        ),
        values,
    )
    .await?;
    let same: Vec<Row> = rows
        .into_iter()
        .filter(|row| {
            let made_by = row
                .made_by
                .clone()
                .and_then(|it| serde_json::from_value::<MadeBy>(it).ok());
            made_by.unwrap_or_default() == *by
                && serde_json::from_value(row.options.clone())
                    .is_ok_and(|known: JobOptions| known.gives_the_same_as(options))
        })
        .collect();
    let source_of = |sought: &Sought| {
        let row = same
            .iter()
            .find(|row| row.sha256 == sought.sha256 && row.kind == sought.kind.as_str())?;
        Some(Source {
            document: row.id.into(),
            text_fence: row.text_fence,
        })
    };
    Ok(sought.iter().map(source_of).collect())
}

/// What results consist of, beside passages, todos, events and the entry of the search.
const RESULTS: [&str; 18] = [
    "title",
    "language",
    "language_confidence",
    "languages",
    "tags",
    "pages",
    "words",
    "characters",
    "metadata",
    "needs_ocr",
    "truncated",
    "engine",
    "enriched_by",
    "summary",
    "made_by",
    "result_bytes",
    "release",
    "status",
];

/// For what the results of another document are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// For the same bytes once more: as a run would find them, with nothing done.
    AnotherDocument,
    /// For a version that brings the other one back: with what people have changed and done.
    ALaterVersion,
}

/// The document whose results are taken over, and what is known of the one that takes them.
#[derive(FromQueryResult)]
struct Known {
    size_bytes: i64,
    pages: Option<i32>,
    result_bytes: i64,
    enriched_by: Option<String>,
}

/// Ends the waiting task of a document with the results of another one of the same user, whose text was copied to the key with
/// [`FENCE`] before. It counts as used like any other. Returns whether it did: the task may have begun or ended, and the other
/// document may be gone.
///
/// # Errors
/// When the database is away; nothing is changed then, unless the connection broke at the end.
pub async fn take_over(
    db: &Database,
    user: UserId,
    (job, document): (JobId, DocumentId),
    (from, purpose): (DocumentId, For),
    now: DateTime<Utc>,
) -> Result<bool> {
    let transaction = db.begin().await?;
    let ended = sql::execute(
        &transaction,
        "UPDATE tasks SET state = 'done', started_at = $4, finished_at = $4 \
         WHERE job_id = $1 AND document_id = $2 AND user_id = $3 AND state = 'queued' AND fence = 0",
        [
            job.uuid().into(),
            document.uuid().into(),
            user.uuid().into(),
            now.into(),
        ],
    )
    .await?;
    if ended == 0 {
        return Ok(false);
    }
    let Some(source) = copy_results(&transaction, user, document, from, now).await? else {
        return Ok(false);
    };
    copy_texts(&transaction, document, from).await?;
    let engine = source.enriched_by.as_deref().unwrap_or_default();
    todos::copy(&transaction, (user, document), from, purpose, engine, now).await?;
    events::copy(&transaction, (user, document), from, engine, now).await?;
    let change = Counts {
        completed: 1,
        ..Counts::default()
    };
    jobs::count(
        &transaction,
        job.uuid(),
        change,
        JobStatus::Failed,
        Some(now),
        now,
    )
    .await?;
    let charge = Charge {
        document,
        user,
        job,
        pages: i64::from(source.pages.unwrap_or(0)),
        bytes: source.size_bytes,
    };
    let charged = usage::charge(&transaction, charge, now).await?;
    let settled = Settled {
        charged: charged.then_some((charge.pages, charge.bytes)),
        result_bytes: source.result_bytes,
    };
    quotas::settle(&transaction, user, document.uuid(), settled, now).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The row. `None` when the other document is gone, or has no results.
async fn copy_results(
    transaction: &DatabaseTransaction,
    user: UserId,
    document: DocumentId,
    from: DocumentId,
    now: DateTime<Utc>,
) -> Result<Option<Known>> {
    // Nobody deletes it while the rest of it is being copied.
    let lock = match transaction.get_database_backend() {
        DbBackend::Postgres => " FOR SHARE",
        _ => "",
    };
    let source: Option<Known> = sql::first(
        transaction,
        format!(
            "SELECT size_bytes, pages, result_bytes, enriched_by FROM documents \
             WHERE id = $1 AND user_id = $2 AND status = 'completed'{lock}"
        ),
        [from.uuid().into(), user.uuid().into()],
    )
    .await?;
    let Some(source) = source else { return Ok(None) };
    let results: Vec<String> = RESULTS
        .iter()
        .map(|column| format!("{column} = s.{column}"))
        .collect();
    sql::execute(
        transaction,
        format!(
            "UPDATE documents SET {}, text_fence = $3, reused_from = s.id, processed_at = $4 FROM documents s \
             WHERE documents.id = $1 AND s.id = $2",
            results.join(", ")
        ),
        [
            document.uuid().into(),
            from.uuid().into(),
            FENCE.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(Some(source))
}

/// The passages and the entry of the search.
async fn copy_texts(transaction: &DatabaseTransaction, document: DocumentId, from: DocumentId) -> Result<()> {
    let pair = || [Value::from(document.uuid()), from.uuid().into()];
    sql::execute(
        transaction,
        "INSERT INTO passages (document_id, position, page, start_byte, text) \
         SELECT $1, position, page, start_byte, text FROM passages WHERE document_id = $2",
        pair(),
    )
    .await?;
    // The same name makes the same entry, which Postgres can copy. What its owner calls the other one is not copied.
    let is_copied = transaction.get_database_backend() == DbBackend::Postgres
        && sql::execute(
            transaction,
            "INSERT INTO search_parts (document_id, part, words) SELECT $1, p.part, p.words FROM search_parts p \
             JOIN documents s ON s.id = p.document_id JOIN documents d ON d.id = $1 \
             WHERE p.document_id = $2 AND s.file_name = d.file_name AND s.own_title IS NULL",
            pair(),
        )
        .await?
            > 0;
    if !is_copied {
        search::index_again(transaction, document).await?;
    }
    Ok(())
}
