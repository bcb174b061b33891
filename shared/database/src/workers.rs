//! Worker processes and the last sign of their life.

use chrono::{DateTime, Utc};
use domain::WorkerId;
use sea_orm::{ActiveValue::Set, EntityTrait, FromQueryResult, sea_query::OnConflict};

use crate::entity::workers;
use crate::{Database, Result, sql};

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
    let row = workers::ActiveModel {
        id: Set(worker.id.uuid()),
        name: Set(worker.name.clone()),
        version: Set(worker.version.clone()),
        slots: Set(worker.slots),
        started_at: Set(now),
        heartbeat_at: Set(now),
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

/// Says goodbye. Tasks that it still owns are recovered at once instead of after its silence.
///
/// # Errors
/// When the database is away; the worker's silence will tell.
pub async fn delete(db: &Database, worker: WorkerId) -> Result<()> {
    workers::Entity::delete_by_id(worker.uuid())
        .exec(db.connection())
        .await?;
    Ok(())
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
        "SELECT count(*) AS workers, sum(slots) AS slots FROM workers WHERE heartbeat_at >= $1",
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
