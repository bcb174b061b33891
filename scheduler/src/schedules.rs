//! The clock of the schedules: notes the runs of slots that have come, takes runs over from schedulers that are not heard of,
//! and does what waits. Any number of schedulers do this side by side; each step is one statement or one transaction that
//! somebody wins.

mod built_in;
mod running;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use database::schedules::{self, Schedule};
use domain::schedules::due;
use tokio::task::JoinSet;

use crate::scheduler::Parts;

pub(crate) use running::perform;

/// How often somebody looks: a slot begins a second after its time at the latest, when a scheduler has room.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A scheduler that gave no sign for so long is dead: five signs. With a look and a claim, its runs go on within 15 s.
const SILENCE: Duration = Duration::from_secs(10);
/// Runs that one scheduler does at the same time. They mostly wait for the database.
const RUNS_MAX: usize = 4;
/// Schedules that are fired, and runs that are taken over, in one look.
const BATCH: u32 = 200;
/// How often it is looked whether docmill's own schedules are there; `docmill reset` deletes them.
const BUILT_IN_EVERY: Duration = Duration::from_secs(60);

/// Fires and runs schedules until the process is asked to stop. What is under way then is handed back.
pub(crate) async fn run(parts: Arc<Parts>) {
    let mut looked_for_own: Option<Instant> = None;
    let mut silent = false;
    let mut puzzling = BTreeSet::new();
    let mut runs = JoinSet::new();
    while !parts.stopping.is_cancelled() {
        let own = looked_for_own.is_none_or(|at| at.elapsed() >= BUILT_IN_EVERY);
        match look(&parts, own, &mut puzzling, &mut runs).await {
            Ok(()) => {
                if own {
                    looked_for_own = Some(Instant::now());
                }
                silent = false;
            }
            // Said once, not every second.
            Err(error) if !silent => {
                silent = true;
                tracing::warn!("cannot look at the schedules: {}", telemetry::chain(&error));
            }
            Err(_) => {}
        }
        tokio::select! {
            () = parts.stopping.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            // There is room for another one at once.
            Some(ended) = runs.join_next() => said_if_panicked(ended),
        }
    }
    while let Some(ended) = runs.join_next().await {
        said_if_panicked(ended);
    }
}

fn said_if_panicked(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // Its signs of life have ended with it, so that somebody takes it over.
        tracing::error!("a run of a schedule panicked: {error}");
    }
}

async fn look(
    parts: &Arc<Parts>,
    own: bool,
    puzzling: &mut BTreeSet<String>,
    runs: &mut JoinSet<()>,
) -> database::Result<()> {
    if own {
        insert_built_in(parts).await?;
    }
    take_over(parts).await?;
    fire_due(parts, puzzling).await?;
    while runs.try_join_next().map(said_if_panicked).is_some() {}
    for claim in claim(parts, RUNS_MAX - runs.len().min(RUNS_MAX)).await? {
        let parts = Arc::clone(parts);
        runs.spawn(async move {
            perform(&parts, &claim).await;
        });
    }
    Ok(())
}

/// Adds docmill's own schedules where they are missing.
pub(crate) async fn insert_built_in(parts: &Parts) -> database::Result<()> {
    let now = parts.clock.now();
    let added = schedules::insert_missing(&parts.database, &built_in::plans(now), now).await?;
    if added > 0 {
        tracing::info!("added {added} schedules of docmill's own");
    }
    Ok(())
}

/// Takes runs back of which the scheduler is not heard of any more.
pub(crate) async fn take_over(parts: &Parts) -> database::Result<()> {
    let now = parts.clock.now();
    let taken = schedules::take_over(&parts.database, now - SILENCE, BATCH, now).await?;
    if taken.waiting + taken.failed > 0 {
        let (waiting, failed) = (taken.waiting, taken.failed);
        tracing::warn!("took over {waiting} runs of schedulers that are silent and gave {failed} up");
    }
    Ok(())
}

/// Notes runs for every slot that has come. What cannot be understood is left to a release that can; `puzzling` remembers
/// what the log has been told.
pub(crate) async fn fire_due(parts: &Parts, puzzling: &mut BTreeSet<String>) -> database::Result<()> {
    let now = parts.clock.now();
    for schedule in schedules::due(&parts.database, now, BATCH).await? {
        if let Err(fault) = fire(parts, &schedule, now).await? {
            let name = &schedule.name;
            if puzzling.insert(format!("{name}:{}", schedule.version)) {
                tracing::warn!(
                    schedule.name = name,
                    "left the schedule {name} alone: {}: {fault}",
                    fault.pointer()
                );
            }
        }
    }
    Ok(())
}

async fn fire(
    parts: &Parts,
    schedule: &Schedule,
    now: chrono::DateTime<Utc>,
) -> database::Result<Result<(), domain::schedules::PlanFault>> {
    let timetable = match schedule.plan.work().and_then(|_| Ok(schedule.plan.timetable()?)) {
        Ok(timetable) => timetable,
        Err(fault) => return Ok(Err(fault)),
    };
    let Some(from) = schedule.next_at else {
        return Ok(Ok(()));
    };
    let due = due(&timetable, from, now, schedule.plan.missed);
    let Some(waiting) = schedules::fire(&parts.database, schedule, &due, now).await? else {
        return Ok(Ok(())); // another scheduler was first, or somebody has changed it
    };
    let name = &schedule.name;
    let missed: u64 = due.slots.iter().map(|slot| u64::from(slot.missed)).sum();
    if missed > 0 {
        tracing::warn!(
            schedule.name = name,
            missed,
            "the schedule {name} has missed {missed} of its times"
        );
    }
    if waiting == 0 {
        tracing::info!(schedule.name = name, "skipped a run of the schedule {name}");
    }
    Ok(Ok(()))
}

/// Claims as many runs as there is room for.
pub(crate) async fn claim(parts: &Parts, room: usize) -> database::Result<Vec<schedules::RunClaim>> {
    if room == 0 {
        return Ok(Vec::new());
    }
    let room = u32::try_from(room).unwrap_or(u32::MAX);
    schedules::claim(&parts.database, &parts.name, room, parts.clock.now()).await
}
