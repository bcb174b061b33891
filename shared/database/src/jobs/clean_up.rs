//! Old jobs go, with everything of them, because a schedule says so.

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, FromQueryResult, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::discarded::{NOTED_BEFORE, StoredDocument, StoredRow};
use crate::schedules::RunClaim;
use crate::{Database, Result, audit, quotas, sql};

/// What is old, or was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OldJobs {
    /// Jobs.
    pub jobs: u64,
    /// Their documents.
    pub documents: u64,
    /// The sizes of the originals together, in bytes.
    pub bytes: u64,
    /// When the oldest job was handed in.
    pub oldest: Option<DateTime<Utc>>,
}

/// What jobs that were handed in before `before`, and have ended, hold together.
///
/// # Errors
/// When the database is away.
pub async fn count_old(db: &Database, before: DateTime<Utc>) -> Result<OldJobs> {
    let row: Option<Counted> = sql::first(
        db.connection(),
        "SELECT count(*) AS jobs, CAST(COALESCE(sum((SELECT count(*) FROM documents d WHERE d.job_id = j.id)), 0) AS bigint) \
         AS documents, CAST(COALESCE(sum((SELECT sum(d.size_bytes) FROM documents d WHERE d.job_id = j.id)), 0) AS bigint) \
         AS bytes, min(j.created_at) AS oldest FROM jobs j WHERE j.finished_at IS NOT NULL AND j.created_at < $1",
        [before.into()],
    )
    .await?;
    Ok(row.map(OldJobs::from).unwrap_or_default())
}

/// Deletes at most `limit` jobs that were handed in before `before`, and have ended, with documents, passages and tasks, the
/// oldest first; notes which objects must go; and writes the report of the run that `report` makes of what was deleted: all in
/// one transaction. Every job is a line in the audit log, of nobody.
///
/// `None` when the run is not this claim's any more; nothing is deleted then.
///
/// # Errors
/// When the database is away; nothing is deleted then, or the report says so.
pub async fn delete_old(
    db: &Database,
    claim: &RunClaim,
    before: DateTime<Utc>,
    limit: u32,
    report: impl FnOnce(&OldJobs) -> Json,
    now: DateTime<Utc>,
) -> Result<Option<(OldJobs, Vec<StoredDocument>)>> {
    let transaction = db.begin().await?;
    let jobs = lock_old(&transaction, before, limit).await?;
    let (deleted, stored) = if jobs.is_empty() {
        (OldJobs::default(), Vec::new())
    } else {
        delete_jobs(&transaction, &jobs, now).await?
    };
    let written = sql::execute(
        &transaction,
        "UPDATE schedule_runs SET report = $3, heartbeat_at = $4 WHERE id = $1 AND fence = $2 AND state = 'running'",
        [
            claim.run.uuid().into(),
            claim.fence.into(),
            report(&deleted).into(),
            now.into(),
        ],
    )
    .await?;
    if written == 0 {
        return Ok(None);
    }
    transaction.commit().await?;
    Ok(Some((deleted, stored)))
}

#[derive(FromQueryResult)]
struct Identified {
    id: Uuid,
}

/// Old jobs that have ended, locked. Tasks are locked first, in the order in which everybody takes those locks: an operator may
/// be putting one of them back in line.
async fn lock_old(transaction: &DatabaseTransaction, before: DateTime<Utc>, limit: u32) -> Result<Vec<Uuid>> {
    let found: Vec<Identified> = sql::all(
        transaction,
        "SELECT id FROM jobs WHERE finished_at IS NOT NULL AND created_at < $1 ORDER BY id LIMIT $2",
        [before.into(), i64::from(limit).into()],
    )
    .await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Value> = found.iter().map(|job| job.id.into()).collect();
    let list = sql::placeholders(1, ids.len());
    let in_order = sql::locked_in_order(transaction);
    let _locked: Vec<Identified> = sql::all(
        transaction,
        format!("SELECT id FROM tasks WHERE job_id IN ({list}){in_order}"),
        ids.clone(),
    )
    .await?;
    let ended: Vec<Identified> = sql::all(
        transaction,
        format!("SELECT id FROM jobs WHERE finished_at IS NOT NULL AND id IN ({list}){in_order}"),
        ids,
    )
    .await?;
    Ok(ended.into_iter().map(|job| job.id).collect())
}

async fn delete_jobs(
    transaction: &DatabaseTransaction,
    jobs: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(OldJobs, Vec<StoredDocument>)> {
    let ids = || jobs.iter().map(|id| Value::from(*id));
    let list = sql::placeholders(1, jobs.len());
    let deleted: Option<Counted> = sql::first(
        transaction,
        format!(
            "SELECT (SELECT count(*) FROM jobs j WHERE j.id IN ({list})) AS jobs, count(*) AS documents, \
             CAST(COALESCE(sum(d.size_bytes), 0) AS bigint) AS bytes, \
             (SELECT min(j.created_at) FROM jobs j WHERE j.id IN ({list})) AS oldest \
             FROM documents d WHERE d.job_id IN ({list})"
        ),
        ids(),
    )
    .await?;
    sql::execute(
        transaction,
        format!("DELETE FROM tasks WHERE job_id IN ({list})"),
        ids(),
    )
    .await?;
    let noted = jobs.len() + 1;
    let stored: Vec<StoredRow> = sql::all(
        transaction,
        format!(
            "INSERT INTO discarded_documents (document_id, job_id, user_id, text_fence, discarded_at) \
             SELECT d.id, d.job_id, d.user_id, d.text_fence, ${noted} FROM documents d WHERE d.job_id IN ({list}) \
             {NOTED_BEFORE} RETURNING document_id, job_id, user_id, text_fence"
        ),
        ids().chain([Value::from(now)]),
    )
    .await?;
    let freed = quotas::freed_with(transaction, jobs).await?;
    sql::execute(
        transaction,
        format!("DELETE FROM jobs WHERE id IN ({list})"),
        ids(),
    )
    .await?;
    for (user, change) in freed {
        quotas::change(transaction, user, change).await?;
    }
    for id in jobs {
        let entry = audit::Entry {
            user: None,
            action: "job.clean_up",
            resource: Some(("job", *id)),
            outcome: audit::Outcome::Success,
            origin: audit::Origin::default(),
        };
        audit::insert(transaction, entry, now).await?;
    }
    let stored = stored.into_iter().map(StoredDocument::from).collect();
    Ok((deleted.map(OldJobs::from).unwrap_or_default(), stored))
}

#[derive(FromQueryResult)]
struct Counted {
    jobs: i64,
    documents: i64,
    bytes: i64,
    oldest: Option<DateTime<Utc>>,
}

impl From<Counted> for OldJobs {
    fn from(row: Counted) -> Self {
        Self {
            jobs: row.jobs.cast_unsigned(),
            documents: row.documents.cast_unsigned(),
            bytes: row.bytes.cast_unsigned(),
            oldest: row.oldest,
        }
    }
}
