//! What people do to schedules. Every change is a line in the audit log, in the same transaction.

use chrono::{DateTime, Utc};
use domain::ScheduleId;
use domain::schedules::Plan;
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult, Value};
use uuid::Uuid;

use crate::tasks::Operator;
use crate::{Database, Result, audit, sql};

/// What came of adding a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Now(ScheduleId),
    /// The name is taken.
    NameTaken,
}

/// What came of changing a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is changed, or was so already.
    Now,
    /// Somebody else has changed it meanwhile.
    Stale,
    /// It came with docmill and cannot be removed.
    BuiltIn,
    /// There is none of that name.
    NoSuchSchedule,
}

/// Adds a schedule that is due at `next_at` for the first time.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn add(
    db: &Database,
    name: &str,
    plan: &Plan,
    next_at: DateTime<Utc>,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Added> {
    let transaction = db.begin().await?;
    let id = ScheduleId::new();
    if !insert(&transaction, id, name, plan, next_at, false, now).await? {
        return Ok(Added::NameTaken);
    }
    record(&transaction, "schedule.add", id.uuid(), operator, now).await?;
    transaction.commit().await?;
    Ok(Added::Now(id))
}

/// Adds those schedules of docmill's own that are not there. What an operator has changed about one stays. Returns how many
/// were added. Safe to repeat, and to do in many processes at once.
///
/// # Errors
/// When the database is away; those before it are added.
pub async fn insert_missing(
    db: &Database,
    built_in: &[(&str, Plan, DateTime<Utc>)],
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut added = 0;
    for (name, plan, next_at) in built_in {
        let id = ScheduleId::new();
        if insert(db.connection(), id, name, plan, *next_at, true, now).await? {
            added += 1;
        }
    }
    Ok(added)
}

/// Gives a schedule another plan, if its version still is `version`; its work stays the same kind. It is due at `next_at`
/// next, unless it is paused.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn edit(
    db: &Database,
    name: &str,
    version: i64,
    plan: &Plan,
    next_at: DateTime<Utc>,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Changed> {
    let transaction = db.begin().await?;
    let changed: Option<Identified> = sql::first(
        &transaction,
        "UPDATE schedules SET options = $3, cron = $4, every_seconds = $5, time_zone = $6, missed = $7, overlap = $8, \
         retries = $9, next_at = CASE WHEN paused_at IS NULL THEN $10 ELSE next_at END, updated_at = $11, \
         version = version + 1 WHERE name = $1 AND version = $2 AND work = $12 RETURNING id",
        [
            name.into(),
            version.into(),
            plan.options.clone().into(),
            plan.cron.clone().into(),
            every_seconds(plan),
            plan.time_zone.as_str().into(),
            plan.missed.as_str().into(),
            plan.overlap.as_str().into(),
            plan.retries.into(),
            next_at.into(),
            now.into(),
            plan.work.as_str().into(),
        ],
    )
    .await?;
    let Some(Identified { id }) = changed else {
        return Ok(if exists(&transaction, name).await? {
            Changed::Stale
        } else {
            Changed::NoSuchSchedule
        });
    };
    record(&transaction, "schedule.edit", id, operator, now).await?;
    transaction.commit().await?;
    Ok(Changed::Now)
}

/// Stops a schedule from firing. What is under way goes on, and what waits runs. Repeating it is fine.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn pause(db: &Database, name: &str, operator: Operator, now: DateTime<Utc>) -> Result<Changed> {
    let transaction = db.begin().await?;
    let changed: Option<Identified> = sql::first(
        &transaction,
        "UPDATE schedules SET paused_at = $2, next_at = NULL, updated_at = $2, version = version + 1 \
         WHERE name = $1 AND paused_at IS NULL RETURNING id",
        [name.into(), now.into()],
    )
    .await?;
    after_switch(transaction, "schedule.pause", name, changed, operator, now).await
}

