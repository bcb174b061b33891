//! How a round reads the line and takes tasks out of it.

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use domain::Priority;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use super::{Candidate, Cursor, IN_LINE, Round, Walked};
use crate::{Result, sql};

impl Round<'_> {
    /// The tenants of a level behind the cursor, then those before it; whether these are all.
    pub(super) async fn walk(
        &self,
        level: Priority,
        cursor: Cursor,
        limit: usize,
    ) -> Result<(Vec<Walked>, bool)> {
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
    pub(super) async fn lines(
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
    pub(super) async fn mark(&mut self, candidates: Vec<Candidate>) -> Result<()> {
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
        // In words that hide the line's index: in the middle of a flood its statistics say that it is empty, and all of it
        // would be read instead of a few keys.
        let marked: Vec<Marked> = sql::all(
            self.transaction,
            format!(
                "UPDATE tasks SET dispatched_at = $1 WHERE id IN (SELECT t.id FROM tasks t WHERE {these} \
                 AND COALESCE(t.state, '') = 'queued' AND t.dispatched_at IS NULL AND t.held IS NULL \
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

    /// Takes tasks out of the line that nobody alive knows. See `held.rs`.
    pub(super) async fn set_aside(&self, ids: &[Uuid]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let (these, values) = sql::one_of(self.transaction, "id", 1, ids);
        let statement = format!("UPDATE tasks SET held = 'unknown' WHERE {these} AND state = 'queued'");
        sql::execute(self.transaction, statement, values).await?;
        Ok(())
    }
}
