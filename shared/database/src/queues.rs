//! Queues: whether they are paused, and what schedulers see of them and tell everybody.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{QueueName, TaskKind, limits};
use sea_orm::{FromQueryResult, Value};
use uuid::Uuid;

use crate::scheduling::SchedulingSettings;
use crate::tasks::Operator;
use crate::{Database, DatabaseError, Result, audit, sql};

/// A queue of which no scheduler has told anything for so long is handed out by nobody.
pub const DISPATCHER_SILENCE: Duration = Duration::from_secs(5);
/// How often a scheduler tells that it is there when nothing else happens.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Shorter times say nothing about how fast a queue is emptied.
const MEASURED_MIN: Duration = Duration::from_millis(100);

/// A queue, as operators see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Which one.
    pub name: QueueName,
    /// Since when nothing of it is begun.
    pub paused_at: Option<DateTime<Utc>>,
    /// Hints that there is room for.
    pub hints_max: u64,
    /// Tasks that the living workers run at once.
    pub slots: u64,
    /// Tasks begun in a second, as long as any wait.
    pub starts_per_second: f32,
    /// Whether everything that is due has been handed out.
    pub flowing: bool,
    /// When a scheduler looked last.
    pub observed_at: Option<DateTime<Utc>>,
    /// Tasks under way at most; `None` for any number.
    pub running_max: Option<u32>,
}

/// What a scheduler does next with a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Tasks that may be handed out.
    pub room: u64,
    /// Hints that the queue may hold.
    pub hints_max: u64,
    /// Whether anything may be due.
    pub waiting: bool,
    /// Whether workers empty the queue faster than it is looked at.
    pub drained: bool,
}

/// Every queue.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database) -> Result<Vec<Queue>> {
    let rows: Vec<Row> = sql::all(db.connection(), format!("{SELECT} ORDER BY name"), []).await?;
    rows.into_iter().map(Queue::try_from).collect()
}

/// A queue. `None` when no scheduler has ever looked at it.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, name: QueueName) -> Result<Option<Queue>> {
    let row: Option<Row> = sql::first(
        db.connection(),
        format!("{SELECT} WHERE name = $1"),
        [name.as_str().into()],
    )
    .await?;
    row.map(Queue::try_from).transpose()
}

/// Nothing of the queue is begun from now on; what runs goes on. Repeating it is safe.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn pause(db: &Database, name: QueueName, operator: Operator, now: DateTime<Utc>) -> Result<()> {
    set_paused(db, name, Some(now), "queue.pause", operator, now).await
}

/// The queue goes on where it was. Repeating it is safe.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn resume(db: &Database, name: QueueName, operator: Operator, now: DateTime<Utc>) -> Result<()> {
    set_paused(db, name, None, "queue.resume", operator, now).await
}

async fn set_paused(
    db: &Database,
    name: QueueName,
    paused_at: Option<DateTime<Utc>>,
    action: &'static str,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<()> {
    let transaction = db.begin().await?;
    let changed = sql::execute(
        &transaction,
        "UPDATE queues SET paused_at = $2 WHERE name = $1 AND (paused_at IS NULL) <> ($2 IS NULL)",
        [name.as_str().into(), paused_at.into()],
    )
    .await?;
    if changed > 0 {
        let entry = audit::Entry {
            user: operator.user,
            action,
            // A queue has a name and no id.
            resource: Some((name.as_str(), Uuid::nil())),
            outcome: audit::Outcome::Success,
            origin: operator.origin,
        };
        audit::insert(&transaction, entry, now).await?;
    }
    transaction.commit().await.map_err(DatabaseError::from)
}

/// Room for hints that whoever accepts a job may push itself: none while the queue is paused or anything that is due waits its
/// turn in the database, which such a hint would overtake. When no scheduler is alive, all the room that there is.
///
/// # Errors
/// When the database is away.
pub async fn room_for_pushes(db: &Database, name: QueueName, now: DateTime<Utc>) -> Result<u64> {
    let queue = find(db, name).await?;
    Ok(queue.map_or(limits::HINTS_MAX, |queue| {
        let is_dispatched = queue.observed_at.is_some_and(|at| at > now - DISPATCHER_SILENCE);
        match queue.paused_at {
            Some(_) => 0,
            None if !is_dispatched => limits::HINTS_MAX,
            None if queue.flowing => queue.hints_max,
            None => 0,
        }
    }))
}

