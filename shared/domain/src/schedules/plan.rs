//! Everything that an operator decides about a schedule.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{InvalidOption, InvalidTimetable, MissedRuns, Overlap, Timetable, Work, WorkKind};
use crate::UnknownWord;

/// Characters of a schedule's name.
pub const NAME_CHARS_MAX: usize = 100;
/// How often a failed run is tried again at most.
pub const RETRIES_MAX: i16 = 10;

/// What is done when, and what becomes of missed, overlapping and failed runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// A word of [`WorkKind`], or one that only another release knows.
    pub work: String,
    /// Options of the work, as a JSON object.
    pub options: Value,
    /// A cron expression of five fields; either this or an interval.
    pub cron: Option<String>,
    /// An interval in seconds; it is due at whole multiples since 1970.
    pub every_seconds: Option<u32>,
    /// The IANA name of the time zone in which the cron expression is read.
    pub time_zone: String,
    /// What becomes of slots that passed while no scheduler ran.
    pub missed: MissedRuns,
    /// What becomes of a slot that comes while an earlier run has not ended.
    pub overlap: Overlap,
    /// How often a failed run is tried again.
    pub retries: i16,
}

/// Parts of a plan that somebody wants otherwise, in words that are not checked yet. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanChanges {
    /// Only these options; one that is `null` has its default again.
    pub options: Option<Value>,
    /// A cron expression, in place of an interval if there was one.
    pub cron: Option<String>,
    /// An interval in seconds, in place of a cron expression if there was one.
    pub every_seconds: Option<u32>,
    /// A time zone.
    pub time_zone: Option<String>,
    /// A word of [`MissedRuns`].
    pub missed: Option<String>,
    /// A word of [`Overlap`].
    pub overlap: Option<String>,
    /// How often a failed run is tried again.
    pub retries: Option<i16>,
}

/// A part of a plan that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// The name of the schedule.
    #[error("must be 1 to {NAME_CHARS_MAX} characters of a-z, 0-9, _ and -, beginning with a letter")]
    Name,
    /// What is to be done.
    #[error(transparent)]
    Work(#[from] UnknownWord),
    /// Its options.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// When.
    #[error(transparent)]
    Timetable(#[from] InvalidTimetable),
    /// What becomes of missed slots.
    #[error("{0}")]
    Missed(UnknownWord),
    /// What becomes of overlapping runs.
    #[error("{0}")]
    Overlap(UnknownWord),
    /// The number of retries.
    #[error("must be between 0 and {RETRIES_MAX}")]
    Retries,
}

impl PlanFault {
    /// The part as a JSON pointer into the plan.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            Self::Name => "/name".to_owned(),
            Self::Work(_) => "/work".to_owned(),
            Self::Option(fault) if fault.option.is_empty() => "/options".to_owned(),
            Self::Option(fault) => {
                format!("/options/{}", fault.option.replace('~', "~0").replace('/', "~1"))
            }
            Self::Timetable(fault) => format!("/{}", fault.field()),
            Self::Missed(_) => "/missed".to_owned(),
            Self::Overlap(_) => "/overlap".to_owned(),
            Self::Retries => "/retries".to_owned(),
        }
    }
}

/// Checks the name of a schedule.
///
/// # Errors
/// When it is none.
pub fn check_name(name: &str) -> Result<(), PlanFault> {
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len());
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    let only = name
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    if fits && begins && only {
        Ok(())
    } else {
        Err(PlanFault::Name)
    }
}

impl Plan {
    /// A plan for a kind of work that does not say when yet: in UTC, the newest of missed slots, never beside itself, without
    /// retries.
    #[must_use]
    pub fn of(work: &str) -> Self {
        Self {
            work: work.to_owned(),
            options: Value::Object(serde_json::Map::new()),
            cron: None,
            every_seconds: None,
            time_zone: "UTC".to_owned(),
            missed: MissedRuns::RunOnce,
            overlap: Overlap::Skip,
            retries: 0,
        }
    }

    /// The plan with changes, still to be [`Plan::checked`].
    ///
    /// # Errors
    /// When a change is no word that could be meant.
    pub fn with(mut self, changes: PlanChanges) -> Result<Self, PlanFault> {
        if let Some(options) = changes.options {
            self.options = merged(self.options, options);
        }
        if changes.cron.is_some() || changes.every_seconds.is_some() {
            (self.cron, self.every_seconds) = (changes.cron, changes.every_seconds);
        }
        self.time_zone = changes.time_zone.unwrap_or(self.time_zone);
        if let Some(word) = changes.missed {
            self.missed = word.parse().map_err(PlanFault::Missed)?;
        }
        if let Some(word) = changes.overlap {
            self.overlap = word.parse().map_err(PlanFault::Overlap)?;
        }
        self.retries = changes.retries.unwrap_or(self.retries);
        Ok(self)
    }

