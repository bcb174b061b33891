//! States, and which may follow which. Written once; the database keeps the words, `docs/architecture.md` draws them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A word that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of: {known}")]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// The words that would have been understood.
    pub known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in the order of their meaning.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in the database, in the API and in metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: word.to_owned(), known: [$($word),+].join(", ") }),
                }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// Where a task stands. The row's word is the truth; a hint in the queue is only a reason to look.
    TaskState {
        /// Waits for a worker, or for its time.
        Queued = "queued",
        /// A worker owns it, as long as that worker is heard of.
        Running = "running",
        /// Its results are stored.
        Done = "done",
        /// The document will never succeed; the error says why.
        Failed = "failed",
        /// Every attempt was used up by faults of the world or by dying workers.
        Dead = "dead",
        /// Its job was cancelled.
        Cancelled = "cancelled",
        /// Its job reached its deadline first.
        Expired = "expired",
    }
}

impl TaskState {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether a task may go from `self` to `next` in one step.
    ///
    /// `Running` to `Queued` is a retry, a hand-back at shutdown, or the recovery from a dead worker. A dead or
    /// failed task may be queued again by a person.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Running | Self::Cancelled | Self::Expired),
            Self::Running => !matches!(next, Self::Running),
            Self::Dead | Self::Failed => matches!(next, Self::Queued),
            Self::Done | Self::Cancelled | Self::Expired => false,
        }
    }

    /// What becomes of the document when its task ends like this; `None` while it has not ended.
    #[must_use]
    pub const fn document_status(self) -> Option<DocumentStatus> {
        match self {
            Self::Queued | Self::Running => None,
            Self::Done => Some(DocumentStatus::Completed),
            Self::Failed | Self::Dead | Self::Expired => Some(DocumentStatus::Failed),
            Self::Cancelled => Some(DocumentStatus::Cancelled),
        }
    }
}

words! {
    /// How one attempt at a task ended.
    AttemptEnd {
        /// With results.
        Done = "done",
        /// With a reason for which no further attempt makes sense.
        Failed = "failed",
        /// With a fault of the world; another attempt follows.
        Retried = "retried",
        /// With a fault of the world, and it was the last one.
        Dead = "dead",
        /// Its worker was not heard of any more.
        Lost = "lost",
        /// Its worker was stopped and handed it back; it does not count.
        Returned = "returned",
        /// The job was cancelled.
        Cancelled = "cancelled",
        /// The job reached its deadline.
        Expired = "expired",
    }
}

words! {
    /// Where a document stands.
    DocumentStatus {
        /// Accepted, not begun.
        Pending = "pending",
        /// A worker is on it.
        Processing = "processing",
        /// Text and results are there.
        Completed = "completed",
        /// It has a reason instead of results.
        Failed = "failed",
        /// Its job was cancelled first.
        Cancelled = "cancelled",
    }
}

impl DocumentStatus {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Processing)
    }
}

words! {
    /// Where a job stands.
    JobStatus {
        /// Accepted; none of its documents has begun.
        Pending = "pending",
        /// Some document has begun and some has not ended.
        Processing = "processing",
        /// Every document succeeded.
        Completed = "completed",
        /// Some documents succeeded.
        Partial = "partial",
        /// No document succeeded.
        Failed = "failed",
        /// Cancelled by its owner.
        Cancelled = "cancelled",
        /// Its deadline came first.
        Expired = "expired",
    }
}

impl JobStatus {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Processing)
    }

    /// How a job ends whose documents have all ended.
    #[must_use]
    pub const fn at_end(total: i32, completed: i32) -> Self {
        if completed == total {
            Self::Completed
        } else if completed > 0 {
            Self::Partial
        } else {
            Self::Failed
        }
    }
}

words! {
    /// What a job was made for.
    JobKind {
        /// One document.
        Single = "single",
        /// Several documents accepted together.
        Batch = "batch",
    }
}

words! {
    /// What a task does.
    TaskKind {
        /// Reads one document and stores its text, language and tags.
        ProcessDocument = "process_document",
        /// Writes one message to a person and sends it.
        SendMail = "send_mail",
    }
}

impl TaskKind {
    /// The queue on which tasks of this kind wait.
    #[must_use]
    pub const fn queue(self) -> QueueName {
        match self {
            Self::ProcessDocument => QueueName::Documents,
            Self::SendMail => QueueName::Mail,
        }
    }
}

words! {
    /// A line in which hints wait for workers.
    QueueName {
        /// Documents to be read.
        Documents = "documents",
        /// Messages to be sent.
        Mail = "mail",
    }
}

