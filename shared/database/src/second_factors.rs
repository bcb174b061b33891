//! Second factors of accounts: the secret that an app shares with us, encrypted, and the hashes of recovery codes.

use chrono::{DateTime, Utc};
use domain::UserId;
use sea_orm::FromQueryResult;

use crate::{Database, Result, sql};

/// The SHA-256 of a recovery code.
pub type CodeHash = [u8; 32];

/// A second factor, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The encrypted secret.
    pub secret: String,
    /// Whether its owner has proven that an app has it.
    pub confirmed: bool,
}

/// The second factor of an account.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId) -> Result<Option<SecondFactor>> {
    #[derive(FromQueryResult)]
    struct Row {
        totp_secret: Option<String>,
        totp_confirmed_at: Option<DateTime<Utc>>,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT totp_secret, totp_confirmed_at FROM users WHERE id = $1",
        [user.uuid().into()],
    )
    .await?;
    Ok(row.and_then(|row| {
        Some(SecondFactor {
            secret: row.totp_secret?,
            confirmed: row.totp_confirmed_at.is_some(),
        })
    }))
}

/// Stores a secret that its owner has yet to confirm. `false` when the account has a confirmed one.
///
/// # Errors
/// When the database is away.
pub async fn begin(db: &Database, user: UserId, secret: String, now: DateTime<Utc>) -> Result<bool> {
    let changed = sql::execute(
        db.connection(),
        "UPDATE users SET totp_secret = $2, totp_last_step = NULL, updated_at = $3 \
         WHERE id = $1 AND totp_confirmed_at IS NULL",
        [user.uuid().into(), secret.into(), now.into()],
    )
    .await?;
    Ok(changed > 0)
}

/// Makes a stored secret count, with these recovery codes; `step` is the one that proved it. `false` when it is not that secret
/// any more, or it counts already.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn confirm(
    db: &Database,
    user: UserId,
    secret: &str,
    step: i64,
    codes: &[CodeHash],
    now: DateTime<Utc>,
) -> Result<bool> {
    let transaction = db.begin().await?;
    let changed = sql::execute(
        &transaction,
        "UPDATE users SET totp_confirmed_at = $4, totp_last_step = $3, updated_at = $4 \
         WHERE id = $1 AND totp_secret = $2 AND totp_confirmed_at IS NULL",
        [user.uuid().into(), secret.into(), step.into(), now.into()],
    )
    .await?;
    if changed == 0 {
        return Ok(false);
    }
    sql::execute(
        &transaction,
        "DELETE FROM recovery_codes WHERE user_id = $1",
        [user.uuid().into()],
    )
    .await?;
    for code in codes {
        sql::execute(
            &transaction,
            "INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)",
            [user.uuid().into(), code.to_vec().into()],
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Spends the code of a step: `false` when that one, or a later one, was used before.
///
/// # Errors
/// When the database is away.
pub async fn spend_step(db: &Database, user: UserId, step: i64) -> Result<bool> {
    let changed = sql::execute(
        db.connection(),
        "UPDATE users SET totp_last_step = $2 WHERE id = $1 AND totp_confirmed_at IS NOT NULL \
         AND (totp_last_step IS NULL OR totp_last_step < $2)",
        [user.uuid().into(), step.into()],
    )
    .await?;
    Ok(changed > 0)
}

/// Replaces the encrypted secret by the same one, encrypted with another key, unless it was changed meanwhile.
///
/// # Errors
/// When the database is away.
pub async fn reseal(db: &Database, user: UserId, old: &str, new: String) -> Result<()> {
    sql::execute(
        db.connection(),
        "UPDATE users SET totp_secret = $3 WHERE id = $1 AND totp_secret = $2",
        [user.uuid().into(), old.into(), new.into()],
    )
    .await?;
    Ok(())
}

/// Spends a recovery code: `false` when there is no such one, or it was used before.
///
/// # Errors
/// When the database is away.
pub async fn spend_recovery_code(db: &Database, user: UserId, code: &CodeHash) -> Result<bool> {
    let deleted = sql::execute(
        db.connection(),
        "DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2",
        [user.uuid().into(), code.to_vec().into()],
    )
    .await?;
    Ok(deleted > 0)
}

/// Takes a second factor away, with its recovery codes. `false` when there is none.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn remove(db: &Database, user: UserId, now: DateTime<Utc>) -> Result<bool> {
    let transaction = db.begin().await?;
    let changed = sql::execute(
        &transaction,
        "UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = NULL, updated_at = $2 \
         WHERE id = $1 AND totp_secret IS NOT NULL",
        [user.uuid().into(), now.into()],
    )
    .await?;
    sql::execute(
        &transaction,
        "DELETE FROM recovery_codes WHERE user_id = $1",
        [user.uuid().into()],
    )
    .await?;
    transaction.commit().await?;
    Ok(changed > 0)
}
