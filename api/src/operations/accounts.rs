//! Logging in, staying logged in, logging out.

use std::time::Duration;

use database::audit::{self, Entry, Origin, Outcome};
use database::sessions::{self, NewSession, Rotation, Shown, TokenHash};
use database::users::{self, User};
use domain::{BrowserCookie, RefreshToken, SessionId, UserId, UserRole, UserStatus};
use secrecy::SecretString;

use super::second_factor;
use crate::auth::access_tokens::Claims;
use crate::auth::bcrypt_hashes;
use crate::auth::passwords::PasswordError;
use crate::context::Api;
use crate::http::rates::TooOften;

/// How long a spent refresh token may be shown again, for the answer with the next one may have been lost.
const LOST_ANSWER: Duration = Duration::from_secs(10);

/// Why an account or a session is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Only the operator makes accounts here.
    #[error("accounts are made by the operator here")]
    RegistrationClosed,
    /// Something in the new account is not acceptable: which part, and why.
    #[error("{field}: {detail}")]
    Invalid {
        /// The part.
        field: &'static str,
        /// Why.
        detail: String,
    },
    /// The account is gone.
    #[error("there is no such account any more")]
    Gone,
    /// The address or the name is taken.
    #[error("the address or the user name is taken")]
    Exists,
    /// Somebody who is logged in gave another password than theirs.
    #[error("the password is wrong")]
    WrongPassword,
    /// Unknown account or wrong password; nobody learns which.
    #[error("the name or the password is wrong")]
    Credentials,
    /// The account may not be used.
    #[error("the account is {0}")]
    Disabled(UserStatus),
    /// The refresh token is not good any more.
    #[error("the refresh token is not valid")]
    RefreshToken,
    /// The password is right, and a code of the second factor is needed beside it.
    #[error("a good code of the second factor is needed")]
    CodeNeeded,
    /// The second factor cannot be read, for the key that encrypted it was taken out of the settings.
    #[error(
        "codes of the app cannot be checked any more; use a recovery code, or ask an administrator to take the second factor away"
    )]
    FactorUnreadable,
    /// The code that should prove a second factor is wrong, or was used before.
    #[error("the code is wrong, or was used before")]
    WrongCode,
    /// The account has a second factor already.
    #[error("the account has a second factor; take it away first")]
    SecondFactorExists,
    /// There is none to be confirmed.
    #[error("there is no second factor to confirm; begin to set one up")]
    NoSecondFactor,
    /// The link of a message is not good any more.
    #[error("the link was used, is too old, or never was")]
    Link,
    /// No messages are sent here.
    #[error("no messages are sent here; ask whoever runs the server")]
    MailOff,
    /// Too many passwords were tried.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// The password could not be hashed or checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database is away.
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
}

/// What a login gives.
#[derive(Debug)]
pub struct Login {
    /// Who logged in.
    pub user: User,
    /// For requests.
    pub access_token: String,
    /// For the next access token; good once.
    pub refresh_token: SecretString,
}

/// What logging a browser in gives.
pub(crate) struct BrowserLogin {
    /// Who logged in.
    pub(crate) user: User,
    /// The session.
    pub(crate) session: SessionId,
    /// What the browser is to keep.
    pub(crate) cookie: BrowserCookie,
}

/// What somebody shows who wants to log in.
pub(crate) struct Wanted {
    /// The address or the user name.
    pub(crate) name: String,
    /// The password.
    pub(crate) password: SecretString,
    /// A code of the second factor.
    pub(crate) code: Option<SecretString>,
}

/// What a refresh gives.
#[derive(Debug)]
pub struct Refreshed {
    /// For requests.
    pub access_token: String,
    /// For the next access token; good once.
    pub refresh_token: SecretString,
}

/// From where somebody logs in.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// Address and request.
    pub origin: Origin,
    /// What it calls itself.
    pub user_agent: Option<String>,
}