/// Lets a paused schedule fire again, from `next_at` on: what came while it was paused was not missed. Repeating it is fine.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn resume(
    db: &Database,
    name: &str,
    next_at: DateTime<Utc>,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Changed> {
    let transaction = db.begin().await?;
    let changed: Option<Identified> = sql::first(
        &transaction,
        "UPDATE schedules SET paused_at = NULL, next_at = $3, updated_at = $2, version = version + 1 \
         WHERE name = $1 AND paused_at IS NOT NULL RETURNING id",
        [name.into(), now.into(), next_at.into()],
    )
    .await?;
    after_switch(transaction, "schedule.resume", name, changed, operator, now).await
}

/// Removes a schedule with its runs, if its version still is `version` (`None` does not ask). A run under way finds that it
/// has lost, and stops.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn remove(
    db: &Database,
    name: &str,
    version: Option<i64>,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Changed> {
    #[derive(FromQueryResult)]
    struct Row {
        built_in: bool,
    }
    let transaction = db.begin().await?;
    let removed: Option<Identified> = sql::first(
        &transaction,
        "DELETE FROM schedules WHERE name = $1 AND built_in = $2 AND ($3 OR version = $4) RETURNING id",
        [
            name.into(),
            false.into(),
            version.is_none().into(),
            version.unwrap_or_default().into(),
        ],
    )
    .await?;
    if let Some(Identified { id }) = removed {
        record(&transaction, "schedule.remove", id, operator, now).await?;
        transaction.commit().await?;
        return Ok(Changed::Now);
    }
    let row: Option<Row> = sql::first(
        &transaction,
        "SELECT built_in FROM schedules WHERE name = $1",
        [name.into()],
    )
    .await?;
    Ok(match row {
        None => Changed::NoSuchSchedule,
        Some(Row { built_in: true }) => Changed::BuiltIn,
        Some(Row { built_in: false }) => Changed::Stale,
    })
}

#[derive(FromQueryResult)]
struct Identified {
    id: Uuid,
}

async fn after_switch(
    transaction: DatabaseTransaction,
    action: &'static str,
    name: &str,
    changed: Option<Identified>,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Changed> {
    let Some(Identified { id }) = changed else {
        return Ok(if exists(&transaction, name).await? {
            Changed::Now
        } else {
            Changed::NoSuchSchedule
        });
    };
    record(&transaction, action, id, operator, now).await?;
    transaction.commit().await?;
    Ok(Changed::Now)
}

async fn exists(db: &impl ConnectionTrait, name: &str) -> Result<bool> {
    let row: Option<Identified> =
        sql::first(db, "SELECT id FROM schedules WHERE name = $1", [name.into()]).await?;
    Ok(row.is_some())
}

/// `false` when the name is taken.
async fn insert(
    db: &impl ConnectionTrait,
    id: ScheduleId,
    name: &str,
    plan: &Plan,
    next_at: DateTime<Utc>,
    built_in: bool,
    now: DateTime<Utc>,
) -> Result<bool> {
    let inserted = sql::execute(
        db,
        "INSERT INTO schedules (id, name, work, options, cron, every_seconds, time_zone, missed, overlap, retries, \
         built_in, version, next_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $13) ON CONFLICT (name) DO NOTHING",
        [
            id.uuid().into(),
            name.into(),
            plan.work.as_str().into(),
            plan.options.clone().into(),
            plan.cron.clone().into(),
            every_seconds(plan),
            plan.time_zone.as_str().into(),
            plan.missed.as_str().into(),
            plan.overlap.as_str().into(),
            plan.retries.into(),
            built_in.into(),
            next_at.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(inserted == 1)
}

fn every_seconds(plan: &Plan) -> Value {
    plan.every_seconds
        .map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX))
        .into()
}

pub(super) async fn record(
    transaction: &DatabaseTransaction,
    action: &'static str,
    schedule: Uuid,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<()> {
    let entry = audit::Entry {
        user: operator.user,
        action,
        resource: Some(("schedule", schedule)),
        outcome: audit::Outcome::Success,
        origin: operator.origin,
    };
    audit::insert(transaction, entry, now).await
}
