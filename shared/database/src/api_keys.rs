//! Keys with which programs act for an account. Only the hash of a key is stored.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{ApiKeyId, Scope, UserId, UserRole, UserStatus};
use sea_orm::{ActiveValue::Set, EntityTrait, FromQueryResult, Value};
use uuid::Uuid;

use crate::entity::api_keys;
use crate::{Database, Result, sql};

/// The SHA-256 of a key.
pub type KeyHash = [u8; 32];

/// Keys of one account at most, disabled and expired ones too.
pub const KEYS_MAX: u32 = 100;

/// The time of the newest use is noted no more often than this, so that reading does not become writing.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// A key, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key.
    pub id: ApiKeyId,
    /// What its owner calls it.
    pub name: String,
    /// How it begins.
    pub hint: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops working; never, if absent.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it is switched off.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Whose.
    pub user: UserId,
    /// What its owner calls it; at most 100 characters.
    pub name: String,
    /// How it begins; at most 20 characters.
    pub hint: String,
    /// Its hash.
    pub hash: KeyHash,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a request with a key stands on at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStanding {
    /// Which key.
    pub key: ApiKeyId,
    /// Whose.
    pub user: UserId,
    /// What that person may do.
    pub role: UserRole,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// Whether its address has yet to be proven.
    pub unverified: bool,
    /// What the key may do.
    pub scopes: Vec<Scope>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it stops working.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Stores a key. `None` when the account has [`KEYS_MAX`] of them.
///
/// # Errors
/// When the database is away.
pub async fn insert(db: &Database, new: NewApiKey, now: DateTime<Utc>) -> Result<Option<ApiKey>> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let transaction = db.begin().await?;
    // Of several at once all but the first wait here, so that the bound holds.
    sql::execute(
        &transaction,
        "UPDATE users SET updated_at = updated_at WHERE id = $1",
        [new.user.uuid().into()],
    )
    .await?;
    let count: Option<Count> = sql::first(
        &transaction,
        "SELECT count(*) AS count FROM api_keys WHERE user_id = $1",
        [new.user.uuid().into()],
    )
    .await?;
    if count.is_some_and(|it| it.count >= i64::from(KEYS_MAX)) {
        return Ok(None);
    }
    let row = api_keys::Model {
        id: ApiKeyId::new().uuid(),
        user_id: new.user.uuid(),
        name: new.name,
        hint: new.hint,
        key_hash: new.hash.to_vec(),
        scopes: words(&new.scopes),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        disabled_at: None,
    };
    api_keys::Entity::insert(api_keys::ActiveModel {
        id: Set(row.id),
        user_id: Set(row.user_id),
        name: Set(row.name.clone()),
        hint: Set(row.hint.clone()),
        key_hash: Set(row.key_hash.clone()),
        scopes: Set(row.scopes.clone()),
        created_at: Set(row.created_at),
        expires_at: Set(row.expires_at),
        last_used_at: Set(None),
        disabled_at: Set(None),
    })
    .exec_without_returning(&transaction)
    .await?;
    transaction.commit().await?;
    Ok(Some(row.into()))
}

/// The keys of a user, the newest first; no more than [`KEYS_MAX`].
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, user: UserId) -> Result<Vec<ApiKey>> {
    let rows: Vec<api_keys::Model> = sql::all(
        db.connection(),
        "SELECT * FROM api_keys WHERE user_id = $1 ORDER BY id DESC",
        [user.uuid().into()],
    )
    .await?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// A key of a user.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row: Option<api_keys::Model> = sql::first(
        db.connection(),
        "SELECT * FROM api_keys WHERE user_id = $1 AND id = $2",
        [user.uuid().into(), id.uuid().into()],
    )
    .await?;
    Ok(row.map(ApiKey::from))
}

