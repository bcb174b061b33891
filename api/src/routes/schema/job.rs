//! What a job looks like from outside.

use database::jobs::{Job, Waiting};
use poem_openapi::Object;

use super::{Failure, JobKindName, JobStatusName, Timestamp, WaitingOnName};
use crate::routes::model_schema::{ModelUsageBody, QuestionOfBody};

/// Why a job does not run.
#[derive(Debug, Clone, Object)]
#[oai(rename = "JobQueue", skip_serializing_if_is_none)]
pub(in crate::routes) struct QueueBody {
    waiting_on: WaitingOnName,
    /// Until when, where that is known.
    until: Option<Timestamp>,
    /// Its place in line, from 1. An estimate; with hundreds before it the place is at least this one.
    position: Option<u64>,
    /// Seconds until it begins at the present pace; absent when there is nothing to estimate from.
    eta_seconds: Option<u64>,
}

impl From<Waiting> for QueueBody {
    fn from(waiting: Waiting) -> Self {
        Self {
            waiting_on: waiting.on.into(),
            until: waiting.until.map(Timestamp::from),
            position: waiting.position,
            eta_seconds: waiting.eta_seconds,
        }
    }
}

/// What a client asked for, and where it stands.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Job", skip_serializing_if_is_none)]
pub(in crate::routes) struct JobBody {
    id: String,
    kind: JobKindName,
    status: JobStatusName,
    /// Why, where the word alone does not tell.
    status_reason: Option<String>,
    progress: Progress,
    /// Why nothing of it runs; only in the answer to `GET /jobs/{id}`, and not part of the version that its ETag names.
    pub(in crate::routes) queue: Option<QueueBody>,
    /// Documents with results.
    completed: i32,
    /// Documents with a reason instead.
    failed: i32,
    /// Documents that were not done when the job was cancelled.
    cancelled: i32,
    /// The highest attempt of any document so far.
    attempt: i16,
    max_attempts: i16,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// When it ends at the latest.
    deadline_at: Timestamp,
    /// The reason of the first document that failed, or of the question.
    error: Option<Failure>,
    /// Where the answer appears, of a question.
    question: Option<QuestionOfBody>,
    /// What models took for it; absent when none was asked.
    model_usage: Option<ModelUsageBody>,
    links: JobLinks,
}

/// How far it is.
#[derive(Debug, Clone, Object)]
struct Progress {
    done: i32,
    total: i32,
    unit: String,
}

/// Where to go from a job.
#[derive(Debug, Clone, Object)]
#[oai(rename = "JobLinks", skip_serializing_if_is_none)]
struct JobLinks {
    #[oai(rename = "self")]
    itself: String,
    /// Absent where it has none: of a question.
    documents: Option<String>,
    /// The conversation with the answer, of a question.
    messages: Option<String>,
    /// Absent once the job has ended.
    cancel: Option<String>,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        let itself = job_path(job.id);
        Self {
            id: job.id.to_string(),
            kind: job.kind.into(),
            status: job.status.into(),
            status_reason: job.status_reason,
            progress: Progress {
                done: job.completed + job.failed + job.cancelled,
                total: job.total,
                unit: match job.question {
                    Some(_) => "questions".to_owned(),
                    None => "documents".to_owned(),
                },
            },
            queue: None,
            completed: job.completed,
            failed: job.failed,
            cancelled: job.cancelled,
            attempt: job.attempt,
            max_attempts: job.attempts_max,
            created_at: job.created_at.into(),
            started_at: job.started_at.map(Timestamp::from),
            finished_at: job.finished_at.map(Timestamp::from),
            deadline_at: job.deadline_at.into(),
            error: job.error.map(Failure::from),
            model_usage: job.spent.map(ModelUsageBody::from),
            links: JobLinks {
                cancel: (!job.status.is_terminal()).then(|| format!("{itself}/cancel")),
                itself,
                documents: (job.question.is_none()).then(|| format!("/api/v1/documents?job_id={}", job.id)),
                messages: job
                    .question
                    .map(|it| format!("/api/v1/conversations/{}/messages", it.conversation)),
            },
            question: job.question.map(QuestionOfBody::from),
        }
    }
}

/// Where a job is found.
pub(in crate::routes) fn job_path(id: domain::JobId) -> String {
    format!("/api/v1/jobs/{id}")
}

/// A page of jobs.
#[derive(Debug, Clone, Object)]
#[oai(rename = "JobPage", skip_serializing_if_is_none)]
pub(in crate::routes) struct JobPage {
    pub(in crate::routes) items: Vec<JobBody>,
    /// Where the list goes on; absent on the last page.
    pub(in crate::routes) next_cursor: Option<String>,
}
