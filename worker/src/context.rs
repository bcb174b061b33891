//! What every task has at hand.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use database::Database;
use database::tasks::Claim;
use domain::{SharedClock, TaskId, WorkerId};
use mail::Post;
use queue::{SharedEvents, SharedHints};
use sandbox::{OcrEngine, ParserPool};
use sealing::Sealing;
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
    /// What opens the passwords of documents.
    pub sealing: Sealing,
    /// How messages get away; without it they are left to other workers.
    pub post: Option<Post>,
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
    pub(crate) sealing: Sealing,
    pub(crate) clock: SharedClock,
    pub(crate) running: Running,
    /// Tasks that run at once.
    pub(crate) slots: usize,
}

/// A claim that got no answer has taken effect by then, or never will: twice as long as any statement may take.
const CLAIM_APPEARS_MAX: Duration = Duration::from_secs(60);

/// A claim: its task and its fence. A task may be claimed anew while an earlier run of it has not yet noticed that it lost.
pub(crate) type Run = (TaskId, i64);

/// The runs of this process, each with the means to stop it.
#[derive(Default)]
pub(crate) struct Running {
    runs: Mutex<HashMap<Run, CancellationToken>>,
    /// Runs that have ended and whose end could not be written down.
    unclosed: Mutex<HashSet<Run>>,
    /// When the answer to a claim was lost last. There may be claims in the database of which this process does not know.
    unsure_since: Mutex<Option<Instant>>,
    /// Set when the worker stops and everything unfinished was given back.
    handed_back: AtomicBool,
}

/// Takes a task out of [`Running`] when it ends, however it ends.
pub(crate) struct Registered {
    context: Arc<Context>,
    run: Run,
    /// Set when the task is no longer wanted.
    pub(crate) unwanted: CancellationToken,
}

impl Running {
    /// Notes that a task has begun.
    pub(crate) fn begin(context: &Arc<Context>, claim: &Claim) -> Registered {
        let unwanted = CancellationToken::new();
        let mut running = context.running.lock();
        let run = (claim.task, claim.fence);
        running.insert(run, unwanted.clone());
        metrics::worker_slots(context.slots, running.len());
        drop(running);
        Registered {
            context: Arc::clone(context),
            run,
            unwanted,
        }
    }

    /// The runs that go on right now.
    pub(crate) fn snapshot(&self) -> HashSet<Run> {
        self.lock().keys().copied().collect()
    }

    /// Stops one run, if it still goes on.
    pub(crate) fn stop(&self, run: &Run) {
        if let Some(unwanted) = self.lock().get(run) {
            unwanted.cancel();
        }
    }

    /// Stops every run, because all of them were given back.
    pub(crate) fn hand_back(&self) {
        self.handed_back.store(true, Ordering::Relaxed);
        self.lock().values().for_each(CancellationToken::cancel);
    }

    /// Whether what stops now was given back.
    pub(crate) fn is_handed_back(&self) -> bool {
        self.handed_back.load(Ordering::Relaxed)
    }

    /// Notes that the end of a run could not be written down.
    pub(crate) fn note_unclosed(&self, claim: &Claim) {
        self.unclosed().insert((claim.task, claim.fence));
    }

    /// The runs that have ended without anybody having written it down.
    pub(crate) fn unclosed_runs(&self) -> HashSet<Run> {
        self.unclosed().clone()
    }

    /// Forgets runs whose end is written down now.
    pub(crate) fn forget_unclosed(&self, runs: &HashSet<Run>) {
        self.unclosed().retain(|run| !runs.contains(run));
    }

    /// Notes that the answer to a claim was lost.
    pub(crate) fn note_unanswered_claim(&self) {
        *self.unsure_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether the answer to a claim was lost so lately that the claim may still appear.
    pub(crate) fn is_unsure(&self) -> bool {
        let since = *self.unsure_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < CLAIM_APPEARS_MAX)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Run, CancellationToken>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unclosed(&self) -> MutexGuard<'_, HashSet<Run>> {
        self.unclosed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut running = self.context.running.lock();
        running.remove(&self.run);
        metrics::worker_slots(self.context.slots, running.len());
    }
}

/// Who this process is towards the fleet.
pub(crate) fn identity(settings: &WorkerSettings, ocr: Option<&OcrEngine>) -> database::workers::Worker {
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
        ocr: ocr.map(|engine| database::workers::PictureReader {
            engine: engine.name.clone(),
            languages: engine.languages.clone(),
        }),
    }
}
