//! What schedules and their runs look like to operators.

use database::schedules::Run;
use domain::schedules::{MissedRuns, Overlap, PlanChanges, RunCause, RunState};
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::schema::{Timestamp, mirror};
use crate::operations::schedules::Shown;

mirror! {
    /// What becomes of times that passed while no scheduler ran. More words may come.
    MissedName = MissedRuns { RunOnce, RunAll, Skip }
}
mirror! {
    /// What becomes of a time that comes while an earlier run has not ended. More words may come.
    OverlapName = Overlap { Skip, Queue, CancelPrevious }
}
mirror! {
    /// Where a run stands. More words may come.
    RunStateName = RunState { Waiting, Running, Done, Failed, Skipped, Cancelled }
}
mirror! {
    /// Why there is a run: its time had come, or a person wanted it.
    RunCauseName = RunCause { Slot, Person }
}

/// A schedule to be made.
#[derive(Debug, Object)]
#[oai(rename = "NewSchedule", deny_unknown_fields)]
pub(super) struct NewScheduleBody {
    /// 1 to 100 characters of a-z, 0-9, _ and -, beginning with a letter.
    pub(super) name: String,
    /// What it does: clean_up, delete_expired_rows or delete_leftover_objects.
    pub(super) work: String,
    /// Options of the work; what is absent has its default.
    options: Option<Value>,
    /// Minute, hour, day of month, month, day of week. Either this or `every_seconds`.
    cron: Option<String>,
    /// An interval; due at its whole multiples since 1970.
    every_seconds: Option<u32>,
    /// IANA name of the zone in which `cron` is read; UTC when absent.
    time_zone: Option<String>,
    /// run_once (the newest, when absent), run_all or skip.
    missed: Option<String>,
    /// skip (when absent), queue or cancel_previous.
    overlap: Option<String>,
    /// How often a failed run is tried again, 0 to 10; 0 when absent.
    retries: Option<i16>,
}

/// Changes of a schedule. What is absent stays as it is.
#[derive(Debug, Object)]
#[oai(rename = "ScheduleChanges", deny_unknown_fields)]
pub(super) struct ScheduleChangesBody {
    /// Only these options; one that is null has its default again.
    options: Option<Value>,
    /// In place of `every_seconds`.
    cron: Option<String>,
    /// In place of `cron`.
    every_seconds: Option<u32>,
    time_zone: Option<String>,
    missed: Option<String>,
    overlap: Option<String>,
    retries: Option<i16>,
}

/// A run that is wanted at once.
#[derive(Debug, Object)]
#[oai(rename = "RunRequest", deny_unknown_fields)]
pub(super) struct RunRequestBody {
    /// Options that differ from the schedule's, for this run only.
    pub(super) options: Option<Value>,
}

/// What happens again and again.
#[derive(Debug, Object)]
#[oai(rename = "Schedule", skip_serializing_if_is_none)]
pub(super) struct ScheduleBody {
    name: String,
    /// What it does. More words may come.
    work: String,
    options: Value,
    cron: Option<String>,
    every_seconds: Option<u32>,
    time_zone: String,
    missed: MissedName,
    overlap: OverlapName,
    retries: i16,
    /// Whether it came with docmill; such a one can be edited and paused, and not removed.
    built_in: bool,
    paused_at: Option<Timestamp>,
    /// When it is due next; absent while it is paused.
    next_at: Option<Timestamp>,
    /// The next five times; none while it is paused.
    upcoming: Vec<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_run: Option<RunBody>,
}

/// A page of schedules.
#[derive(Debug, Object)]
#[oai(rename = "SchedulePage", skip_serializing_if_is_none)]
pub(super) struct SchedulePage {
    pub(super) items: Vec<ScheduleBody>,
    /// Where the list goes on; absent on the last page.
    pub(super) next_cursor: Option<String>,
}

/// A run of a schedule.
#[derive(Debug, Object)]
#[oai(rename = "Run", skip_serializing_if_is_none)]
pub(super) struct RunBody {
    id: String,
    state: RunStateName,
    cause: RunCauseName,
    /// The time that it is for.
    slot: Timestamp,
    /// Options of the work, as they were then.
    options: Value,
    /// Earlier times for which it stands; counted up to 100.
    missed: i32,
    attempt: i16,
    max_attempts: i16,
    /// How often its scheduler was lost.
    takeovers: i16,
    /// The scheduler that does it, or did it last: host and process.
    scheduler: Option<String>,
    /// When it may begin.
    run_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// What it did, in figures that depend on the work.
    report: Option<Value>,
    /// Why it did not, or why its last attempt did not.
    error: Option<String>,
    /// The account that wanted it.
    requested_by: Option<String>,
}

/// A page of runs.
#[derive(Debug, Object)]
#[oai(rename = "RunPage", skip_serializing_if_is_none)]
pub(super) struct RunPage {
    pub(super) items: Vec<RunBody>,
    /// Where the list goes on; absent on the last page.
    pub(super) next_cursor: Option<String>,
}

impl NewScheduleBody {
    /// Name, work, and the rest of the plan.
    pub(super) fn parts(self) -> (String, String, PlanChanges) {
        let parts = PlanChanges {
            options: self.options,
            cron: self.cron,
            every_seconds: self.every_seconds,
            time_zone: self.time_zone,
            missed: self.missed,
            overlap: self.overlap,
            retries: self.retries,
        };
        (self.name, self.work, parts)
    }
}

impl From<ScheduleChangesBody> for PlanChanges {
    fn from(body: ScheduleChangesBody) -> Self {
        Self {
            options: body.options,
            cron: body.cron,
            every_seconds: body.every_seconds,
            time_zone: body.time_zone,
            missed: body.missed,
            overlap: body.overlap,
            retries: body.retries,
        }
    }
}

impl From<Shown> for ScheduleBody {
    fn from(shown: Shown) -> Self {
        let Shown {
            schedule,
            upcoming,
            last_run,
        } = shown;
        Self {
            name: schedule.name,
            work: schedule.plan.work,
            options: schedule.plan.options,
            cron: schedule.plan.cron,
            every_seconds: schedule.plan.every_seconds,
            time_zone: schedule.plan.time_zone,
            missed: schedule.plan.missed.into(),
            overlap: schedule.plan.overlap.into(),
            retries: schedule.plan.retries,
            built_in: schedule.built_in,
            paused_at: schedule.paused_at.map(Timestamp::from),
            next_at: schedule.next_at.map(Timestamp::from),
            upcoming: upcoming.into_iter().map(Timestamp::from).collect(),
            created_at: schedule.created_at.into(),
            updated_at: schedule.updated_at.into(),
            last_run: last_run.map(RunBody::from),
        }
    }
}

impl From<Run> for RunBody {
    fn from(run: Run) -> Self {
        Self {
            id: run.id.to_string(),
            state: run.state.into(),
            cause: run.cause.into(),
            slot: run.slot.into(),
            options: run.options,
            missed: run.missed,
            attempt: run.attempt,
            max_attempts: run.attempts_max,
            takeovers: run.takeovers,
            scheduler: run.owner,
            run_at: run.run_at.into(),
            started_at: run.started_at.map(Timestamp::from),
            finished_at: run.finished_at.map(Timestamp::from),
            report: run.report,
            error: run.error,
            requested_by: run.requested_by.map(|user| user.to_string()),
        }
    }
}
