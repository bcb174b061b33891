//! What people do with their own account: change it, change the password, see and end their sessions, close it.

use database::audit::{Origin, Outcome};
use database::sessions::{self, Session};
use database::users::{self, Credentials, ProfileChange, User};
use domain::{SessionId, UserId, UserStatus};
use secrecy::SecretString;

use super::accounts::{self, Refused};
use super::registering;
use crate::context::Api;

/// Sessions that are shown. Nobody has more devices; whoever wants to end more ends all of them.
const SESSIONS_SHOWN: u32 = 100;

/// The account itself.
///
/// # Errors
/// When it is gone, or the database is away.
pub(crate) async fn find(api: &Api, user: UserId) -> Result<User, Refused> {
    users::find(&api.database, user).await?.ok_or(Refused::Gone)
}

/// Changes what the account says about its owner.
///
/// # Errors
/// When a part is not acceptable, the user name is taken, or the database is away.
pub(crate) async fn change(
    api: &Api,
    user: UserId,
    change: ProfileChange,
    origin: Origin,
) -> Result<User, Refused> {
    let text = |part: &Option<Option<String>>| part.clone().flatten();
    registering::check_label("full_name", text(&change.full_name).as_deref(), 255)?;
    registering::check_label("organization", text(&change.organization).as_deref(), 100)?;
    if let Some(name) = text(&change.username) {
        registering::check_username(&name)?;
    }
    let changed = users::change_profile(&api.database, user, change, api.clock.now()).await?;
    let changed = changed.ok_or(Refused::Exists)?;
    accounts::record(
        api,
        Some(user),
        "user.change",
        Some(user),
        Outcome::Success,
        origin,
    )
    .await?;
    Ok(changed)
}

/// Replaces the password and ends every other session.
///
/// # Errors
/// When the current password is another one, the new one is not good enough, or the database is away.
pub(crate) async fn change_password(
    api: &Api,
    user: UserId,
    session: SessionId,
    current: SecretString,
    new: SecretString,
    origin: Origin,
) -> Result<(), Refused> {
    let known = prove(api, user, current, "user.password", origin.clone()).await?;
    registering::check_password("new_password", &new, &known.user.email)?;
    let hash = api.passwords.hash(new).await?;
    let tell = api.mail.is_on();
    users::change_password(&api.database, user, hash, session, tell, api.clock.now()).await?;
    api.forget_sessions();
    accounts::record(
        api,
        Some(user),
        "user.password",
        Some(user),
        Outcome::Success,
        origin,
    )
    .await
}

/// Closes the account: nobody gets in any more, and within a day it is gone with everything in it.
///
/// # Errors
/// When the password is another one, or the database is away.
pub(crate) async fn close(
    api: &Api,
    user: UserId,
    password: SecretString,
    origin: Origin,
) -> Result<(), Refused> {
    prove(api, user, password, "user.close", origin.clone()).await?;
    users::set_status(&api.database, user, UserStatus::Closed, api.clock.now()).await?;
    api.forget_standings();
    accounts::record(
        api,
        Some(user),
        "user.close",
        Some(user),
        Outcome::Success,
        origin,
    )
    .await
}

/// The sessions of the account that still stand, the newest first.
///
/// # Errors
/// When the database is away.
pub(crate) async fn sessions(api: &Api, user: UserId) -> Result<Vec<Session>, Refused> {
    Ok(sessions::list(&api.database, user, api.clock.now(), SESSIONS_SHOWN).await?)
}

/// Has somebody who is logged in prove once more who they are, before something that cannot be taken back. A wrong password
/// is a refused `action` in the audit log.
///
/// # Errors
/// When the password is another one, or the database is away.
pub(super) async fn prove(
    api: &Api,
    user: UserId,
    password: SecretString,
    action: &'static str,
    origin: Origin,
) -> Result<Credentials, Refused> {
    let known = users::credentials(&api.database, user)
        .await?
        .ok_or(Refused::Gone)?;
    api.rates.attempt(Some(user), "").await?;
    if api.passwords.verify(password, &known.password_hash).await? {
        return Ok(known);
    }
    accounts::record(api, Some(user), action, Some(user), Outcome::Refused, origin).await?;
    Err(Refused::WrongPassword)
}
