//! Which waiting tasks are handed to the queue next. The rules are told in docs/scheduling.md.
//!
//! A round costs as much as it hands out, however much waits: it walks along an index from tenant to tenant, from where the
//! round before it stopped, and takes of each what its turn allows.

mod line;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use domain::{Priority, QueueName, TaskId, limits};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult};
use uuid::Uuid;

use super::held::wake;
use super::turns::{Cursor, Tenant, take};
use crate::knowledge::Knowledge;
use crate::{Database, Result, sql, workers};

/// Of so many starts one is owed to tasks that have waited long on a level that is never reached. Nobody is pushed aside by
/// more than that, and nobody waits for ever.
const OWED_ONE_IN: usize = 8;
/// Tenants that one step of a walk looks at, at least and at most.
const WALK: std::ops::RangeInclusive<usize> = 32..=512;
/// Steps of a walk in one round. They run out when thousands of tenants in a row are paused or at their limit; the next round
/// goes on behind them.
const STEPS: usize = 8;

/// What is in line. The words are those of the index.
const IN_LINE: &str = "t.state = 'queued' AND t.dispatched_at IS NULL AND t.held IS NULL";

/// Marks at most `limit` due tasks as handed out and returns them in the order in which they should be pushed. Two
/// dispatchers never get the same task, and they share one order; while one is at it the other gets nothing. Nothing is handed
/// out of a paused queue, or to tenants that are paused or at their limit. What no living worker knows is set aside.
///
/// # Errors
/// When the database is away; nothing is handed out then, or it was and [`super::forget_lost`] finds it.
pub async fn take_due(
    db: &Database,
    queue: QueueName,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<TaskId>> {
    let transaction = db.begin().await?;
    if db.backend() == DbBackend::Postgres {
        // However wrong the statistics are in the middle of a flood: only the index knows the order. A plan that pays for
        // what is switched off looks dear enough to be compiled, which takes longer than all of the round.
        transaction
            .execute_unprepared(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off",
            )
            .await?;
    }
    let Some(mut round) = Round::begin(&transaction, queue, now).await? else {
        return Ok(Vec::new());
    };
    wake(&transaction, queue, now).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let room = round
        .state
        .room(&round.in_flight)
        .map_or(limit, |room| room.min(limit));
    round.fill(room).await?;
    round.end(limit).await?;
    let ids = std::mem::take(&mut round.ids);
    drop(round);
    transaction.commit().await?;
    Ok(ids.into_iter().map(TaskId::from).collect())
}

/// Tasks of each tenant that run or are handed out. As many as the fleet takes, whatever waits.
pub(super) async fn in_flight(
    db: &impl ConnectionTrait,
    queue: QueueName,
    handed_out_too: bool,
) -> Result<HashMap<Uuid, usize>> {
    #[derive(FromQueryResult)]
    struct Row {
        user_id: Uuid,
        tasks: i64,
    }
    let mut under_way = HashMap::new();
    let running = "state = 'running' AND owner IS NOT NULL";
    let handed_out = "state = 'queued' AND dispatched_at IS NOT NULL";
    for state in [running, handed_out]
        .into_iter()
        .take(1 + usize::from(handed_out_too))
    {
        let rows: Vec<Row> = sql::all(
            db,
            format!(
                "SELECT user_id, count(*) AS tasks FROM tasks WHERE queue = $1 AND {state} GROUP BY user_id"
            ),
            [queue.as_str().into()],
        )
        .await?;
        for row in rows {
            *under_way.entry(row.user_id).or_default() += usize::try_from(row.tasks).unwrap_or(usize::MAX);
        }
    }
    Ok(under_way)
}

/// What a round needs to know about its queue.
#[derive(FromQueryResult)]
struct State {
    paused_at: Option<DateTime<Utc>>,
    running_max: Option<i32>,
    tenant_weight: i32,
    tenant_running_max: Option<i32>,
    /// Whether any tenant has a limit of its own.
    limited: bool,
    credit: i32,
    owed_level: i16,
}

impl State {
    /// How many more tasks of the queue may be under way; `None` for any number.
    fn room(&self, in_flight: &HashMap<Uuid, usize>) -> Option<usize> {
        let running_max = count(self.running_max?);
        Some(running_max.saturating_sub(in_flight.values().sum()))
    }
}

/// A tenant on the way of a walk.
#[derive(FromQueryResult)]
struct Walked {
    user_id: Uuid,
    weight: Option<i32>,
    running_max: Option<i32>,
    paused_at: Option<DateTime<Utc>>,
}

struct Candidate {
    id: Uuid,
    user: Uuid,
}

struct Round<'a> {
    transaction: &'a DatabaseTransaction,
    queue: QueueName,
    now: DateTime<Utc>,
    state: State,
    knowledge: Knowledge,
    in_flight: HashMap<Uuid, usize>,
    cursors: BTreeMap<i16, Cursor>,
    moved: HashSet<i16>,
    ids: Vec<Uuid>,
    owed: usize,
    /// Whether a walk ended before it had seen everybody.
    cut: bool,
}

