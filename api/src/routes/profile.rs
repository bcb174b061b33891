//! `/me`: what people do with their own account.

use database::sessions::Session;
use database::users::ProfileChange;
use domain::SessionId;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use secrecy::SecretString;

use super::Section;
use super::done::Done;
use super::schema::{Timestamp, UserBody};
use crate::auth::caller::{Caller, Proof};
use crate::context::Api;
use crate::operations::{accounts, profile};
use crate::problem::{Code, Problem};

pub(super) struct Profile;

/// What to change. What is absent stays as it is, null takes it away.
#[derive(Object)]
#[oai(rename = "ProfileChange", deny_unknown_fields)]
struct ProfileBody {
    /// A second name for logging in: 3 to 50 letters, digits, dots, dashes or underscores.
    username: MaybeUndefined<String>,
    /// At most 255 characters.
    full_name: MaybeUndefined<String>,
    /// At most 100 characters.
    organization: MaybeUndefined<String>,
}

#[derive(Object)]
#[oai(rename = "PasswordChange", deny_unknown_fields)]
struct PasswordBody {
    current_password: String,
    /// 8 to 1,024 bytes; well-known passwords are refused.
    new_password: String,
}

#[derive(Object)]
#[oai(rename = "AccountClosing", deny_unknown_fields)]
struct ClosingBody {
    /// The password, once more.
    password: String,
}

/// One login on one device.
#[derive(Object)]
#[oai(rename = "LoginSession", skip_serializing_if_is_none)]
struct SessionItem {
    id: String,
    /// Whether it is the one that is asking.
    current: bool,
    /// The address that it began from.
    ip: Option<String>,
    /// What the device called itself.
    user_agent: Option<String>,
    created_at: Timestamp,
    /// When it got its newest tokens.
    last_used_at: Timestamp,
    /// When it ends unless it is used again.
    expires_at: Timestamp,
}

/// Sessions that still stand.
#[derive(Object)]
#[oai(rename = "LoginSessions")]
struct SessionList {
    items: Vec<SessionItem>,
}

#[OpenApi(tag = "Section::Accounts")]
impl Profile {
    /// The account that is asking
    #[oai(path = "/me", method = "get")]
    async fn me(&self, api: Data<&Api>, caller: Caller) -> Result<Json<UserBody>, Problem> {
        Ok(Json(profile::find(&api, caller.0.user).await?.into()))
    }

    /// Change the profile
    #[oai(path = "/me", method = "patch")]
    async fn change(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<ProfileBody>,
    ) -> Result<Json<UserBody>, Problem> {
        let (Caller(who), Json(body)) = (caller, body);
        let change = ProfileChange {
            full_name: part(body.full_name),
            organization: part(body.organization),
            username: part(body.username),
        };
        Ok(Json(
            profile::change(&api, who.user, change, who.origin).await?.into(),
        ))
    }

    /// Change the password
    ///
    /// Every other session of the account ends; this one goes on.
    #[oai(path = "/me/password", method = "post")]
    async fn change_password(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<PasswordBody>,
    ) -> Result<Done, Problem> {
        let (session, Caller(who), Json(body)) = (caller.0.session()?, caller, body);
        let (current, new) = (
            SecretString::from(body.current_password),
            SecretString::from(body.new_password),
        );
        profile::change_password(&api, who.user, session, current, new, who.origin).await?;
        Ok(Done::Done)
    }

    /// Close the account
    ///
    /// Every session ends and every API key stops at once. Within 24 hours the account is deleted with its documents, jobs and
    /// everything found in them; until then an administrator can open it again.
    #[oai(path = "/me/close", method = "post")]
    async fn close(&self, api: Data<&Api>, caller: Caller, body: Json<ClosingBody>) -> Result<Done, Problem> {
        let Caller(who) = caller;
        profile::close(&api, who.user, SecretString::from(body.0.password), who.origin).await?;
        Ok(Done::Done)
    }

    /// Sessions of the account that still stand, the newest first, at most 100
    #[oai(path = "/me/sessions", method = "get")]
    async fn sessions(&self, api: Data<&Api>, caller: Caller) -> Result<Json<SessionList>, Problem> {
        let proof = caller.0.proof;
        let sessions = profile::sessions(&api, caller.0.user).await?;
        let items = sessions.into_iter().map(|session| item(session, proof)).collect();
        Ok(Json(SessionList { items }))
    }

    /// End one session of the account
    ///
    /// Its access token is refused within five seconds. Ending one that has ended, or that never was, is fine.
    #[oai(path = "/me/sessions/:id", method = "delete")]
    async fn end_session(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Done, Problem> {
        let Caller(who) = caller;
        let session: SessionId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        accounts::log_out(&api, who.user, session, false, who.origin).await?;
        Ok(Done::Done)
    }
}

fn part(value: MaybeUndefined<String>) -> Option<Option<String>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

fn item(session: Session, proof: Proof) -> SessionItem {
    SessionItem {
        id: session.id.to_string(),
        current: proof == Proof::Login(session.id) || proof == Proof::Browser(session.id),
        ip: session.ip,
        user_agent: session.user_agent,
        created_at: session.created_at.into(),
        last_used_at: session.last_used_at.into(),
        expires_at: session.expires_at.into(),
    }
}
