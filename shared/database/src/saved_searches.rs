//! Searches that people keep under a name.

use chrono::{DateTime, Utc};
use domain::{SavedSearchId, UserId, limits};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use crate::{Database, DatabaseError, Result, audit, sql};

/// A search that somebody kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedSearch {
    /// The search.
    pub id: SavedSearchId,
    /// What its owner calls it; once per owner.
    pub name: String,
    /// The query, as it was typed.
    pub query: String,
    /// The filters, in the words of the API.
    pub filters: serde_json::Value,
    /// Grows with every change, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchToSave {
    /// What its owner calls it.
    pub name: String,
    /// The query.
    pub query: String,
    /// The filters.
    pub filters: serde_json::Value,
}

/// What came of keeping a search.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved {
    /// It is kept, as this.
    Done(Box<SavedSearch>),
    /// The same request kept this one before. It may have been changed since.
    Replayed(Box<SavedSearch>),
    /// The client used this key before, for something else.
    KeyReused,
    /// Another one has this name.
    NameTaken,
    /// There are as many as one may have.
    TooMany,
    /// Somebody changed it after the caller had looked at it.
    ChangedMeanwhile,
    /// The user has no such search.
    NoSuchSearch,
}

const COLUMNS: &str = "id, name, query, filters, version, created_at, updated_at";

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    name: String,
    query: String,
    filters: serde_json::Value,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for SavedSearch {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            query: row.query,
            filters: row.filters,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The searches of a user in the order of their names; there are never more than a hundred.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, user: UserId) -> Result<Vec<SavedSearch>> {
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!("SELECT {COLUMNS} FROM saved_searches WHERE user_id = $1 ORDER BY name, id"),
        [user.uuid().into()],
    )
    .await?;
    Ok(rows.into_iter().map(SavedSearch::from).collect())
}

/// A search of a user.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: SavedSearchId) -> Result<Option<SavedSearch>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("SELECT {COLUMNS} FROM saved_searches WHERE id = $1 AND user_id = $2"),
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    Ok(row.map(SavedSearch::from))
}

/// Keeps a search. `idempotency` is the client's own name for the request, and the fingerprint of what it asks: the same request
/// sent again keeps no second one, and is answered with the first.
///
/// # Errors
/// When the database is away; nothing is kept then.
pub async fn insert(
    db: &Database,
    user: UserId,
    new: SearchToSave,
    idempotency: Option<(String, [u8; 32])>,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Saved> {
    if let Some(known) = earlier(db, user, idempotency.as_ref()).await? {
        return Ok(known);
    }
    let saved = insert_new(db, user, new, idempotency.clone(), origin, now).await?;
    if saved == Saved::NameTaken {
        // Perhaps by the same request, this moment.
        return Ok(earlier(db, user, idempotency.as_ref()).await?.unwrap_or(saved));
    }
    Ok(saved)
}

/// What an earlier use of an idempotency key came to; `None` when it was not used.
async fn earlier(
    db: &Database,
    user: UserId,
    idempotency: Option<&(String, [u8; 32])>,
) -> Result<Option<Saved>> {
    #[derive(FromQueryResult)]
    struct Known {
        id: Uuid,
        fingerprint: Option<Vec<u8>>,
    }
    let Some((key, fingerprint)) = idempotency else {
        return Ok(None);
    };
    let known: Option<Known> = sql::first(
        db.connection(),
        "SELECT id, fingerprint FROM saved_searches WHERE user_id = $1 AND idempotency_key = $2",
        [user.uuid().into(), key.as_str().into()],
    )
    .await?;
    let Some(known) = known else { return Ok(None) };
    if known.fingerprint.as_deref() != Some(fingerprint.as_slice()) {
        return Ok(Some(Saved::KeyReused));
    }
    let search = find(db, user, known.id.into()).await?;
    Ok(search.map(|search| Saved::Replayed(Box::new(search))))
}

/// Lets idempotency keys go that are older than `before`, at most `limit`. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn forget_idempotency_keys(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    sql::execute(
        db.connection(),
        "UPDATE saved_searches SET idempotency_key = NULL, fingerprint = NULL WHERE id IN \
         (SELECT id FROM saved_searches WHERE idempotency_key IS NOT NULL AND created_at < $1 LIMIT $2)",
        [before.into(), i64::from(limit).into()],
    )
    .await
}

