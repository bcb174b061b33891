//! The end of a run that has results: they are stored and the task ends, all or nothing, unless the fence fell meanwhile.

use chrono::{DateTime, Utc};
use domain::{DocumentId, JobStatus, Month};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::Claim;
use super::close::Closed;
use crate::entity::passages;
use crate::events::{self, FoundEvent};
use crate::jobs::{self, Counts};
use crate::quotas::{self, SETTLE, Settled};
use crate::search::{self, Indexed};
use crate::todos::{self, FoundTodo};
use crate::{Database, MadeBy, Result, sql, usage};

/// What was found in a document.
#[derive(Debug, Clone)]
pub struct DocumentResult {
    /// Its title, from its own metadata or headings.
    pub title: Option<String>,
    /// Its language (ISO 639-1) and the confidence in it, 0 to 1.
    pub language: Option<(String, f32)>,
    /// All its languages with their shares, as JSON objects.
    pub languages: serde_json::Value,
    /// Its tags, as JSON objects.
    pub tags: serde_json::Value,
    /// Words of the tags, for the search.
    pub tag_words: Vec<String>,
    /// Its pages, where its kind has pages.
    pub pages: Option<i32>,
    /// Words of its text.
    pub words: i64,
    /// Characters of its text.
    pub characters: i64,
    /// What its file says about itself.
    pub metadata: serde_json::Value,
    /// It has pages and no usable text on them.
    pub needs_ocr: bool,
    /// A limit was reached; the text is only its beginning.
    pub truncated: bool,
    /// Which engine read it.
    pub engine: String,
    /// Which rules found language, tags, todos and events.
    pub enriched_by: String,
    /// What it says, in a few sentences.
    pub summary: Option<String>,
    /// Who found tags, todos, events and summary.
    pub made_by: MadeBy,
    /// Bytes of its results in storage: the text, and its Markdown.
    pub stored_bytes: u64,
    /// Its text in pieces.
    pub passages: Vec<PassageText>,
    /// What it asks somebody to do, in the order of its text.
    pub todos: Vec<FoundTodo>,
    /// What it says takes place, in the order of its text.
    pub events: Vec<FoundEvent>,
}

/// A piece of a document's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageText {
    /// Its page, from 1.
    pub page: Option<i32>,
    /// Where it begins in the text, in bytes.
    pub start_byte: i64,
    /// The piece.
    pub text: String,
}

/// Stores the results of a document and ends its task, at once.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn complete(
    db: &Database,
    claim: &Claim,
    result: DocumentResult,
    now: DateTime<Utc>,
) -> Result<Closed> {
    match db.backend() {
        DbBackend::Postgres => complete_in_one_statement(db, claim, result, now).await,
        _ => complete_in_steps(db, claim, result, now).await,
    }
}

/// The owner stays: with `started_at` and `finished_at` it tells of the attempt that succeeded.
pub(super) const END: &str =
    "UPDATE tasks SET state = 'done', finished_at = $3, error_code = NULL, error_detail = NULL";

/// Whether the results of this very claim are stored. For whoever got no answer from [`complete`] and then
/// [`Closed::Lost`]: the first try may have been committed although its answer did not arrive.
///
/// # Errors
/// When the database is away.
pub async fn is_complete<S, P>(db: &Database, claim: &Claim<S, P>) -> Result<bool> {
    #[derive(FromQueryResult)]
    struct Row {
        #[allow(dead_code)] // that there is a row is all
        id: Uuid,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT id FROM tasks WHERE id = $1 AND fence = $2 AND state = 'done'",
        [claim.task.uuid().into(), claim.fence.into()],
    )
    .await?;
    Ok(row.is_some())
}

/// SQLite: a transaction, whose statements cost no round trip.
async fn complete_in_steps(
    db: &Database,
    claim: &Claim,
    mut result: DocumentResult,
    now: DateTime<Utc>,
) -> Result<Closed> {
    let (todos, events, engine) = agenda_of(claim, &mut result);
    let (passages, indexed) = passages_and_index(db.backend(), claim, &mut result).await;
    let transaction = db.begin().await?;
    let ended = sql::execute(
        &transaction,
        format!("{END} WHERE id = $1 AND fence = $2 AND state = 'running'"),
        [claim.task.uuid().into(), claim.fence.into(), now.into()],
    )
    .await?;
    if ended == 0 {
        return Ok(Closed::Lost);
    }
    let (pages, result_bytes) = (
        i64::from(result.pages.unwrap_or(0)),
        result.stored_bytes.cast_signed(),
    );
    let mut values: Vec<Value> = vec![claim.document.uuid().into()];
    values.extend(document_values(claim, result, now));
    sql::execute(
        &transaction,
        format!("UPDATE documents SET {} WHERE id = $1", document_columns(2)),
        values,
    )
    .await?;
    insert_passages(&transaction, claim.document, passages).await?;
    search::replace_entry(&transaction, claim.document, indexed).await?;
    todos
        .store(&transaction, (claim.user, claim.document), &engine, now)
        .await?;
    events
        .store(&transaction, (claim.user, claim.document), &engine, now)
        .await?;
    let change = Counts {
        completed: 1,
        ..Counts::default()
    };
    jobs::count(
        &transaction,
        claim.job.uuid(),
        change,
        JobStatus::Failed,
        Some(claim.started_at),
        now,
    )
    .await?;
    let bytes = claim.payload.size_bytes.cast_signed();
    let charge = usage::Charge {
        document: claim.document,
        user: claim.user,
        job: claim.job,
        pages,
        bytes,
    };
    let charged = usage::charge(&transaction, charge, now).await?;
    let settled = Settled {
        charged: charged.then_some((pages, bytes)),
        result_bytes,
    };
    quotas::settle(&transaction, claim.user, claim.document.uuid(), settled, now).await?;
    transaction.commit().await?;
    Ok(Closed::Won)
}

