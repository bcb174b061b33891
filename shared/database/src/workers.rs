//! Worker processes and the last sign of their life.

use chrono::{DateTime, Utc};
use domain::WorkerId;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, FromQueryResult, sea_query::OnConflict};

use crate::entity::workers;
use crate::{Database, Knowledge, Result, sql};

/// A worker process that makes itself known.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its id, new at every start.
    pub id: WorkerId,
    /// What people call it: host and process.
    pub name: String,
    /// Its release.
    pub version: String,
    /// Tasks that it runs at once.
    pub slots: i32,
}

/// Writes a sign of life; the first one makes the worker known. Safe to repeat, and right again after its row was
/// cleaned away.
///
/// # Errors
/// When the database is away.
pub async fn heartbeat(db: &Database, worker: &Worker, now: DateTime<Utc>) -> Result<()> {
    heartbeat_knowing(db, worker, &Knowledge::of_this_release(), now).await
}

/// As [`heartbeat`], for a worker that understands this. It is written down once: a release does not learn.
///
/// # Errors
/// When the database is away.
pub async fn heartbeat_knowing(
    db: &Database,
    worker: &Worker,
    knows: &Knowledge,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = workers::ActiveModel {
        id: Set(worker.id.uuid()),
        name: Set(worker.name.clone()),
        version: Set(worker.version.clone()),
        slots: Set(worker.slots),
        started_at: Set(now),
        heartbeat_at: Set(now),
        stopped_at: Set(None),
        knows: Set(Some(
            serde_json::to_value(knows).expect("plain structs always become JSON"),
        )),
    };
    workers::Entity::insert(row)
        .on_conflict(
            OnConflict::column(workers::Column::Id)
                .update_column(workers::Column::HeartbeatAt)
                .to_owned(),
        )
        .exec_without_returning(db.connection())
        .await?;
    Ok(())
}

/// Says goodbye. Tasks that it still owns are recovered at once instead of after its silence. Its row stays for a while, so
/// that what it did has a name.
///
/// # Errors
/// When the database is away; the worker's silence will tell.
pub async fn stop(db: &Database, worker: WorkerId, now: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db.connection(),
        "UPDATE workers SET stopped_at = $2 WHERE id = $1",
        [worker.uuid().into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Says goodbye for every worker that has not done so itself. Only for a process that shares its database with no other:
/// whoever worked on it before is dead. Returns how many there were.
///
/// # Errors
/// When the database is away.
pub async fn stop_all(db: &Database, now: DateTime<Utc>) -> Result<u64> {
    sql::execute(
        db.connection(),
        "UPDATE workers SET stopped_at = $1 WHERE stopped_at IS NULL",
        [now.into()],
    )
    .await
}

/// Deletes workers not heard of since `before` that own nothing any more. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_silent(db: &Database, before: DateTime<Utc>) -> Result<u64> {
    sql::execute(
        db.connection(),
        "DELETE FROM workers WHERE heartbeat_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.owner = workers.id AND t.state = 'running')",
        [before.into()],
    )
    .await
}

/// Workers heard of since `since`, and the slots that they have together.
///
/// # Errors
/// When the database is away.
pub async fn count_alive(db: &Database, since: DateTime<Utc>) -> Result<(u64, u64)> {
    #[derive(FromQueryResult)]
    struct Row {
        workers: i64,
        slots: Option<i64>,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT count(*) AS workers, sum(slots) AS slots FROM workers WHERE heartbeat_at >= $1 AND stopped_at IS NULL",
        [since.into()],
    )
    .await?;
    Ok(row.map_or((0, 0), |row| {
        (
            row.workers.cast_unsigned(),
            row.slots.unwrap_or(0).cast_unsigned(),
        )
    }))
}

/// What the workers heard of since `since` understand together; `None` when there is none.
pub(crate) async fn knowledge(db: &impl ConnectionTrait, since: DateTime<Utc>) -> Result<Option<Knowledge>> {
    #[derive(FromQueryResult)]
    struct Row {
        knows: Option<serde_json::Value>,
    }
    let rows: Vec<Row> = sql::all(
        db,
        "SELECT knows FROM workers WHERE heartbeat_at >= $1 AND stopped_at IS NULL",
        [since.into()],
    )
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let workers = rows.into_iter().map(|row| {
        let said = row.knows.and_then(|knows| serde_json::from_value(knows).ok());
        said.unwrap_or_else(Knowledge::of_those_who_do_not_say)
    });
    Ok(Some(Knowledge::together(workers)))
}
