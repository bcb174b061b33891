//! Which waiting tasks are handed to the queue next. The rules are told in docs/scheduling.md.
//!
//! A round costs as much as it hands out, however much waits: it walks along an index from tenant to tenant, from where the
//! round before it stopped, and takes of each what its turn allows.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use domain::{Priority, QueueName, TaskId, limits};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

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
/// Tasks whose time has come that one round lets into the line.
const WOKEN_MAX: i64 = 500;

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

/// Lets tasks back into the line that were set aside because nobody alive knew them and that somebody knows now. Returns how
/// many.
///
/// # Errors
/// When the database is away.
pub async fn release_known(db: &Database, queue: QueueName, now: DateTime<Utc>) -> Result<u64> {
    let Some(knowledge) = workers::knowledge(db.connection(), now - limits::WORKER_SILENCE).await? else {
        return Ok(0);
    };
    let mut values: Vec<Value> = vec![queue.as_str().into(), WOKEN_MAX.into()];
    let known = known(&knowledge, &mut values);
    let skip_locked = sql::skip_locked(db.connection());
    sql::execute(
        db.connection(),
        format!(
            "UPDATE tasks SET held = NULL WHERE id IN (SELECT id FROM tasks WHERE queue = $1 AND state = 'queued' \
             AND held = 'unknown' AND ({known}) LIMIT $2{skip_locked})"
        ),
        values,
    )
    .await
}

/// What is known as a condition on `tasks`, its values appended to `values`.
pub(super) fn known(knowledge: &Knowledge, values: &mut Vec<Value>) -> String {
    let mut conditions = vec!["1 = 0".to_owned()];
    for (kind, version) in knowledge.pairs() {
        values.extend([kind.into(), version.into()]);
        conditions.push(format!(
            "kind = ${} AND payload_version <= ${}",
            values.len() - 1,
            values.len()
        ));
    }
    conditions.join(" OR ")
}