async fn insert_new(
    db: &Database,
    user: UserId,
    new: SearchToSave,
    idempotency: Option<(String, [u8; 32])>,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Saved> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let id = SavedSearchId::new();
    let transaction = db.begin().await?;
    let count: Option<Count> = sql::first(
        &transaction,
        "SELECT count(*) AS count FROM saved_searches WHERE user_id = $1",
        [user.uuid().into()],
    )
    .await?;
    if count.is_some_and(|count| count.count >= limits::SAVED_SEARCHES_MAX) {
        return Ok(Saved::TooMany);
    }
    let (key, fingerprint) = idempotency.unzip();
    let values: [Value; 8] = [
        id.uuid().into(),
        user.uuid().into(),
        new.name.into(),
        new.query.into(),
        new.filters.into(),
        now.into(),
        key.into(),
        fingerprint.map(|digest| digest.to_vec()).into(),
    ];
    let row: Result<Option<Row>> = sql::first(
        &transaction,
        format!(
            "INSERT INTO saved_searches (id, user_id, name, query, filters, created_at, updated_at, idempotency_key, fingerprint) \
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8) RETURNING {COLUMNS}"
        ),
        values,
    )
    .await;
    let Some(row) = unless_taken(row)? else {
        return Ok(Saved::NameTaken);
    };
    audit::insert(&transaction, line(user, id, "search.create", origin), now).await?;
    transaction.commit().await?;
    Ok(Saved::Done(Box::new(row.into())))
}

/// Changes a search of a user to this, if it is in this version.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn update(
    db: &Database,
    user: UserId,
    (id, version): (SavedSearchId, i32),
    change: SearchToSave,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<Saved> {
    let transaction = db.begin().await?;
    let values: [Value; 7] = [
        id.uuid().into(),
        user.uuid().into(),
        change.name.into(),
        change.query.into(),
        change.filters.into(),
        now.into(),
        version.into(),
    ];
    let row: Result<Option<Row>> = sql::first(
        &transaction,
        format!(
            "UPDATE saved_searches SET name = $3, query = $4, filters = $5, updated_at = $6, version = version + 1 \
             WHERE id = $1 AND user_id = $2 AND version = $7 RETURNING {COLUMNS}"
        ),
        values,
    )
    .await;
    let row = match row {
        Err(DatabaseError::Constraint(_)) => return Ok(Saved::NameTaken),
        Ok(None) => {
            drop(transaction);
            let there = find(db, user, id).await?.is_some();
            return Ok(if there {
                Saved::ChangedMeanwhile
            } else {
                Saved::NoSuchSearch
            });
        }
        Ok(Some(row)) => row,
        Err(error) => return Err(error),
    };
    audit::insert(&transaction, line(user, id, "search.edit", origin), now).await?;
    transaction.commit().await?;
    Ok(Saved::Done(Box::new(row.into())))
}

/// Deletes a search of a user. Returns whether there was one.
///
/// # Errors
/// When the database is away; nothing is deleted then.
pub async fn delete(
    db: &Database,
    user: UserId,
    id: SavedSearchId,
    origin: audit::Origin,
    now: DateTime<Utc>,
) -> Result<bool> {
    let transaction = db.begin().await?;
    let deleted = sql::execute(
        &transaction,
        "DELETE FROM saved_searches WHERE id = $1 AND user_id = $2",
        [id.uuid().into(), user.uuid().into()],
    )
    .await?;
    if deleted == 0 {
        return Ok(false);
    }
    audit::insert(&transaction, line(user, id, "search.delete", origin), now).await?;
    transaction.commit().await?;
    Ok(true)
}

fn unless_taken(row: Result<Option<Row>>) -> Result<Option<Row>> {
    match row {
        Err(DatabaseError::Constraint(_)) => Ok(None),
        other => other,
    }
}

fn line(user: UserId, id: SavedSearchId, action: &'static str, origin: audit::Origin) -> audit::Entry {
    audit::Entry {
        user: Some(user),
        action,
        resource: Some(("search", id.uuid())),
        outcome: audit::Outcome::Success,
        origin,
    }
}
