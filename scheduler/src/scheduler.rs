//! A scheduler process from its start to its end.

use std::sync::Arc;

use database::{Database, SchedulingSettings};
use domain::{QueueName, SharedClock};
use queue::SharedHints;
use storage::Storage;
use tokio_util::sync::CancellationToken;

use crate::{dispatcher, recurring, schedules};

/// What a scheduler is made of.
pub struct Parts {
    /// The truth.
    pub database: Database,
    /// The bytes.
    pub storage: Storage,
    /// Where hints go.
    pub hints: SharedHints,
    /// The time.
    pub clock: SharedClock,
    /// The section `scheduling`.
    pub scheduling: SchedulingSettings,
    /// What people call this process: host and process, see [`process_name`].
    pub name: String,
    /// Set when the process stops.
    pub stopping: CancellationToken,
}

/// Host and process, as people know them.
#[must_use]
pub fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "unknown",
        host => host,
    };
    format!("{host}-{}", std::process::id())
}

/// A scheduler that has not begun.
pub struct Scheduler(Arc<Parts>);

impl Scheduler {
    /// Puts a scheduler together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Works until the process is asked to stop. A database or queue that is away is waited for.
    pub async fn run(self) {
        let Self(parts) = self;
        tracing::info!("scheduler is ready");
        let mut loops = tokio::task::JoinSet::new();
        for queue in QueueName::ALL {
            loops.spawn(dispatcher::run(Arc::clone(&parts), *queue));
        }
        for work in recurring::TABLE {
            loops.spawn(recurring::run(Arc::clone(&parts), work));
        }
        loops.spawn(schedules::run(Arc::clone(&parts)));
        while let Some(ended) = loops.join_next().await {
            if let Err(error) = ended {
                tracing::error!("a loop of the scheduler panicked: {error}");
            }
        }
        tracing::info!("scheduler has ended");
    }
}
