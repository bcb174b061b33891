//! A slot has come, or somebody wants a run at once: the run is noted.

use chrono::{DateTime, Utc};
use domain::RunId;
use domain::schedules::{Due, Overlap, RunCause, RunState};
use sea_orm::{DatabaseTransaction, DbBackend, FromQueryResult, Value};
use serde_json::Value as Json;

use super::change::record;
use super::{Row, Run, SELECT, Schedule};
use crate::tasks::Operator;
use crate::{Database, Result, sql};

/// Runs of one schedule that wait at most. Whatever comes beyond is skipped.
pub const RUNS_WAITING_MAX: u64 = 200;

/// Why a slot is skipped.
const MISSED: &str = "the time was missed";
const OVERLAPS: &str = "an earlier run had not ended";
const TOO_MANY_WAIT: &str = "too many earlier runs were waiting";
/// Why a run is cancelled.
const NEXT_IS_DUE: &str = "the next run was due";

/// What came of wanting a run at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunNow {
    /// It waits for a scheduler.
    Noted(RunId),
    /// A run is under way or waits, and the schedule skips what overlaps.
    Busy,
    /// There is no schedule of that name.
    NoSuchSchedule,
}

/// Moves a schedule on to its next slot, and notes runs for the slots that have come, in one transaction. Of all that do so
/// at the same time one wins, and only as long as nobody has changed or paused the schedule. Runs that have not ended are
/// treated as the schedule says; slots of one call wait for each other.
///
/// `None` when somebody else was first; otherwise how many runs wait now because of it.
///
/// # Errors
/// When the database is away. Then it may have happened or not; whoever looks next finds out.
pub async fn fire(db: &Database, schedule: &Schedule, due: &Due, now: DateTime<Utc>) -> Result<Option<u64>> {
    let transaction = db.begin().await?;
    let moved = sql::execute(
        &transaction,
        "UPDATE schedules SET next_at = $4 WHERE id = $1 AND version = $2 AND next_at = $3",
        [
            schedule.id.uuid().into(),
            schedule.version.into(),
            schedule.next_at.into(),
            due.next_at.into(),
        ],
    )
    .await?;
    if moved == 0 {
        return Ok(None);
    }
    let runs = due.slots.iter().filter(|slot| slot.runs).count() as u64;
    let room = if runs == 0 {
        Ok(())
    } else {
        make_room(&transaction, schedule, runs, now).await?
    };
    let mut waiting = 0;
    for slot in &due.slots {
        let refused = if slot.runs { room.err() } else { Some(MISSED) };
        let new = NewRun {
            cause: RunCause::Slot,
            slot: slot.at,
            options: schedule.plan.options.clone(),
            missed: i32::from(slot.missed),
            refused,
            requested_by: None,
        };
        let noted = insert(&transaction, schedule, new, now).await?;
        waiting += u64::from(noted.is_some() && refused.is_none());
    }
    transaction.commit().await?;
    Ok(Some(waiting))
}

/// Notes a run that somebody wants at once, with options of its own. It does not touch the slots of the schedule. It waits
/// for earlier runs, cancels them or is refused, as the schedule says about what overlaps.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn run_now(
    db: &Database,
    name: &str,
    options: &Json,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<RunNow> {
    let transaction = db.begin().await?;
    // Firing takes the same lock: what overlaps is seen by whoever comes second.
    let lock = match db.backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    };
    let row: Option<Row> = sql::first(
        &transaction,
        format!("{SELECT} WHERE name = $1{lock}"),
        [name.into()],
    )
    .await?;
    let Some(schedule) = row.map(Schedule::try_from).transpose()? else {
        return Ok(RunNow::NoSuchSchedule);
    };
    if make_room(&transaction, &schedule, 1, now).await?.is_err() {
        return Ok(RunNow::Busy);
    }
    let new = NewRun {
        cause: RunCause::Person,
        slot: now,
        options: options.clone(),
        missed: 0,
        refused: None,
        requested_by: operator.user.map(domain::UserId::uuid),
    };
    // The same millisecond twice is one wish.
    let Some(id) = insert(&transaction, &schedule, new, now).await? else {
        return Ok(RunNow::Busy);
    };
    record(&transaction, "schedule.run", schedule.id.uuid(), operator, now).await?;
    transaction.commit().await?;
    Ok(RunNow::Noted(id))
}

/// Does what the schedule says about earlier runs that have not ended. The reason why `more` runs are skipped, if they are.
async fn make_room(
    transaction: &DatabaseTransaction,
    schedule: &Schedule,
    more: u64,
    now: DateTime<Utc>,
) -> Result<Result<(), &'static str>> {
    #[derive(FromQueryResult)]
    struct Open {
        runs: i64,
    }
    if schedule.plan.overlap == Overlap::CancelPrevious {
        sql::execute(
            transaction,
            "UPDATE schedule_runs SET state = 'cancelled', finished_at = $2, error = $3 \
             WHERE schedule_id = $1 AND state IN ('waiting', 'running')",
            [schedule.id.uuid().into(), now.into(), NEXT_IS_DUE.into()],
        )
        .await?;
        return Ok(Ok(()));
    }
    let open: Option<Open> = sql::first(
        transaction,
        "SELECT count(*) AS runs FROM schedule_runs WHERE schedule_id = $1 AND state IN ('waiting', 'running')",
        [schedule.id.uuid().into()],
    )
    .await?;
    let open = open.map_or(0, |open| open.runs.cast_unsigned());
    Ok(match schedule.plan.overlap {
        Overlap::Skip if open > 0 => Err(OVERLAPS),
        Overlap::Queue if open + more > RUNS_WAITING_MAX => Err(TOO_MANY_WAIT),
        _ => Ok(()),
    })
}

struct NewRun {
    cause: RunCause,
    slot: DateTime<Utc>,
    options: Json,
    missed: i32,
    refused: Option<&'static str>,
    requested_by: Option<uuid::Uuid>,
}

/// `None` when the slot has its run already.
async fn insert(
    transaction: &DatabaseTransaction,
    schedule: &Schedule,
    new: NewRun,
    now: DateTime<Utc>,
) -> Result<Option<RunId>> {
    let id = RunId::new();
    let state = if new.refused.is_some() {
        RunState::Skipped
    } else {
        RunState::Waiting
    };
    let finished_at = new.refused.map(|_| now);
    let values: [Value; 13] = [
        id.uuid().into(),
        schedule.id.uuid().into(),
        new.cause.as_str().into(),
        new.slot.into(),
        new.options.into(),
        new.missed.into(),
        state.as_str().into(),
        Run::attempts_max(schedule.plan.retries).into(),
        now.into(),
        now.into(),
        finished_at.into(),
        new.refused.into(),
        new.requested_by.into(),
    ];
    let inserted = sql::execute(
        transaction,
        "INSERT INTO schedule_runs (id, schedule_id, cause, slot, options, missed, state, attempt, attempts_max, takeovers, \
         fence, run_at, created_at, finished_at, error, requested_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, 0, 0, $9, $10, $11, $12, $13) \
         ON CONFLICT (schedule_id, cause, slot) DO NOTHING",
        values,
    )
    .await?;
    Ok((inserted == 1).then_some(id))
}
