//! Where the tasks of a new job stand in line, and whether there is a place for them.

use chrono::{DateTime, Utc};
use domain::{JobKind, Priority, TaskKind};
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
        JobKind::Batch => Priority::Normal,
    };
    let run_at = new.options.run_at.map_or(now, |run_at| run_at.max(now));
    (
        new.options.priority.unwrap_or(usual),
        run_at,
        held_until(run_at, now),
    )
}

/// Whether the user would have too many waiting tasks. No more of them are counted than that takes.
pub(super) async fn full(db: &Database, new: &NewJob) -> Result<Option<Submitted>> {
    #[derive(FromQueryResult)]
    struct Bound {
        queued_max: Option<i32>,
    }
    #[derive(FromQueryResult)]
    struct Counted {
        waiting: i64,
    }
    let about: [Value; 2] = [
        TaskKind::ProcessDocument.queue().as_str().into(),
        new.user.uuid().into(),
    ];
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
    let wanted = new.documents.len() as u64;
    let would_wait = counted.map_or(0, |counted| counted.waiting.cast_unsigned()) + wanted;
    let queued_max = u64::try_from(queued_max).unwrap_or(0);
    Ok((would_wait > queued_max).then_some(Submitted::QueueFull(queued_max)))
}
