//! Logins and their refresh tokens.
//!
//! A session is a family of refresh tokens of which only the newest is good. Whoever shows an older one has
//! stolen it, or was stolen from: the whole family ends.

use chrono::{DateTime, Utc};
use domain::{SessionId, UserId, UserRole, UserStatus};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, FromQueryResult};
use uuid::Uuid;

use crate::entity::{refresh_tokens, sessions};
use crate::{Database, Result, sql};

/// The SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A login to be stored.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Whose.
    pub user: UserId,
    /// Its first refresh token.
    pub token_hash: TokenHash,
    /// From where.
    pub ip: Option<String>,
    /// With what; cut at 255 characters.
    pub user_agent: Option<String>,
    /// When it ends unless it is used.
    pub expires_at: DateTime<Utc>,
}

/// What an access token stands on at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose session.
    pub user: UserId,
    /// What that person may do.
    pub role: UserRole,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// Whether the session still stands.
    pub alive: bool,
}

/// What came of showing a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It was good; it is spent now and the next one is stored.
    Rotated {
        /// Whose.
        user: UserId,
        /// The family.
        session: SessionId,
    },
    /// It had been spent before; the family is revoked.
    Reused {
        /// Whose.
        user: UserId,
        /// The family.
        session: SessionId,
    },
    /// Nobody's, expired, or of a revoked family.
    Refused,
}

/// Begins a session.
///
/// # Errors
/// When the database is away.
pub async fn start(db: &Database, new: NewSession, now: DateTime<Utc>) -> Result<SessionId> {
    let id = SessionId::new();
    let transaction = db.begin().await?;
    let session = sessions::ActiveModel {
        id: Set(id.uuid()),
        user_id: Set(new.user.uuid()),
        ip: Set(new.ip),
        user_agent: Set(new.user_agent.map(|agent| agent.chars().take(255).collect())),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(new.expires_at),
        revoked_at: Set(None),
    };
    sessions::Entity::insert(session)
        .exec_without_returning(&transaction)
        .await?;
    insert_token(&transaction, &new.token_hash, id.uuid(), now).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Spends a refresh token and stores the next one, in one transaction: of two that show the same token, one wins.
///
/// # Errors
/// When the database is away; nothing is spent then.
pub async fn rotate(
    db: &Database,
    shown: &TokenHash,
    next: &TokenHash,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Rotation> {
    #[derive(FromQueryResult)]
    struct Family {
        session_id: Uuid,
    }
    #[derive(FromQueryResult)]
    struct Owner {
        user_id: Uuid,
    }
    let transaction = db.begin().await?;
    let spent: Option<Family> = sql::first(
        &transaction,
        "UPDATE refresh_tokens SET spent_at = $1 WHERE token_hash = $2 AND spent_at IS NULL RETURNING session_id",
        [now.into(), shown.to_vec().into()],
    )
    .await?;
    if let Some(family) = spent {
        let owner: Option<Owner> = sql::first(
            &transaction,
            "UPDATE sessions SET last_used_at = $1, expires_at = $2 \
             WHERE id = $3 AND revoked_at IS NULL AND expires_at > $1 RETURNING user_id",
            [now.into(), expires_at.into(), family.session_id.into()],
        )
        .await?;
        let Some(owner) = owner else {
            return Ok(Rotation::Refused);
        };
        insert_token(&transaction, next, family.session_id, now).await?;
        transaction.commit().await?;
        return Ok(Rotation::Rotated {
            user: owner.user_id.into(),
            session: family.session_id.into(),
        });
    }
    let Some(old) = refresh_tokens::Entity::find_by_id(shown.to_vec())
        .one(&transaction)
        .await?
    else {
        return Ok(Rotation::Refused);
    };
    let revoked: Option<Owner> = sql::first(
        &transaction,
        "UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL RETURNING user_id",
        [now.into(), old.session_id.into()],
    )
    .await?;
    transaction.commit().await?;
    Ok(revoked.map_or(Rotation::Refused, |owner| Rotation::Reused {
        user: owner.user_id.into(),
        session: old.session_id.into(),
    }))
}

/// Ends one session of a user. Ending it twice is fine.
///
/// # Errors
/// When the database is away.
pub async fn revoke(db: &Database, user: UserId, session: SessionId, now: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db.connection(),
        "UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND user_id = $3 AND revoked_at IS NULL",
        [now.into(), session.uuid().into(), user.uuid().into()],
    )
    .await?;
    Ok(())
}

/// Ends every session of a user.
///
/// # Errors
/// When the database is away.
pub async fn revoke_all(db: &Database, user: UserId, now: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db.connection(),
        "UPDATE sessions SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL",
        [now.into(), user.uuid().into()],
    )
    .await?;
    Ok(())
}

/// How a session stands; `None` when it is not known.
///
/// # Errors
/// When the database is away.
pub async fn standing(db: &Database, session: SessionId, now: DateTime<Utc>) -> Result<Option<Standing>> {
    #[derive(FromQueryResult)]
    struct Row {
        user_id: Uuid,
        role: String,
        status: String,
        expires_at: DateTime<Utc>,
        revoked_at: Option<DateTime<Utc>>,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT s.user_id, u.role, u.status, s.expires_at, s.revoked_at \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1",
        [session.uuid().into()],
    )
    .await?;
    row.map(|row| {
        Ok(Standing {
            user: row.user_id.into(),
            role: row.role.parse()?,
            status: row.status.parse()?,
            alive: row.revoked_at.is_none() && row.expires_at > now,
        })
    })
    .transpose()
}

/// Deletes at most `limit` sessions that ended before `before`, with their tokens. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_ended(db: &Database, before: DateTime<Utc>, limit: u64) -> Result<u64> {
    sql::execute(
        db.connection(),
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2)",
        [before.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
    )
    .await
}

async fn insert_token(
    db: &impl ConnectionTrait,
    token_hash: &TokenHash,
    session: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let token = refresh_tokens::ActiveModel {
        token_hash: Set(token_hash.to_vec()),
        session_id: Set(session),
        created_at: Set(now),
        spent_at: Set(None),
    };
    refresh_tokens::Entity::insert(token)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
