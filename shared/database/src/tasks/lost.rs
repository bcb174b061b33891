//! Hints that were lost on the way, and what waits altogether.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Priority, QueueName, TaskId};
use sea_orm::{FromQueryResult, Value};

use crate::{Database, Result, mails, sql};

/// A hint that was written down but is not yet in the queue, or popped but not yet claimed, is on its way, not lost.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// What waits on a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Tasks that wait for a worker or for their time.
    pub waiting: u64,
    /// When the one that waits longest came due.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

/// Takes back the mark of tasks that could not be pushed.
///
/// # Errors
/// When the database is away; [`forget_lost`] finds them later.
pub async fn release(db: &Database, ids: &[TaskId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = sql::placeholders(1, ids.len());
    sql::execute(
        db.connection(),
        format!("UPDATE tasks SET dispatched_at = NULL WHERE state = 'queued' AND id IN ({list})"),
        ids.iter().map(|id| Value::from(id.uuid())),
    )
    .await?;
    Ok(())
}

/// Lets at most `limit` tasks be handed out again whose hints are lost. Returns how many.
///
/// `oldest` is the id that the queue would give next, `None` when the queue is empty. A hint is lost exactly when its
/// task was handed out before that one and has not started; with an empty queue all are lost that were handed out.
/// Being wrong is harmless: the task gets a second hint, and the first claim wins.
///
/// # Errors
/// When the database is away.
pub async fn forget_lost(
    db: &Database,
    queue: QueueName,
    oldest: Option<TaskId>,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<u64> {
    #[derive(FromQueryResult)]
    struct Row {
        dispatched_at: Option<DateTime<Utc>>,
    }
    let horizon = match oldest {
        None => now,
        Some(oldest) => {
            let row: Option<Row> = sql::first(
                db.connection(),
                "SELECT dispatched_at FROM tasks WHERE id = $1",
                [oldest.uuid().into()],
            )
            .await?;
            // A forged or outdated hint says nothing; a worker will pop it.
            let Some(dispatched_at) = row.and_then(|row| row.dispatched_at) else {
                return Ok(0);
            };
            dispatched_at
        }
    };
    let skip_locked = sql::skip_locked(db.connection());
    sql::execute(
        db.connection(),
        format!(
            "UPDATE tasks SET dispatched_at = NULL WHERE id IN (SELECT id FROM tasks WHERE queue = $1 \
             AND state = 'queued' AND dispatched_at < $2 LIMIT $3{skip_locked})"
        ),
        [
            queue.as_str().into(),
            (horizon - ON_ITS_WAY).into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ],
    )
    .await
}

/// What waits on a queue right now: tasks, or messages on theirs.
///
/// # Errors
/// When the database is away.
pub async fn backlog(db: &Database, queue: QueueName) -> Result<Backlog> {
    #[derive(FromQueryResult)]
    struct Row {
        waiting: i64,
        oldest: Option<DateTime<Utc>>,
    }
    if queue == mails::QUEUE {
        return mails::backlog(db).await;
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT count(*) AS waiting, min(run_at) AS oldest FROM tasks WHERE state = 'queued' AND queue = $1",
        [queue.as_str().into()],
    )
    .await?;
    Ok(row.map_or_else(Backlog::default, |row| Backlog {
        waiting: row.waiting.cast_unsigned(),
        oldest_due_at: row.oldest,
    }))
}

/// When the task that waits longest came due, for every level on which any is due.
///
/// # Errors
/// When the database is away.
pub async fn oldest_by_level(db: &Database, queue: QueueName) -> Result<Vec<(Priority, DateTime<Utc>)>> {
    #[derive(FromQueryResult)]
    struct Row {
        priority: i16,
        oldest: DateTime<Utc>,
    }
    let rows: Vec<Row> = sql::all(
        db.connection(),
        "SELECT priority, min(run_at) AS oldest FROM tasks WHERE state = 'queued' AND held IS NULL AND queue = $1 \
         GROUP BY priority",
        [queue.as_str().into()],
    )
    .await?;
    let oldest = rows.into_iter().filter_map(|row| {
        let level = Priority::ALL.iter().find(|level| level.level() == row.priority)?;
        Some((*level, row.oldest))
    });
    Ok(oldest.collect())
}
