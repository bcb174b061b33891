//! Making an account, logging in, staying logged in, logging out.

use database::audit::{self, Entry, Origin, Outcome};
use database::sessions::{self, NewSession, Rotation};
use database::users::{self, NewUser, User};
use domain::{SessionId, UserId, UserRole, UserStatus};
use secrecy::{ExposeSecret, SecretString};

use crate::auth::access_tokens::Claims;
use crate::auth::password_strength;
use crate::auth::passwords::PasswordError;
use crate::auth::refresh_tokens::RefreshToken;
use crate::context::Api;

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
    /// The address or the name is taken.
    #[error("the address or the user name is taken")]
    Exists,
    /// Unknown account or wrong password; nobody learns which.
    #[error("the name or the password is wrong")]
    Credentials,
    /// The account may not be used.
    #[error("the account is {0}")]
    Disabled(UserStatus),
    /// The refresh token is not good any more.
    #[error("the refresh token is not valid")]
    RefreshToken,
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
    if new
        .full_name
        .as_ref()
        .is_some_and(|name| name.chars().count() > 255 || name.chars().any(char::is_control))
    {
        return Err(Refused::Invalid {
            field: "full_name",
            detail: "must have at most 255 characters".to_owned(),
        });
    }
    password_strength::check_strength(new.password.expose_secret(), &email).map_err(|problems| {
        Refused::Invalid {
            field: "password",
            detail: problems.join("; "),
        }
    })?;
    let password_hash = api.passwords.hash(new.password).await?;
    let now = api.clock.now();
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
    device: Device,
) -> Result<Login, Refused> {
    let found = users::find_by_login(&api.database, login.trim()).await?;
    let known_hash = found
        .as_ref()
        .map(|credentials| credentials.password_hash.as_str());
    // An unknown account costs the same hash as a known one.
    let matches = api.passwords.verify(password.clone(), known_hash).await?;
    let Some(credentials) = found.filter(|_| matches) else {
        record(api, None, "session.start", None, Outcome::Refused, device.origin).await?;
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
    let next = RefreshToken::generate();
    let now = api.clock.now();
    let rotation = sessions::rotate(
        &api.database,
        &shown.hash(),
        &next.hash(),
        refresh_expiry(api),
        now,
    )
    .await?;
    match rotation {
        Rotation::Rotated { user, session } => {
            // The role is read anew at every request; the one in the token is only a note.
            let access_token = api.tokens.issue(Claims {
                user,
                session,
                role: UserRole::User,
            });
            Ok(Refreshed {
                access_token,
                refresh_token: next.expose(),
            })
        }
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

async fn record(
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

/// A user name can never look like an address, so the two never collide.
fn check_username(name: &str) -> Result<(), Refused> {
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
