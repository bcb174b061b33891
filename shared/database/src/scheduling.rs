//! What an operator may choose about who is served, and how much.

use std::collections::BTreeMap;

use domain::TaskKind;
use serde::Deserialize;

/// Larger weights would make turns so long that the others wait for them.
pub const WEIGHT_MAX: u32 = 100;

/// The section `scheduling`. Schedulers read it and write it down for everybody else, so it needs to be set nowhere else.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SchedulingSettings {
    /// Tasks that a tenant may start in its turn, 1 to 100, where nothing else is set for that tenant.
    pub weight: u32,
    /// Tasks of one tenant under way at most; 0 for any number.
    pub running_max: u32,
    /// Tasks of one tenant that wait at most; 0 for any number. Uploads beyond it are refused.
    pub queued_max: u32,
    /// Tasks of a kind under way at most in the whole fleet.
    pub kinds: BTreeMap<String, u32>,
}

impl Default for SchedulingSettings {
    fn default() -> Self {
        Self {
            weight: 1,
            running_max: 0,
            queued_max: 100_000,
            kinds: BTreeMap::new(),
        }
    }
}

impl SchedulingSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=WEIGHT_MAX).contains(&self.weight) {
            problems.push(format!(
                "weight: {} is not between 1 and {WEIGHT_MAX}",
                self.weight
            ));
        }
        for (kind, running_max) in &self.kinds {
            if let Err(error) = kind.parse::<TaskKind>() {
                problems.push(format!("kinds: {error}"));
            }
            if *running_max == 0 {
                problems.push(format!(
                    "kinds.{kind}: must be more than 0; pause the queue instead"
                ));
            }
        }
        let bounds = [("running_max", self.running_max), ("queued_max", self.queued_max)];
        for (key, bound) in bounds
            .into_iter()
            .chain(self.kinds.iter().map(|(kind, max)| (kind.as_str(), *max)))
        {
            if i32::try_from(bound).is_err() {
                problems.push(format!("{key}: must be at most {}", i32::MAX));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_section_is_told() {
        assert_eq!(SchedulingSettings::default().problems(), Vec::<String>::new());
        let wrong = SchedulingSettings {
            weight: 0,
            kinds: [("process_document".to_owned(), 0), ("knit".to_owned(), 2)].into(),
            ..SchedulingSettings::default()
        };
        let problems = wrong.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("weight: 0 "), "{problems:?}");
    }
}
