//! What people call their documents: labels, and titles of their own.

use chrono::{DateTime, Utc};
use domain::{DocumentId, DocumentStatus, UserId};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use crate::{Database, Result, audit, search, sql};

/// What changes about a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// A title of its owner's; `Some(None)` shows the one that was found again.
    pub title: Option<Option<String>>,
    /// All its labels.
    pub labels: Option<Vec<String>>,
}

/// What came of changing a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// It is changed.
    Done,
    /// Its title cannot be changed before it is done.
    NotCompleted(DocumentStatus),
    /// Somebody changed it after the caller had looked at it.
    ChangedMeanwhile,
    /// The user has no such document.
    NoSuchDocument,
}

/// Changes what a document is called and found by, at once, if it was edited `edits` times so far.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn edit(
    db: &Database,
    user: UserId,
    (id, edits): (DocumentId, i32),
    edit: &Edit,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Edited> {
    #[derive(FromQueryResult)]
    struct Row {
        status: String,
        edits: i32,
    }
    let transaction = db.begin().await?;
    let key = [Value::from(id.uuid()), user.uuid().into()];
    let lock = match db.backend() {
        sea_orm::DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    };
    let row: Option<Row> = sql::first(
        &transaction,
        format!("SELECT status, edits FROM documents WHERE id = $1 AND user_id = $2{lock}"),
        key.clone(),
    )
    .await?;
    let Some(row) = row else {
        return Ok(Edited::NoSuchDocument);
    };
    if row.edits != edits {
        return Ok(Edited::ChangedMeanwhile);
    }
    if let Some(title) = &edit.title {
        let status = row.status.parse()?;
        if status != DocumentStatus::Completed {
            return Ok(Edited::NotCompleted(status));
        }
        sql::execute(
            &transaction,
            "UPDATE documents SET own_title = $3 WHERE id = $1 AND user_id = $2",
            key.clone().into_iter().chain([title.clone().into()]),
        )
        .await?;
        search::index_again(&transaction, id).await?;
    }
    if let Some(labels) = &edit.labels {
        sql::execute(
            &transaction,
            "DELETE FROM document_labels WHERE document_id = $1 AND user_id = $2",
            key,
        )
        .await?;
        insert(&transaction, user, &[id.uuid()], labels).await?;
    }
    sql::execute(
        &transaction,
        "UPDATE documents SET edits = edits + 1 WHERE id = $1",
        [id.uuid().into()],
    )
    .await?;
    let entry = audit::Entry {
        user: Some(user),
        action: "document.edit",
        resource: Some(("document", id.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    };
    audit::insert(&transaction, entry, now).await?;
    transaction.commit().await?;
    Ok(Edited::Done)
}

/// Gives each of these new documents each of these labels.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    documents: &[Uuid],
    labels: &[String],
) -> Result<()> {
    for label in labels {
        if documents.is_empty() {
            break;
        }
        let mut values: Vec<Value> = vec![user.uuid().into(), label.as_str().into()];
        values.extend(documents.iter().copied().map(Value::from));
        let rows: Vec<String> = (3..3 + documents.len())
            .map(|n| format!("($1, $2, ${n})"))
            .collect();
        sql::execute(
            db,
            format!(
                "INSERT INTO document_labels (user_id, label, document_id) VALUES {} ON CONFLICT DO NOTHING",
                rows.join(", ")
            ),
            values,
        )
        .await?;
    }
    Ok(())
}
