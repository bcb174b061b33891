//! People with an account.

use chrono::{DateTime, Utc};
use domain::{UserId, UserRole, UserStatus};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter};

use crate::entity::users;
use crate::{Database, DatabaseError, Result};

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
    /// What the person may do.
    pub role: UserRole,
    /// Whether the account may be used.
    pub status: UserStatus,
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
        password_hash: Set(new.password_hash),
        role: Set(new.role.to_string()),
        status: Set(UserStatus::Active.to_string()),
        last_login_at: Set(None),
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
    row.map(|row| {
        let password_hash = row.password_hash.clone();
        Ok(Credentials {
            user: User::try_from(row)?,
            password_hash,
        })
    })
    .transpose()
}

/// An account.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, id: UserId) -> Result<Option<User>> {
    let row = users::Entity::find_by_id(id.uuid()).one(db.connection()).await?;
    row.map(User::try_from).transpose()
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

impl TryFrom<users::Model> for User {
    type Error = DatabaseError;

    fn try_from(row: users::Model) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            email: row.email,
            username: row.username,
            full_name: row.full_name,
            role: row.role.parse()?,
            status: row.status.parse()?,
            last_login_at: row.last_login_at,
            created_at: row.created_at,
        })
    }
}
