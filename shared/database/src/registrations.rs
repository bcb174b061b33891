//! New accounts whose address has yet to be proven.

use chrono::{DateTime, Utc};
use domain::{MailKind, UserId, UserStatus};

use crate::audit::{self, Entry, Origin, Outcome};
use crate::mails::{self, NewMail};
use crate::users::NewUser;
use crate::{Database, Result, sql};

/// Makes an account whose address is yet to be proven, and asks for the message to it, in one transaction with a line in the
/// audit log. When the address is taken, everything is done but the account, so that neither the answer nor the time that it
/// takes tells who has an account; the message says it to whom it concerns. Whether the account was made.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn register(
    db: &Database,
    new: NewUser,
    organization: Option<String>,
    origin: Origin,
    now: DateTime<Utc>,
) -> Result<bool> {
    let id = UserId::new();
    let email = new.email.to_lowercase();
    let transaction = db.begin().await?;
    let made = sql::execute(
        &transaction,
        "INSERT INTO users (id, email, username, full_name, organization, password_hash, role, status, unverified_since, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9) ON CONFLICT DO NOTHING",
        [
            id.uuid().into(),
            email.as_str().into(),
            new.username.map(|name| name.to_lowercase()).into(),
            new.full_name.into(),
            organization.into(),
            new.password_hash.into(),
            new.role.as_str().into(),
            UserStatus::Active.as_str().into(),
            now.into(),
        ],
    )
    .await?
        > 0;
    let user = made.then_some(id);
    let entry = Entry {
        user,
        action: "user.create",
        resource: user.map(|user| ("user", user.uuid())),
        outcome: if made { Outcome::Success } else { Outcome::Refused },
        origin,
    };
    audit::insert(&transaction, entry, now).await?;
    let message = NewMail {
        kind: MailKind::Register,
        user: None,
        address: email,
    };
    mails::insert(&transaction, message, now).await?;
    transaction.commit().await?;
    Ok(made)
}
