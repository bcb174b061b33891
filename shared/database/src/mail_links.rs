//! Links in messages: good once and for half an hour, each for one purpose, stored as the hash of its secret.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{LinkPurpose, MailKind, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult};
use uuid::Uuid;

use crate::mails::{self, MailClaim, NewMail};
use crate::tasks::Closed;
use crate::{Database, DatabaseError, Result, sql, users};

/// How long a link is good, counted from when the message is sent.
pub const GOOD_FOR: Duration = Duration::from_secs(30 * 60);

/// The SHA-256 of a link's secret.
pub type LinkHash = [u8; 32];

/// A link that is still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is good for.
    pub purpose: LinkPurpose,
    /// Whose account it is about.
    pub user: UserId,
    /// The address that it proves.
    pub address: String,
}

#[derive(FromQueryResult)]
struct Row {
    purpose: String,
    user_id: Uuid,
    address: String,
}

impl TryFrom<Row> for Link {
    type Error = DatabaseError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            purpose: row.purpose.parse()?,
            user: row.user_id.into(),
            address: row.address,
        })
    }
}

/// Stores the link of a message that is about to be sent; nothing is stored unless the claim still stands.
///
/// # Errors
/// When the database is away, or the account is gone.
pub async fn add(
    db: &Database,
    claim: &MailClaim,
    hash: &LinkHash,
    link: &Link,
    now: DateTime<Utc>,
) -> Result<Closed> {
    let added = sql::execute(
        db.connection(),
        "INSERT INTO mail_links (token_hash, mail_id, purpose, user_id, address, created_at, expires_at) \
         SELECT $1, m.id, $4, $5, $6, $7, $8 FROM mails m WHERE m.id = $2 AND m.fence = $3 AND m.state = 'running'",
        [
            hash.to_vec().into(),
            claim.id.uuid().into(),
            claim.fence.into(),
            link.purpose.as_str().into(),
            link.user.uuid().into(),
            link.address.as_str().into(),
            now.into(),
            (now + GOOD_FOR).into(),
        ],
    )
    .await?;
    Ok(if added == 1 { Closed::Won } else { Closed::Lost })
}

/// A link that is still good; `None` when it was used, is too old, or never was.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, hash: &LinkHash, now: DateTime<Utc>) -> Result<Option<Link>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT purpose, user_id, address FROM mail_links WHERE token_hash = $1 AND spent_at IS NULL AND expires_at > $2",
        [hash.to_vec().into(), now.into()],
    )
    .await?;
    row.map(Link::try_from).transpose()
}

/// Proves the address of an account, or gives it its new one, by the link; the owner of the old one is told. `None` when the link
/// is not good for that, the account may not be used, or somebody else has the address by now.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn prove_address(db: &Database, hash: &LinkHash, now: DateTime<Utc>) -> Result<Option<Link>> {
    #[derive(FromQueryResult)]
    struct Old {
        email: String,
    }
    let transaction = db.begin().await?;
    let Some(link) = spend(&transaction, hash, now).await? else {
        return Ok(None);
    };
    let (user, address) = (link.user.uuid(), link.address.as_str());
    match link.purpose {
        LinkPurpose::Verify => {
            let proven = sql::execute(
                &transaction,
                "UPDATE users SET unverified_since = NULL, updated_at = $3 WHERE id = $1 AND email = $2 \
                 AND status = 'active'",
                [user.into(), address.into(), now.into()],
            )
            .await?;
            if proven == 0 {
                return Ok(None);
            }
        }
        LinkPurpose::ChangeAddress => {
            let lock = sql::locked(&transaction);
            let old: Option<Old> = sql::first(
                &transaction,
                format!("SELECT email FROM users WHERE id = $1 AND status = 'active'{lock}"),
                [user.into()],
            )
            .await?;
            let Some(old) = old else { return Ok(None) };
            let changed = sql::execute(
                &transaction,
                "UPDATE users SET email = $2, unverified_since = NULL, updated_at = $3 WHERE id = $1",
                [user.into(), address.into(), now.into()],
            )
            .await;
            match changed {
                Err(DatabaseError::Constraint(_)) => return Ok(None),
                changed => changed?,
            };
            // What was sent to the old address is not proven by it any more.
            spend_all(&transaction, link.user, now).await?;
            let notice = NewMail {
                kind: MailKind::AddressChanged,
                user: Some(link.user),
                address: old.email,
            };
            mails::insert(&transaction, notice, now).await?;
        }
        LinkPurpose::ResetPassword => return Ok(None),
    }
    transaction.commit().await?;
    Ok(Some(link))
}

