//! Keys for programs: making, changing, replacing and deleting them.

use std::time::Duration;

use database::api_keys::{self, ApiKey, KEYS_MAX, NewApiKey};
use database::audit::{self, Entry, Origin, Outcome};
use domain::{ApiKeyId, ApiKeyText, Scope, UserId};
use secrecy::SecretString;

use super::registering;
use crate::context::Api;

/// Characters of a name at most.
pub(crate) const NAME_CHARS_MAX: usize = 100;
/// Days that a key may be valid at most, unless it never expires.
pub(crate) const DAYS_MAX: u32 = 3_650;
/// How long an old key may go on beside the new one at most.
pub(crate) const OVERLAP_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Why a wish for keys was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no such key")]
    NoSuchKey,
    #[error("an account has at most {KEYS_MAX} keys; delete one that is not needed any more")]
    TooMany,
    #[error("{field}: {detail}")]
    Invalid { field: &'static str, detail: String },
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
}

/// A key to be made.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) scopes: Vec<Scope>,
    /// Never, if absent.
    pub(crate) expires_in_days: Option<u32>,
}

/// A key that was made, and the only moment at which its text is known.
pub(crate) struct Made {
    pub(crate) key: ApiKey,
    pub(crate) text: SecretString,
}

/// The keys of an account, the newest first.
pub(crate) async fn list(api: &Api, user: UserId) -> Result<Vec<ApiKey>, Refused> {
    Ok(api_keys::list(&api.database, user).await?)
}

/// Makes a key.
pub(crate) async fn create(api: &Api, user: UserId, wish: Wish, origin: Origin) -> Result<Made, Refused> {
    let name = check_name(&wish.name)?;
    let mut scopes = wish.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        let detail = "must have at least one scope".to_owned();
        return Err(Refused::Invalid {
            field: "scopes",
            detail,
        });
    }
    let expires_at = match wish.expires_in_days {
        None => None,
        Some(days) if (1..=DAYS_MAX).contains(&days) => {
            Some(api.clock.now() + Duration::from_secs(86_400 * u64::from(days)))
        }
        Some(_) => {
            let detail = format!("must be between 1 and {DAYS_MAX}");
            return Err(Refused::Invalid {
                field: "expires_in_days",
                detail,
            });
        }
    };
    let made = store(api, user, name, scopes, expires_at).await?;
    record(api, user, "key.create", made.key.id, origin).await?;
    Ok(made)
}

/// Changes the name of a key, and switches it on or off.
pub(crate) async fn change(
    api: &Api,
    user: UserId,
    id: ApiKeyId,
    name: Option<String>,
    disabled: Option<bool>,
    origin: Origin,
) -> Result<ApiKey, Refused> {
    let name = name.map(|name| check_name(&name)).transpose()?;
    let key = api_keys::change(&api.database, user, id, name, disabled, api.clock.now()).await?;
    let key = key.ok_or(Refused::NoSuchKey)?;
    api.key_standings.forget_all();
    let action = match disabled {
        Some(true) => "key.disable",
        Some(false) => "key.enable",
        None => "key.change",
    };
    record(api, user, action, id, origin).await?;
    Ok(key)
}

/// Makes a key that may do the same, and lets the old one end after `overlap`, so that programs can be changed one by one.
pub(crate) async fn rotate(
    api: &Api,
    user: UserId,
    id: ApiKeyId,
    overlap: Duration,
    origin: Origin,
) -> Result<Made, Refused> {
    if overlap > OVERLAP_MAX {
        let detail = format!("must be at most {}", OVERLAP_MAX.as_secs());
        return Err(Refused::Invalid {
            field: "overlap_seconds",
            detail,
        });
    }
    let old = api_keys::find(&api.database, user, id)
        .await?
        .ok_or(Refused::NoSuchKey)?;
    let now = api.clock.now();
    // The new one is valid for as long as the old one was meant to be.
    let expires_at = old.expires_at.map(|at| now + (at - old.created_at));
    let made = store(api, user, old.name, old.scopes, expires_at).await?;
    api_keys::expire(&api.database, user, id, now + overlap).await?;
    api.key_standings.forget_all();
    record(api, user, "key.rotate", id, origin).await?;
    Ok(made)
}

/// Deletes a key. What is gone already, or somebody else's, is answered alike.
pub(crate) async fn delete(api: &Api, user: UserId, id: ApiKeyId, origin: Origin) -> Result<(), Refused> {
    if api_keys::delete(&api.database, user, id).await? {
        api.key_standings.forget_all();
        record(api, user, "key.delete", id, origin).await?;
    }
    Ok(())
}

async fn store(
    api: &Api,
    user: UserId,
    name: String,
    scopes: Vec<Scope>,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
) -> Result<Made, Refused> {
    let text = ApiKeyText::draw(getrandom::fill);
    let new = NewApiKey {
        user,
        name,
        hint: text.hint(),
        hash: text.hash(),
        scopes,
        expires_at,
    };
    let key = api_keys::insert(&api.database, new, api.clock.now()).await?;
    Ok(Made {
        key: key.ok_or(Refused::TooMany)?,
        text: text.expose(),
    })
}

fn check_name(name: &str) -> Result<String, Refused> {
    let name = name.trim();
    let fault = if name.is_empty() {
        Some("must have at least one character".to_owned())
    } else {
        registering::label_fault(name, NAME_CHARS_MAX)
    };
    match fault {
        Some(detail) => Err(Refused::Invalid {
            field: "name",
            detail,
        }),
        None => Ok(name.to_owned()),
    }
}

async fn record(
    api: &Api,
    user: UserId,
    action: &'static str,
    key: ApiKeyId,
    origin: Origin,
) -> Result<(), Refused> {
    let entry = Entry {
        user: Some(user),
        action,
        resource: Some(("key", key.uuid())),
        outcome: Outcome::Success,
        origin,
    };
    Ok(audit::record(&api.database, entry, api.clock.now()).await?)
}
