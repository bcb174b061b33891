//! Takes files in, one after the other, and makes one job of them.
//!
//! The bytes go to storage while they arrive; nothing is known of them until one transaction writes the job. Whatever
//! happens before that leaves objects at most, which are deleted at once, or by the nightly clean-up if this process dies.

use std::collections::HashSet;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use database::audit::Origin;
use database::discarded::StoredDocument;
use database::jobs::{self, Job, JobOptions, NewDocument, NewJob, Submitted, Terms, Unique};
use database::quotas::Exceeded;
use domain::{
    ByteSize, Content, DocumentId, DocumentKind, JobId, KindMismatch, Priority, UserId, UserRole, VersionOf,
    limits,
};
use futures::{Stream, StreamExt, future, stream};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use storage::{PutError, StorageKey};
use tracing::Instrument;

use super::cleanup;
use super::reuse::{self, Reuse};
use crate::context::{Api, DatabaseAway};

/// How long the job may take to be written once nobody waits for it any more: a connection that is dead is given up then.
const SUBMIT_PATIENCE: Duration = Duration::from_secs(10);

/// Why an upload is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the request has no file")]
    NoFile,
    #[error("the request has more than {} files", limits::FILES_PER_UPLOAD_MAX)]
    TooManyFiles,
    #[error("a version is one file")]
    VersionOfSeveral,
    #[error("{file_name:?}: {mismatch}")]
    Kind {
        file_name: String,
        mismatch: KindMismatch,
    },
    #[error("{file_name:?} has more than {bytes_max}")]
    TooLarge { file_name: String, bytes_max: ByteSize },
    #[error("{file_name:?} did not arrive whole: {detail}")]
    Incomplete { file_name: String, detail: String },
    #[error(
        "this installation takes no passwords of documents, for it has no key to seal them with (setting sealing.keys)"
    )]
    NoSealing,
    #[error("the Idempotency-Key was used for another request")]
    KeyReused,
    #[error("the job of this key was deleted this moment")]
    Gone,
    #[error("{exceeded}")]
    Quota { exceeded: Exceeded, now: DateTime<Utc> },
    #[error("only operators and administrators may hand in what is urgent")]
    UrgentForbidden,
    #[error(
        "{0} of your documents wait already, or would (policy queued_max); hand in more when some have been read"
    )]
    QueueFull(u64),
    #[error(transparent)]
    Away(#[from] DatabaseAway),
    #[error("the task that stores the job ended")]
    Unfinished,
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
}

/// What a client chose for its upload.
#[derive(Debug, Clone)]
pub(crate) struct Choices {
    pub(crate) tags_max: u8,
    pub(crate) content: Content,
    /// Codes in the order in which they were asked for.
    pub(crate) languages: Vec<String>,
    pub(crate) deadline: Duration,
    /// What opens the documents.
    pub(crate) password: Option<SecretString>,
    pub(crate) priority: Option<Priority>,
    /// When the work may begin; at once otherwise.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// What the documents are called.
    pub(crate) labels: Vec<String>,
    /// That the one file is the next version of a document.
    pub(crate) version_of: Option<VersionOf>,
    /// Whose results may serve for the same bytes.
    pub(crate) reuse: Reuse,
    pub(crate) idempotency_key: Option<String>,
    /// A key that no other job of the account may have, and for how long.
    pub(crate) unique: Option<(String, Duration)>,
    pub(crate) trace_parent: Option<String>,
}

/// A job that was accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) job: Job,
    pub(crate) by: AcceptedBy,
}

/// Which request a job was made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcceptedBy {
    /// This one.
    This,
    /// An earlier one with the same idempotency key: the same request.
    Earlier,
    /// Another one with the same unique key.
    Rival,
}

/// Files on their way in. Dropped before [`Intake::submit`], it deletes what it stored.
pub(crate) struct Intake {
    api: Api,
    user: UserId,
    role: UserRole,
    job: JobId,
    documents: Vec<NewDocument>,
    /// Begun and not yet part of a job.
    loose: HashSet<DocumentId>,
}

impl Intake {
    pub(crate) fn new(api: &Api, user: UserId, role: UserRole) -> Self {
        Self {
            api: api.clone(),
            user,
            role,
            job: JobId::new(),
            documents: Vec::new(),
            loose: HashSet::new(),
        }
    }

