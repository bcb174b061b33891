//! Tenants: accounts seen by whoever shares the fleet out. There is a row only for those who differ from everybody else.

use chrono::{DateTime, Utc};
use domain::UserId;
use sea_orm::{DatabaseTransaction, FromQueryResult};
use uuid::Uuid;

use crate::tasks::Operator;
use crate::{Database, Result, audit, sql};

/// How a tenant is served. What is `None` is as the settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
    /// The account.
    pub user: UserId,
    /// Tasks that it may start in its turn.
    pub weight: Option<u32>,
    /// Tasks of it under way at most.
    pub running_max: Option<u32>,
    /// Tasks of it that wait at most.
    pub queued_max: Option<u32>,
    /// Since when nothing of it is begun.
    pub paused_at: Option<DateTime<Utc>>,
}

/// What changes about a tenant: nothing, back to what the settings say (`Some(None)`), or to a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// As [`Tenant::weight`], 1 to [`crate::WEIGHT_MAX`].
    pub weight: Option<Option<u32>>,
    /// As [`Tenant::running_max`], at least 1.
    pub running_max: Option<Option<u32>>,
    /// As [`Tenant::queued_max`].
    pub queued_max: Option<Option<u32>>,
}

/// How an account is served. `None` when there is no such account.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId) -> Result<Option<Tenant>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("{SELECT} WHERE u.id = $1"),
        [user.uuid().into()],
    )
    .await?;
    Ok(row.map(Tenant::from))
}

/// Tenants who differ from everybody else, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, limit: u64) -> Result<Vec<Tenant>> {
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "{SELECT} WHERE n.weight IS NOT NULL OR n.running_max IS NOT NULL OR n.queued_max IS NOT NULL \
             OR n.paused_at IS NOT NULL ORDER BY u.id LIMIT $1"
        ),
        [i64::try_from(limit).unwrap_or(i64::MAX).into()],
    )
    .await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

/// Changes how an account is served, from the next round on. `None` when there is no such account.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn change(
    db: &Database,
    user: UserId,
    change: Change,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Option<Tenant>> {
    let transaction = db.begin().await?;
    let Some(before) = ensure(&transaction, user, now).await? else {
        return Ok(None);
    };
    let to = Tenant {
        weight: change.weight.unwrap_or(before.weight),
        running_max: change.running_max.unwrap_or(before.running_max),
        queued_max: change.queued_max.unwrap_or(before.queued_max),
        ..before
    };
    write(&transaction, to, now).await?;
    note(&transaction, user, "tenant.change", operator, now).await?;
    transaction.commit().await?;
    Ok(Some(to))
}

/// Nothing of the account is begun from now on; what runs goes on. Repeating it is safe. `None` when there is no such account.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn pause(
    db: &Database,
    user: UserId,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Option<Tenant>> {
    set_paused(db, user, true, operator, now).await
}

/// The account's work goes on where it was. Repeating it is safe. `None` when there is no such account.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn resume(
    db: &Database,
    user: UserId,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Option<Tenant>> {
    set_paused(db, user, false, operator, now).await
}

async fn set_paused(
    db: &Database,
    user: UserId,
    paused: bool,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Option<Tenant>> {
    let transaction = db.begin().await?;
    let Some(before) = ensure(&transaction, user, now).await? else {
        return Ok(None);
    };
    if before.paused_at.is_some() == paused {
        return Ok(Some(before));
    }
    let to = Tenant {
        paused_at: paused.then_some(now),
        ..before
    };
    write(&transaction, to, now).await?;
    let action = if paused { "tenant.pause" } else { "tenant.resume" };
    note(&transaction, user, action, operator, now).await?;
    transaction.commit().await?;
    Ok(Some(to))
}

/// The tenant, with a row of its own that nobody else changes until the transaction ends.
async fn ensure(
    transaction: &DatabaseTransaction,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Tenant>> {
    sql::execute(
        transaction,
        "INSERT INTO tenants (user_id, updated_at) SELECT id, $2 FROM users WHERE id = $1 \
         ON CONFLICT (user_id) DO UPDATE SET updated_at = excluded.updated_at",
        [user.uuid().into(), now.into()],
    )
    .await?;
    let row: Option<Row> = sql::first(
        transaction,
        format!("{SELECT} WHERE u.id = $1"),
        [user.uuid().into()],
    )
    .await?;
    Ok(row.map(Tenant::from))
}

async fn write(transaction: &DatabaseTransaction, tenant: Tenant, now: DateTime<Utc>) -> Result<()> {
    let number = |count: Option<u32>| count.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
    sql::execute(
        transaction,
        "UPDATE tenants SET weight = $2, running_max = $3, queued_max = $4, paused_at = $5, updated_at = $6 \
         WHERE user_id = $1",
        [
            tenant.user.uuid().into(),
            number(tenant.weight).into(),
            number(tenant.running_max).into(),
            number(tenant.queued_max).into(),
            tenant.paused_at.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn note(
    transaction: &DatabaseTransaction,
    user: UserId,
    action: &'static str,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<()> {
    let entry = audit::Entry {
        user: operator.user,
        action,
        resource: Some(("user", user.uuid())),
        outcome: audit::Outcome::Success,
        origin: operator.origin,
    };
    audit::insert(transaction, entry, now).await
}

const SELECT: &str = "SELECT u.id, n.weight, n.running_max, n.queued_max, n.paused_at FROM users u \
     LEFT JOIN tenants n ON n.user_id = u.id";

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    weight: Option<i32>,
    running_max: Option<i32>,
    queued_max: Option<i32>,
    paused_at: Option<DateTime<Utc>>,
}

impl From<Row> for Tenant {
    fn from(row: Row) -> Self {
        let number = |count: Option<i32>| count.and_then(|count| u32::try_from(count).ok());
        Self {
            user: row.id.into(),
            weight: number(row.weight),
            running_max: number(row.running_max),
            queued_max: number(row.queued_max),
            paused_at: row.paused_at,
        }
    }
}
