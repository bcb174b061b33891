//! The unit of work, and the only place where its state changes.
//!
//! `queued` → `running` is a claim: it counts the attempt, raises the fence and names the owner. Whatever a worker
//! does with the task afterwards carries the fence of its claim and changes nothing unless that fence still stands.
//! So a task may run twice, but only one run is ever seen.

mod claim;
mod close;
mod complete;
mod dispatch;
mod held;
mod history;
mod inspect;
mod limited;
mod lost;
mod questions;
mod requeue;
mod step;
mod sweep;
mod turns;

use chrono::{DateTime, Utc};
use domain::{
    Content, DocumentId, DocumentKind, JobId, ReasonCode, SealedPassword, TaskId, TaskKind, UserId, WorkerId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use claim::{claim, claim_knowing, give_back, give_back_these, owned};
pub use close::{Closed, Retried, reject, retry};
pub use complete::{DocumentResult, PassageText, complete, is_complete};
pub use dispatch::take_due;
pub(crate) use held::held_until;
pub use held::release_known;
pub use history::Attempt;
pub(crate) use history::{End, append, append_if_running};
pub use inspect::{Task, TaskFilter, find, list};
pub use lost::{Backlog, backlog, forget_lost, oldest_by_level, release};
pub use questions::{
    Answered, Ask, Asked, QuestionClaim, QuestionPayload, ask, asked_before, claim_questions,
    complete_question,
};
pub use requeue::{Operator, REQUEUED_MAX, Requeued, RequeuedAll, requeue, requeue_all};
pub use step::remember;
pub use sweep::{Recovered, SUSPECTS_APART, delete_given_up, expire, lose_these, recover_orphans};

/// The newest form of a payload that this release can read. A worker leaves newer ones to those who know them.
pub(crate) const PAYLOAD_VERSION: i16 = 1;

/// What a task needs to know about its document, so that claiming is one statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentPayload {
    /// What the document is.
    pub kind: DocumentKind,
    /// The label that its owner gave it.
    pub file_name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Tags wanted at most.
    pub tags_max: u8,
    /// Which part of a web page is read. Payloads of earlier releases do not say.
    #[serde(default)]
    pub content: Content,
    /// The languages that tags are wanted in; none for that of the document. Payloads of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// What opens it. The database takes it out of the row in the statement that ends the task, whichever that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_password: Option<SealedPassword>,
    /// What a model said about the text in an earlier attempt, and for which text: it is not asked twice. Only
    /// [`remember`] writes it, and the database takes it out as it does the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<serde_json::Value>,
}

/// What a task is about: a document, or something else that has no row among the documents.
pub trait Subject: Copy + Send + Sync {
    /// The subject of a task with this document; `None` when there cannot be such a task.
    fn of(document: Option<Uuid>) -> Option<Self>;

    /// The document, where it is one.
    fn document(self) -> Option<Uuid>;
}

impl Subject for DocumentId {
    fn of(document: Option<Uuid>) -> Option<Self> {
        document.map(Self::from)
    }

    fn document(self) -> Option<Uuid> {
        Some(self.uuid())
    }
}

impl Subject for () {
    fn of(document: Option<Uuid>) -> Option<Self> {
        document.is_none().then_some(())
    }

    fn document(self) -> Option<Uuid> {
        None
    }
}

/// A task that a worker owns until it closes it, gives it back, or is no longer heard of. Only [`claim`] and its like make one.
#[derive(Debug, Clone)]
pub struct Claim<S = DocumentId, P = DocumentPayload> {
    /// The task.
    pub task: TaskId,
    /// What it does.
    pub kind: TaskKind,
    /// The owner of the document.
    pub user: UserId,
    /// The job.
    pub job: JobId,
    /// The document, where it is about one.
    pub document: S,
    /// What there is to know about it.
    pub payload: P,
    /// Which attempt this is, from 1.
    pub attempt: i16,
    /// Attempts allowed.
    pub attempts_max: i16,
    /// The number that every write of this run must carry.
    pub fence: i64,
    /// Who owns it.
    pub owner: WorkerId,
    /// When its job was accepted, or its next attempt came due.
    pub due_at: DateTime<Utc>,
    /// When this attempt began.
    pub started_at: DateTime<Utc>,
    /// When it expires.
    pub deadline_at: DateTime<Utc>,
}

/// Why an attempt did not succeed: a stable code, and a sentence for people without secrets or document text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A word that never changes its meaning.
    pub code: ReasonCode,
    /// What happened, on what, and what to do.
    pub detail: String,
}

impl Reason {
    /// A reason about which there is nothing more to say than what it means.
    #[must_use]
    pub fn of(code: ReasonCode) -> Self {
        Self {
            code,
            detail: code.meaning().to_owned(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_of_an_earlier_release_still_reads() {
        let old = r#"{"kind":"html","file_name":"a.html","size_bytes":7,"tags_max":10}"#;
        let payload: DocumentPayload = serde_json::from_str(old).unwrap();
        assert_eq!(
            (payload.kind, payload.content),
            (DocumentKind::Html, Content::Full)
        );
    }
}