    /// Stores one file. Its first bytes decide whether it can be read at all, before the rest is taken.
    pub(crate) async fn add<S, E>(&mut self, file_name: Option<&str>, body: S) -> Result<(), Refused>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
        E: std::error::Error + Send + Sync + 'static,
    {
        if self.documents.len() == limits::FILES_PER_UPLOAD_MAX {
            return Err(Refused::TooManyFiles);
        }
        let file_name = label(file_name);
        let incomplete = |detail: &dyn std::fmt::Display| Refused::Incomplete {
            file_name: file_name.clone(),
            detail: detail.to_string(),
        };
        let (head, rest) = split_head(body).await.map_err(|error| incomplete(&error))?;
        let kind = DocumentKind::recognize(&head, &file_name).map_err(|mismatch| Refused::Kind {
            file_name: file_name.clone(),
            mismatch,
        })?;
        let id = DocumentId::new();
        let key = StorageKey::original(self.user, id);
        self.loose.insert(id);
        let bytes_max = self.api.http.upload_bytes_max.bytes();
        let whole = stream::iter([Ok(head)]).chain(rest);
        let stored = self
            .api
            .storage
            .put_stream(&key, whole, bytes_max)
            .await
            .map_err(|error| match error {
                PutError::TooLarge { max } => Refused::TooLarge {
                    file_name: file_name.clone(),
                    bytes_max: max,
                },
                PutError::Stream(error) => incomplete(&error),
                PutError::Storage(error) => Refused::Storage(error),
            })?;
        self.documents.push(NewDocument {
            id,
            file_name,
            kind,
            size_bytes: stored.size_bytes,
            sha256: stored.sha256,
        });
        Ok(())
    }

    /// Makes the job durable and tells the workers. Once begun it is brought to an end whether or not anybody listens: cut
    /// off in the middle, nobody would know whether the job is there.
    ///
    /// # Errors
    /// When there is no file, the key was used for something else, or the database is away. In the last case the job may
    /// have become durable all the same; the same request with an idempotency key finds it.
    pub(crate) async fn submit(mut self, choices: Choices, origin: Origin) -> Result<Accepted, Refused> {
        if self.documents.is_empty() {
            return Err(Refused::NoFile);
        }
        if choices.version_of.is_some() && self.documents.len() > 1 {
            return Err(Refused::VersionOfSeveral);
        }
        let seal = |password| {
            let sealed = self.api.sealing.seal(self.job, password);
            sealed.ok_or(Refused::NoSealing)
        };
        let password = choices.password.as_ref().map(seal).transpose()?;
        if choices.priority == Some(Priority::Urgent) && self.role == UserRole::User {
            return Err(Refused::UrgentForbidden);
        }
        let now = self.api.clock.now();
        let documents = std::mem::take(&mut self.documents);
        let fingerprint = fingerprint(&documents, &choices);
        let later = choices.run_at.is_some_and(|run_at| run_at > now);
        let room = if later {
            None
        } else {
            let Api {
                handover, database, ..
            } = &self.api;
            let asking = handover.room_for(database, documents.len(), now);
            self.api.unless_away(asking).await?
        };
        let terms = Terms {
            quotas: self.api.quotas.limits(),
            unique: choices.unique.map(|(key, time)| Unique {
                key,
                until: now + time,
            }),
        };
        let new = NewJob {
            id: self.job,
            user: self.user,
            documents,
            options: JobOptions {
                tags_max: choices.tags_max,
                content: choices.content,
                languages: choices.languages,
                locked: password.is_some(),
                password,
                priority: choices.priority,
                run_at: choices.run_at,
                labels: choices.labels,
                version_of: choices.version_of,
            },
            idempotency: choices.idempotency_key.map(|key| (key, fingerprint)),
            deadline_at: now + choices.deadline,
            trace_parent: choices.trace_parent,
            dispatched: room.is_some(),
            origin,
        };
        let (api, stored) = (self.api.clone(), self.take_loose());
        let storing =
            tokio::spawn(store(api, terms, (new, choices.reuse), stored, room, now).in_current_span());
        self.api
            .unless_away(storing)
            .await?
            .unwrap_or(Err(Refused::Unfinished))
    }

    /// What is stored and part of no job, which from here on is the business of whoever takes it.
    fn take_loose(&mut self) -> Vec<StoredDocument> {
        let (user, job) = (self.user, self.job);
        let stored = self.loose.drain().map(|document| StoredDocument {
            user,
            job,
            document,
            text_fence: None,
        });
        stored.collect()
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let stored = self.take_loose();
        if !stored.is_empty() {
            cleanup::discard_in_background(&self.api, stored);
        }
    }
}

