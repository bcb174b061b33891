//! Tasks as operators see them: every one of them, with every attempt.

use chrono::{DateTime, Utc};
use domain::{AttemptEnd, DocumentId, JobId, TaskId, TaskKind, TaskState, UserId};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use super::history::{Attempt, worker_name};
use crate::{Database, DatabaseError, Result, sql};

/// A task with its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The task.
    pub id: TaskId,
    /// What it does.
    pub kind: TaskKind,
    /// Where it stands.
    pub state: TaskState,
    /// The owner of the document.
    pub user: UserId,
    /// The job.
    pub job: JobId,
    /// The document.
    pub document: Option<DocumentId>,
    /// Attempts that count, so far.
    pub attempt: i16,
    /// Attempts allowed.
    pub attempts_max: i16,
    /// The number of its newest claim; 0 before the first. It only grows.
    pub fence: i64,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it may run, or came due.
    pub run_at: DateTime<Utc>,
    /// When it expires.
    pub deadline_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How its last attempt failed, or why it ended: code and detail.
    pub error: Option<(String, Option<String>)>,
    /// Every attempt, the first one first.
    pub attempts: Vec<Attempt>,
}

/// Which tasks are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only those that stand here.
    pub state: Option<TaskState>,
    /// Only those with this error: a word of `domain::ReasonCode` of this or another release.
    pub code: Option<String>,
    /// Only those of this kind.
    pub kind: Option<TaskKind>,
    /// Only those of this user.
    pub user: Option<UserId>,
    /// Only those older than this one. Not for changes.
    pub before: Option<TaskId>,
}

fn select(db: &Database) -> String {
    let worker = worker_name(db.backend());
    format!(
        "SELECT id, kind, state, user_id, job_id, document_id, attempt, attempts_max, fence, created_at, run_at, \
         deadline_at, started_at, finished_at, error_code, error_detail, history, \
         (CASE WHEN owner IS NOT NULL THEN {worker} END) AS worker FROM tasks"
    )
}

/// A task, whoever it belongs to. `None` when there is none; a task goes with its document or job.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, id: TaskId) -> Result<Option<Task>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("{} WHERE id = $1", select(db)),
        [id.uuid().into()],
    )
    .await?;
    row.map(Task::try_from).transpose()
}

/// Tasks of everybody, the newest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, filter: &TaskFilter, limit: u64) -> Result<Vec<Task>> {
    let mut values = Vec::new();
    let conditions = conditions(filter, &mut values);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "{} WHERE {conditions} ORDER BY id DESC LIMIT ${}",
            select(db),
            values.len()
        ),
        values,
    )
    .await?;
    rows.into_iter().map(Task::try_from).collect()
}

/// The filter as a condition on `tasks`, its values appended to `values`.
pub(super) fn conditions(filter: &TaskFilter, values: &mut Vec<Value>) -> String {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut add = |column: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{column} ${}", values.len()));
        }
    };
    add("state =", filter.state.map(|state| state.as_str().into()));
    add("error_code =", filter.code.as_deref().map(Value::from));
    add("kind =", filter.kind.map(|kind| kind.as_str().into()));
    add("user_id =", filter.user.map(|user| user.uuid().into()));
    add("id <", filter.before.map(|id| id.uuid().into()));
    conditions.join(" AND ")
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    kind: String,
    state: String,
    user_id: Uuid,
    job_id: Uuid,
    document_id: Option<Uuid>,
    attempt: i16,
    attempts_max: i16,
    fence: i64,
    created_at: DateTime<Utc>,
    run_at: DateTime<Utc>,
    deadline_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    error_code: Option<String>,
    error_detail: Option<String>,
    history: serde_json::Value,
    worker: Option<String>,
}

impl TryFrom<Row> for Task {
    type Error = DatabaseError;

    fn try_from(row: Row) -> Result<Self> {
        let state: TaskState = row.state.parse()?;
        let mut attempts: Vec<Attempt> =
            serde_json::from_value(row.history).map_err(DatabaseError::History)?;
        // What runs, and what succeeded, is not in the history but in the row itself.
        if let (Some(worker), Some(began_at)) = (row.worker, row.started_at) {
            attempts.push(Attempt {
                attempt: row.attempt,
                fence: row.fence,
                worker,
                began_at,
                ended_at: row.finished_at,
                end: (state == TaskState::Done).then_some(AttemptEnd::Done),
                code: None,
                detail: None,
            });
        }
        Ok(Self {
            id: row.id.into(),
            kind: row.kind.parse()?,
            state,
            user: row.user_id.into(),
            job: row.job_id.into(),
            document: row.document_id.map(DocumentId::from),
            attempt: row.attempt,
            attempts_max: row.attempts_max,
            fence: row.fence,
            created_at: row.created_at,
            run_at: row.run_at,
            deadline_at: row.deadline_at,
            finished_at: row.finished_at,
            error: row.error_code.map(|code| (code, row.error_detail)),
            attempts,
        })
    }
}
