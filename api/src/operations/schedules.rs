//! What operators do with schedules.

use chrono::{DateTime, Utc};
use database::DatabaseError;
use database::schedules::{self, Added, Changed, Run, RunFilter, RunNow, Schedule};
use database::tasks::Operator;
use domain::RunId;
use domain::schedules::{Plan, PlanChanges, PlanFault, check_name};
use serde_json::Value;

use crate::auth::caller::Identity;
use crate::context::Api;

/// Slots that are shown ahead.
const UPCOMING: usize = 5;

/// A schedule with what one asks next.
pub(crate) struct Shown {
    pub(crate) schedule: Schedule,
    /// Its next slots; none while it is paused.
    pub(crate) upcoming: Vec<DateTime<Utc>>,
    pub(crate) last_run: Option<Run>,
}

/// Why an operator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Fault(#[from] PlanFault),
    #[error("there is a schedule of that name")]
    NameTaken,
    #[error("there is no such schedule")]
    NoSuchSchedule,
    #[error("send the ETag of the version that you have seen in If-Match")]
    NoVersion,
    #[error("the schedule was changed after you saw it; look at it again")]
    Stale,
    #[error("the schedule comes with docmill; pause it instead")]
    BuiltIn,
    #[error("a run is under way, and this schedule has none beside it")]
    Busy,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The version of a schedule as an entity tag. Firing changes none.
pub(crate) fn etag(schedule: &Schedule) -> String {
    format!("\"{}\"", schedule.version)
}

/// At most `limit` schedules by name, from the `offset`-th on.
pub(crate) async fn list(api: &Api, offset: u64, limit: u64) -> Result<Vec<Shown>, Refused> {
    let found = schedules::list(&api.database, offset, limit).await?;
    let ids: Vec<_> = found.iter().map(|schedule| schedule.id).collect();
    let mut runs = schedules::latest_runs(&api.database, &ids).await?;
    let shown = found.into_iter().map(|schedule| {
        let last_run = runs.iter().position(|run| run.schedule == schedule.id);
        let last_run = last_run.map(|place| runs.swap_remove(place));
        shown(schedule, last_run)
    });
    Ok(shown.collect())
}

/// A schedule.
pub(crate) async fn find(api: &Api, name: &str) -> Result<Shown, Refused> {
    let schedule = the(api, name).await?;
    let last_run = schedules::latest_runs(&api.database, &[schedule.id]).await?.pop();
    Ok(shown(schedule, last_run))
}

fn shown(schedule: Schedule, last_run: Option<Run>) -> Shown {
    let upcoming = match (schedule.next_at, schedule.plan.timetable()) {
        (Some(first), Ok(timetable)) => {
            let mut upcoming = vec![first];
            upcoming.extend(timetable.upcoming(first, UPCOMING - 1));
            upcoming
        }
        (next_at, _) => next_at.into_iter().collect(),
    };
    Shown {
        schedule,
        upcoming,
        last_run,
    }
}

/// Adds a schedule and returns it.
pub(crate) async fn add(
    api: &Api,
    who: Identity,
    name: &str,
    work: &str,
    parts: PlanChanges,
) -> Result<Shown, Refused> {
    check_name(name)?;
    let now = api.clock.now();
    let (plan, next_at) = Plan::of(work).with(parts)?.checked(now)?;
    match schedules::add(&api.database, name, &plan, next_at, by(who), now).await? {
        Added::Now(_) => find(api, name).await,
        Added::NameTaken => Err(Refused::NameTaken),
    }
}

