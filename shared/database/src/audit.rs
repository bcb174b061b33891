//! Who did what, when, with which outcome. Lines are only ever added.

pub mod seals;

use chrono::{DateTime, Utc};
use domain::{ApiKeyId, AuditId, RequestId, UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
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

impl Outcome {
    /// The word used in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
        }
    }
}

/// Where an action came from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub ip: Option<String>,
    /// The request that carried it.
    pub request: Option<RequestId>,
    /// The API key that it was done with; `None` for a login, and for docmill itself.
    pub key: Option<ApiKeyId>,
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
        outcome: Set(entry.outcome.as_str().to_owned()),
        ip: Set(entry.origin.ip),
        request_id: Set(entry.origin.request.map(RequestId::uuid)),
        api_key_id: Set(entry.origin.key.map(ApiKeyId::uuid)),
    };
    audit_log::Entity::insert(line).exec_without_returning(db).await?;
    Ok(())
}

/// A line of the log, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line; later ones have greater ids.
    pub id: AuditId,
    /// When.
    pub at: DateTime<Utc>,
    /// Who; `None` for someone without an account.
    pub user: Option<UserId>,
    /// What was done.
    pub action: String,
    /// On what kind of thing.
    pub resource_type: Option<String>,
    /// On which one.
    pub resource_id: Option<Uuid>,
    /// How it ended: a word of [`Outcome`].
    pub outcome: String,
    /// From where.
    pub ip: Option<String>,
    /// The request that carried it.
    pub request: Option<RequestId>,
    /// The API key that it was done with.
    pub key: Option<ApiKeyId>,
}

/// Which lines to list. What is absent matches everything.
#[derive(Debug, Clone, Default)]
pub struct LineFilter {
    /// Done by this account.
    pub user: Option<UserId>,
    /// This action.
    pub action: Option<String>,
    /// On this kind of thing.
    pub resource_type: Option<String>,
    /// On this thing.
    pub resource_id: Option<Uuid>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Carried by this request.
    pub request: Option<RequestId>,
    /// Done with this API key.
    pub key: Option<ApiKeyId>,
    /// At this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
}

/// Where a list of lines goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The newest first, from before this line on.
    NewestFirst(Option<AuditId>),
    /// The oldest first, from after this line on.
    OldestFirst(Option<AuditId>),
}

/// Lines that match, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, filter: &LineFilter, order: Order, limit: u64) -> Result<Vec<Line>> {
    use audit_log::Column;
    let mut query = audit_log::Entity::find().limit(limit);
    query = match order {
        Order::NewestFirst(before) => {
            let query = query.order_by_desc(Column::Id);
            match before {
                Some(before) => query.filter(Column::Id.lt(before.uuid())),
                None => query,
            }
        }
        Order::OldestFirst(after) => {
            let query = query.order_by_asc(Column::Id);
            match after {
                Some(after) => query.filter(Column::Id.gt(after.uuid())),
                None => query,
            }
        }
    };
    let conditions = [
        filter.user.map(|user| Column::UserId.eq(user.uuid())),
        filter.action.as_ref().map(|action| Column::Action.eq(action)),
        filter
            .resource_type
            .as_ref()
            .map(|kind| Column::ResourceType.eq(kind)),
        filter.resource_id.map(|id| Column::ResourceId.eq(id)),
        filter.outcome.map(|outcome| Column::Outcome.eq(outcome.as_str())),
        filter.request.map(|request| Column::RequestId.eq(request.uuid())),
        filter.key.map(|key| Column::ApiKeyId.eq(key.uuid())),
        filter.since.map(|since| Column::At.gte(since)),
        filter.until.map(|until| Column::At.lt(until)),
    ];
    for condition in conditions.into_iter().flatten() {
        query = query.filter(condition);
    }
    let rows = query.all(db.connection()).await?;
    Ok(rows.into_iter().map(Line::from).collect())
}

impl From<audit_log::Model> for Line {
    fn from(row: audit_log::Model) -> Self {
        Self {
            id: row.id.into(),
            at: row.at,
            user: row.user_id.map(UserId::from),
            action: row.action,
            resource_type: row.resource_type,
            resource_id: row.resource_id,
            outcome: row.outcome,
            ip: row.ip,
            request: row.request_id.map(RequestId::from),
            key: row.api_key_id.map(ApiKeyId::from),
        }
    }
}