/// Lets tasks whose time has come into the line.
async fn wake(transaction: &DatabaseTransaction, queue: QueueName, now: DateTime<Utc>) -> Result<()> {
    let skip_locked = sql::skip_locked(transaction);
    sql::execute(
        transaction,
        format!(
            "UPDATE tasks SET held = NULL WHERE id IN (SELECT id FROM tasks WHERE queue = $1 AND state = 'queued' \
             AND held = 'later' AND run_at <= $2 ORDER BY run_at LIMIT $3{skip_locked})"
        ),
        [queue.as_str().into(), now.into(), WOKEN_MAX.into()],
    )
    .await?;
    Ok(())
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

    /// The tenants of a level behind the cursor, then those before it; whether these are all.
    async fn walk(&self, level: Priority, cursor: Cursor, limit: usize) -> Result<(Vec<Walked>, bool)> {
        // Who was interrupted comes first, otherwise last.
        let (from, to) = if cursor.used > 0 { (">=", "<") } else { (">", "<=") };
        let mut tenants = self.walk_range(level, (from, cursor.user), None, limit).await?;
        if tenants.len() == limit {
            return Ok((tenants, false));
        }
        let left = limit - tenants.len();
        let before = self
            .walk_range(level, (">=", Uuid::nil()), Some((to, cursor.user)), left)
            .await?;
        let all = before.len() < left;
        tenants.extend(before);
        Ok((tenants, all))
    }

    async fn walk_range(
        &self,
        level: Priority,
        (from, first): (&str, Uuid),
        to: Option<(&str, Uuid)>,
        limit: usize,
    ) -> Result<Vec<Walked>> {
        let mut values: Vec<Value> = vec![
            self.queue.as_str().into(),
            level.level().into(),
            first.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ];
        let to = to.map_or_else(String::new, |(to, last)| {
            values.push(last.into());
            format!(" AND t.user_id {to} $5")
        });
        let next =
            format!("SELECT t.user_id FROM tasks t WHERE t.queue = $1 AND t.priority = $2 AND {IN_LINE}{to}");
        sql::all(
            self.transaction,
            format!(
                "WITH RECURSIVE walk (user_id, n) AS (\
                     SELECT first.user_id, 1 FROM ({next} AND t.user_id {from} $3 ORDER BY t.user_id LIMIT 1) AS first \
                     UNION ALL \
                     SELECT ({next} AND t.user_id > walk.user_id ORDER BY t.user_id LIMIT 1), walk.n + 1 \
                     FROM walk WHERE walk.user_id IS NOT NULL AND walk.n < $4) \
                 SELECT walk.user_id, n.weight, n.running_max, n.paused_at FROM walk \
                 LEFT JOIN tenants n ON n.user_id = walk.user_id WHERE walk.user_id IS NOT NULL ORDER BY walk.n"
            ),
            values,
        )
        .await
    }

    /// The first tasks in line of each of these tenants, at most as many as asked for, and those among them that nobody alive
    /// knows.
    async fn lines(
        &self,
        level: Priority,
        asked: &[(Uuid, usize)],
        due: DateTime<Utc>,
    ) -> Result<(HashMap<Uuid, VecDeque<Candidate>>, Vec<Uuid>)> {
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
            user_id: Uuid,
            kind: String,
            payload_version: i16,
        }
        let line = |user: &str, limit: &str| {
            format!(
                "SELECT t.id, t.user_id, t.kind, t.payload_version FROM tasks t WHERE t.queue = $1 \
                 AND t.priority = $2 AND t.run_at <= $3 AND {IN_LINE} AND t.user_id = {user} \
                 ORDER BY t.run_at, t.id LIMIT {limit}"
            )
        };
        let about: [Value; 3] = [self.queue.as_str().into(), level.level().into(), due.into()];
        let counts = asked
            .iter()
            .map(|(_, count)| i64::try_from(*count).unwrap_or(i64::MAX));
        let mut rows: Vec<Row> = Vec::new();
        if self.transaction.get_database_backend() == DbBackend::Postgres {
            let users: Vec<Uuid> = asked.iter().map(|(user, _)| *user).collect();
            let counts: Vec<i64> = counts.collect();
            let line = line("turn.user_id", "turn.wanted");
            let statement = format!(
                "SELECT line.* FROM unnest($4, $5) WITH ORDINALITY AS turn (user_id, wanted, n) \
                 CROSS JOIN LATERAL ({line}) AS line ORDER BY turn.n"
            );
            let values = about.into_iter().chain([users.into(), counts.into()]);
            rows = sql::all(self.transaction, statement, values).await?;
        } else {
            // There is no lateral join, and no round trip that it would save.
            let statement = line("$4", "$5");
            for ((user, _), count) in asked.iter().zip(counts) {
                let values = about.iter().cloned().chain([(*user).into(), count.into()]);
                rows.extend(sql::all::<Row>(self.transaction, statement.clone(), values).await?);
            }
        }
        let mut lines: HashMap<Uuid, VecDeque<Candidate>> = HashMap::new();
        let mut unknown = Vec::new();
        for row in rows {
            if self.knowledge.covers(&row.kind, row.payload_version) {
                let candidate = Candidate {
                    id: row.id,
                    user: row.user_id,
                };
                lines.entry(row.user_id).or_default().push_back(candidate);
            } else {
                unknown.push(row.id);
            }
        }
        Ok((lines, unknown))
    }

    /// Marks tasks as handed out. One that somebody is changing right now is left out.
    async fn mark(&mut self, candidates: Vec<Candidate>) -> Result<()> {
        #[derive(FromQueryResult)]
        struct Marked {
            id: Uuid,
        }
        if candidates.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = candidates.iter().map(|candidate| candidate.id).collect();
        let (these, values) = sql::one_of(self.transaction, "t.id", 2, &ids);
        let skip_locked = sql::skip_locked(self.transaction);
        let marked: Vec<Marked> = sql::all(
            self.transaction,
            format!(
                "UPDATE tasks SET dispatched_at = $1 WHERE id IN (SELECT t.id FROM tasks t WHERE {these} AND {IN_LINE} \
                 ORDER BY t.id{skip_locked}) RETURNING id"
            ),
            std::iter::once(Value::from(self.now)).chain(values),
        )
        .await?;
        let marked: HashSet<Uuid> = marked.into_iter().map(|row| row.id).collect();
        for candidate in candidates.into_iter().filter(|it| marked.contains(&it.id)) {
            *self.in_flight.entry(candidate.user).or_default() += 1;
            self.ids.push(candidate.id);
        }
        Ok(())
    }

    /// Takes tasks out of the line that nobody alive knows. See [`release_known`].
    async fn set_aside(&self, ids: &[Uuid]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let (these, values) = sql::one_of(self.transaction, "id", 1, ids);
        let statement = format!("UPDATE tasks SET held = 'unknown' WHERE {these} AND state = 'queued'");
        sql::execute(self.transaction, statement, values).await?;
        Ok(())
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
