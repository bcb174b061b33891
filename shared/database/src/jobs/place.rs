//! Where the tasks of a new job stand in line, and whether there is a place for them.

use chrono::{DateTime, Utc};
use domain::{JobKind, Priority, QueueName, TaskKind, UserId};
use sea_orm::{FromQueryResult, Value};

use super::submit::{NewJob, Submitted, kind_of};
use crate::tasks::held_until;
use crate::{Database, Result, sql};

/// The level of a job's tasks, when they may begin, and why they are not in line before that.
pub(super) fn place_in_line(
    new: &NewJob,
    now: DateTime<Utc>,
) -> (Priority, DateTime<Utc>, Option<&'static str>) {
    let usual = match kind_of(&new.documents) {
        JobKind::Single => Priority::High,
        JobKind::Batch | JobKind::Question => Priority::Normal,
    };
    let run_at = new.options.run_at.map_or(now, |run_at| run_at.max(now));
    (
        new.options.priority.unwrap_or(usual),
        run_at,
        held_until(run_at, now),
    )
}

/// Whether the user would have too many waiting tasks.
pub(super) async fn full_of_documents(db: &Database, new: &NewJob) -> Result<Option<Submitted>> {
    let bound = full(
        db,
        TaskKind::ProcessDocument.queue(),
        new.user,
        new.documents.len() as u64,
    )
    .await?;
    Ok(bound.map(Submitted::QueueFull))
}

/// The bound, if the user would have more waiting tasks in a queue with so many more. No more of them are counted than that
/// takes.
pub(crate) async fn full(db: &Database, queue: QueueName, user: UserId, wanted: u64) -> Result<Option<u64>> {
    #[derive(FromQueryResult)]
    struct Bound {
        queued_max: Option<i32>,
    }
    #[derive(FromQueryResult)]
    struct Counted {
        waiting: i64,
    }
    let about: [Value; 2] = [queue.as_str().into(), user.uuid().into()];
    let bound: Option<Bound> = sql::first(
        db.connection(),
        "SELECT COALESCE(n.queued_max, q.tenant_queued_max) AS queued_max FROM queues q \
         LEFT JOIN tenants n ON n.user_id = $2 WHERE q.name = $1",
        about.clone(),
    )
    .await?;
    let Some(queued_max) = bound.and_then(|bound| bound.queued_max) else {
        return Ok(None);
    };
    let levels: Vec<String> = Priority::ALL
        .iter()
        .map(|level| level.level().to_string())
        .collect();
    let counted: Option<Counted> = sql::first(
        db.connection(),
        format!(
            "SELECT count(*) AS waiting FROM (SELECT 1 FROM tasks t WHERE t.queue = $1 AND t.priority IN ({}) \
             AND t.user_id = $2 AND t.state = 'queued' AND t.dispatched_at IS NULL AND t.held IS NULL LIMIT $3) AS counted",
            levels.join(", ")
        ),
        about.into_iter().chain([i64::from(queued_max).into()]),
    )
    .await?;
    let would_wait = counted.map_or(0, |counted| counted.waiting.cast_unsigned()) + wanted;
    let queued_max = u64::try_from(queued_max).unwrap_or(0);
    Ok((would_wait > queued_max).then_some(queued_max))
}