words! {
    /// How soon a task is handed out: a level, the most urgent first. Within a level every tenant has its turn.
    Priority {
        /// Before everything else; only operators and administrators may ask for it.
        Urgent = "urgent",
        /// Somebody waits for it: a single document.
        High = "high",
        /// One of several documents that were handed in together.
        Normal = "normal",
        /// Whenever there is time.
        Low = "low",
    }
}

impl Priority {
    /// The number that the database keeps; lower ones are handed out first. Rows of releases without levels have 0.
    #[must_use]
    pub const fn level(self) -> i16 {
        match self {
            Self::Urgent => -2,
            Self::High => -1,
            Self::Normal => 0,
            Self::Low => 1,
        }
    }

    /// After so long a wait a task has a share of the starts however much there is to do on the levels above its own. There
    /// is none above [`Priority::Urgent`].
    #[must_use]
    pub const fn ages_after(self) -> Duration {
        const STEP_SECONDS: u64 = 160;
        Duration::from_secs(match self {
            Self::Urgent => 0,
            Self::High => STEP_SECONDS,
            Self::Normal => 2 * STEP_SECONDS,
            Self::Low => 3 * STEP_SECONDS,
        })
    }
}

words! {
    /// Why a job that does not run waits.
    WaitingOn {
        /// Every worker is busy with what came before it.
        WorkersBusy = "workers_busy",
        /// No worker is alive.
        NoWorkers = "no_workers",
        /// As many tasks of its owner are under way as may be.
        TenantLimit = "tenant_limit",
        /// As many tasks of its kind are under way as may be.
        KindLimit = "kind_limit",
        /// An operator has paused its queue.
        QueuePaused = "queue_paused",
        /// An operator has paused the work of its owner.
        TenantPaused = "tenant_paused",
        /// An attempt failed, and the next one is not due yet.
        Backoff = "backoff",
        /// Its owner asked for a later time.
        Scheduled = "scheduled",
        /// No living worker knows this kind of task in this form.
        NoCapableWorker = "no_capable_worker",
        /// No scheduler is alive that would hand it out.
        Dispatcher = "dispatcher",
    }
}

words! {
    /// What a person may do beyond their own documents.
    UserRole {
        /// Own documents only.
        User = "user",
        /// Sees and steers the work of everyone.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

words! {
    /// What an API key may do.
    Scope {
        /// Reads documents and what was found in them.
        DocumentsRead = "documents:read",
        /// Hands documents in, changes and deletes them.
        DocumentsWrite = "documents:write",
        /// Follows jobs.
        JobsRead = "jobs:read",
        /// Cancels, schedules and deletes jobs.
        JobsWrite = "jobs:write",
        /// Reads the profile and what was used.
        AccountRead = "account:read",
        /// Whatever the role of the account allows beyond its own things.
        Admin = "admin",
    }
}

words! {
    /// Whether an account may be used.
    UserStatus {
        /// It may.
        Active = "active",
        /// An administrator switched it off.
        Disabled = "disabled",
        /// Its owner closed it.
        Closed = "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for state in TaskState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        for status in JobStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
    }

    #[test]
    fn the_more_urgent_a_level_is_the_lower_is_its_number_and_the_shorter_its_wait() {
        for pair in Priority::ALL.windows(2) {
            assert!(pair[0].level() < pair[1].level());
            assert!(pair[0].ages_after() < pair[1].ages_after());
        }
    }

    #[test]
    fn every_kind_has_a_queue_of_its_own() {
        let queues: std::collections::BTreeSet<_> = TaskKind::ALL.iter().map(|kind| kind.queue()).collect();
        assert_eq!(
            queues.len(),
            TaskKind::ALL.len(),
            "a limit of a kind is kept as one of its queue"
        );
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "finished".parse::<DocumentStatus>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""finished" is not one of: pending, processing, completed, failed, cancelled"#
        );
    }

    #[test]
    fn only_a_person_brings_an_ended_task_back() {
        for from in TaskState::ALL.iter().filter(|s| s.is_terminal()) {
            for to in TaskState::ALL {
                let requeue = matches!(from, TaskState::Dead | TaskState::Failed) && *to == TaskState::Queued;
                assert_eq!(from.may_become(*to), requeue, "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_job_is_partial_when_some_documents_succeeded() {
        assert_eq!(JobStatus::at_end(3, 3), JobStatus::Completed);
        assert_eq!(JobStatus::at_end(3, 1), JobStatus::Partial);
        assert_eq!(JobStatus::at_end(3, 0), JobStatus::Failed);
    }
}