/// Looks at a queue that holds `length` hints: how many more it should hold, by what the living workers take. Tells everybody
/// what it saw, and the limits of the settings.
///
/// # Errors
/// When the database is away.
pub async fn plan(
    db: &Database,
    name: QueueName,
    length: u64,
    settings: &SchedulingSettings,
    now: DateTime<Utc>,
) -> Result<Plan> {
    let seen = match look(db, name, now).await? {
        Some(seen) => seen,
        None => {
            sql::execute(
                db.connection(),
                "INSERT INTO queues (name, hints_max, hints, slots, starts_per_second, flowing, tenant_weight, credit, \
                 owed_level) VALUES ($1, 0, 0, 0, 0, true, 1, 0, 0) ON CONFLICT DO NOTHING",
                [name.as_str().into()],
            )
            .await?;
            look(db, name, now).await?.unwrap_or_default()
        }
    };
    let slots = u64::try_from(seen.living_slots.unwrap_or(0)).unwrap_or(0);
    let waiting = seen.waiting.is_some() || seen.due_later.is_some();
    let pace = seen.pace(length, slots, now);
    let told_lately = seen.observed_at.is_some_and(|at| at > now - TELL_EVERY);
    let rules = Rules::of(name, settings);
    // What the last round handed out may have been all that was due.
    let flowing = !waiting;
    if !told_lately || rules != seen.rules() || (waiting && pace.measured) || (flowing && !seen.flowing) {
        let told = Told {
            length,
            slots,
            pace,
            rules,
            flowing,
        };
        tell(db, name, told, now).await?;
    }
    Ok(Plan {
        room: pace.hints_max.saturating_sub(length),
        hints_max: pace.hints_max,
        waiting,
        drained: waiting && length * 4 <= pace.hints_max,
    })
}

async fn look(db: &Database, name: QueueName, now: DateTime<Utc>) -> Result<Option<Seen>> {
    // In the order of the index, or a flood of rows would be read for nothing while the statistics are old.
    sql::first(
        db.connection(),
        "SELECT q.hints_max, q.hints, q.starts_per_second, q.flowing, q.observed_at, q.running_max, q.tenant_weight, \
         q.tenant_running_max, q.tenant_queued_max, \
         (SELECT sum(w.slots) FROM workers w WHERE w.heartbeat_at >= $2 AND w.stopped_at IS NULL) AS living_slots, \
         (SELECT t.priority FROM tasks t WHERE t.queue = q.name AND t.state = 'queued' AND t.dispatched_at IS NULL \
          AND t.held IS NULL ORDER BY t.queue, t.priority, t.user_id, t.run_at, t.id LIMIT 1) AS waiting, \
         (SELECT t.priority FROM tasks t WHERE t.queue = q.name AND t.state = 'queued' AND t.held = 'later' \
          AND t.run_at <= $3 ORDER BY t.run_at LIMIT 1) AS due_later \
         FROM queues q WHERE q.name = $1",
        [name.as_str().into(), (now - limits::WORKER_SILENCE).into(), now.into()],
    )
    .await
}

/// What a scheduler tells everybody.
struct Told {
    length: u64,
    slots: u64,
    pace: Pace,
    rules: Rules,
    flowing: bool,
}

async fn tell(db: &Database, name: QueueName, told: Told, now: DateTime<Utc>) -> Result<()> {
    let Told {
        length,
        slots,
        pace,
        rules,
        flowing,
    } = told;
    let values: [Value; 11] = [
        name.as_str().into(),
        number(pace.hints_max).into(),
        number(length).into(),
        number(slots).into(),
        pace.starts_per_second.into(),
        now.into(),
        rules.running_max.into(),
        rules.tenant_weight.into(),
        rules.tenant_running_max.into(),
        rules.tenant_queued_max.into(),
        flowing.into(),
    ];
    sql::execute(
        db.connection(),
        "UPDATE queues SET hints_max = $2, hints = $3, slots = $4, starts_per_second = $5, observed_at = $6, \
         running_max = $7, tenant_weight = $8, tenant_running_max = $9, tenant_queued_max = $10, flowing = $11 \
         WHERE name = $1",
        values,
    )
    .await?;
    Ok(())
}

/// The limits of the settings, as the row has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rules {
    running_max: Option<i32>,
    tenant_weight: i32,
    tenant_running_max: Option<i32>,
    tenant_queued_max: Option<i32>,
}

impl Rules {
    fn of(name: QueueName, settings: &SchedulingSettings) -> Self {
        let bound = |number: u32| (number > 0).then(|| i32::try_from(number).unwrap_or(i32::MAX));
        // A kind has a queue of its own, so a limit of the kind is one of the queue.
        let kind = TaskKind::ALL.iter().find(|kind| kind.queue() == name);
        let running_max = kind.and_then(|kind| settings.kinds.get(kind.as_str()).copied());
        Self {
            running_max: running_max.and_then(bound),
            tenant_weight: i32::try_from(settings.weight).unwrap_or(1),
            tenant_running_max: bound(settings.running_max),
            tenant_queued_max: bound(settings.queued_max),
        }
    }
}