/// Logs in with an address or a user name.
///
/// # Errors
/// When the two do not match, the account may not be used, or the database is away.
pub(crate) async fn log_in(api: &Api, wanted: Wanted, device: Device) -> Result<Login, Refused> {
    let user = prove_login(api, wanted, &device).await?;
    start_session(api, user, device).await
}

/// Logs a browser in, as [`log_in`]. Its session is a new one in any case; the one that it showed `before` ends.
///
/// # Errors
/// As [`log_in`].
pub(crate) async fn log_in_browser(
    api: &Api,
    wanted: Wanted,
    before: Option<TokenHash>,
    device: Device,
) -> Result<BrowserLogin, Refused> {
    let user = prove_login(api, wanted, &device).await?;
    let now = api.clock.now();
    if let Some(before) = before {
        sessions::revoke_in_browser(&api.database, &before, now).await?;
        api.forget_sessions();
    }
    let cookie = BrowserCookie::draw(getrandom::fill);
    let new = NewSession {
        user: user.id,
        token_hash: cookie.hash(),
        ip: device.origin.ip.clone(),
        user_agent: device.user_agent,
        expires_at: refresh_expiry(api),
    };
    let session = sessions::start_in_browser(&api.database, new, now).await?;
    let who = Some(user.id);
    record(api, who, "session.start", who, Outcome::Success, device.origin).await?;
    Ok(BrowserLogin {
        user,
        session,
        cookie,
    })
}

/// Who somebody is who shows a name, a password, and a code where one is needed.
async fn prove_login(api: &Api, wanted: Wanted, device: &Device) -> Result<User, Refused> {
    let (login, password, code) = (wanted.name.trim(), wanted.password, wanted.code);
    let origin = || device.origin.clone();
    let found = users::find_by_login(&api.database, login).await?;
    let known_hash = found
        .as_ref()
        .map(|credentials| credentials.password_hash.as_str());
    let user = found.as_ref().map(|credentials| credentials.user.id);
    api.rates.attempt(user, login).await?;
    // Whoever is refused has cost the same, whether there is an account and however old its hash is.
    let ask = users::bcrypt_cost_max(&api.database, bcrypt_hashes::COSTS);
    let bcrypt_cost_max = api.bcrypt_in_use.of((), async { ask.await.map(Some) }).await?;
    let matching = api
        .passwords
        .verify_login(password.clone(), known_hash, bcrypt_cost_max.flatten());
    let matches = matching.await?;
    if let (Some(user), Some(cost)) = (user, known_hash.and_then(bcrypt_hashes::unaffordable)) {
        let most = bcrypt_hashes::COSTS.end();
        tracing::warn!(
            user.id = %user,
            "nobody can log in to account {user}: its hash is of bcrypt with cost {cost}, and no more than {most} is computed; \
             its owner needs a new password"
        );
    }
    let Some(credentials) = found.filter(|_| matches) else {
        record(api, None, "session.start", user, Outcome::Refused, origin()).await?;
        return Err(Refused::Credentials);
    };
    let user = credentials.user;
    if user.status != UserStatus::Active {
        record(
            api,
            Some(user.id),
            "session.start",
            Some(user.id),
            Outcome::Refused,
            origin(),
        )
        .await?;
        return Err(Refused::Disabled(user.status));
    }
    if let Err(refused) = second_factor::check(api, &user, code.as_ref()).await {
        let (who, refusal) = (Some(user.id), Outcome::Refused);
        record(api, who, "session.start", who, refusal, origin()).await?;
        return Err(refused);
    }
    let rehashed = match api.passwords.needs_rehash(&credentials.password_hash) {
        true => Some(api.passwords.hash(password).await?),
        false => None,
    };
    users::note_login(&api.database, user.id, rehashed, api.clock.now()).await?;
    Ok(user)
}