    /// The work, if this release knows it and its options.
    ///
    /// # Errors
    /// When it does not.
    pub fn work(&self) -> Result<Work, PlanFault> {
        Ok(Work::read(self.work.parse::<WorkKind>()?, &self.options)?)
    }

    /// Whether another plan is due at the same times.
    #[must_use]
    pub fn is_due_as(&self, other: &Self) -> bool {
        (&self.cron, self.every_seconds, &self.time_zone)
            == (&other.cron, other.every_seconds, &other.time_zone)
    }

    /// When it is due.
    ///
    /// # Errors
    /// When the plan does not say.
    pub fn timetable(&self) -> Result<Timetable, InvalidTimetable> {
        Timetable::read(self.cron.as_deref(), self.every_seconds, &self.time_zone)
    }

    /// The same plan with all its options written out, and its first slot after a point in time.
    ///
    /// # Errors
    /// For the first part that cannot be used.
    pub fn checked(mut self, now: DateTime<Utc>) -> Result<(Self, DateTime<Utc>), PlanFault> {
        let timetable = self.timetable()?;
        self.options = self.work()?.options();
        if !(0..=RETRIES_MAX).contains(&self.retries) {
            return Err(PlanFault::Retries);
        }
        let next = timetable.next_after(now).ok_or(InvalidTimetable::Never)?;
        Ok((self, next))
    }
}

/// The options with changes (as RFC 7396 merges objects). What is no object is left for the check to refuse.
fn merged(options: Value, changes: Value) -> Value {
    let (Value::Object(mut options), Value::Object(changes)) = (options, changes.clone()) else {
        return changes;
    };
    for (name, value) in changes {
        if value.is_null() && options.contains_key(&name) {
            options.remove(&name);
        } else {
            options.insert(name, value);
        }
    }
    Value::Object(options)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> Plan {
        Plan {
            work: "clean_up".to_owned(),
            options: json!({}),
            cron: Some("0 2 * * *".to_owned()),
            every_seconds: None,
            time_zone: "UTC".to_owned(),
            missed: MissedRuns::RunOnce,
            overlap: Overlap::Skip,
            retries: 0,
        }
    }

    #[test]
    fn a_plan_that_can_be_used_has_all_its_options_and_a_first_slot() {
        let now = "2026-03-04T09:00:00Z".parse().unwrap();
        let (checked, next) = plan().checked(now).unwrap();
        assert_eq!(
            checked.options,
            json!({ "older_than_days": null, "dry_run": false })
        );
        assert_eq!(next.to_string(), "2026-03-05 02:00:00 UTC");
    }

    #[test]
    fn changes_leave_everything_else_as_it_was() {
        let changed = |changes| plan().with(changes).unwrap();
        assert_eq!(changed(PlanChanges::default()), plan());
        let interval = changed(PlanChanges {
            every_seconds: Some(60),
            ..PlanChanges::default()
        });
        assert_eq!((interval.cron, interval.every_seconds), (None, Some(60)));
        let options = |options| PlanChanges {
            options: Some(options),
            ..PlanChanges::default()
        };
        let thirty = changed(options(json!({ "older_than_days": 30 })));
        let dry = thirty.with(options(json!({ "dry_run": true }))).unwrap();
        assert_eq!(dry.options, json!({ "older_than_days": 30, "dry_run": true }));
        let kept = dry.with(options(json!({ "older_than_days": null }))).unwrap();
        assert_eq!(kept.options, json!({ "dry_run": true }));
        let overlap = PlanChanges {
            overlap: Some("maybe".to_owned()),
            ..PlanChanges::default()
        };
        assert_eq!(plan().with(overlap).unwrap_err().pointer(), "/overlap");
    }

    #[test]
    fn the_part_that_cannot_be_used_is_pointed_at() {
        let pointer = |change: fn(&mut Plan)| {
            let mut plan = plan();
            change(&mut plan);
            plan.checked(DateTime::UNIX_EPOCH).unwrap_err().pointer()
        };
        assert_eq!(pointer(|plan| plan.work = "dance".to_owned()), "/work");
        assert_eq!(pointer(|plan| plan.options = json!(3)), "/options");
        assert_eq!(
            pointer(|plan| plan.options = json!({ "a/b": 1 })),
            "/options/a~1b"
        );
        assert_eq!(pointer(|plan| plan.cron = None), "/cron");
        assert_eq!(pointer(|plan| plan.time_zone = "Mars".to_owned()), "/time_zone");
        assert_eq!(pointer(|plan| plan.retries = 11), "/retries");
        for name in ["", "Nightly", "2nd", "a b", "é", &"a".repeat(101)] {
            assert_eq!(check_name(name), Err(PlanFault::Name), "{name}");
        }
        assert_eq!(check_name("nightly-2_b"), Ok(()));
    }
}
