//! What tasks look like to operators.

use database::tasks::{Attempt, Task};
use domain::TaskState;
use poem_openapi::{Enum, Object};

use super::schema::{Failure, Timestamp, mirror};

mirror! {
    /// Where a task stands. More words may come.
    TaskStateName = TaskState { Queued, Running, Done, Failed, Dead, Cancelled, Expired }
}

/// The unit of work: one document to be read.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Task", skip_serializing_if_is_none)]
pub(super) struct TaskBody {
    id: String,
    kind: String,
    state: TaskStateName,
    user_id: String,
    job_id: String,
    document_id: Option<String>,
    /// Attempts that count, so far.
    attempt: i16,
    max_attempts: i16,
    created_at: Timestamp,
    /// When it may run, or came due.
    run_at: Timestamp,
    deadline_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// How its last attempt failed, or why it ended.
    error: Option<Failure>,
    /// Every attempt, the first one first.
    attempts: Vec<AttemptBody>,
}

/// One attempt at a task.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Attempt", skip_serializing_if_is_none)]
struct AttemptBody {
    /// From 1. One that was handed back has the number of the one that followed.
    attempt: i16,
    /// Host and process.
    worker: String,
    began_at: Timestamp,
    /// Absent while it runs.
    ended_at: Option<Timestamp>,
    /// done, failed, retried, dead, lost, returned, cancelled or expired; absent while it runs. More words may come.
    end: Option<String>,
    /// Why it ended without results.
    error: Option<Failure>,
}

/// A page of tasks.
#[derive(Debug, Clone, Object)]
#[oai(rename = "TaskPage", skip_serializing_if_is_none)]
pub(super) struct TaskPage {
    pub(super) items: Vec<TaskBody>,
    /// Where the list goes on; absent on the last page.
    pub(super) next_cursor: Option<String>,
}

impl From<Task> for TaskBody {
    fn from(task: Task) -> Self {
        Self {
            id: task.id.to_string(),
            kind: task.kind.to_string(),
            state: task.state.into(),
            user_id: task.user.to_string(),
            job_id: task.job.to_string(),
            document_id: task.document.map(|id| id.to_string()),
            attempt: task.attempt,
            max_attempts: task.attempts_max,
            created_at: task.created_at.into(),
            run_at: task.run_at.into(),
            deadline_at: task.deadline_at.into(),
            finished_at: task.finished_at.map(Timestamp::from),
            error: task.error.map(Failure::from),
            attempts: task.attempts.into_iter().map(AttemptBody::from).collect(),
        }
    }
}

impl From<Attempt> for AttemptBody {
    fn from(attempt: Attempt) -> Self {
        let Attempt { code, detail, .. } = attempt;
        Self {
            attempt: attempt.attempt,
            worker: attempt.worker,
            began_at: attempt.began_at.into(),
            ended_at: attempt.ended_at.map(Timestamp::from),
            end: attempt.end.map(|end| end.to_string()),
            error: code.map(|code| Failure::from((code, detail))),
        }
    }
}
