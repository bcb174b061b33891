//! A job becomes durable.

use chrono::{DateTime, Utc};
use domain::{
    Content, DocumentId, DocumentKind, JobId, JobKind, Priority, SealedPassword, TaskId, UserId, VersionOf,
};
use sea_orm::{DbBackend, FromQueryResult};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Job;
use super::place::full_of_documents;
use super::rows::{insert_in_one_statement, insert_in_steps};
use super::terms::{Terms, refuse};
use crate::quotas::Exceeded;
use crate::{Database, DatabaseError, Result, audit, sql};

/// What a client chose for a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// Tags per document at most.
    pub tags_max: u8,
    /// Which part of a web page is read.
    #[serde(default)]
    pub content: Content,
    /// The languages that tags are wanted in (ISO 639-1); none for that of each document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// What opens the documents. It is stored with their tasks only, and goes when they end.
    #[serde(skip)]
    pub password: Option<SealedPassword>,
    /// Whether a password came with them: what it opened is not handed out without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// The level of its tasks. Otherwise a single document is `high` and one of several `normal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// When its tasks may begin; at once otherwise. Hints for later ones are not pushed by the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<DateTime<Utc>>,
    /// What its owner calls the documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// That its one document is the next version of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_of: Option<VersionOf>,
}

impl JobOptions {
    /// Whether nothing but the usual rows has to be written.
    fn is_plain(&self) -> bool {
        self.labels.is_empty() && self.version_of.is_none()
    }

    /// Whether the same bytes come to the same results.
    pub(crate) fn gives_the_same_as(&self, other: &Self) -> bool {
        let of_results = |options: &Self| Self {
            labels: Vec::new(),
            version_of: None,
            priority: None,
            run_at: None,
            ..options.clone()
        };
        // Whether a password is the right one is known only when it is tried.
        !self.locked && !other.locked && of_results(self) == of_results(other)
    }
}

/// Two versions may be handed in at the same moment; one of them takes the next number.
const VERSION_TRIES: usize = 5;

/// A job to be stored. Its documents' bytes are in storage already.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The job.
    pub id: JobId,
    /// Its owner.
    pub user: UserId,
    /// Its documents, at least one.
    pub documents: Vec<NewDocument>,
    /// What the client chose.
    pub options: JobOptions,
    /// The client's own name for this request, and the fingerprint of what it asked.
    pub idempotency: Option<(String, [u8; 32])>,
    /// When it ends at the latest.
    pub deadline_at: DateTime<Utc>,
    /// The trace that it belongs to (W3C traceparent).
    pub trace_parent: Option<String>,
    /// Whether its hints are about to be pushed by the caller; the dispatcher pushes them otherwise.
    pub dispatched: bool,
    /// From where it came.
    pub origin: audit::Origin,
}

/// A document to be stored.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// The document.
    pub id: DocumentId,
    /// The label that its owner gave it.
    pub file_name: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Its size.
    pub size_bytes: u64,
    /// Its content's SHA-256.
    pub sha256: [u8; 32],
}

/// What came of storing a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is stored, as this, with these tasks.
    Accepted(Box<Job>, Vec<TaskId>),
    /// The same request was accepted before, as this job.
    Replayed(JobId),
    /// The client used this key before, for something else.
    KeyReused,
    /// This job has the unique key. Nothing is stored.
    Unique(JobId),
    /// The account has not so much left. Nothing is stored.
    QuotaExceeded(Exceeded),
    /// So many tasks of the user wait that no more are taken; the number is the bound.
    QueueFull(u64),
}

/// Stores a job with its documents, tasks and a line in the audit log, in one transaction, within the account's own limits.
///
/// What is not pushed by the caller is counted first, for tenants may have only so many waiting tasks. The bound may be passed
/// by what is handed in at the same moment.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn submit(db: &Database, new: NewJob, now: DateTime<Utc>) -> Result<Submitted> {
    submit_on(db, Terms::default(), new, now).await
}

