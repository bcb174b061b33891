//! Logins and their refresh tokens.
//!
//! A session is a family of refresh tokens of which only the newest is good. Whoever shows an older one has
//! stolen it, or was stolen from: the whole family ends. Only the one right before the newest may be shown again for a moment,
//! for the answer with the newest may have been lost.

use std::time::Duration;

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
    /// Whether its address has yet to be proven.
    pub unverified: bool,
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
    /// It was spent a moment ago and what it was spent for has not been used: the answer was lost, or two asked at once.
    Repeated {
        /// Whose.
        user: UserId,
        /// The family.
        session: SessionId,
        /// Which of the possible successors is stored.
        successor: usize,
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
    let transaction = db.begin().await?;
    let token_hash = new.token_hash;
    let id = insert(&transaction, new, None, now).await?;
    insert_token(&transaction, &token_hash, id.uuid(), now).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Begins a session of a browser: the hash is that of its cookie, and there is nothing to refresh.
///
/// # Errors
/// When the database is away.
pub async fn start_in_browser(db: &Database, new: NewSession, now: DateTime<Utc>) -> Result<SessionId> {
    let cookie_hash = new.token_hash.to_vec();
    insert(db.connection(), new, Some(cookie_hash), now).await
}

async fn insert(
    db: &impl ConnectionTrait,
    new: NewSession,
    cookie_hash: Option<Vec<u8>>,
    now: DateTime<Utc>,
) -> Result<SessionId> {
    let id = SessionId::new();
    let session = sessions::ActiveModel {
        id: Set(id.uuid()),
        user_id: Set(new.user.uuid()),
        ip: Set(new.ip),
        user_agent: Set(new.user_agent.map(|agent| agent.chars().take(255).collect())),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(new.expires_at),
        revoked_at: Set(None),
        cookie_hash: Set(cookie_hash),
    };
    sessions::Entity::insert(session)
        .exec_without_returning(db)
        .await?;
    Ok(id)
}

/// A refresh token that is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Its hash.
    pub token: &'a TokenHash,
    /// What may follow it: the first one is stored when it is spent now; any of them may have been stored before. Not
    /// empty.
    pub successors: &'a [TokenHash],
    /// How long after it was spent it may be shown again.
    pub grace: Duration,
    /// When the session ends unless it is used again.
    pub expires_at: DateTime<Utc>,
}

/// Spends a refresh token and stores its successor, in one transaction: of two that show the same token, one wins.
///
/// # Errors
/// When the database is away; nothing is spent then.
pub async fn rotate(db: &Database, shown: Shown<'_>, now: DateTime<Utc>) -> Result<Rotation> {
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
        [now.into(), shown.token.to_vec().into()],
    )
    .await?;
    if let Some(family) = spent {
        let owner: Option<Owner> = sql::first(
            &transaction,
            "UPDATE sessions SET last_used_at = $1, expires_at = $2 \
             WHERE id = $3 AND revoked_at IS NULL AND expires_at > $1 RETURNING user_id",
            [now.into(), shown.expires_at.into(), family.session_id.into()],
        )
        .await?;
        let Some(owner) = owner else {
            return Ok(Rotation::Refused);
        };
        let next = shown.successors.first().expect("a token has a successor");
        insert_token(&transaction, next, family.session_id, now).await?;
        transaction.commit().await?;
        return Ok(Rotation::Rotated {
            user: owner.user_id.into(),
            session: family.session_id.into(),
        });
    }
    let Some(old) = refresh_tokens::Entity::find_by_id(shown.token.to_vec())
        .one(&transaction)
        .await?
    else {
        return Ok(Rotation::Refused);
    };
    if old.spent_at.is_some_and(|at| now < at + shown.grace)
        && let Some(repeated) = repeated(&transaction, old.session_id, shown.successors, now).await?
    {
        return Ok(repeated);
    }
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

/// The session as it stands after the rotation that is asked for once more, if its newest token is one of these.
async fn repeated(
    db: &impl ConnectionTrait,
    session: Uuid,
    successors: &[TokenHash],
    now: DateTime<Utc>,
) -> Result<Option<Rotation>> {
    #[derive(FromQueryResult)]
    struct Newest {
        token_hash: Vec<u8>,
        user_id: Uuid,
    }
    let newest: Option<Newest> = sql::first(
        db,
        "SELECT t.token_hash, s.user_id FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id \
         WHERE t.session_id = $1 AND t.spent_at IS NULL AND s.revoked_at IS NULL AND s.expires_at > $2",
        [session.into(), now.into()],
    )
    .await?;
    Ok(newest.and_then(|newest| {
        let successor = successors
            .iter()
            .position(|hash| *hash == newest.token_hash[..])?;
        Some(Rotation::Repeated {
            user: newest.user_id.into(),
            session: session.into(),
            successor,
        })
    }))
}

