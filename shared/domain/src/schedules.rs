//! What happens again and again: kinds of work with their options, when they are due, and what becomes of a time that was
//! missed or that comes while the run before it has not ended.

mod due;
mod plan;
mod timetable;
mod work;

pub use due::{Due, DueSlot, SLOTS_AT_ONCE_MAX, due};
pub use plan::{NAME_CHARS_MAX, Plan, PlanChanges, PlanFault, RETRIES_MAX, check_name};
pub use timetable::{EVERY_SECONDS_MAX, InvalidTimetable, Timetable};
pub use work::{CleanUp, ExpiredRows, InvalidOption, LeftoverObjects, Work};

use crate::UnknownWord;
use crate::states::words;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

words! {
    /// What a schedule does.
    WorkKind {
        /// Deletes rows that have served their time.
        DeleteExpiredRows = "delete_expired_rows",
        /// Deletes objects in storage that no row points at.
        DeleteLeftoverObjects = "delete_leftover_objects",
        /// Deletes old jobs with their documents and results.
        CleanUp = "clean_up",
    }
}

words! {
    /// What becomes of slots that passed while no scheduler ran.
    MissedRuns {
        /// The newest one runs, once, in place of all of them.
        RunOnce = "run_once",
        /// Each of them runs, one after the other; the newest 100 at most.
        RunAll = "run_all",
        /// None of them runs. A slot counts as missed when it is seen more than a minute late.
        Skip = "skip",
    }
}

words! {
    /// What becomes of a slot that comes while an earlier run has not ended.
    Overlap {
        /// It does not run.
        Skip = "skip",
        /// It waits until the earlier ones have ended.
        Queue = "queue",
        /// The earlier ones are cancelled, and it runs.
        CancelPrevious = "cancel_previous",
    }
}

words! {
    /// Where a run stands.
    RunState {
        /// Waits for a scheduler, for an earlier run, or for its next attempt.
        Waiting = "waiting",
        /// A scheduler does it, as long as that one is heard of.
        Running = "running",
        /// It has done what it should.
        Done = "done",
        /// Every attempt failed.
        Failed = "failed",
        /// It never ran: missed, or an earlier one was under way.
        Skipped = "skipped",
        /// The next one took its place.
        Cancelled = "cancelled",
    }
}

words! {
    /// Why there is a run.
    RunCause {
        /// Its time had come.
        Slot = "slot",
        /// Somebody wanted it at once.
        Person = "person",
    }
}

impl RunState {
    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}
