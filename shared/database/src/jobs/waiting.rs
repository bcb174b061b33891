//! Why a job does not run, how many come before it, and how long that takes. Asking costs the same however much waits.

use chrono::{DateTime, Utc};
use domain::{JobId, UserId, WaitingOn, limits};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::queues::DISPATCHER_SILENCE;
use crate::{Database, Result, sql, workers};

/// Of each sort of task that comes before a job no more than this are counted: that takes a fraction of a millisecond.
const COUNTED_MAX: i64 = 250;
/// Tenants that are counted.
const TENANTS_MAX: u64 = 32;

/// Why a job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The reason.
    pub on: WaitingOn,
    /// Until when, where that is known.
    pub until: Option<DateTime<Utc>>,
    /// Its place in line, from 1; estimated from the turns of the others. At least that, when there are hundreds.
    pub position: Option<u64>,
    /// Seconds until it begins, estimated from what is begun now. `None` when there is nothing to estimate from.
    pub eta_seconds: Option<u64>,
}

/// Why a job of a user does not run. `None` when a task of it runs, all of them have ended, or there is no such job.
///
/// # Errors
/// When the database is away.
pub async fn waiting(db: &Database, user: UserId, job: JobId, now: DateTime<Utc>) -> Result<Option<Waiting>> {
    let Some(task) = first_in_line(db, user, job).await? else {
        return Ok(None);
    };
    let knowledge = workers::knowledge(db.connection(), now - limits::WORKER_SILENCE).await?;
    let of_its_own = |on, until| Waiting {
        on,
        until,
        position: None,
        eta_seconds: None,
    };
    if task.run_at > now {
        let on = if task.attempt > 0 {
            WaitingOn::Backoff
        } else {
            WaitingOn::Scheduled
        };
        let seconds = (task.run_at - now).num_seconds().cast_unsigned();
        return Ok(Some(Waiting {
            eta_seconds: Some(seconds),
            ..of_its_own(on, Some(task.run_at))
        }));
    }
    let reason = if task.queue_paused {
        Some(WaitingOn::QueuePaused)
    } else if task.tenant_paused {
        Some(WaitingOn::TenantPaused)
    } else {
        match &knowledge {
            None => Some(WaitingOn::NoWorkers),
            Some(known) if !known.covers(&task.kind, task.payload_version) => {
                Some(WaitingOn::NoCapableWorker)
            }
            Some(_) => None,
        }
    };
    let on = match reason {
        Some(reason) => reason,
        None => task.shared_reason(db, now).await?,
    };
    if matches!(
        on,
        WaitingOn::QueuePaused | WaitingOn::TenantPaused | WaitingOn::NoCapableWorker
    ) {
        return Ok(Some(of_its_own(on, None)));
    }
    let (before, all_counted) = task.before(db).await?;
    let position = before + 1;
    let is_known = all_counted && task.starts_per_second > 0.01 && on != WaitingOn::NoWorkers;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let eta = (position as f32 / task.starts_per_second.max(0.01)).ceil() as u64;
    Ok(Some(Waiting {
        position: Some(position),
        eta_seconds: is_known.then_some(eta),
        ..of_its_own(on, None)
    }))
}

/// The task of a job that begins first, and what there is to know about its queue and its tenant.
#[derive(FromQueryResult)]
struct Task {
    id: Uuid,
    kind: String,
    queue: String,
    payload_version: i16,
    priority: i16,
    user_id: Uuid,
    attempt: i16,
    run_at: DateTime<Utc>,
    dispatched_at: Option<DateTime<Utc>>,
    queue_paused: bool,
    tenant_paused: bool,
    kind_max: Option<i32>,
    tenant_max: Option<i32>,
    weight: i32,
    starts_per_second: f32,
    observed_at: Option<DateTime<Utc>>,
}

async fn first_in_line(db: &Database, user: UserId, job: JobId) -> Result<Option<Task>> {
    sql::first(
        db.connection(),
        "SELECT t.id, t.kind, t.queue, t.payload_version, t.priority, t.user_id, t.attempt, t.run_at, t.dispatched_at, \
         q.paused_at IS NOT NULL AS queue_paused, n.paused_at IS NOT NULL AS tenant_paused, q.running_max AS kind_max, \
         COALESCE(n.running_max, q.tenant_running_max) AS tenant_max, COALESCE(n.weight, q.tenant_weight) AS weight, \
         q.starts_per_second, q.observed_at \
         FROM tasks t JOIN queues q ON q.name = t.queue LEFT JOIN tenants n ON n.user_id = t.user_id \
         WHERE t.job_id = $1 AND t.user_id = $2 AND t.state = 'queued' \
         AND NOT EXISTS (SELECT 1 FROM tasks r WHERE r.job_id = $1 AND r.state = 'running') \
         ORDER BY t.run_at, t.priority, t.id LIMIT 1",
        [job.uuid().into(), user.uuid().into()],
    )
    .await
}

