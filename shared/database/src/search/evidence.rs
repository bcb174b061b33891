//! Passages from which a question can be answered.

use domain::{DocumentId, UserId};
use sea_orm::{DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use super::terms::Terms;
use crate::{Database, Result, sql};

/// A passage with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The document.
    pub document: DocumentId,
    /// The label that its owner gave it.
    pub file_name: String,
    /// The page, where its kind has pages.
    pub page: Option<i32>,
    /// Where the passage begins, in bytes of the document's text.
    pub start_byte: i64,
    /// The passage.
    pub text: String,
}

/// Matching passages that are ranked at most: a word that stands everywhere must not make a question expensive.
const RANKED_MAX: i64 = 2_000;

/// Passages of a user's documents that have words that begin with `beginnings`, the best first, at most `limit`: those with
/// all of them, and if these are few, those with any. `documents` narrows it; empty means all of the user's.
///
/// # Errors
/// When the database is away.
pub async fn evidence(
    db: &Database,
    user: UserId,
    documents: &[DocumentId],
    beginnings: &str,
    limit: u64,
) -> Result<Vec<Evidence>> {
    let terms = Terms::parse(beginnings);
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let (all, any) = match db.backend() {
        DbBackend::Postgres => (terms.for_postgres(), terms.any_for_postgres()),
        _ => (terms.for_sqlite(), terms.any_for_sqlite()),
    };
    let mut found = ranked(db, user, documents, all, limit).await?;
    if (found.len() as u64) < limit {
        for other in ranked(db, user, documents, any, limit).await? {
            if !found.contains(&other) {
                found.push(other);
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(found)
}

/// The beginnings of a user's documents: of each the first passages, in the order of `documents` and of the text, at most
/// `limit` altogether.
///
/// # Errors
/// When the database is away.
pub async fn beginnings(
    db: &Database,
    user: UserId,
    documents: &[DocumentId],
    limit: u64,
) -> Result<Vec<Evidence>> {
    let share = limit / (documents.len().max(1) as u64);
    let mut found = Vec::new();
    for document in documents {
        let rows: Vec<Row> = sql::all(
            db.connection(),
            "SELECT p.document_id, d.file_name, p.page, p.start_byte, p.text FROM passages p \
             JOIN documents d ON d.id = p.document_id WHERE p.document_id = $1 AND d.user_id = $2 AND p.position > 0 \
             ORDER BY p.position LIMIT $3",
            [
                document.uuid().into(),
                user.uuid().into(),
                i64::try_from(share.max(1)).unwrap_or(i64::MAX).into(),
            ],
        )
        .await?;
        found.extend(rows.into_iter().map(Evidence::from));
    }
    Ok(found)
}

async fn ranked(
    db: &Database,
    user: UserId,
    documents: &[DocumentId],
    query: String,
    limit: u64,
) -> Result<Vec<Evidence>> {
    let mut values: Vec<Value> = vec![
        query.into(),
        user.uuid().into(),
        RANKED_MAX.into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let mut only = String::new();
    if !documents.is_empty() {
        only = format!(
            " AND p.document_id IN ({})",
            sql::placeholders(5, documents.len())
        );
        values.extend(documents.iter().map(|id| Value::from(id.uuid())));
    }
    let matching = match db.backend() {
        DbBackend::Postgres => {
            "SELECT p.document_id, d.file_name, p.position, p.page, p.start_byte, p.text, \
             ts_rank(p.words, $1::tsquery, 1)::float8 AS score FROM passages p JOIN documents d ON d.id = p.document_id \
             WHERE p.words @@ $1::tsquery"
        }
        _ => {
            "SELECT p.document_id, d.file_name, p.position, p.page, p.start_byte, p.text, -bm25(passages_index) AS score \
             FROM passages_index JOIN passages p ON p.row_number = passages_index.rowid \
             JOIN documents d ON d.id = p.document_id WHERE passages_index MATCH $1"
        }
    };
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "SELECT document_id, file_name, page, start_byte, text FROM ({matching} AND d.user_id = $2 AND p.position > 0{only} \
             LIMIT $3) AS matching ORDER BY score DESC, document_id DESC, position LIMIT $4"
        ),
        values,
    )
    .await?;
    Ok(rows.into_iter().map(Evidence::from).collect())
}

#[derive(FromQueryResult)]
struct Row {
    document_id: Uuid,
    file_name: String,
    page: Option<i32>,
    start_byte: i64,
    text: String,
}

impl From<Row> for Evidence {
    fn from(row: Row) -> Self {
        Self {
            document: row.document_id.into(),
            file_name: row.file_name,
            page: row.page,
            start_byte: row.start_byte,
            text: row.text,
        }
    }
}
