//! What is remembered of every attempt: when it began and ended, which worker made it, and how it ended.
//!
//! An attempt that ends without results is added to the task's row by the statement that ends it. One with results is told
//! by the row itself, so that a document that just works costs nothing more.

use chrono::{DateTime, Utc};
use domain::AttemptEnd;
use sea_orm::DbBackend;
use serde::Deserialize;

/// One attempt at a task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Attempt {
    /// Which one it was, from 1. One that was handed back has the number of the one that followed.
    pub attempt: i16,
    /// The number of its claim; no other attempt has it.
    pub fence: i64,
    /// The name of its worker: host and process.
    pub worker: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended, or was found to have ended; `None` while it runs.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended; `None` while it runs.
    pub end: Option<AttemptEnd>,
    /// Why, as a word of `domain::ReasonCode` of this or another release; `None` with results.
    pub code: Option<String>,
    /// Why, in a sentence.
    pub detail: Option<String>,
}

/// The end of an attempt, as SQL: its moment, code and detail are placeholders.
pub(crate) struct End<'a> {
    pub(crate) how: AttemptEnd,
    pub(crate) at: &'a str,
    pub(crate) code: &'a str,
    pub(crate) detail: &'a str,
}

/// The new value of `history` in an `UPDATE tasks`: the attempt that runs, ended like this, at its end. Both databases compute
/// it from the row as it was before the statement.
pub(crate) fn append(backend: DbBackend, end: End<'_>) -> String {
    let End {
        how,
        at,
        code,
        detail,
    } = end;
    let worker = worker_name(backend);
    let members = format!(
        "'attempt', attempt, 'fence', fence, 'worker', {worker}, 'began_at', started_at, 'ended_at', {at}, \
         'end', '{how}', 'code', {code}, 'detail', {detail}"
    );
    match backend {
        DbBackend::Postgres => format!("history || jsonb_build_array(jsonb_build_object({members}))"),
        _ => format!("json_insert(history, '$[#]', json_object({members}))"),
    }
}

/// As [`append`], for a statement that also ends tasks that wait: they have no attempt to tell of.
pub(crate) fn append_if_running(backend: DbBackend, end: End<'_>) -> String {
    let appended = append(backend, end);
    format!("CASE WHEN state = 'running' THEN {appended} ELSE history END")
}

/// The owner's name; its id when the worker is not known any more.
pub(crate) fn worker_name(backend: DbBackend) -> String {
    let id = match backend {
        DbBackend::Postgres => "tasks.owner::text",
        _ => "lower(hex(tasks.owner))",
    };
    format!("COALESCE((SELECT w.name FROM workers w WHERE w.id = tasks.owner), {id})")
}