impl Task {
    /// Why a task waits that could begin if it were alone.
    async fn shared_reason(&self, db: &Database, now: DateTime<Utc>) -> Result<WaitingOn> {
        let kind_max = self.kind_max.map(i64::from);
        let tenant_max = self.tenant_max.map(i64::from);
        if kind_max.is_some() || tenant_max.is_some() {
            #[derive(FromQueryResult)]
            struct Row {
                of_kind: i64,
                of_tenant: i64,
            }
            let row: Option<Row> = sql::first(
                db.connection(),
                "SELECT count(*) AS of_kind, count(CASE WHEN user_id = $2 THEN 1 END) AS of_tenant FROM tasks \
                 WHERE state = 'running' AND owner IS NOT NULL AND queue = $1",
                [self.queue.as_str().into(), self.user_id.into()],
            )
            .await?;
            if let Some(row) = row {
                if tenant_max.is_some_and(|max| row.of_tenant >= max) {
                    return Ok(WaitingOn::TenantLimit);
                }
                if kind_max.is_some_and(|max| row.of_kind >= max) {
                    return Ok(WaitingOn::KindLimit);
                }
            }
        }
        let is_dispatched = self.observed_at.is_some_and(|at| at > now - DISPATCHER_SILENCE);
        Ok(if self.dispatched_at.is_none() && !is_dispatched {
            WaitingOn::Dispatcher
        } else {
            WaitingOn::WorkersBusy
        })
    }

    /// How many tasks begin before it, and whether all of them were counted.
    async fn before(&self, db: &Database) -> Result<(u64, bool)> {
        #[derive(FromQueryResult)]
        struct Counts {
            handed_out: i64,
            above: i64,
            others: i64,
            tenants: i64,
            mine: i64,
        }
        let count = |condition: &str| {
            format!(
                "(SELECT count(*) FROM (SELECT 1 FROM tasks t WHERE t.queue = $1 AND t.state = 'queued' AND {condition} \
                 LIMIT {COUNTED_MAX}) AS counted)"
            )
        };
        let in_line = "t.dispatched_at IS NULL AND t.held IS NULL";
        if let Some(dispatched_at) = self.dispatched_at {
            // What has been handed out waits in the order in which it was.
            let counted = count(
                "t.dispatched_at IS NOT NULL AND (t.dispatched_at < $3 OR (t.dispatched_at = $3 AND t.id < $2))",
            );
            let none = "CAST(0 AS bigint)";
            let row: Option<Counts> = sql::first(
                db.connection(),
                format!(
                    "SELECT {counted} AS handed_out, {none} AS above, {none} AS others, {none} AS tenants, \
                     {none} AS mine"
                ),
                [self.queue.as_str().into(), self.id.into(), dispatched_at.into()],
            )
            .await?;
            let before = row.map_or(0, |row| row.handed_out);
            return Ok((before.cast_unsigned(), before < COUNTED_MAX));
        }
        let next = "SELECT t.user_id FROM tasks t WHERE t.queue = $1 AND t.priority = $2 AND t.state = 'queued' \
             AND t.dispatched_at IS NULL AND t.held IS NULL";
        let row: Option<Counts> = sql::first(
            db.connection(),
            format!(
                "WITH RECURSIVE walk (user_id, n) AS (\
                     SELECT first.user_id, 1 FROM ({next} ORDER BY t.user_id LIMIT 1) AS first UNION ALL \
                     SELECT ({next} AND t.user_id > walk.user_id ORDER BY t.user_id LIMIT 1), walk.n + 1 \
                     FROM walk WHERE walk.user_id IS NOT NULL AND walk.n < {TENANTS_MAX}) \
                 SELECT {} AS handed_out, {} AS above, {} + {} AS others, {} AS mine, \
                 (SELECT count(*) FROM walk WHERE user_id IS NOT NULL AND user_id <> $3) AS tenants",
                count("t.dispatched_at IS NOT NULL"),
                count(&format!("{in_line} AND t.priority < $2")),
                // Two ranges of the index: whatever this tenant has lies between them.
                count(&format!("{in_line} AND t.priority = $2 AND t.user_id < $3")),
                count(&format!("{in_line} AND t.priority = $2 AND t.user_id > $3")),
                count(&format!(
                    "{in_line} AND t.priority = $2 AND t.user_id = $3 AND (t.run_at, t.id) < ($4, $5)"
                )),
            ),
            [
                self.queue.as_str().into(),
                self.priority.into(),
                self.user_id.into(),
                self.run_at.into(),
                self.id.into(),
            ],
        )
        .await?;
        let Some(row) = row else {
            return Ok((0, false));
        };
        let tenants = row.tenants.cast_unsigned();
        let mine = row.mine.cast_unsigned();
        // Until its turn every other tenant has had as many turns as this one, and starts what it has.
        let turns = mine / u64::from(self.weight.max(1).unsigned_abs()) + 1;
        let others_first = row.others.cast_unsigned().min(turns.saturating_mul(tenants));
        let all_counted = row.above < COUNTED_MAX && row.mine < COUNTED_MAX && tenants < TENANTS_MAX;
        let before = (row.handed_out + row.above).cast_unsigned() + mine + others_first;
        Ok((before, all_counted))
    }
}
