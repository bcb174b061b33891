//! What an account must have left for a job to be accepted, and what it may ask of no other job.

use chrono::{DateTime, Utc};
use domain::QuotaLimits;
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{NewJob, Submitted};
use crate::unique_keys::{self, Scope, Taken};
use crate::{Result, quotas};

/// On which terms a job is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Limits of every account that has none of its own.
    pub quotas: QuotaLimits,
    /// Whether it is the only one of its kind for a while.
    pub unique: Option<Unique>,
}

/// What makes a job the only one of its kind: a key that the account chose, and until when it stands for this job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// The key, 255 characters at most.
    pub key: String,
    /// When another job may have it.
    pub until: DateTime<Utc>,
}

/// Takes the unique key and what the documents need; or says what the answer is instead.
pub(super) async fn refuse(
    transaction: &DatabaseTransaction,
    terms: &Terms,
    new: &NewJob,
    now: DateTime<Utc>,
) -> Result<Option<Submitted>> {
    if let Some(unique) = &terms.unique {
        let scope = Scope::Account(new.user);
        let taken =
            unique_keys::take(transaction, scope, &unique.key, new.id.uuid(), unique.until, now).await?;
        if let Taken::By(job) = taken {
            return Ok(Some(Submitted::Unique(job.into())));
        }
    }
    let documents: Vec<(Uuid, u64)> = new
        .documents
        .iter()
        .map(|document| (document.id.uuid(), document.size_bytes))
        .collect();
    let exceeded = quotas::reserve(transaction, new.user, terms.quotas, &documents, now).await?;
    Ok(exceeded.map(Submitted::QuotaExceeded))
}