impl<'a> Round<'a> {
    /// Takes the turn of the queue; `None` when another dispatcher has it, or the queue is paused.
    async fn begin(
        transaction: &'a DatabaseTransaction,
        queue: QueueName,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>> {
        #[derive(FromQueryResult)]
        struct Turn {
            level: i16,
            user_id: Uuid,
            used: i32,
        }
        let skip_locked = match transaction.get_database_backend() {
            DbBackend::Postgres => " FOR UPDATE OF q SKIP LOCKED",
            _ => "",
        };
        let state: Option<State> = sql::first(
            transaction,
            format!(
                "SELECT q.paused_at, q.running_max, q.tenant_weight, q.tenant_running_max, q.credit, q.owed_level, \
                 EXISTS (SELECT 1 FROM tenants n WHERE n.running_max IS NOT NULL) AS limited \
                 FROM queues q WHERE q.name = $1{skip_locked}"
            ),
            [queue.as_str().into()],
        )
        .await?;
        let Some(state) = state.filter(|state| state.paused_at.is_none()) else {
            return Ok(None);
        };
        let in_flight = if state.limited || state.running_max.is_some() || state.tenant_running_max.is_some()
        {
            in_flight(transaction, queue, true).await?
        } else {
            HashMap::new()
        };
        // Without a living worker nobody can say what the next one will know.
        let knowledge = workers::knowledge(transaction, now - limits::WORKER_SILENCE)
            .await?
            .unwrap_or_else(Knowledge::of_this_release);
        let turns: Vec<Turn> = sql::all(
            transaction,
            "SELECT level, user_id, used FROM dispatch_turns WHERE queue = $1",
            [queue.as_str().into()],
        )
        .await?;
        let cursors = turns.into_iter().map(|turn| {
            let cursor = Cursor {
                user: turn.user_id,
                used: count(turn.used),
            };
            (turn.level, cursor)
        });
        Ok(Some(Self {
            transaction,
            queue,
            now,
            state,
            knowledge,
            in_flight,
            cursors: cursors.collect(),
            moved: HashSet::new(),
            ids: Vec::new(),
            owed: 0,
            cut: false,
        }))
    }

    /// Level by level from the top. When the room ends before the levels do, one start in [`OWED_ONE_IN`] goes to those below
    /// who have waited long enough.
    async fn fill(&mut self, room: usize) -> Result<()> {
        let credit = count(self.state.credit);
        let owed = ((credit + room) / OWED_ONE_IN).min(room);
        let stopped = self.fill_from(0, room - owed, room > 0).await?;
        if let Some(stopped) = stopped {
            self.fill_owed(stopped, owed).await?;
            if self.ids.len() < room {
                self.fill_from(stopped, room, false).await?;
            }
        }
        let balance = (credit + self.ids.len()).saturating_sub(OWED_ONE_IN * self.owed);
        self.state.credit = i32::try_from(balance.min(OWED_ONE_IN)).unwrap_or(0);
        Ok(())
    }

    /// Takes from the level at `first` and those below it until `room` tasks were taken. Returns the level at which the room
    /// ended. With `look` and no room it is the first level on which anything waits.
    async fn fill_from(&mut self, first: usize, room: usize, look: bool) -> Result<Option<usize>> {
        if room == 0 && look {
            return self.first_in_line().await;
        }
        for (n, level) in Priority::ALL.iter().enumerate().skip(first) {
            if self.ids.len() < room {
                self.take_level(*level, room, self.now).await?;
            }
            if self.ids.len() >= room {
                return Ok(Some(n));
            }
        }
        Ok(None)
    }

    /// What is owed to tasks that have waited long on levels that are not reached. The levels take turns.
    async fn fill_owed(&mut self, stopped: usize, owed: usize) -> Result<()> {
        let mut below: Vec<Priority> = Priority::ALL.iter().skip(stopped + 1).copied().collect();
        let last = self.state.owed_level;
        below.sort_by_key(|level| (level.level() <= last, level.level()));
        let before = self.ids.len();
        for level in below {
            let left = owed - (self.ids.len() - before);
            if left == 0 {
                break;
            }
            let due = self.now - level.ages_after();
            let room = self.ids.len() + left;
            let taken = self.take_level(level, room, due).await?;
            if taken > 0 {
                self.state.owed_level = level.level();
            }
        }
        self.owed = self.ids.len() - before;
        Ok(())
    }

    async fn first_in_line(&self) -> Result<Option<usize>> {
        #[derive(FromQueryResult)]
        struct Row {
            priority: i16,
        }
        let row: Option<Row> = sql::first(
            self.transaction,
            format!(
                "SELECT t.priority FROM tasks t WHERE t.queue = $1 AND {IN_LINE} \
                 ORDER BY t.priority, t.user_id, t.run_at, t.id LIMIT 1"
            ),
            [self.queue.as_str().into()],
        )
        .await?;
        Ok(row.and_then(|row| {
            Priority::ALL
                .iter()
                .position(|level| level.level() == row.priority)
        }))
    }

    /// Takes tasks of a level that were due at `due`, until there are `room` in all. Returns how many.
    async fn take_level(&mut self, level: Priority, room: usize, due: DateTime<Utc>) -> Result<usize> {
        let before = self.ids.len();
        for _ in 0..STEPS {
            let wanted = room - self.ids.len();
            if wanted == 0 {
                return Ok(self.ids.len() - before);
            }
            let cursor = self.cursors.get(&level.level()).copied().unwrap_or_default();
            let limit = (2 * wanted).clamp(*WALK.start(), *WALK.end());
            let (tenants, all) = self.walk(level, cursor, limit).await?;
            let Some(last) = tenants.last() else {
                return Ok(self.ids.len() - before);
            };
            let behind = Cursor {
                user: last.user_id,
                used: 0,
            };
            let more = self
                .serve(level, &tenants, (cursor, behind), all, wanted, due)
                .await?;
            if all && !more {
                return Ok(self.ids.len() - before);
            }
        }
        self.cut = true;
        Ok(self.ids.len() - before)
    }

    /// Gives these tenants their turns. Whether there may be more for them to start.
    async fn serve(
        &mut self,
        level: Priority,
        tenants: &[Walked],
        (cursor, behind): (Cursor, Cursor),
        all: bool,
        wanted: usize,
        due: DateTime<Utc>,
    ) -> Result<bool> {
        let open: Vec<(Uuid, usize, usize)> = tenants
            .iter()
            .map(|tenant| (tenant.user_id, self.weight(tenant), self.allowance(tenant)))
            .filter(|(_, _, allowance)| *allowance > 0)
            .collect();
        let weights: usize = open.iter().map(|(_, weight, _)| weight).sum();
        // Whoever walked past everybody knows how often it will come round.
        let turns = if all { wanted.div_ceil(weights.max(1)) } else { 1 };
        let asked: Vec<(Uuid, usize)> = open
            .iter()
            // One more than can be taken shows whether somebody's turn was interrupted.
            .map(|(user, weight, allowance)| (*user, (weight * turns).min(wanted + 1).min(*allowance)))
            .collect();
        let (mut lines, unknown) = self.lines(level, &asked, due).await?;
        let more = asked.iter().any(|(user, count)| {
            let found = lines.get(user).map_or(0, VecDeque::len);
            *count > 0 && found == *count
        });
        let mut circle: Vec<Tenant<Candidate>> = open
            .iter()
            .map(|(user, weight, _)| Tenant {
                user: *user,
                weight: *weight,
                tasks: lines.remove(user).unwrap_or_default(),
            })
            .collect();
        let used = circle
            .first()
            .filter(|first| first.user == cursor.user)
            .map_or(0, |_| cursor.used);
        let (taken, next) = take(&mut circle, used, turns, wanted);
        let full = taken.len() == wanted;
        self.mark(taken).await?;
        self.set_aside(&unknown).await?;
        // Those behind the last one who was served were seen as well, unless the room ended before them.
        let next = if full { next.unwrap_or(behind) } else { behind };
        self.cursors.insert(level.level(), next);
        self.moved.insert(level.level());
        Ok(more || !unknown.is_empty())
    }

    fn weight(&self, tenant: &Walked) -> usize {
        count(tenant.weight.unwrap_or(self.state.tenant_weight)).max(1)
    }

    /// How many more tasks of a tenant may be under way.
    fn allowance(&self, tenant: &Walked) -> usize {
        if tenant.paused_at.is_some() {
            return 0;
        }
        let running_max = tenant.running_max.or(self.state.tenant_running_max);
        running_max.map_or(usize::MAX, |running_max| {
            let under_way = self.in_flight.get(&tenant.user_id).copied().unwrap_or(0);
            count(running_max).saturating_sub(under_way)
        })
    }

    /// Writes down how far the round has come.
    async fn end(&self, limit: usize) -> Result<()> {
        for level in &self.moved {
            let Some(cursor) = self.cursors.get(level) else {
                continue;
            };
            sql::execute(
                self.transaction,
                "INSERT INTO dispatch_turns (queue, level, user_id, used) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (queue, level) DO UPDATE SET user_id = excluded.user_id, used = excluded.used",
                [
                    self.queue.as_str().into(),
                    (*level).into(),
                    cursor.user.into(),
                    i32::try_from(cursor.used).unwrap_or(0).into(),
                ],
            )
            .await?;
        }
        let flowing = self.ids.len() < limit && !self.cut;
        sql::execute(
            self.transaction,
            "UPDATE queues SET hints = hints + $2, flowing = $3, credit = $4, owed_level = $5 WHERE name = $1",
            [
                self.queue.as_str().into(),
                i32::try_from(self.ids.len()).unwrap_or(i32::MAX).into(),
                flowing.into(),
                self.state.credit.into(),
                self.state.owed_level.into(),
            ],
        )
        .await?;
        Ok(())
    }
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
