//! What administrators do with the accounts of others. Acting as somebody else is not among it.

use database::audit::{Origin, Outcome};
use database::users::{self, User, UserFilter};
use database::{second_factors, sessions};
use domain::{UserId, UserRole, UserStatus};

use super::accounts;
use crate::auth::caller::Identity;
use crate::context::Api;

/// Why an administrator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no such account")]
    NoSuchAccount,
    /// Otherwise the last administrator could lock everybody out.
    #[error("administrators cannot disable themselves or give up their role; another one has to")]
    OwnAccount,
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
    #[error(transparent)]
    Account(#[from] accounts::Refused),
}

/// Accounts that match, the newest first, at most `limit`.
pub(crate) async fn list(api: &Api, filter: &UserFilter, limit: u64) -> Result<Vec<User>, Refused> {
    Ok(users::list(&api.database, filter, limit).await?)
}

/// An account of anybody.
pub(crate) async fn find(api: &Api, id: UserId) -> Result<User, Refused> {
    users::find(&api.database, id)
        .await?
        .ok_or(Refused::NoSuchAccount)
}

/// Lets an account be used again, or not any more. A closed one that is opened again in time is not deleted.
pub(crate) async fn set_active(api: &Api, who: Identity, id: UserId, active: bool) -> Result<User, Refused> {
    if !active && who.user == id {
        return Err(Refused::OwnAccount);
    }
    find(api, id).await?;
    let (status, action) = match active {
        true => (UserStatus::Active, "user.enable"),
        false => (UserStatus::Disabled, "user.disable"),
    };
    users::set_status(&api.database, id, status, api.clock.now()).await?;
    api.forget_standings();
    record(api, &who, action, id).await?;
    find(api, id).await
}

/// Changes what somebody may do.
pub(crate) async fn set_role(api: &Api, who: Identity, id: UserId, role: UserRole) -> Result<User, Refused> {
    if role != UserRole::Admin && who.user == id {
        return Err(Refused::OwnAccount);
    }
    find(api, id).await?;
    users::set_role(&api.database, id, role, api.clock.now()).await?;
    api.forget_standings();
    let action = match role {
        UserRole::User => "user.role.user",
        UserRole::Operator => "user.role.operator",
        UserRole::Admin => "user.role.admin",
    };
    record(api, &who, action, id).await?;
    find(api, id).await
}

/// Ends every session of somebody. Their API keys go on.
pub(crate) async fn log_out(api: &Api, who: Identity, id: UserId) -> Result<(), Refused> {
    find(api, id).await?;
    sessions::revoke_all(&api.database, id, api.clock.now()).await?;
    api.forget_standings();
    record(api, &who, "user.log_out", id).await
}

/// Takes the second factor of somebody away who has lost it, and ends their sessions.
pub(crate) async fn remove_second_factor(api: &Api, who: Identity, id: UserId) -> Result<(), Refused> {
    find(api, id).await?;
    let now = api.clock.now();
    second_factors::remove(&api.database, id, now).await?;
    sessions::revoke_all(&api.database, id, now).await?;
    api.forget_standings();
    record(api, &who, "factor.reset", id).await
}

async fn record(api: &Api, who: &Identity, action: &'static str, id: UserId) -> Result<(), Refused> {
    let origin: Origin = who.origin.clone();
    let recording = accounts::record(api, Some(who.user), action, Some(id), Outcome::Success, origin);
    Ok(recording.await?)
}
