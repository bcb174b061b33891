//! People with an account.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use domain::{JobId, SessionId, UserId, UserRole, UserStatus};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::entity::users;
use crate::{Database, DatabaseError, Result, mail_links, sql};

/// A person with an account, as others may see it: without the password's hash.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The account.
    pub id: UserId,
    /// The address, in lower case: the identity.
    pub email: String,
    /// A second name for logging in, in lower case.
    pub username: Option<String>,
    /// What the person is called.
    pub full_name: Option<String>,
    /// Whom the person works for.
    pub organization: Option<String>,
    /// What the person may do.
    pub role: UserRole,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// Whether a code is asked for beside the password.
    pub second_factor: bool,
    /// Whether it has yet to be proven that the address is its owner's. Never for accounts that need not prove it.
    pub unverified: bool,
    /// The newest login.
    pub last_login_at: Option<DateTime<Utc>>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The address; stored in lower case.
    pub email: String,
    /// A second name for logging in; stored in lower case.
    pub username: Option<String>,
    /// What the person is called.
    pub full_name: Option<String>,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
    /// What the person may do.
    pub role: UserRole,
}

/// An account and what its password must match.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
}

/// Makes an account. `None` when the address or the name is taken.
///
/// # Errors
/// When the database is away.
pub async fn insert(db: &Database, new: NewUser, now: DateTime<Utc>) -> Result<Option<User>> {
    let row = users::ActiveModel {
        id: Set(UserId::new().uuid()),
        email: Set(new.email.to_lowercase()),
        username: Set(new.username.map(|name| name.to_lowercase())),
        full_name: Set(new.full_name),
        organization: Set(None),
        password_hash: Set(new.password_hash),
        role: Set(new.role.to_string()),
        status: Set(UserStatus::Active.to_string()),
        last_login_at: Set(None),
        closed_at: Set(None),
        totp_secret: Set(None),
        totp_confirmed_at: Set(None),
        totp_last_step: Set(None),
        unverified_since: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    match users::Entity::insert(row)
        .exec_with_returning(db.connection())
        .await
        .map_err(DatabaseError::from)
    {
        Ok(row) => Ok(Some(User::try_from(row)?)),
        Err(DatabaseError::Constraint(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The account of an address or a user name, ignoring case.
///
/// # Errors
/// When the database is away.
pub async fn find_by_login(db: &Database, login: &str) -> Result<Option<Credentials>> {
    let login = login.to_lowercase();
    let row = users::Entity::find()
        .filter(
            Condition::any()
                .add(users::Column::Email.eq(&login))
                .add(users::Column::Username.eq(&login)),
        )
        .one(db.connection())
        .await?;
    row.map(Credentials::try_from).transpose()
}

/// The account of an address, ignoring case.
///
/// # Errors
/// When the database is away.
pub async fn find_by_email(db: &Database, email: &str) -> Result<Option<User>> {
    let row = users::Entity::find()
        .filter(users::Column::Email.eq(email.to_lowercase()))
        .one(db.connection())
        .await?;
    row.map(User::try_from).transpose()
}

/// An account and what its password must match.
///
/// # Errors
/// When the database is away.
pub async fn credentials(db: &Database, id: UserId) -> Result<Option<Credentials>> {
    let row = users::Entity::find_by_id(id.uuid()).one(db.connection()).await?;
    row.map(Credentials::try_from).transpose()
}

/// An account.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, id: UserId) -> Result<Option<User>> {
    let row = users::Entity::find_by_id(id.uuid()).one(db.connection()).await?;
    row.map(User::try_from).transpose()
}

/// What the costliest hash of bcrypt costs that any account still has, of those whose cost is one of `costs` (4 to 31, powers of
/// two). `None` when there are none: every password was hashed by us.
///
/// # Errors
/// When the database is away.
pub async fn bcrypt_cost_max(db: &Database, costs: RangeInclusive<u32>) -> Result<Option<u32>> {
    #[derive(FromQueryResult)]
    struct Row {
        cost: Option<String>,
    }
    // Listed and not compared: of what is no number, databases differ over whether it is the greater one. The first two
    // expressions are those of an index; what has another length is broken, and nobody computes it.
    let costs: Vec<String> = costs.map(|cost| format!("'{cost:02}'")).collect();
    let question = format!(
        "SELECT max(substr(password_hash, 5, 2)) AS cost FROM users \
         WHERE substr(password_hash, 1, 2) = '$2' AND substr(password_hash, 5, 2) IN ({}) \
         AND length(password_hash) = 60",
        costs.join(", ")
    );
    let row: Option<Row> = sql::first(db.connection(), question, []).await?;
    Ok(row.and_then(|row| row.cost?.parse().ok()))
}

/// Whether there is any account at all.
///
/// # Errors
/// When the database is away.
pub async fn any(db: &Database) -> Result<bool> {
    Ok(users::Entity::find().one(db.connection()).await?.is_some())
}

/// Notes a login, and replaces the password's hash where it was made anew.
///
/// # Errors
/// When the database is away.
pub async fn note_login(
    db: &Database,
    id: UserId,
    rehashed: Option<String>,
    now: DateTime<Utc>,
) -> Result<()> {
    crate::sql::execute(
        db.connection(),
        "UPDATE users SET last_login_at = $1, password_hash = COALESCE($2, password_hash) WHERE id = $3",
        [now.into(), rehashed.into(), id.uuid().into()],
    )
    .await?;
    Ok(())
}

/// What of a profile is changed: `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// What the person is called.
    pub full_name: Option<Option<String>>,
    /// Whom the person works for.
    pub organization: Option<Option<String>>,
    /// A second name for logging in; stored in lower case.
    pub username: Option<Option<String>>,
}

/// Changes a profile. `None` when the user name is taken, or the account is gone.
///
/// # Errors
/// When the database is away.
pub async fn change_profile(
    db: &Database,
    id: UserId,
    change: ProfileChange,
    now: DateTime<Utc>,
) -> Result<Option<User>> {
    let mut row = users::ActiveModel {
        updated_at: Set(now),
        ..Default::default()
    };
    if let Some(full_name) = change.full_name {
        row.full_name = Set(full_name);
    }
    if let Some(organization) = change.organization {
        row.organization = Set(organization);
    }
    if let Some(username) = change.username {
        row.username = Set(username.map(|name| name.to_lowercase()));
    }
    let changing = users::Entity::update_many()
        .set(row)
        .filter(users::Column::Id.eq(id.uuid()));
    match changing.exec(db.connection()).await.map_err(DatabaseError::from) {
        Ok(_) => find(db, id).await,
        Err(DatabaseError::Constraint(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the password's hash and ends every session but `keep`, and every link of the account that lies in somebody's mail,
/// in one transaction. With `tell` its owner gets a message about it.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn change_password(
    db: &Database,
    id: UserId,
    password_hash: String,
    keep: SessionId,
    tell: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let transaction = db.begin().await?;
    sql::execute(
        &transaction,
        "UPDATE users SET password_hash = $1, updated_at = $2 WHERE id = $3",
        [password_hash.into(), now.into(), id.uuid().into()],
    )
    .await?;
    sql::execute(
        &transaction,
        "UPDATE sessions SET revoked_at = $1 WHERE user_id = $2 AND id <> $3 AND revoked_at IS NULL",
        [now.into(), id.uuid().into(), keep.uuid().into()],
    )
    .await?;
    mail_links::spend_all(&transaction, id, now).await?;
    if tell {
        mail_links::tell_of_password(&transaction, id, now).await?;
    }
    Ok(transaction.commit().await?)
}

/// Lets an account be used, or not. An account that may not be used has no sessions; a closed one has no API keys either.
/// `false` when there is no such account, or it has that status already.
///
/// # Errors
/// When the database is away; nothing is changed then.
pub async fn set_status(db: &Database, id: UserId, status: UserStatus, now: DateTime<Utc>) -> Result<bool> {
    let transaction = db.begin().await?;
    let closed_at = (status == UserStatus::Closed).then_some(now);
    let changed = sql::execute(
        &transaction,
        "UPDATE users SET status = $1, closed_at = $2, updated_at = $3 WHERE id = $4 AND status <> $1",
        [
            status.as_str().into(),
            closed_at.into(),
            now.into(),
            id.uuid().into(),
        ],
    )
    .await?;
    if changed == 0 {
        return Ok(false);
    }
    if status != UserStatus::Active {
        revoke_all(&transaction, id, now).await?;
    }
    if status == UserStatus::Closed {
        sql::execute(
            &transaction,
            "UPDATE api_keys SET disabled_at = $1 WHERE user_id = $2 AND disabled_at IS NULL",
            [now.into(), id.uuid().into()],
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(true)
}

pub(crate) async fn revoke_all(db: &impl ConnectionTrait, id: UserId, now: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db,
        "UPDATE sessions SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL",
        [now.into(), id.uuid().into()],
    )
    .await?;
    Ok(())
}

/// Changes what a person may do. `false` when there is no such account, or it has that role already.
///
/// # Errors
/// When the database is away.
pub async fn set_role(db: &Database, id: UserId, role: UserRole, now: DateTime<Utc>) -> Result<bool> {
    let changed = sql::execute(
        db.connection(),
        "UPDATE users SET role = $1, updated_at = $2 WHERE id = $3 AND role <> $1",
        [role.as_str().into(), now.into(), id.uuid().into()],
    )
    .await?;
    Ok(changed > 0)
}

/// Which accounts to list. What is absent matches everything.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the address, the user name, the full name or the organisation, ignoring case.
    pub text: Option<String>,
    /// What they may do.
    pub role: Option<UserRole>,
    /// Whether they may be used.
    pub status: Option<UserStatus>,
    /// Only those made before this one.
    pub before: Option<UserId>,
}

/// Accounts that match, the newest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, filter: &UserFilter, limit: u64) -> Result<Vec<User>> {
    let mut query = users::Entity::find()
        .order_by_desc(users::Column::Id)
        .limit(limit);
    if let Some(text) = &filter.text {
        let wanted = like(text);
        let contains = |column: users::Column| {
            let known = Func::coalesce([Expr::col(column), Expr::val("")]);
            Expr::expr(Func::lower(known)).like(LikeExpr::new(wanted.clone()).escape('!'))
        };
        let columns = [
            users::Column::Email,
            users::Column::Username,
            users::Column::FullName,
            users::Column::Organization,
        ];
        query = query.filter(
            columns
                .into_iter()
                .fold(Condition::any(), |any, column| any.add(contains(column))),
        );
    }
    if let Some(role) = filter.role {
        query = query.filter(users::Column::Role.eq(role.as_str()));
    }
    if let Some(status) = filter.status {
        query = query.filter(users::Column::Status.eq(status.as_str()));
    }
    if let Some(before) = filter.before {
        query = query.filter(users::Column::Id.lt(before.uuid()));
    }
    let rows = query.all(db.connection()).await?;
    rows.into_iter().map(User::try_from).collect()
}

/// The pattern that finds the text anywhere, with nothing in it that means anything else than itself.
fn like(text: &str) -> String {
    let escaped: String = text
        .to_lowercase()
        .chars()
        .flat_map(|c| {
            let escape = matches!(c, '%' | '_' | '!').then_some('!');
            escape.into_iter().chain([c])
        })
        .collect();
    format!("%{escaped}%")
}

/// Accounts that were closed before `before`, the oldest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn closed(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<Vec<UserId>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
    }
    let rows: Vec<Row> = sql::all(
        db.connection(),
        "SELECT id FROM users WHERE closed_at IS NOT NULL AND closed_at < $1 ORDER BY closed_at LIMIT $2",
        [before.into(), i64::from(limit).into()],
    )
    .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Jobs of an account, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn jobs_left(db: &Database, id: UserId, limit: u32) -> Result<Vec<JobId>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
    }
    let rows: Vec<Row> = sql::all(
        db.connection(),
        "SELECT id FROM jobs WHERE user_id = $1 ORDER BY id LIMIT $2",
        [id.uuid().into(), i64::from(limit).into()],
    )
    .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Tables whose rows belong to an account by `user_id`, without a foreign key that deletes them with it. Jobs are deleted
/// before, with their documents and tasks; the audit log and the note of objects that have to go outlive the account.
const OWNED: &[&str] = &[
    "conversations",
    "dispatch_turns",
    "mails",
    "model_spending",
    "quota_reservations",
    "quotas",
    "tenants",
];

/// Deletes a closed account with everything that it has. Its jobs must be gone: `false` while there are any, and when the account
/// is not closed any more.
///
/// # Errors
/// When the database is away; nothing is deleted then.
pub async fn delete_closed(db: &Database, id: UserId) -> Result<bool> {
    let transaction = db.begin().await?;
    let deleted = sql::execute(
        &transaction,
        "DELETE FROM users WHERE id = $1 AND closed_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE user_id = $1)",
        [id.uuid().into()],
    )
    .await?;
    if deleted == 0 {
        return Ok(false);
    }
    for table in OWNED {
        sql::execute(
            &transaction,
            format!("DELETE FROM {table} WHERE user_id = $1"),
            [id.uuid().into()],
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(true)
}

impl TryFrom<users::Model> for Credentials {
    type Error = DatabaseError;

    fn try_from(row: users::Model) -> Result<Self> {
        let password_hash = row.password_hash.clone();
        Ok(Self {
            user: User::try_from(row)?,
            password_hash,
        })
    }
}

impl TryFrom<users::Model> for User {
    type Error = DatabaseError;

    fn try_from(row: users::Model) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            email: row.email,
            username: row.username,
            full_name: row.full_name,
            organization: row.organization,
            role: row.role.parse()?,
            status: row.status.parse()?,
            second_factor: row.totp_confirmed_at.is_some(),
            unverified: row.unverified_since.is_some(),
            last_login_at: row.last_login_at,
            created_at: row.created_at,
        })
    }
}
