//! Proving an address, changing it, and setting a new password without the old one: what needs a message to its owner.
//!
//! What anybody may ask for by naming an address is only written down here, the same way whether an account has that address or
//! not: neither the answer nor its time tells. A worker looks when it sends the message.

use database::audit::{self, Entry, Origin, Outcome};
use database::mail_links;
use database::mails::{self, NewMail};
use domain::{LinkPurpose, MailKind, MailToken, UserId};
use secrecy::SecretString;

use super::accounts::{self, Refused};
use super::{profile, registering};
use crate::context::Api;

/// Has a message sent to whoever has this address, if it concerns anybody.
///
/// # Errors
/// When no messages are sent here, the address is none, too many were asked for, or the database is away.
pub(crate) async fn ask_for(
    api: &Api,
    kind: MailKind,
    address: &str,
    action: &'static str,
    origin: Origin,
) -> Result<(), Refused> {
    let address = address.trim();
    registering::check_email(address)?;
    if !api.mail.is_on() {
        return Err(Refused::MailOff);
    }
    api.rates.message(None, address).await?;
    let now = api.clock.now();
    let message = NewMail {
        kind,
        user: None,
        address: address.to_owned(),
    };
    let id = mails::ask_for(&api.database, message, now).await?;
    let entry = Entry {
        user: None,
        action,
        resource: Some(("mail", id.uuid())),
        outcome: Outcome::Success,
        origin,
    };
    Ok(audit::record(&api.database, entry, now).await?)
}

/// Has a message sent to the address that somebody wants for their account. It is changed when its owner follows the link.
///
/// # Errors
/// When no messages are sent here, the password is another one, the address is none, or the database is away.
pub(crate) async fn change(
    api: &Api,
    user: UserId,
    address: &str,
    password: SecretString,
    origin: Origin,
) -> Result<(), Refused> {
    const ACTION: &str = "user.email";
    let address = address.trim();
    registering::check_email(address)?;
    if !api.mail.is_on() {
        return Err(Refused::MailOff);
    }
    profile::prove(api, user, password, ACTION, origin.clone()).await?;
    api.rates.message(Some(user), address).await?;
    let message = NewMail {
        kind: MailKind::ChangeAddress,
        user: Some(user),
        address: address.to_owned(),
    };
    mails::ask_for(&api.database, message, api.clock.now()).await?;
    accounts::record(api, Some(user), ACTION, Some(user), Outcome::Success, origin).await
}

/// Proves an address by the secret of a link: that of a new account, or the new one of an account that changes it.
///
/// # Errors
/// When the link is not good any more, or the database is away.
pub(crate) async fn prove(api: &Api, secret: &str, origin: Origin) -> Result<(), Refused> {
    let token = MailToken::parse(secret).map_err(|_| Refused::Link)?;
    let proven = mail_links::prove_address(&api.database, &token.hash(), api.clock.now()).await?;
    let Some(link) = proven else {
        accounts::record(api, None, "user.verify", None, Outcome::Refused, origin).await?;
        return Err(Refused::Link);
    };
    api.forget_standings();
    let action = match link.purpose {
        LinkPurpose::ChangeAddress => "user.email_change",
        LinkPurpose::Verify | LinkPurpose::ResetPassword => "user.verify",
    };
    let user = Some(link.user);
    accounts::record(api, user, action, user, Outcome::Success, origin).await
}

/// Sets a new password by the secret of a link. Every session of the account ends.
///
/// # Errors
/// When the link is not good any more, the password is not good enough (the link stays good then), or the database is away.
pub(crate) async fn reset_password(
    api: &Api,
    secret: &str,
    password: SecretString,
    origin: Origin,
) -> Result<(), Refused> {
    const ACTION: &str = "user.password_reset";
    let token = MailToken::parse(secret).map_err(|_| Refused::Link)?;
    let found = mail_links::find(&api.database, &token.hash(), api.clock.now()).await?;
    let Some(link) = found.filter(|link| link.purpose == LinkPurpose::ResetPassword) else {
        accounts::record(api, None, ACTION, None, Outcome::Refused, origin).await?;
        return Err(Refused::Link);
    };
    registering::check_password("new_password", &password, &link.address)?;
    let hash = api.passwords.hash(password).await?;
    let now = api.clock.now();
    let reset = mail_links::reset_password(&api.database, &token.hash(), hash, now).await?;
    api.forget_standings();
    let user = Some(link.user);
    let outcome = match reset {
        Some(_) => Outcome::Success,
        None => Outcome::Refused,
    };
    accounts::record(api, user, ACTION, user, outcome, origin).await?;
    reset.map(|_| ()).ok_or(Refused::Link)
}