/// Spends a refresh token for a new pair. A token shown twice ends its whole session.
///
/// # Errors
/// When the token is not good any more, or the database is away.
pub async fn refresh(api: &Api, shown: &str, origin: Origin) -> Result<Refreshed, Refused> {
    let shown = RefreshToken::parse(shown).map_err(|_| Refused::RefreshToken)?;
    let successors = api.successors.of(&shown);
    let hashes: Vec<_> = successors.iter().map(RefreshToken::hash).collect();
    let asked = Shown {
        token: &shown.hash(),
        successors: &hashes,
        grace: LOST_ANSWER,
        expires_at: refresh_expiry(api),
    };
    let rotation = sessions::rotate(&api.database, asked, api.clock.now()).await?;
    let next = |successor: usize| successors[successor].expose();
    match rotation {
        Rotation::Rotated { user, session } => {
            let done = Outcome::Success;
            record(api, Some(user), "session.refresh", Some(user), done, origin).await?;
            Ok(refreshed(api, user, session, next(0)))
        }
        Rotation::Repeated {
            user,
            session,
            successor,
        } => Ok(refreshed(api, user, session, next(successor))),
        Rotation::Reused { user, session } => {
            tracing::warn!(session.id = %session, "a spent refresh token was shown again; session {session} is revoked");
            api.forget_sessions();
            record(
                api,
                Some(user),
                "session.reuse",
                Some(user),
                Outcome::Refused,
                origin,
            )
            .await?;
            Err(Refused::RefreshToken)
        }
        Rotation::Refused => Err(Refused::RefreshToken),
    }
}

fn refreshed(api: &Api, user: UserId, session: SessionId, refresh_token: SecretString) -> Refreshed {
    // The role is read anew at every request; the one in the token is only a note.
    let access_token = api.tokens.issue(Claims {
        user,
        session,
        role: UserRole::User,
    });
    Refreshed {
        access_token,
        refresh_token,
    }
}

/// Ends one session, or every session of the account.
///
/// # Errors
/// When the database is away.
pub async fn log_out(
    api: &Api,
    user: UserId,
    session: SessionId,
    everywhere: bool,
    origin: Origin,
) -> Result<(), Refused> {
    let now = api.clock.now();
    if everywhere {
        sessions::revoke_all(&api.database, user, now).await?;
    } else {
        sessions::revoke(&api.database, user, session, now).await?;
    }
    api.forget_sessions();
    record(
        api,
        Some(user),
        "session.end",
        Some(user),
        Outcome::Success,
        origin,
    )
    .await
}

/// Begins a session for an account whose owner has proven who they are.
///
/// # Errors
/// When the database is away.
pub async fn start_session(api: &Api, user: User, device: Device) -> Result<Login, Refused> {
    let refresh_token = RefreshToken::draw(getrandom::fill);
    let new = NewSession {
        user: user.id,
        token_hash: refresh_token.hash(),
        ip: device.origin.ip.clone(),
        user_agent: device.user_agent,
        expires_at: refresh_expiry(api),
    };
    let session = sessions::start(&api.database, new, api.clock.now()).await?;
    let access_token = api.tokens.issue(Claims {
        user: user.id,
        session,
        role: user.role,
    });
    record(
        api,
        Some(user.id),
        "session.start",
        Some(user.id),
        Outcome::Success,
        device.origin,
    )
    .await?;
    Ok(Login {
        user,
        access_token,
        refresh_token: refresh_token.expose(),
    })
}

fn refresh_expiry(api: &Api) -> chrono::DateTime<chrono::Utc> {
    api.clock.now() + api.tokens.refresh_lifetime()
}

/// Adds a line about an account to the audit log.
pub(super) async fn record(
    api: &Api,
    user: Option<UserId>,
    action: &'static str,
    on: Option<UserId>,
    outcome: Outcome,
    origin: Origin,
) -> Result<(), Refused> {
    let resource = on.map(|user| ("user", user.uuid()));
    let entry = Entry {
        user,
        action,
        resource,
        outcome,
        origin,
    };
    Ok(audit::record(&api.database, entry, api.clock.now()).await?)
}
