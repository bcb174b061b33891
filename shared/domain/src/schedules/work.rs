//! What schedules do, and the options of each kind. The options lie in the schedule's row as JSON; what is absent has its
//! default, what is unknown is refused.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::WorkKind;

/// A hundred years: longer than anything is kept.
const DAYS_MAX: u32 = 36_500;
/// Runs of one schedule that may be kept.
const RUNS_MAX: u32 = 1_000_000;

/// A kind of work with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Deletes rows that have served their time.
    DeleteExpiredRows(ExpiredRows),
    /// Deletes objects in storage that no row points at.
    DeleteLeftoverObjects(LeftoverObjects),
    /// Deletes old jobs with their documents and results.
    CleanUp(CleanUp),
}

/// Options of [`WorkKind::DeleteExpiredRows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiredRows {
    /// Days that a session is kept after its end, to recognise the reuse of a spent refresh token.
    pub ended_sessions_days: u32,
    /// Hours for which a client may send the same request again.
    pub idempotency_keys_hours: u32,
    /// Days that a given-up task waits for an operator, with the history of its attempts. Its document keeps its reason.
    pub given_up_tasks_days: u32,
    /// Days for which the tasks of a worker that is gone have the name of their owner.
    pub workers_days: u32,
    /// Days that ended runs of schedules are kept.
    pub runs_days: u32,
    /// Runs of one schedule that are kept, the newest, however young they are.
    pub runs_per_schedule_max: u32,
}

impl Default for ExpiredRows {
    fn default() -> Self {
        Self {
            ended_sessions_days: 7,
            idempotency_keys_hours: 24,
            given_up_tasks_days: 30,
            workers_days: 30,
            runs_days: 90,
            runs_per_schedule_max: 10_000,
        }
    }
}

/// Options of [`WorkKind::DeleteLeftoverObjects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftoverObjects {
    /// Hours for which an object without a row is left alone: an upload may take long before its row is written.
    pub older_than_hours: u32,
}

impl Default for LeftoverObjects {
    fn default() -> Self {
        Self { older_than_hours: 24 }
    }
}

/// Options of [`WorkKind::CleanUp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanUp {
    /// Jobs that were handed in more than so many days ago, and have ended, are deleted; `None` keeps all for ever.
    pub older_than_days: Option<u32>,
    /// Counts what would be deleted, and deletes nothing.
    pub dry_run: bool,
}

/// An option that is not one, or has no such value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct InvalidOption {
    /// Its name; empty when the options as a whole are none.
    pub option: String,
    /// What is wrong, and what is allowed.
    pub detail: String,
}

impl Work {
    /// Reads the options of a kind of work: a JSON object of which every part may be absent.
    ///
    /// # Errors
    /// When an option is unknown, or is out of its bounds.
    pub fn read(kind: WorkKind, options: &Value) -> Result<Self, InvalidOption> {
        match kind {
            WorkKind::DeleteExpiredRows => {
                let read: ExpiredRows = over_defaults(options)?;
                read.check().map(|()| Self::DeleteExpiredRows(read))
            }
            WorkKind::DeleteLeftoverObjects => {
                let read: LeftoverObjects = over_defaults(options)?;
                // Less would take uploads that are under way.
                within("older_than_hours", read.older_than_hours, 2, DAYS_MAX * 24)?;
                Ok(Self::DeleteLeftoverObjects(read))
            }
            WorkKind::CleanUp => {
                let read: CleanUp = over_defaults(options)?;
                within("older_than_days", read.older_than_days.unwrap_or(1), 1, DAYS_MAX)?;
                Ok(Self::CleanUp(read))
            }
        }
    }

    /// All options, the defaults too.
    #[must_use]
    pub fn options(&self) -> Value {
        let options = match self {
            Self::DeleteExpiredRows(options) => serde_json::to_value(options),
            Self::DeleteLeftoverObjects(options) => serde_json::to_value(options),
            Self::CleanUp(options) => serde_json::to_value(options),
        };
        options.unwrap_or_default()
    }
}

impl ExpiredRows {
    fn check(&self) -> Result<(), InvalidOption> {
        let Self {
            ended_sessions_days,
            idempotency_keys_hours,
            given_up_tasks_days,
            workers_days,
            runs_days,
            runs_per_schedule_max,
        } = *self;
        within("ended_sessions_days", ended_sessions_days, 1, DAYS_MAX)?;
        within("idempotency_keys_hours", idempotency_keys_hours, 1, DAYS_MAX * 24)?;
        within("given_up_tasks_days", given_up_tasks_days, 1, DAYS_MAX)?;
        within("workers_days", workers_days, 1, DAYS_MAX)?;
        within("runs_days", runs_days, 1, DAYS_MAX)?;
        within("runs_per_schedule_max", runs_per_schedule_max, 1, RUNS_MAX)
    }
}

fn within(option: &str, value: u32, min: u32, max: u32) -> Result<(), InvalidOption> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(InvalidOption {
        option: option.to_owned(),
        detail: format!("must be between {min} and {max}"),
    })
}

/// The defaults with what is given, one option after the other, so that the wrong one has a name.
fn over_defaults<T: Default + Serialize + DeserializeOwned>(given: &Value) -> Result<T, InvalidOption> {
    let Some(given) = given.as_object() else {
        return Err(InvalidOption {
            option: String::new(),
            detail: "must be a JSON object".to_owned(),
        });
    };
    let defaults = serde_json::to_value(T::default()).unwrap_or_default();
    let mut options: Map<String, Value> = defaults.as_object().cloned().unwrap_or_default();
    let mut read = T::default();
    for (name, value) in given {
        let wrong = |detail: String| InvalidOption {
            option: name.clone(),
            detail,
        };
        if !options.contains_key(name) {
            let known: Vec<&str> = options.keys().map(String::as_str).collect();
            return Err(wrong(format!("is none of: {}", known.join(", "))));
        }
        options.insert(name.clone(), value.clone());
        read = serde_json::from_value(Value::Object(options.clone()))
            .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(read)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_has_its_default_and_reads_back() {
        for kind in WorkKind::ALL {
            let work = Work::read(*kind, &json!({})).unwrap();
            assert_eq!(Work::read(*kind, &work.options()).unwrap(), work);
        }
        let work = Work::read(WorkKind::CleanUp, &json!({ "older_than_days": 30 })).unwrap();
        assert_eq!(work.options(), json!({ "older_than_days": 30, "dry_run": false }));
    }

    #[test]
    fn a_wrong_option_is_named() {
        let wrong = |kind, options| Work::read(kind, &options).unwrap_err();
        let unknown = wrong(WorkKind::CleanUp, json!({ "older_than": 3 }));
        assert_eq!(unknown.option, "older_than");
        assert_eq!(unknown.detail, "is none of: older_than_days, dry_run");
        for options in [
            json!({ "older_than_days": 0 }),
            json!({ "dry_run": true, "older_than_days": "x" }),
        ] {
            assert_eq!(wrong(WorkKind::CleanUp, options).option, "older_than_days");
        }
        let sessions = json!({ "ended_sessions_days": 40_000 });
        assert_eq!(
            wrong(WorkKind::DeleteExpiredRows, sessions).option,
            "ended_sessions_days"
        );
        let hours = json!({ "older_than_hours": 1 });
        assert_eq!(
            wrong(WorkKind::DeleteLeftoverObjects, hours).option,
            "older_than_hours"
        );
        assert_eq!(wrong(WorkKind::CleanUp, json!([])).option, "");
    }
}
