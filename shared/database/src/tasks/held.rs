//! What waits and is not in line: until its time, or until somebody alive knows it. `tasks.held` says which; an ordinary task has
//! no such word.

use chrono::{DateTime, Utc};
use domain::{QueueName, limits};
use sea_orm::{DatabaseTransaction, Value};

use crate::knowledge::Knowledge;
use crate::{Database, Result, sql, workers};

/// Tasks whose time has come that one round lets into the line.
const WOKEN_MAX: i64 = 500;

/// The `held` of a task that waits until `run_at`: nothing when that has come. Such a task is not in line.
pub(crate) fn held_until(run_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<&'static str> {
    (run_at > now).then_some("later")
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
pub(super) async fn wake(
    transaction: &DatabaseTransaction,
    queue: QueueName,
    now: DateTime<Utc>,
) -> Result<()> {
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
