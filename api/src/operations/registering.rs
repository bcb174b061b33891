//! Making an account.

use database::audit::{Origin, Outcome};
use database::registrations;
use database::users::{self, NewUser, ProfileChange, User};
use domain::UserRole;
use secrecy::{ExposeSecret, SecretString};

use super::accounts::{self, Device, Login, Refused, record};
use crate::auth::password_strength;
use crate::context::Api;

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

/// What came of wanting an account.
pub(crate) enum Registered {
    /// It is made, and logged in.
    LoggedIn(Box<Login>),
    /// A message is on its way to the address, whether there was an account for it or not.
    Asked,
}

/// Makes an account.
///
/// # Errors
/// When a part is not acceptable, the address is taken, or the database is away.
pub async fn create(api: &Api, new: Registration, role: UserRole, origin: Origin) -> Result<User, Refused> {
    let organization = new.organization.clone();
    let new = checked(api, new, role).await?;
    let now = api.clock.now();
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

/// The account as it may be stored.
async fn checked(api: &Api, new: Registration, role: UserRole) -> Result<NewUser, Refused> {
    let email = new.email.trim().to_owned();
    check_email(&email)?;
    if let Some(name) = &new.username {
        check_username(name)?;
    }
    check_label("full_name", new.full_name.as_deref(), 255)?;
    check_label("organization", new.organization.as_deref(), 100)?;
    check_password("password", &new.password, &email)?;
    Ok(NewUser {
        email,
        username: new.username,
        full_name: new.full_name,
        password_hash: api.passwords.hash(new.password).await?,
        role,
    })
}

/// Makes an account for whoever asks, and logs in. Where addresses have to be proven nobody is logged in: the answer is the
/// same, and takes as long, whether the address has an account or not.
///
/// # Errors
/// As [`create`], and when the operator keeps this to himself. With addresses to be proven a taken one is no error; a taken
/// user name is.
pub(crate) async fn register(api: &Api, new: Registration, device: Device) -> Result<Registered, Refused> {
    if !api.http.registration_open {
        return Err(Refused::RegistrationClosed);
    }
    if !api.mail.verifies() {
        let user = create(api, new, UserRole::User, device.origin.clone()).await?;
        let login = accounts::start_session(api, user, device).await?;
        return Ok(Registered::LoggedIn(Box::new(login)));
    }
    api.rates.message(None, &new.email).await?;
    // Names are shown to nobody, but two people cannot have one. It says nothing of the address.
    if let Some(name) = &new.username
        && users::find_by_login(&api.database, name).await?.is_some()
    {
        return Err(Refused::Exists);
    }
    let organization = new.organization.clone();
    let new = checked(api, new, UserRole::User).await?;
    let now = api.clock.now();
    registrations::register(&api.database, new, organization, device.origin, now).await?;
    Ok(Registered::Asked)
}

/// One `@` with something on both sides, no white space: whether an address exists only a mail can tell.
pub(super) fn check_email(email: &str) -> Result<(), Refused> {
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