/// As [`submit`], on these terms. A request that was accepted before is answered with its job, whatever is left by now.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn submit_on(db: &Database, terms: Terms, new: NewJob, now: DateTime<Utc>) -> Result<Submitted> {
    let (user, idempotency) = (new.user, new.idempotency.clone());
    // What was just written needs no asking for.
    let (kind, total) = (kind_of(&new.documents), count_of(&new.documents));
    let job = Job::accepted(new.id, user, kind, total, new.deadline_at, now);
    if !new.dispatched
        && let Some(full) = full_of_documents(db, &new).await?
    {
        // What was accepted before stays accepted, however full it is by now.
        return Ok(match idempotency {
            Some((key, fingerprint)) => replay(db, user, &key, fingerprint).await?.unwrap_or(full),
            None => full,
        });
    }
    let again = new.options.version_of.is_some().then(|| new.clone());
    let mut stored = insert(db, &terms, new, now).await;
    if let Some(again) = again {
        for _ in 1..VERSION_TRIES {
            if matches!(stored, Err(DatabaseError::Constraint(_))) {
                stored = insert(db, &terms, again.clone(), now).await;
            }
        }
    }
    match stored {
        Err(DatabaseError::Constraint(error)) => {
            let Some((key, fingerprint)) = idempotency else {
                return Err(DatabaseError::Constraint(error));
            };
            replay(db, user, &key, fingerprint)
                .await?
                .ok_or(DatabaseError::Constraint(error))
        }
        Err(error) => Err(error),
        Ok(Inserted::Tasks(tasks)) => Ok(Submitted::Accepted(Box::new(job), tasks)),
        Ok(Inserted::Not(why)) => {
            let Some((key, fingerprint)) = idempotency else {
                return Ok(why);
            };
            Ok(replay(db, user, &key, fingerprint).await?.unwrap_or(why))
        }
    }
}

/// What an earlier use of an idempotency key came to; `None` when it was not used.
///
/// # Errors
/// When the database is away.
pub async fn replay(
    db: &Database,
    user: UserId,
    key: &str,
    fingerprint: [u8; 32],
) -> Result<Option<Submitted>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        fingerprint: Option<Vec<u8>>,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT id, fingerprint FROM jobs WHERE user_id = $1 AND idempotency_key = $2",
        [user.uuid().into(), key.into()],
    )
    .await?;
    Ok(row.map(|row| match row.fingerprint {
        Some(known) if known == fingerprint => Submitted::Replayed(row.id.into()),
        _ => Submitted::KeyReused,
    }))
}

enum Inserted {
    Tasks(Vec<TaskId>),
    Not(Submitted),
}

async fn insert(db: &Database, terms: &Terms, new: NewJob, now: DateTime<Utc>) -> Result<Inserted> {
    let task_ids: Vec<TaskId> = new.documents.iter().map(|_| TaskId::new()).collect();
    let without_terms = terms.unique.is_none() && !terms.quotas.any();
    if db.backend() == DbBackend::Postgres && without_terms && new.options.is_plain() {
        // Nearly everybody: the statement itself looks whether the account has limits.
        if insert_in_one_statement(db.connection(), &new, &task_ids, false, now).await? {
            return Ok(Inserted::Tasks(task_ids));
        }
    }
    let transaction = db.begin().await?;
    if let Some(why) = refuse(&transaction, terms, &new, now).await? {
        // Whoever has used everything up need not have it counted anew at every request.
        if matches!(why, Submitted::QuotaExceeded(_)) && terms.unique.is_none() {
            transaction.commit().await?;
        }
        return Ok(Inserted::Not(why));
    }
    match db.backend() {
        DbBackend::Postgres if new.options.is_plain() => {
            insert_in_one_statement(&transaction, &new, &task_ids, true, now).await?;
        }
        _ => insert_in_steps(&transaction, new, &task_ids, now).await?,
    }
    transaction.commit().await?;
    Ok(Inserted::Tasks(task_ids))
}

pub(super) fn kind_of(documents: &[NewDocument]) -> JobKind {
    if documents.len() == 1 {
        JobKind::Single
    } else {
        JobKind::Batch
    }
}

pub(super) fn count_of(documents: &[NewDocument]) -> i32 {
    i32::try_from(documents.len()).unwrap_or(i32::MAX)
}
