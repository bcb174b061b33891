//! Second factors: set up, asked for at a login, taken away.

use database::audit::{Origin, Outcome};
use database::second_factors;
use database::users::User;
use domain::UserId;
use secrecy::{ExposeSecret, SecretString};

use super::accounts::{self, Refused};
use super::profile;
use crate::auth::totp::{self, TotpSecret};
use crate::context::Api;

/// A second factor that is not confirmed yet.
pub(crate) struct SetUp {
    /// To be typed into an app.
    pub(crate) secret: SecretString,
    /// To be shown as a picture.
    pub(crate) uri: SecretString,
}

/// Makes a secret for an app. It counts when it is confirmed.
///
/// # Errors
/// When the password is another one, the account has a second factor already, or the database is away.
pub(crate) async fn begin(
    api: &Api,
    user: UserId,
    password: SecretString,
    origin: Origin,
) -> Result<SetUp, Refused> {
    const ACTION: &str = "factor.begin";
    let known = profile::prove(api, user, password, ACTION, origin.clone()).await?;
    let secret = TotpSecret::generate();
    let closed = api.secrets.close(&secret);
    if !second_factors::begin(&api.database, user, closed, api.clock.now()).await? {
        return Err(Refused::SecondFactorExists);
    }
    accounts::record(api, Some(user), ACTION, Some(user), Outcome::Success, origin).await?;
    Ok(SetUp {
        secret: secret.text(),
        uri: secret.uri("docmill", &known.user.email),
    })
}

/// Makes the secret count, once a code shows that an app has it. Gives the recovery codes, which are shown this once.
///
/// # Errors
/// When there is nothing to confirm, the code is wrong, or the database is away.
pub(crate) async fn confirm(
    api: &Api,
    user: UserId,
    code: &str,
    origin: Origin,
) -> Result<Vec<SecretString>, Refused> {
    const ACTION: &str = "factor.confirm";
    api.rates.attempt(Some(user), "").await?;
    let now = api.clock.now();
    let found = second_factors::find(&api.database, user).await?;
    let Some(factor) = found.filter(|factor| !factor.confirmed) else {
        return Err(Refused::NoSecondFactor);
    };
    let secret = api.secrets.open(&factor.secret);
    let step = secret.and_then(|secret| secret.step_of(code, now.timestamp()));
    let Some(step) = step else {
        accounts::record(api, Some(user), ACTION, Some(user), Outcome::Refused, origin).await?;
        return Err(Refused::WrongCode);
    };
    let codes = totp::recovery_codes();
    let hashes: Vec<_> = codes.iter().map(totp::recovery_hash).collect();
    if !second_factors::confirm(&api.database, user, &factor.secret, step, &hashes, now).await? {
        return Err(Refused::NoSecondFactor);
    }
    accounts::record(api, Some(user), ACTION, Some(user), Outcome::Success, origin).await?;
    Ok(codes)
}

/// Takes the second factor away.
///
/// # Errors
/// When the password or the code is wrong, or the database is away.
pub(crate) async fn remove(
    api: &Api,
    user: UserId,
    password: SecretString,
    code: SecretString,
    origin: Origin,
) -> Result<(), Refused> {
    const ACTION: &str = "factor.remove";
    let known = profile::prove(api, user, password, ACTION, origin.clone()).await?;
    if known.user.second_factor && !accepts(api, user, &code).await? {
        accounts::record(api, Some(user), ACTION, Some(user), Outcome::Refused, origin).await?;
        return Err(Refused::WrongCode);
    }
    second_factors::remove(&api.database, user, api.clock.now()).await?;
    accounts::record(api, Some(user), ACTION, Some(user), Outcome::Success, origin).await
}

/// Whether somebody whose password is right may come in: there is no second factor, or the code is good.
///
/// # Errors
/// When a code is needed or the one that was given is not good, or the database is away.
pub(super) async fn check(api: &Api, user: &User, code: Option<&SecretString>) -> Result<(), Refused> {
    if !user.second_factor {
        return Ok(());
    }
    let code = code.ok_or(Refused::CodeNeeded)?;
    match accepts(api, user.id, code).await? {
        true => Ok(()),
        false => Err(Refused::CodeNeeded),
    }
}

/// Spends a code of the app, or a recovery code. What a key encrypted that is no longer the newest is encrypted anew while it
/// can be read.
async fn accepts(api: &Api, user: UserId, code: &SecretString) -> Result<bool, Refused> {
    let found = second_factors::find(&api.database, user).await?;
    let closed = found.map(|factor| factor.secret);
    let secret = closed.as_deref().and_then(|closed| api.secrets.open(closed));
    let now = api.clock.now().timestamp();
    let typed = code.expose_secret().trim();
    let step = secret.as_ref().and_then(|secret| secret.step_of(typed, now));
    if let Some(step) = step {
        let accepted = second_factors::spend_step(&api.database, user, step).await?;
        if let (Some(secret), Some(closed)) = (&secret, &closed)
            && accepted
            && api.secrets.is_old(closed)
        {
            second_factors::reseal(&api.database, user, closed, api.secrets.close(secret)).await?;
        }
        return Ok(accepted);
    }
    if second_factors::spend_recovery_code(&api.database, user, &totp::recovery_hash(code)).await? {
        return Ok(true);
    }
    match (closed, secret) {
        (Some(_), None) => {
            tracing::warn!(user.id = %user, "the second factor of account {user} cannot be read: its key is not in auth.keys");
            Err(Refused::FactorUnreadable)
        }
        _ => Ok(false),
    }
}
