//! Who did what, when, with which outcome. Lines are only ever added.

use chrono::{DateTime, Utc};
use domain::{AuditId, RequestId, UserId};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use uuid::Uuid;

use crate::entity::audit_log;
use crate::{Database, Result};

/// One line of the log, before it is written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Who; `None` for someone without an account.
    pub user: Option<UserId>,
    /// What was done, as `thing.verb`.
    pub action: &'static str,
    /// On what.
    pub resource: Option<(&'static str, Uuid)>,
    /// How it ended.
    pub outcome: Outcome,
    /// From where.
    pub origin: Origin,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Refused,
}

/// Where an action came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub ip: Option<String>,
    /// The request that carried it.
    pub request: Option<RequestId>,
}

/// Adds a line.
///
/// # Errors
/// When the database is away.
pub async fn record(db: &Database, entry: Entry, now: DateTime<Utc>) -> Result<()> {
    insert(db.connection(), entry, now).await
}

pub(crate) async fn insert(db: &impl ConnectionTrait, entry: Entry, now: DateTime<Utc>) -> Result<()> {
    let line = audit_log::ActiveModel {
        id: Set(AuditId::new().uuid()),
        at: Set(now),
        user_id: Set(entry.user.map(UserId::uuid)),
        action: Set(entry.action.to_owned()),
        resource_type: Set(entry.resource.map(|(kind, _)| kind.to_owned())),
        resource_id: Set(entry.resource.map(|(_, id)| id)),
        outcome: Set(match entry.outcome {
            Outcome::Success => "success".to_owned(),
            Outcome::Refused => "refused".to_owned(),
        }),
        ip: Set(entry.origin.ip),
        request_id: Set(entry.origin.request.map(RequestId::uuid)),
    };
    audit_log::Entity::insert(line).exec_without_returning(db).await?;
    Ok(())
}
