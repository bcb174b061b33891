//! Bounds of the parser children.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::ByteSize;
use domain::units::duration;
use serde::{Deserialize, Serialize};

/// The section `sandbox`: what a parser child may use before it is killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSettings {
    /// Children that parse at the same time; as many as processors when not set.
    pub children: Option<NonZeroU32>,
    /// The largest document that is given to a child.
    pub input_max: ByteSize,
    /// Address space of a child, the document and the program included.
    pub address_space_max: ByteSize,
    /// Memory that a child may keep between two documents; above it, it is replaced.
    pub resident_max: ByteSize,
    /// Time that a document may take, waiting for its bytes excluded.
    #[serde(with = "duration")]
    pub wall_time_max: Duration,
    /// Processor time that a document may take, in whole seconds. It ends a child whose worker is gone.
    #[serde(with = "duration")]
    pub cpu_time_max: Duration,
    /// Documents after which a child is replaced, against slow leaks.
    pub documents_per_child: NonZeroU32,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            children: None,
            input_max: ByteSize::from_mib(128),
            address_space_max: ByteSize::from_mib(512),
            resident_max: ByteSize::from_mib(256),
            wall_time_max: Duration::from_secs(20),
            cpu_time_max: Duration::from_secs(15),
            documents_per_child: const { NonZeroU32::new(200).unwrap() },
        }
    }
}

impl SandboxSettings {
    /// Everything that is wrong with the values, as `key: what is wrong`.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, problem: &str| {
            if !fine {
                problems.push(problem.to_owned());
            }
        };
        check(self.input_max.bytes() > 0, "input_max: must be more than nothing");
        check(
            self.address_space_max >= ByteSize::from_mib(64),
            "address_space_max: must be at least 64MiB, which the program itself needs",
        );
        check(
            self.address_space_max.bytes() / 2 >= self.input_max.bytes(),
            "address_space_max: must be at least twice input_max, for the document and its text",
        );
        check(
            !self.wall_time_max.is_zero(),
            "wall_time_max: must be more than nothing",
        );
        check(
            self.cpu_time_max >= Duration::from_secs(1),
            "cpu_time_max: must be at least 1s",
        );
        problems
    }

    /// Time after which a document with more to read keeps what it has: four fifths of what would end its child, so that the
    /// last page may still be finished.
    pub(crate) fn reading_time_max(&self) -> Duration {
        self.wall_time_max.min(self.cpu_time_max) * 4 / 5
    }

    /// Children that parse at the same time.
    pub(crate) fn children(&self) -> u32 {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.children
            .map_or_else(|| u32::try_from(processors()).unwrap_or(1), NonZeroU32::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_problems() {
        assert_eq!(SandboxSettings::default().problems(), [""; 0]);
        assert!(SandboxSettings::default().children() > 0);
    }

    #[test]
    fn a_document_stops_reading_before_it_would_be_stopped() {
        let settings = SandboxSettings {
            wall_time_max: Duration::from_secs(20),
            cpu_time_max: Duration::from_secs(10),
            ..SandboxSettings::default()
        };
        assert_eq!(settings.reading_time_max(), Duration::from_secs(8));
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let settings = SandboxSettings {
            address_space_max: ByteSize::from_mib(32),
            wall_time_max: Duration::ZERO,
            cpu_time_max: Duration::from_millis(500),
            ..SandboxSettings::default()
        };
        assert_eq!(settings.problems().len(), 4);
    }
}