/// A login, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The login.
    pub id: SessionId,
    /// From where.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it got its newest token.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is used again.
    pub expires_at: DateTime<Utc>,
}

/// The sessions of a user that still stand, the newest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, user: UserId, now: DateTime<Utc>, limit: u32) -> Result<Vec<Session>> {
    let rows: Vec<sessions::Model> = sql::all(
        db.connection(),
        "SELECT * FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
         ORDER BY id DESC LIMIT $3",
        [user.uuid().into(), now.into(), i64::from(limit).into()],
    )
    .await?;
    let session = |row: sessions::Model| Session {
        id: row.id.into(),
        ip: row.ip,
        user_agent: row.user_agent,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
    };
    Ok(rows.into_iter().map(session).collect())
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

/// Ends the session with this cookie, if there is one. Ending it twice is fine.
///
/// # Errors
/// When the database is away.
pub async fn revoke_in_browser(db: &Database, cookie_hash: &TokenHash, now: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db.connection(),
        "UPDATE sessions SET revoked_at = $1 WHERE cookie_hash = $2 AND revoked_at IS NULL",
        [now.into(), cookie_hash.to_vec().into()],
    )
    .await?;
    Ok(())
}

/// Ends every session of a user.
///
/// # Errors
/// When the database is away.
pub async fn revoke_all(db: &Database, user: UserId, now: DateTime<Utc>) -> Result<()> {
    crate::users::revoke_all(db.connection(), user, now).await
}

/// How a session stands; `None` when it is not known. The cookie of a browser's session proves it, nothing else.
///
/// # Errors
/// When the database is away.
pub async fn standing(db: &Database, session: SessionId, now: DateTime<Utc>) -> Result<Option<Standing>> {
    let row: Option<StandingRow> = sql::first(
        db.connection(),
        format!("{STANDING} WHERE s.id = $1 AND s.cookie_hash IS NULL"),
        [session.uuid().into()],
    )
    .await?;
    row.map(|row| row.standing(now)).transpose()
}

/// How the session with this cookie stands, and which one it is; `None` when there is none. One that is used goes on until
/// `expires_at`, which is written down every now and then.
///
/// # Errors
/// When the database is away.
pub async fn standing_in_browser(
    db: &Database,
    cookie_hash: &TokenHash,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<(SessionId, Standing)>> {
    let row: Option<StandingRow> = sql::first(
        db.connection(),
        format!("{STANDING} WHERE s.cookie_hash = $1"),
        [cookie_hash.to_vec().into()],
    )
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (session, noted_lately) = (row.id, now < row.last_used_at + NOTED_EVERY);
    let standing = row.standing(now)?;
    if standing.alive && !noted_lately {
        sql::execute(
            db.connection(),
            "UPDATE sessions SET last_used_at = $2, expires_at = $3 \
             WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 AND last_used_at < $2",
            [session.into(), now.into(), expires_at.into()],
        )
        .await?;
    }
    Ok(Some((session.into(), standing)))
}

/// How often it is written down that a browser's session is used.
const NOTED_EVERY: Duration = Duration::from_secs(60);

const STANDING: &str = "SELECT s.id, s.user_id, u.role, u.status, u.unverified_since, s.last_used_at, s.expires_at, \
     s.revoked_at FROM sessions s JOIN users u ON u.id = s.user_id";

#[derive(FromQueryResult)]
struct StandingRow {
    id: Uuid,
    user_id: Uuid,
    role: String,
    status: String,
    unverified_since: Option<DateTime<Utc>>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl StandingRow {
    fn standing(self, now: DateTime<Utc>) -> Result<Standing> {
        Ok(Standing {
            user: self.user_id.into(),
            role: self.role.parse()?,
            status: self.status.parse()?,
            unverified: self.unverified_since.is_some(),
            alive: self.revoked_at.is_none() && self.expires_at > now,
        })
    }
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