/// Changes the name of a key and switches it on or off; what is absent stays. `None` when the user has no such key.
///
/// # Errors
/// When the database is away.
pub async fn change(
    db: &Database,
    user: UserId,
    id: ApiKeyId,
    name: Option<String>,
    disabled: Option<bool>,
    now: DateTime<Utc>,
) -> Result<Option<ApiKey>> {
    let disabled_at = match disabled {
        None => "disabled_at",
        Some(true) => "COALESCE(disabled_at, $4)",
        Some(false) => "NULL",
    };
    let mut values: Vec<Value> = vec![user.uuid().into(), id.uuid().into(), name.into()];
    if disabled == Some(true) {
        values.push(now.into());
    }
    let row: Option<api_keys::Model> = sql::first(
        db.connection(),
        format!(
            "UPDATE api_keys SET name = COALESCE($3, name), disabled_at = {disabled_at} \
             WHERE user_id = $1 AND id = $2 RETURNING *"
        ),
        values,
    )
    .await?;
    Ok(row.map(ApiKey::from))
}

/// Lets a key stop working at `at`, unless it stops before. For the old one of two during a rotation.
///
/// # Errors
/// When the database is away.
pub async fn expire(db: &Database, user: UserId, id: ApiKeyId, at: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db.connection(),
        "UPDATE api_keys SET expires_at = $3 \
         WHERE user_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > $3)",
        [user.uuid().into(), id.uuid().into(), at.into()],
    )
    .await?;
    Ok(())
}

/// Deletes a key of a user; `false` when there is none.
///
/// # Errors
/// When the database is away.
pub async fn delete(db: &Database, user: UserId, id: ApiKeyId) -> Result<bool> {
    let deleted = sql::execute(
        db.connection(),
        "DELETE FROM api_keys WHERE user_id = $1 AND id = $2",
        [user.uuid().into(), id.uuid().into()],
    )
    .await?;
    Ok(deleted > 0)
}

/// How a key stands, and notes that it is used; `None` when nobody has it.
///
/// # Errors
/// When the database is away.
pub async fn standing(db: &Database, hash: &KeyHash, now: DateTime<Utc>) -> Result<Option<KeyStanding>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        user_id: Uuid,
        scopes: String,
        expires_at: Option<DateTime<Utc>>,
        last_used_at: Option<DateTime<Utc>>,
        disabled_at: Option<DateTime<Utc>>,
        role: String,
        status: String,
        unverified_since: Option<DateTime<Utc>>,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT k.id, k.user_id, k.scopes, k.expires_at, k.last_used_at, k.disabled_at, u.role, u.status, \
         u.unverified_since FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.key_hash = $1",
        [hash.to_vec().into()],
    )
    .await?;
    let Some(row) = row else { return Ok(None) };
    let standing = KeyStanding {
        key: row.id.into(),
        user: row.user_id.into(),
        role: row.role.parse()?,
        status: row.status.parse()?,
        unverified: row.unverified_since.is_some(),
        scopes: scopes(&row.scopes),
        enabled: row.disabled_at.is_none(),
        expires_at: row.expires_at,
    };
    let noted_lately = row.last_used_at.is_some_and(|at| now < at + NOTED_EVERY);
    if standing.is_good(now) && !noted_lately {
        sql::execute(
            db.connection(),
            "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
            [row.id.into(), now.into()],
        )
        .await?;
    }
    Ok(Some(standing))
}

impl KeyStanding {
    /// Whether the key itself may be used at this time.
    #[must_use]
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.enabled && self.expires_at.is_none_or(|at| now < at)
    }
}

fn words(scopes: &[Scope]) -> String {
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    words.join(" ")
}

/// A word that this release does not know allows nothing.
fn scopes(words: &str) -> Vec<Scope> {
    words
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

impl From<api_keys::Model> for ApiKey {
    fn from(row: api_keys::Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            hint: row.hint,
            scopes: scopes(&row.scopes),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            disabled_at: row.disabled_at,
        }
    }
}
