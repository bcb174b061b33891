//! `/me/keys`: keys for programs.

use std::time::Duration;

use database::api_keys::ApiKey;
use domain::{ApiKeyId, Scope};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use secrecy::ExposeSecret;

use super::Section;
use super::schema::{Timestamp, mirror};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::operations::api_keys::{self, Made, Refused, Wish};
use crate::problem::{Code, Problem};

pub(super) struct ApiKeys;

/// How long an old key goes on beside the new one unless the request says otherwise.
const OVERLAP_DEFAULT: u64 = 86_400;

mirror! {
    /// What a key may do. More words may come.
    @words ScopeName = Scope {
        DocumentsRead = "documents:read", DocumentsWrite = "documents:write", JobsRead = "jobs:read",
        JobsWrite = "jobs:write", AccountRead = "account:read", Admin = "admin"
    }
}

/// A key to be made.
#[derive(Object)]
#[oai(rename = "NewApiKey", deny_unknown_fields)]
struct NewKeyBody {
    /// What it is for, 1 to 100 characters.
    name: String,
    /// What it may do; `admin` only counts while the account has a role.
    scopes: Vec<ScopeName>,
    /// Days that it is valid, 1 to 3650; without an end, if absent.
    expires_in_days: Option<u32>,
}

/// What to change; what is absent stays.
#[derive(Object)]
#[oai(rename = "ApiKeyChange", deny_unknown_fields)]
struct KeyChangeBody {
    name: Option<String>,
    /// A disabled key is refused until it is enabled again.
    disabled: Option<bool>,
}

#[derive(Object)]
#[oai(rename = "ApiKeyRotation", deny_unknown_fields)]
struct RotationBody {
    /// Seconds that the old key goes on, 0 to 604800; a day, if absent.
    overlap_seconds: Option<u64>,
}

/// A key, without its text.
#[derive(Object)]
#[oai(rename = "ApiKey", skip_serializing_if_is_none)]
struct KeyBody {
    id: String,
    name: String,
    /// How it begins.
    hint: String,
    scopes: Vec<ScopeName>,
    disabled: bool,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// To the minute.
    last_used_at: Option<Timestamp>,
}

/// A key that was just made.
#[derive(Object)]
#[oai(rename = "ApiKeyMade")]
struct MadeBody {
    /// The key. It is shown this once and stored nowhere.
    key: String,
    api_key: KeyBody,
}

#[derive(Object)]
#[oai(rename = "ApiKeys")]
struct KeyList {
    items: Vec<KeyBody>,
}

#[derive(ApiResponse)]
enum Created {
    /// The key is made.
    #[oai(status = 201)]
    Made(Json<MadeBody>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The key is gone, or never was.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Section::Accounts")]
impl ApiKeys {
    /// Keys of the account, the newest first, at most 100
    #[oai(path = "/me/keys", method = "get")]
    async fn list(&self, api: Data<&Api>, caller: Caller) -> Result<Json<KeyList>, Problem> {
        let keys = api_keys::list(&api, caller.0.user).await?;
        let items = keys.into_iter().map(KeyBody::from).collect();
        Ok(Json(KeyList { items }))
    }

    /// Make a key for a program
    ///
    /// Send it as `Authorization: Bearer dmk_…` or `X-API-Key: dmk_…`, never in an address.
    #[oai(path = "/me/keys", method = "post")]
    async fn create(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<NewKeyBody>,
    ) -> Result<Created, Problem> {
        let (Caller(who), Json(body)) = (caller, body);
        let wish = Wish {
            name: body.name,
            scopes: body.scopes.into_iter().map(Scope::from).collect(),
            expires_in_days: body.expires_in_days,
        };
        let made = api_keys::create(&api, who.user, wish, who.origin).await?;
        Ok(Created::Made(Json(made.into())))
    }

    /// Rename a key, or switch it off and on
    #[oai(path = "/me/keys/:id", method = "patch")]
    async fn change(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        body: Json<KeyChangeBody>,
    ) -> Result<Json<KeyBody>, Problem> {
        let (Caller(who), Json(body)) = (caller, body);
        let id = key_id(&id.0)?;
        let key = api_keys::change(&api, who.user, id, body.name, body.disabled, who.origin).await?;
        Ok(Json(key.into()))
    }

    /// Replace a key
    ///
    /// Makes a key that may do the same for as long. The old one goes on for a while beside it.
    #[oai(path = "/me/keys/:id/rotate", method = "post")]
    async fn rotate(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        body: Json<RotationBody>,
    ) -> Result<Created, Problem> {
        let Caller(who) = caller;
        let overlap = Duration::from_secs(body.0.overlap_seconds.unwrap_or(OVERLAP_DEFAULT));
        let made = api_keys::rotate(&api, who.user, key_id(&id.0)?, overlap, who.origin).await?;
        Ok(Created::Made(Json(made.into())))
    }

    /// Delete a key
    ///
    /// It is refused within five seconds. Deleting it twice is fine.
    #[oai(path = "/me/keys/:id", method = "delete")]
    async fn delete(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Deleted, Problem> {
        let Caller(who) = caller;
        api_keys::delete(&api, who.user, key_id(&id.0)?, who.origin).await?;
        Ok(Deleted::Done)
    }
}

fn key_id(text: &str) -> Result<ApiKeyId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound))
}

impl From<ApiKey> for KeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            hint: key.hint,
            scopes: key.scopes.into_iter().map(ScopeName::from).collect(),
            disabled: key.disabled_at.is_some(),
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Timestamp::from),
            last_used_at: key.last_used_at.map(Timestamp::from),
        }
    }
}

impl From<Made> for MadeBody {
    fn from(made: Made) -> Self {
        Self {
            key: made.text.expose_secret().to_owned(),
            api_key: made.key.into(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSuchKey => Self::new(Code::NotFound),
            Refused::TooMany => Self::new(Code::TooManyKeys).detail(refused),
            Refused::Invalid { field, detail } => Self::invalid(format!("/{field}"), detail),
            Refused::Database(error) => error.into(),
        }
    }
}