/// Writes the job, and deletes the objects when there certainly is none. When nobody knows, they stay: a job without its
/// objects would be a loss, objects without a job are found by the nightly clean-up.
pub(super) async fn store(
    api: Api,
    terms: Terms,
    (new, reuse): (NewJob, Reuse),
    stored: Vec<StoredDocument>,
    room: Option<u64>,
    now: DateTime<Utc>,
) -> Result<Accepted, Refused> {
    let user = new.user;
    let bytes = new.documents.iter().map(|document| document.size_bytes).sum();
    let documents: Vec<DocumentId> = new.documents.iter().map(|document| document.id).collect();
    // Asked beside the writing: nobody waits longer for it.
    let sources = reuse::sources(&api, reuse::Asked::of(reuse, &new));
    let submitting = jobs::submit_on(&api.database, terms, new, now);
    let both = tokio::time::timeout(SUBMIT_PATIENCE, future::join(submitting, sources));
    let (submitted, sources) = both.await.map_err(|_| DatabaseAway)?;
    match submitted {
        Ok(Submitted::Accepted(job, tasks)) => {
            telemetry::metrics::documents_accepted(tasks.len() as u64, bytes);
            let mut job = *job;
            let left = if sources.iter().any(Option::is_some) {
                let waiting = documents.into_iter().zip(tasks).zip(sources).collect();
                let left = reuse::take_over(&api, &mut job, (waiting, reuse.purpose()), now).await;
                api.events.publish(job.id);
                left
            } else {
                tasks
            };
            if let Some(room) = room
                && !left.is_empty()
            {
                api.handover.push(&api.database, &left, room, now).await;
            }
            Ok(Accepted {
                job,
                by: AcceptedBy::This,
            })
        }
        Ok(Submitted::Replayed(id)) => {
            cleanup::discard_in_background(&api, stored);
            accepted_before(&api, user, id, AcceptedBy::Earlier).await
        }
        Ok(Submitted::Unique(id)) => {
            cleanup::discard_in_background(&api, stored);
            accepted_before(&api, user, id, AcceptedBy::Rival).await
        }
        Ok(Submitted::QuotaExceeded(exceeded)) => {
            cleanup::discard_in_background(&api, stored);
            Err(Refused::Quota { exceeded, now })
        }
        Ok(Submitted::KeyReused) => {
            cleanup::discard_in_background(&api, stored);
            Err(Refused::KeyReused)
        }
        Ok(Submitted::QueueFull(queued_max)) => {
            cleanup::discard_in_background(&api, stored);
            Err(Refused::QueueFull(queued_max))
        }
        Err(error) => {
            if error.changed_nothing() {
                cleanup::discard_in_background(&api, stored);
            } else {
                let count = stored.len();
                tracing::warn!("left {count} objects of a job that may not be there to the clean-up");
            }
            Err(error.into())
        }
    }
}

async fn accepted_before(api: &Api, user: UserId, id: JobId, by: AcceptedBy) -> Result<Accepted, Refused> {
    let job = jobs::find(&api.database, user, id).await?;
    Ok(Accepted {
        job: job.ok_or(Refused::Gone)?,
        by,
    })
}

/// The same request has the same fingerprint: the same choices, names and contents in the same order. The password has no
/// part in it, for a digest in the database would let somebody try passwords.
fn fingerprint(documents: &[NewDocument], choices: &Choices) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update([choices.tags_max]);
    digest.update(choices.deadline.as_secs().to_be_bytes());
    // What nobody chose leaves no trace, so that requests of earlier releases can still be repeated.
    if choices.content != Content::default() {
        digest.update(choices.content.as_str());
    }
    if !choices.languages.is_empty() {
        digest.update(b"languages");
        digest.update(choices.languages.join(","));
        digest.update([0]);
    }
    if let Some((key, time)) = &choices.unique {
        digest.update((key.len() as u64).to_be_bytes());
        digest.update(key.as_bytes());
        digest.update(time.as_secs().to_be_bytes());
    }
    if let Some(priority) = choices.priority {
        digest.update(priority.as_str());
    }
    if let Some(run_at) = choices.run_at {
        digest.update(run_at.timestamp_millis().to_be_bytes());
    }
    for label in &choices.labels {
        digest.update(b"label");
        digest.update((label.len() as u64).to_be_bytes());
        digest.update(label);
    }
    if let Some(version) = &choices.version_of {
        digest.update(version.document.uuid());
        digest.update(version.origin.as_str());
    }
    for document in documents {
        digest.update((document.file_name.len() as u64).to_be_bytes());
        digest.update(document.file_name.as_bytes());
        digest.update(document.sha256);
    }
    digest.finalize().into()
}

/// A file name is only a label: the last part of whatever path it was, without control characters and without signs that
/// turn the direction of writing.
fn label(file_name: Option<&str>) -> String {
    let last = file_name
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut label: String = last.chars().filter(|c| !c.is_control() && !turns(*c)).collect();
    while label.len() > limits::FILE_NAME_BYTES_MAX {
        label.pop();
    }
    let label = label.trim();
    if label.is_empty() || label.chars().all(|c| c == '.') {
        "document".to_owned()
    } else {
        label.to_owned()
    }
}

/// The first bytes of a body, and the rest.
async fn split_head<S, E>(mut body: S) -> Result<(Bytes, S), E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let Some(first) = body.next().await.transpose()? else {
        return Ok((Bytes::new(), body));
    };
    if first.len() >= DocumentKind::HEAD_BYTES {
        return Ok((first, body));
    }
    let mut head = BytesMut::from(first);
    while head.len() < DocumentKind::HEAD_BYTES {
        let Some(chunk) = body.next().await.transpose()? else {
            break;
        };
        head.extend_from_slice(&chunk);
    }
    Ok((head.freeze(), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_only_a_label() {
        for (name, expected) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("a\r\nSet-Cookie: x\0.txt", "aSet-Cookie: x.txt"),
            ("txt.\u{202e}fdp.exe", "txt.fdp.exe"),
            ("..", "document"),
            ("  ", "document"),
            ("", "document"),
        ] {
            assert_eq!(label(Some(name)), expected, "{name:?}");
        }
        assert_eq!(label(None), "document");
        let long = label(Some(&"ä".repeat(4000)));
        assert!(long.len() <= limits::FILE_NAME_BYTES_MAX && long.ends_with('ä'));
    }
}
