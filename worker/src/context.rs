//! What every task has at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use database::Database;
use database::tasks::Claim;
use domain::{SharedClock, TaskId, WorkerId};
use queue::{SharedEvents, SharedHints};
use sandbox::ParserPool;
use storage::Storage;
use telemetry::metrics;
use tokio_util::sync::CancellationToken;

use crate::settings::WorkerSettings;

/// What a worker is made of.
pub struct Parts {
    /// The truth.
    pub database: Database,
    /// The bytes.
    pub storage: Storage,
    /// Where hints come from.
    pub hints: SharedHints,
    /// Where changes of jobs are told.
    pub events: SharedEvents,
    /// Those who read documents.
    pub parsers: ParserPool,
    /// The time.
    pub clock: SharedClock,
    /// The section `worker`.
    pub settings: WorkerSettings,
    /// Set when the process stops.
    pub stopping: CancellationToken,
}

/// What a running task has at hand.
pub(crate) struct Context {
    pub(crate) database: Database,
    pub(crate) storage: Storage,
    pub(crate) events: SharedEvents,
    pub(crate) parsers: ParserPool,
    pub(crate) clock: SharedClock,
    pub(crate) running: Running,
    /// Tasks that run at once.
    pub(crate) slots: usize,
}

/// The tasks that run right now in this process, each with the means to stop it.
#[derive(Default)]
pub(crate) struct Running(Mutex<HashMap<TaskId, (i64, CancellationToken)>>);

/// Takes a task out of [`Running`] when it ends, however it ends.
pub(crate) struct Registered {
    context: Arc<Context>,
    task: TaskId,
    /// Set when the task is no longer wanted.
    pub(crate) unwanted: CancellationToken,
}

impl Running {
    /// Notes that a task has begun.
    pub(crate) fn begin(context: &Arc<Context>, claim: &Claim) -> Registered {
        let unwanted = CancellationToken::new();
        let mut running = context.running.lock();
        running.insert(claim.task, (claim.fence, unwanted.clone()));
        metrics::worker_slots(context.slots, running.len());
        drop(running);
        Registered {
            context: Arc::clone(context),
            task: claim.task,
            unwanted,
        }
    }

    /// The tasks that run right now.
    pub(crate) fn snapshot(&self) -> Vec<(TaskId, i64)> {
        self.lock()
            .iter()
            .map(|(task, (fence, _))| (*task, *fence))
            .collect()
    }

    /// Stops one run, if it still goes on.
    pub(crate) fn stop(&self, task: TaskId, fence: i64) {
        if let Some((running, unwanted)) = self.lock().get(&task)
            && *running == fence
        {
            unwanted.cancel();
        }
    }

    /// Stops every run.
    pub(crate) fn stop_all(&self) {
        self.lock().values().for_each(|(_, unwanted)| unwanted.cancel());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, (i64, CancellationToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut running = self.context.running.lock();
        running.remove(&self.task);
        metrics::worker_slots(self.context.slots, running.len());
    }
}

/// Who this process is towards the fleet.
pub(crate) fn identity(settings: &WorkerSettings) -> database::workers::Worker {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() {
        "worker"
    } else {
        host.trim()
    };
    database::workers::Worker {
        id: WorkerId::new(),
        name: format!("{host}-{}", std::process::id()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots: i32::try_from(settings.slots).unwrap_or(i32::MAX),
    }
}
