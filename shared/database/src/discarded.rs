//! Documents whose objects in storage still have to go: deleted ones, and those that were cancelled before they were done.
//!
//! The row is written in the transaction that deletes or cancels the document, so a crash between the two systems leaves a
//! note of what is left to do.

use chrono::{DateTime, Utc};
use domain::{DocumentId, JobId, UserId};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use crate::{Database, Result, sql};

/// What names the objects of a document in storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its owner.
    pub user: UserId,
    /// Its job.
    pub job: JobId,
    /// The document.
    pub document: DocumentId,
    /// The fence under which its text was stored, if it was.
    pub text_fence: Option<i64>,
}

#[derive(FromQueryResult)]
pub(crate) struct StoredRow {
    document_id: Uuid,
    job_id: Uuid,
    user_id: Uuid,
    text_fence: Option<i64>,
}

impl StoredRow {
    pub(crate) fn document(&self) -> Uuid {
        self.document_id
    }
}

impl From<StoredRow> for StoredDocument {
    fn from(row: StoredRow) -> Self {
        Self {
            user: row.user_id.into(),
            job: row.job_id.into(),
            document: row.document_id.into(),
            text_fence: row.text_fence,
        }
    }
}

/// A document may be noted twice: cancelled first, and then deleted before its objects were gone.
pub(crate) const NOTED_BEFORE: &str = "ON CONFLICT (document_id) DO UPDATE SET discarded_at = excluded.discarded_at, \
    text_fence = COALESCE(excluded.text_fence, discarded_documents.text_fence)";

/// Notes that the objects of documents have to go.
pub(crate) async fn note(
    db: &impl ConnectionTrait,
    documents: &[StoredDocument],
    now: DateTime<Utc>,
) -> Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    let mut values: Vec<Value> = vec![now.into()];
    let mut rows = Vec::with_capacity(documents.len());
    for stored in documents {
        let first = values.len() + 1;
        rows.push(format!("({}, $1)", sql::placeholders(first, 4)));
        values.extend([
            stored.document.uuid().into(),
            stored.job.uuid().into(),
            stored.user.uuid().into(),
            Value::from(stored.text_fence),
        ]);
    }
    let rows = rows.join(", ");
    sql::execute(
        db,
        format!(
            "INSERT INTO discarded_documents (document_id, job_id, user_id, text_fence, discarded_at) \
             VALUES {rows} {NOTED_BEFORE}"
        ),
        values,
    )
    .await?;
    Ok(())
}

/// At most `limit` documents discarded before `before`, the oldest first.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<Vec<StoredDocument>> {
    let rows: Vec<StoredRow> = sql::all(
        db.connection(),
        "SELECT document_id, job_id, user_id, text_fence FROM discarded_documents \
         WHERE discarded_at < $1 ORDER BY discarded_at LIMIT $2",
        [before.into(), i64::from(limit).into()],
    )
    .await?;
    Ok(rows.into_iter().map(StoredDocument::from).collect())
}

/// Forgets documents whose objects are gone.
///
/// # Errors
/// When the database is away; deleting the objects once more is harmless.
pub async fn forget(db: &Database, documents: &[DocumentId]) -> Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    let list = sql::placeholders(1, documents.len());
    sql::execute(
        db.connection(),
        format!("DELETE FROM discarded_documents WHERE document_id IN ({list})"),
        documents.iter().map(|id| id.uuid().into()),
    )
    .await?;
    Ok(())
}
