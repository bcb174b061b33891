//! Keys that stand for one piece of work at a time. Who inserts the row of a key has it; who comes second learns who that is.
//!
//! A key belongs to an account, or to docmill itself. It stands until its time is over. A client's key also becomes free
//! when its job is deleted or has ended without any result, because then there is nothing that the second request could be
//! answered with.

use chrono::{DateTime, Utc};
use domain::UserId;
use sea_orm::{DatabaseTransaction, FromQueryResult};
use uuid::Uuid;

use crate::{Database, Result, sql};

/// Whose keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// An account's; its keys are held by jobs.
    Account(UserId),
    /// docmill's own work.
    Internal,
}

/// What came of asking for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the caller's now.
    Now,
    /// This one has it.
    By(Uuid),
}

/// Takes a key for work of docmill's own until `expires_at`, unless somebody has it. `holder` is whatever identifies the work.
/// A holder that asks again is told that it has the key, and nothing changes.
///
/// # Errors
/// When the database is away.
pub async fn claim(
    db: &Database,
    key: &str,
    holder: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Taken> {
    let transaction = db.begin().await?;
    let taken = take(&transaction, Scope::Internal, key, holder, expires_at, now).await?;
    transaction.commit().await?;
    Ok(if taken == Taken::By(holder) {
        Taken::Now
    } else {
        taken
    })
}

/// Lets a key of docmill's own go before its time, if `holder` has it. Doing it twice is fine.
///
/// # Errors
/// When the database is away; the key becomes free when its time is over.
pub async fn release(db: &Database, key: &str, holder: Uuid) -> Result<()> {
    sql::execute(
        db.connection(),
        "DELETE FROM unique_keys WHERE scope = $1 AND key = $2 AND holder = $3",
        [Scope::Internal.id().into(), key.into(), holder.into()],
    )
    .await?;
    Ok(())
}

/// Deletes at most `limit` keys whose time was over before `before`. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_expired(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    let skip_locked = sql::skip_locked(db.connection());
    sql::execute(
        db.connection(),
        format!(
            "DELETE FROM unique_keys WHERE (scope, key) IN \
             (SELECT scope, key FROM unique_keys WHERE expires_at < $1 LIMIT $2{skip_locked})"
        ),
        [before.into(), i64::from(limit).into()],
    )
    .await
}

/// Takes a key within a transaction. Waits for a rival that has not ended its own yet.
pub(crate) async fn take(
    transaction: &DatabaseTransaction,
    scope: Scope,
    key: &str,
    holder: Uuid,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Taken> {
    #[derive(FromQueryResult)]
    struct Row {
        holder: Uuid,
    }
    let lock = sql::locked(transaction);
    let other = loop {
        // The constraint decides; a row whose time is over is as good as none.
        let taken = sql::execute(
            transaction,
            "INSERT INTO unique_keys (scope, key, holder, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (scope, key) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at \
             WHERE unique_keys.expires_at <= $5",
            [
                scope.id().into(),
                key.into(),
                holder.into(),
                expires_at.into(),
                now.into(),
            ],
        )
        .await?;
        if taken == 1 {
            return Ok(Taken::Now);
        }
        let row: Option<Row> = sql::first(
            transaction,
            format!("SELECT holder FROM unique_keys WHERE scope = $1 AND key = $2{lock}"),
            [scope.id().into(), key.into()],
        )
        .await?;
        // None: it was let go this moment.
        if let Some(row) = row {
            break row.holder;
        }
    };
    // Asked in a statement of its own: the one above may have begun before the rival's job was there to be seen.
    if matches!(scope, Scope::Internal) || stands(transaction, other).await? {
        return Ok(Taken::By(other));
    }
    sql::execute(
        transaction,
        "UPDATE unique_keys SET holder = $3, expires_at = $4 WHERE scope = $1 AND key = $2",
        [scope.id().into(), key.into(), holder.into(), expires_at.into()],
    )
    .await?;
    Ok(Taken::Now)
}

/// Whether a job is there and may have results, now or later.
async fn stands(transaction: &DatabaseTransaction, job: Uuid) -> Result<bool> {
    #[derive(FromQueryResult)]
    struct Row {
        #[allow(dead_code)] // that there is a row is all
        id: Uuid,
    }
    let row: Option<Row> = sql::first(
        transaction,
        "SELECT id FROM jobs WHERE id = $1 AND status NOT IN ('failed', 'cancelled', 'expired')",
        [job.into()],
    )
    .await?;
    Ok(row.is_some())
}

impl Scope {
    fn id(self) -> Uuid {
        match self {
            Self::Account(user) => user.uuid(),
            Self::Internal => Uuid::nil(),
        }
    }
}