/// Sets a new password by the link: every session ends, every other link of the account too, and its owner is told. It proves
/// the address as well. Whoever had made the account with an address that was not theirs loses all that they set up in it: keys
/// and the second factor. `None` when the link is not good for that, or the account may not be used.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn reset_password(
    db: &Database,
    hash: &LinkHash,
    password_hash: String,
    now: DateTime<Utc>,
) -> Result<Option<Link>> {
    #[derive(FromQueryResult)]
    struct Account {
        email: String,
        unverified_since: Option<DateTime<Utc>>,
    }
    let transaction = db.begin().await?;
    let spent = spend(&transaction, hash, now).await?;
    let Some(link) = spent.filter(|link| link.purpose == LinkPurpose::ResetPassword) else {
        return Ok(None);
    };
    let user = link.user.uuid();
    let lock = sql::locked(&transaction);
    let account: Option<Account> = sql::first(
        &transaction,
        format!("SELECT email, unverified_since FROM users WHERE id = $1 AND status = 'active'{lock}"),
        [user.into()],
    )
    .await?;
    let Some(account) = account.filter(|account| account.email == link.address) else {
        return Ok(None);
    };
    sql::execute(
        &transaction,
        "UPDATE users SET password_hash = $2, unverified_since = NULL, updated_at = $3 WHERE id = $1",
        [user.into(), password_hash.into(), now.into()],
    )
    .await?;
    if account.unverified_since.is_some() {
        for statement in [
            "UPDATE api_keys SET disabled_at = $2 WHERE user_id = $1 AND disabled_at IS NULL",
            "UPDATE users SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = NULL, updated_at = $2 \
             WHERE id = $1",
        ] {
            sql::execute(&transaction, statement, [user.into(), now.into()]).await?;
        }
        let codes = "DELETE FROM recovery_codes WHERE user_id = $1";
        sql::execute(&transaction, codes, [user.into()]).await?;
    }
    users::revoke_all(&transaction, link.user, now).await?;
    spend_all(&transaction, link.user, now).await?;
    tell_of_password(&transaction, link.user, now).await?;
    transaction.commit().await?;
    Ok(Some(link))
}

/// Has the owner of an account told that the password was changed.
pub(crate) async fn tell_of_password(
    db: &impl ConnectionTrait,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<()> {
    #[derive(FromQueryResult)]
    struct Account {
        email: String,
    }
    let account: Option<Account> =
        sql::first(db, "SELECT email FROM users WHERE id = $1", [user.uuid().into()]).await?;
    if let Some(account) = account {
        let notice = NewMail {
            kind: MailKind::PasswordChanged,
            user: Some(user),
            address: account.email,
        };
        mails::insert(db, notice, now).await?;
    }
    Ok(())
}

/// Uses a link up: of two that show it, one wins.
async fn spend(
    transaction: &DatabaseTransaction,
    hash: &LinkHash,
    now: DateTime<Utc>,
) -> Result<Option<Link>> {
    let row: Option<Row> = sql::first(
        transaction,
        "UPDATE mail_links SET spent_at = $2 WHERE token_hash = $1 AND spent_at IS NULL AND expires_at > $2 \
         RETURNING purpose, user_id, address",
        [hash.to_vec().into(), now.into()],
    )
    .await?;
    row.map(Link::try_from).transpose()
}

/// Uses up every link of an account.
pub(crate) async fn spend_all(db: &impl ConnectionTrait, user: UserId, now: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db,
        "UPDATE mail_links SET spent_at = $2 WHERE user_id = $1 AND spent_at IS NULL",
        [user.uuid().into(), now.into()],
    )
    .await?;
    Ok(())
}