/// A row as a scheduler finds it, and what there is to do.
#[derive(Debug, Default, FromQueryResult)]
struct Seen {
    hints_max: i32,
    hints: i32,
    starts_per_second: f32,
    flowing: bool,
    observed_at: Option<DateTime<Utc>>,
    running_max: Option<i32>,
    tenant_weight: i32,
    tenant_running_max: Option<i32>,
    tenant_queued_max: Option<i32>,
    living_slots: Option<i64>,
    waiting: Option<i16>,
    due_later: Option<i16>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Pace {
    hints_max: u64,
    starts_per_second: f32,
    /// Whether this is news.
    measured: bool,
}

impl Seen {
    const fn rules(&self) -> Rules {
        Rules {
            running_max: self.running_max,
            tenant_weight: self.tenant_weight,
            tenant_running_max: self.tenant_running_max,
            tenant_queued_max: self.tenant_queued_max,
        }
    }

    /// Room for twice the slots of the living workers, or for what they begin in half a second if that is more: two rounds. Who
    /// finds the queue empty cannot know how much more could have been begun, and doubles it.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    fn pace(&self, length: u64, slots: u64, now: DateTime<Utc>) -> Pace {
        let least = (2 * slots).clamp(limits::HINTS_MIN, limits::HINTS_MAX);
        let before = u64::try_from(self.hints_max).unwrap_or(0);
        let told = u64::try_from(self.hints).unwrap_or(0);
        let since = self.observed_at.and_then(|at| (now - at).to_std().ok());
        let Some(since) = since.filter(|since| *since < DISPATCHER_SILENCE && !self.flowing) else {
            // While everything is handed out at once, uploads push hints too, and nothing can be told from the length.
            return Pace {
                hints_max: least,
                starts_per_second: self.starts_per_second,
                measured: true,
            };
        };
        let drained = length == 0 && told > 0;
        if since < MEASURED_MIN && !drained {
            return Pace {
                hints_max: before.max(least),
                starts_per_second: self.starts_per_second,
                measured: false,
            };
        }
        let begun = told.saturating_sub(length) as f32 / since.as_secs_f32().max(0.001);
        let starts_per_second = if self.starts_per_second > 0.0 {
            0.7 * self.starts_per_second + 0.3 * begun
        } else {
            begun
        };
        let wanted = if drained {
            2 * before
        } else {
            (starts_per_second / 2.0) as u64
        };
        Pace {
            hints_max: wanted.clamp(least, limits::HINTS_MAX),
            starts_per_second,
            measured: true,
        }
    }
}

const SELECT: &str = "SELECT name, paused_at, hints_max, slots, starts_per_second, flowing, observed_at, running_max \
     FROM queues";

#[derive(FromQueryResult)]
struct Row {
    name: String,
    paused_at: Option<DateTime<Utc>>,
    hints_max: i32,
    slots: i32,
    starts_per_second: f32,
    flowing: bool,
    observed_at: Option<DateTime<Utc>>,
    running_max: Option<i32>,
}

impl TryFrom<Row> for Queue {
    type Error = DatabaseError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            name: row.name.parse()?,
            paused_at: row.paused_at,
            hints_max: u64::try_from(row.hints_max).unwrap_or(0),
            slots: u64::try_from(row.slots).unwrap_or(0),
            starts_per_second: row.starts_per_second,
            flowing: row.flowing,
            observed_at: row.observed_at,
            running_max: row.running_max.and_then(|max| u32::try_from(max).ok()),
        })
    }
}

fn number(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-04T09:00:00Z".parse().unwrap()
    }

    fn seen(hints: i32, ago: Duration) -> Seen {
        Seen {
            hints_max: 40,
            hints,
            observed_at: Some(now() - ago),
            ..Seen::default()
        }
    }

    #[test]
    fn a_queue_holds_twice_what_the_workers_run_at_once_and_never_more_than_the_most() {
        let quiet = Seen {
            flowing: true,
            ..Seen::default()
        };
        assert_eq!(quiet.pace(0, 0, now()).hints_max, limits::HINTS_MIN);
        assert_eq!(quiet.pace(0, 30, now()).hints_max, 60);
        assert_eq!(quiet.pace(0, 10_000, now()).hints_max, limits::HINTS_MAX);
    }

    #[test]
    fn a_queue_that_is_found_empty_gets_twice_as_much_and_one_that_is_not_what_half_a_second_takes() {
        let quarter = Duration::from_millis(250);
        assert_eq!(seen(40, quarter).pace(0, 2, now()).hints_max, 80);
        let pace = seen(40, quarter).pace(30, 2, now());
        assert!((pace.starts_per_second - 40.0).abs() < 0.1, "{pace:?}");
        assert_eq!(pace.hints_max, 20);
        let slow = seen(40, Duration::from_secs(1)).pace(39, 2, now());
        assert_eq!(slow.hints_max, limits::HINTS_MIN);
    }

    #[test]
    fn what_was_seen_a_moment_ago_is_not_measured_again() {
        let pace = seen(40, Duration::from_millis(20)).pace(30, 2, now());
        assert_eq!((pace.hints_max, pace.measured), (40, false));
    }
}
