//! Making an account, logging in, staying logged in, logging out.

use std::time::Duration;

use database::audit::{self, Entry, Origin, Outcome};
use database::sessions::{self, NewSession, Rotation, Shown};
use database::users::{self, NewUser, ProfileChange, User};
use domain::{SessionId, UserId, UserRole, UserStatus};
use secrecy::{ExposeSecret, SecretString};

use super::second_factor;
use crate::auth::access_tokens::Claims;
use crate::auth::password_strength;
use crate::auth::passwords::PasswordError;
use crate::auth::refresh_tokens::RefreshToken;
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
    /// The code that should prove a second factor is wrong, or was used before.
    #[error("the code is wrong, or was used before")]
    WrongCode,
    /// The account has a second factor already.
    #[error("the account has a second factor; take it away first")]
    SecondFactorExists,
    /// There is none to be confirmed.
    #[error("there is no second factor to confirm; begin to set one up")]
    NoSecondFactor,
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

/// An account to be made.
#[derive(Debug)]
pub struct Registration {
    /// The address: the identity.
    pub email: String,
    /// A second name for logging in.
    pub username: Option<String>,
    /// What the person is called.
    pub full_name: Option<String>,
    /// Whom the person works for.
    pub organization: Option<String>,
    /// The password.
    pub password: SecretString,
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

/// Makes an account.
///
/// # Errors
/// When a part is not acceptable, the address is taken, or the database is away.
pub async fn create(api: &Api, new: Registration, role: UserRole, origin: Origin) -> Result<User, Refused> {
    let email = new.email.trim().to_owned();
    check_email(&email)?;
    if let Some(name) = &new.username {
        check_username(name)?;
    }
    check_label("full_name", new.full_name.as_deref(), 255)?;
    check_label("organization", new.organization.as_deref(), 100)?;
    check_password("password", &new.password, &email)?;
    let password_hash = api.passwords.hash(new.password).await?;
    let now = api.clock.now();
    let organization = new.organization;
    let new = NewUser {
        email,
        username: new.username,
        full_name: new.full_name,
        password_hash,
        role,
    };
    let user = users::insert(&api.database, new, now)
        .await?
        .ok_or(Refused::Exists)?;
    let user = match organization {
        None => user,
        Some(_) => {
            let change = ProfileChange {
                organization: Some(organization),
                ..ProfileChange::default()
            };
            users::change_profile(&api.database, user.id, change, now)
                .await?
                .ok_or(Refused::Exists)?
        }
    };
    record(
        api,
        Some(user.id),
        "user.create",
        Some(user.id),
        Outcome::Success,
        origin,
    )
    .await?;
    Ok(user)
}

/// Makes an account for whoever asks, and logs in.
///
/// # Errors
/// As [`create`], and when the operator keeps this to himself.
pub async fn register(api: &Api, new: Registration, device: Device) -> Result<Login, Refused> {
    if !api.http.registration_open {
        return Err(Refused::RegistrationClosed);
    }
    let user = create(api, new, UserRole::User, device.origin.clone()).await?;
    start_session(api, user, device).await
}

/// Logs in with an address or a user name.
///
/// # Errors
/// When the two do not match, the account may not be used, or the database is away.
pub async fn log_in(
    api: &Api,
    login: &str,
    password: SecretString,
    code: Option<SecretString>,
    device: Device,
) -> Result<Login, Refused> {
    let found = users::find_by_login(&api.database, login.trim()).await?;
    let known_hash = found
        .as_ref()
        .map(|credentials| credentials.password_hash.as_str());
    let user = found.as_ref().map(|credentials| credentials.user.id);
    api.rates.attempt(user, login.trim()).await?;
    // An unknown account costs the same hash as a known one.
    let matches = api.passwords.verify(password.clone(), known_hash).await?;
    let Some(credentials) = found.filter(|_| matches) else {
        record(api, None, "session.start", user, Outcome::Refused, device.origin).await?;
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
            device.origin,
        )
        .await?;
        return Err(Refused::Disabled(user.status));
    }
    if let Err(refused) = second_factor::check(api, &user, code.as_ref()).await {
        let (who, refusal) = (Some(user.id), Outcome::Refused);
        record(api, who, "session.start", who, refusal, device.origin).await?;
        return Err(refused);
    }
    let rehashed = match api.passwords.needs_rehash(&credentials.password_hash) {
        true => Some(api.passwords.hash(password).await?),
        false => None,
    };
    users::note_login(&api.database, user.id, rehashed, api.clock.now()).await?;
    start_session(api, user, device).await
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
            api.standings.forget_all();
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
    api.standings.forget_all();
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
    let refresh_token = RefreshToken::generate();
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

/// One `@` with something on both sides, no white space: whether an address exists only a mail can tell.
fn check_email(email: &str) -> Result<(), Refused> {
    let plausible = email.len() <= 255
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.contains('@') && host.split('.').all(|label| !label.is_empty())
        });
    let detail = "must be an address such as name@example.com".to_owned();
    if plausible {
        Ok(())
    } else {
        Err(Refused::Invalid {
            field: "email",
            detail,
        })
    }
}

/// What people write about themselves, and about their things.
pub(super) fn check_label(field: &'static str, label: Option<&str>, chars_max: usize) -> Result<(), Refused> {
    match label.and_then(|label| label_fault(label, chars_max)) {
        Some(detail) => Err(Refused::Invalid { field, detail }),
        None => Ok(()),
    }
}

/// What is wrong with a label, if anything.
pub(super) fn label_fault(label: &str, chars_max: usize) -> Option<String> {
    let fits = label.chars().count() <= chars_max && !label.chars().any(char::is_control);
    (!fits).then(|| format!("must have at most {chars_max} characters, and no line breaks"))
}

/// Whether a new password is good enough for the account with this address.
pub(super) fn check_password(
    field: &'static str,
    password: &SecretString,
    email: &str,
) -> Result<(), Refused> {
    password_strength::check_strength(password.expose_secret(), email).map_err(|problems| Refused::Invalid {
        field,
        detail: problems.join("; "),
    })
}

/// A user name can never look like an address, so the two never collide.
pub(super) fn check_username(name: &str) -> Result<(), Refused> {
    let fits = (3..=50).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    let detail = "must be 3 to 50 letters, digits, dots, dashes or underscores".to_owned();
    if fits {
        Ok(())
    } else {
        Err(Refused::Invalid {
            field: "username",
            detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_for_their_form_only() {
        for good in [
            "a@b",
            "ada@example.com",
            "ada+x@mail.example.com",
            "bench@example.com",
            "ä@ö.de",
        ] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in ["", "ada", "@b", "a@", "a@b@c", "a b@c", "a@b..c", "a@b\n"] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_name_is_no_address() {
        assert!(check_username("ada.lovelace").is_ok());
        for bad in ["ab", "ada@example.com", "ada lovelace", &"a".repeat(51)] {
            assert!(check_username(bad).is_err(), "{bad}");
        }
    }
}
