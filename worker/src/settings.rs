//! What an operator may choose about workers.

use std::time::Duration;

use serde::Deserialize;

/// The section `worker`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSettings {
    /// Tasks that one worker process runs at once, 1 to 256. Default: two for each processor, for while one waits for
    /// storage another one computes.
    pub slots: usize,
    /// How long running tasks may take once the process is asked to stop, before they are given back.
    #[serde(with = "domain::units::duration")]
    pub grace: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            slots: (2 * processors).min(256),
            grace: Duration::from_secs(20),
        }
    }
}

impl WorkerSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        if (1..=256).contains(&self.slots) {
            return Vec::new();
        }
        vec![format!("slots: {} is not between 1 and 256", self.slots)]
    }
}