/// Changes a schedule if it is in the version that `wanted` accepts, and returns it.
pub(crate) async fn edit(
    api: &Api,
    who: Identity,
    name: &str,
    wanted: impl Fn(&Schedule) -> Result<(), Refused>,
    changes: PlanChanges,
) -> Result<Shown, Refused> {
    let schedule = the(api, name).await?;
    wanted(&schedule)?;
    let now = api.clock.now();
    let (plan, next_at) = schedule.plan.clone().with(changes)?.checked(now)?;
    // Whoever only changes an option does not lose the slot that is due this moment.
    let same = plan.is_due_as(&schedule.plan);
    let next_at = schedule.next_at.filter(|_| same).unwrap_or(next_at);
    let version = schedule.version;
    changed(schedules::edit(&api.database, name, version, &plan, next_at, by(who), now).await?)?;
    find(api, name).await
}

/// Removes a schedule if it is in the version that `wanted` accepts. One that is not there is removed already.
pub(crate) async fn remove(
    api: &Api,
    who: Identity,
    name: &str,
    wanted: impl Fn(&Schedule) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let Some(schedule) = schedules::find(&api.database, name).await? else {
        return Ok(());
    };
    wanted(&schedule)?;
    let version = Some(schedule.version);
    match schedules::remove(&api.database, name, version, by(who), api.clock.now()).await? {
        Changed::NoSuchSchedule => Ok(()),
        other => changed(other),
    }
}

/// Stops a schedule from firing, and returns it.
pub(crate) async fn pause(api: &Api, who: Identity, name: &str) -> Result<Shown, Refused> {
    changed(schedules::pause(&api.database, name, by(who), api.clock.now()).await?)?;
    find(api, name).await
}

/// Lets a schedule fire again, and returns it.
pub(crate) async fn resume(api: &Api, who: Identity, name: &str) -> Result<Shown, Refused> {
    let now = api.clock.now();
    let (_, next_at) = the(api, name).await?.plan.checked(now)?;
    changed(schedules::resume(&api.database, name, next_at, by(who), now).await?)?;
    find(api, name).await
}

/// Notes a run at once, with some options other than the schedule's, and returns it.
pub(crate) async fn run(
    api: &Api,
    who: Identity,
    name: &str,
    options: Option<Value>,
) -> Result<Run, Refused> {
    let now = api.clock.now();
    let changes = PlanChanges {
        options,
        ..PlanChanges::default()
    };
    let (plan, _) = the(api, name).await?.plan.with(changes)?.checked(now)?;
    match schedules::run_now(&api.database, name, &plan.options, by(who), now).await? {
        RunNow::Noted(id) => schedules::find_run(&api.database, id)
            .await?
            .ok_or(Refused::NoSuchSchedule),
        RunNow::Busy => Err(Refused::Busy),
        RunNow::NoSuchSchedule => Err(Refused::NoSuchSchedule),
    }
}

/// Runs of a schedule, those noted last first, at most `limit`.
pub(crate) async fn runs(api: &Api, name: &str, filter: RunFilter, limit: u64) -> Result<Vec<Run>, Refused> {
    let schedule = the(api, name).await?;
    Ok(schedules::list_runs(&api.database, schedule.id, filter, limit).await?)
}

/// A run of a schedule.
pub(crate) async fn find_run(api: &Api, name: &str, id: RunId) -> Result<Run, Refused> {
    let schedule = the(api, name).await?;
    let run = schedules::find_run(&api.database, id).await?;
    run.filter(|run| run.schedule == schedule.id)
        .ok_or(Refused::NoSuchSchedule)
}

async fn the(api: &Api, name: &str) -> Result<Schedule, Refused> {
    schedules::find(&api.database, name)
        .await?
        .ok_or(Refused::NoSuchSchedule)
}

fn changed(changed: Changed) -> Result<(), Refused> {
    match changed {
        Changed::Now => Ok(()),
        Changed::Stale => Err(Refused::Stale),
        Changed::BuiltIn => Err(Refused::BuiltIn),
        Changed::NoSuchSchedule => Err(Refused::NoSuchSchedule),
    }
}

fn by(who: Identity) -> Operator {
    Operator {
        user: Some(who.user),
        origin: who.origin,
    }
}