/// Postgres: one statement, hence one round trip and one commit where the steps would take seven. The parts run on one
/// snapshot; that the task ends is what the others wait for.
async fn complete_in_one_statement(
    db: &Database,
    claim: &Claim,
    mut result: DocumentResult,
    now: DateTime<Utc>,
) -> Result<Closed> {
    #[derive(FromQueryResult)]
    struct Job {
        #[allow(dead_code)] // that there is a row is all
        id: Uuid,
    }
    let (todos, events, engine) = agenda_of(claim, &mut result);
    let pages_used = i64::from(result.pages.unwrap_or(0));
    let result_bytes = result.stored_bytes.cast_signed();
    let (passages, indexed) = passages_and_index(db.backend(), claim, &mut result).await;
    let parts = match indexed {
        Indexed::Parts(parts) => parts,
        Indexed::Flat(_) => Vec::new(),
    };
    let (parts, vectors): (Vec<i32>, Vec<String>) =
        parts.into_iter().map(|part| (part.number, part.vector)).unzip();
    let positions: Vec<i32> = (1..).take(passages.len()).collect();
    let (mut pages, mut starts, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for passage in passages {
        pages.push(passage.page.unwrap_or(0));
        starts.push(passage.start_byte);
        texts.push(passage.text);
    }
    let mut values: Vec<Value> = vec![
        claim.task.uuid().into(),
        claim.fence.into(),
        now.into(),
        positions.into(),
        pages.into(),
        starts.into(),
        texts.into(),
        parts.into(),
        vectors.into(),
    ];
    let todo = todos::Found::parts(values.len() + 1);
    values.extend(todos.values(claim.user, &engine, now));
    let event = events::Found::parts(values.len() + 1);
    values.extend(events.values(claim.user, &engine, now));
    let document = document_columns(values.len() + 1);
    values.extend(document_values(claim, result, now));
    let job = jobs::count_columns(values.len() + 1);
    let change = Counts {
        completed: 1,
        ..Counts::default()
    };
    values.extend(jobs::count_values(
        change,
        JobStatus::Failed,
        Some(claim.started_at),
        now,
    ));
    let first = values.len() + 1;
    let used: [Value; 4] = [
        pages_used.into(),
        claim.payload.size_bytes.cast_signed().into(),
        result_bytes.into(),
        Month::of(now).number().into(),
    ];
    values.extend(used);
    let [pages_used, bytes_used, result_bytes, month] = std::array::from_fn(|n| format!("${}", first + n));
    let quota = settlement(&result_bytes, &month);
    // The row of the account's quotas comes last, as everywhere: it follows from the job.
    let statement = format!(
        "WITH ended AS ({END} WHERE id = $1 AND fence = $2 AND state = 'running' \
            RETURNING job_id, document_id, user_id), \
         document AS (UPDATE documents SET {document} FROM ended WHERE documents.id = ended.document_id), \
         passage AS (INSERT INTO passages (document_id, position, page, start_byte, text) \
            SELECT ended.document_id, p.position, NULLIF(p.page, 0), p.start_byte, p.text \
            FROM ended, unnest($4, $5, $6, $7) AS p (position, page, start_byte, text) \
            ON CONFLICT (document_id, position) DO UPDATE SET page = excluded.page, start_byte = excluded.start_byte, \
                text = excluded.text), \
         old_passage AS (DELETE FROM passages USING ended WHERE passages.document_id = ended.document_id \
            AND passages.position <> ALL ($4)), \
         part AS (INSERT INTO search_parts (document_id, part, words) \
            SELECT ended.document_id, s.part, s.words::tsvector FROM ended, unnest($8, $9) AS s (part, words) \
            ON CONFLICT (document_id, part) DO UPDATE SET words = excluded.words), \
         old_part AS (DELETE FROM search_parts USING ended WHERE search_parts.document_id = ended.document_id \
            AND search_parts.part <> ALL ($8)), {todo}, {event}, \
         job AS (UPDATE jobs SET {job} FROM ended WHERE jobs.id = ended.job_id RETURNING jobs.id), \
         charged AS (INSERT INTO usage_entries (document_id, user_id, job_id, at, pages, bytes) \
            SELECT document_id, user_id, job_id, $3, {pages_used}, {bytes_used} FROM ended \
            ON CONFLICT (document_id) DO NOTHING RETURNING pages, bytes), \
         released AS (DELETE FROM quota_reservations USING ended, job \
            WHERE quota_reservations.document_id = ended.document_id RETURNING quota_reservations.bytes), \
         quota AS (UPDATE quotas SET {quota} FROM ended JOIN job ON job.id = ended.job_id \
            LEFT JOIN released ON true LEFT JOIN charged ON true WHERE quotas.user_id = ended.user_id) \
         SELECT id FROM job"
    );
    let job: Option<Job> = sql::first(db.connection(), statement, values).await?;
    Ok(if job.is_some() { Closed::Won } else { Closed::Lost })
}

/// Assignments that settle the quotas, from the parts of the statement above.
fn settlement(result_bytes: &str, month: &str) -> String {
    [
        ("{released}", "CASE WHEN released.bytes IS NULL THEN 0 ELSE 1 END"),
        ("{bytes_released}", "COALESCE(released.bytes, 0)"),
        ("{charged}", "CASE WHEN charged.bytes IS NULL THEN 0 ELSE 1 END"),
        ("{pages}", "COALESCE(charged.pages, 0)"),
        ("{bytes}", "COALESCE(charged.bytes, 0)"),
        ("{result_bytes}", result_bytes),
        ("{month}", month),
    ]
    .iter()
    .fold(SETTLE.to_owned(), |sql, (name, part)| sql.replace(name, part))
}

/// Assignments of a document's results, with placeholders from `first` in the order of [`document_values`].
fn document_columns(first: usize) -> String {
    const COLUMNS: [&str; 19] = [
        "title",
        "language",
        "language_confidence",
        "tags",
        "pages",
        "words",
        "characters",
        "metadata",
        "needs_ocr",
        "truncated",
        "engine",
        "release",
        "text_fence",
        "processed_at",
        "languages",
        "enriched_by",
        "result_bytes",
        "summary",
        "made_by",
    ];
    let assignments = COLUMNS
        .iter()
        .zip(first..)
        .map(|(column, n)| format!("{column} = ${n}, "))
        .collect::<String>();
    assignments + "status = 'completed', error_code = NULL, error_detail = NULL"
}

fn document_values(claim: &Claim, result: DocumentResult, now: DateTime<Utc>) -> [Value; 19] {
    let (language, confidence) = result.language.unzip();
    [
        result
            .title
            .map(|title| title.chars().take(500).collect::<String>())
            .into(),
        language.into(),
        confidence.into(),
        result.tags.into(),
        result.pages.into(),
        result.words.into(),
        result.characters.into(),
        result.metadata.into(),
        result.needs_ocr.into(),
        result.truncated.into(),
        result.engine.into(),
        domain::RELEASE.into(),
        claim.fence.into(),
        now.into(),
        result.languages.into(),
        result.enriched_by.into(),
        result.stored_bytes.cast_signed().into(),
        result.summary.into(),
        serde_json::to_value(&result.made_by)
            .expect("plain structs always become JSON")
            .into(),
    ]
}

/// What the document asks for and announces, ready to be stored, and which rules found it.
fn agenda_of(claim: &Claim, result: &mut DocumentResult) -> (todos::Found, events::Found, String) {
    let todos = todos::Found::of(claim.document, std::mem::take(&mut result.todos));
    let events = events::Found::of(claim.document, std::mem::take(&mut result.events));
    (todos, events, result.enriched_by.clone())
}

/// The passages, and what the document is found by.
async fn passages_and_index(
    backend: DbBackend,
    claim: &Claim,
    result: &mut DocumentResult,
) -> (Vec<PassageText>, Indexed) {
    let names: Vec<String> = result
        .title
        .iter()
        .cloned()
        .chain([claim.payload.file_name.clone()])
        .collect();
    let subject = search::Subject {
        user: claim.user,
        language: result.language.as_ref().map(|(code, _)| code.clone()),
        names,
        tags: std::mem::take(&mut result.tag_words),
    };
    let texts = std::mem::take(&mut result.passages);
    let (indexed, texts) = search::index_of(backend, subject, texts).await;
    (texts, indexed)
}

/// SQLite takes 32,766 values in one statement; a passage has 5.
const PASSAGES_PER_INSERT: usize = 4_000;

async fn insert_passages(
    transaction: &DatabaseTransaction,
    document: DocumentId,
    passages: Vec<PassageText>,
) -> Result<()> {
    // Those of an earlier run, if there was one.
    let key = [document.uuid().into()];
    sql::execute(transaction, "DELETE FROM passages WHERE document_id = $1", key).await?;
    let mut rows = (1_i32..)
        .zip(passages)
        .map(|(position, passage)| passages::ActiveModel {
            document_id: Set(document.uuid()),
            position: Set(position),
            page: Set(passage.page),
            start_byte: Set(passage.start_byte),
            text: Set(passage.text),
        });
    loop {
        let chunk: Vec<_> = rows.by_ref().take(PASSAGES_PER_INSERT).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        passages::Entity::insert_many(chunk)
            .exec_without_returning(transaction)
            .await?;
    }
}
