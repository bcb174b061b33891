//! The bridge to apalis: hints in, claimed tasks out. It never fails and never ends before it is told to.
//!
//! How to run it:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use apalis_core::monitor::Monitor;
//! # use apalis_core::worker::builder::WorkerBuilder;
//! # use apalis_core::worker::ext::parallelize::ParallelizeExt;
//! # use queue::{Claim, HintBackend, SharedHints, Slotted};
//! # use tokio_util::sync::CancellationToken;
//! # async fn run<C: Claim<Claimed = u32> + Clone>(
//! #     hints: SharedHints, slots: Arc<tokio::sync::Semaphore>, claimer: C, stop: CancellationToken,
//! # ) {
//! async fn handle(task: Slotted<u32>) {
//!     println!("{}", task.claimed);
//! }
//!
//! let queue = domain::QueueName::Documents;
//! let monitor = Monitor::new().register(move |_restart| {
//!     let backend = HintBackend::new(hints.clone(), queue, slots.clone(), claimer.clone(), stop.clone());
//!     WorkerBuilder::new("documents")
//!         .backend(backend)
//!         .parallelize(tokio::spawn) // always: a handler that keeps its thread busy must not hold up the others
//!         .build(handle)
//! });
//! let _ended = monitor.run().await;
//! # }
//! ```
//!
//! `stop` alone ends it: what was claimed is still handed out, running handlers finish, then `Monitor::run` returns.
//! Prefer that to `run_with_signal`, after which apalis takes nothing more, not even what was claimed already.
//!
//! A handler that panics ends neither the worker nor its neighbours: the panic stays in the spawned task, apalis counts
//! an error, and the slot is free again. But nobody closes the row then, so a handler that cares catches panics itself:
//! it runs the work as a task of its own, `tokio::spawn(work).await`, and turns the `JoinError` into an attempt that
//! failed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::worker::context::WorkerContext;
use async_trait::async_trait;
use domain::{QueueName, TaskId};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_layer::Identity;
use tracing::{debug, warn};

use crate::SharedHints;
use crate::backoff::{Backoff, Complaints};

/// How long one look into the queue waits: long, so that an idle worker hardly asks; short enough to notice within
/// seconds that a connection is dead.
const WAIT: Duration = Duration::from_secs(5);

/// Turns hints into owned tasks.
#[async_trait]
pub trait Claim: Send + Sync + 'static {
    /// A task that belongs to this worker now.
    type Claimed: Send + 'static;

    /// Claims the tasks that still wait, in one statement; `ids` may hold an id twice. Returns at most as many tasks as
    /// there are ids. Ids that come to nothing are gone, for the row is the truth.
    ///
    /// It cannot fail: when the database is away, log it, wait a little, and return nothing.
    async fn claim(&self, ids: Vec<TaskId>) -> Vec<Self::Claimed>;
}

#[async_trait]
impl<C: Claim> Claim for Arc<C> {
    type Claimed = C::Claimed;

    async fn claim(&self, ids: Vec<TaskId>) -> Vec<C::Claimed> {
        C::claim(self, ids).await
    }
}

/// What a handler is given: a task, and the slot in which it runs. The slot is free again when this is dropped.
#[derive(Debug)]
pub struct Slotted<T> {
    /// The task.
    pub claimed: T,
    /// The slot. Keep it until the work is done.
    pub permit: OwnedSemaphorePermit,
}

/// Feeds an apalis worker from a queue. Takes only as many hints as there are free slots, so that no claimed task waits.
pub struct HintBackend<C: Claim> {
    tasks: BoxStream<'static, Slotted<C::Claimed>>,
    stop: CancellationToken,
}

impl<C: Claim> HintBackend<C> {
    /// A backend over one queue.
    ///
    /// `slots` are the tasks that may run at once. While it waits for hints the backend holds all that are free: give
    /// every queue slots of its own. When `stop` is cancelled it takes no more hints and ends its worker.
    #[must_use]
    pub fn new(
        hints: SharedHints,
        queue: QueueName,
        slots: Arc<Semaphore>,
        claimer: C,
        stop: CancellationToken,
    ) -> Self {
        let stop = stop.child_token();
        let source = Source {
            hints,
            queue,
            slots,
            claimer,
            stop: stop.clone(),
            ready: VecDeque::new(),
            backoff: Backoff::default(),
            complaints: Complaints::default(),
        };
        let tasks = stream::unfold(source, |mut source| async {
            Some((source.next().await?, source))
        });
        Self {
            tasks: tasks.fuse().boxed(),
            stop,
        }
    }
}

/// Where the tasks come from. apalis polls it, so it needs no task of its own.
struct Source<C: Claim> {
    hints: SharedHints,
    queue: QueueName,
    slots: Arc<Semaphore>,
    claimer: C,
    stop: CancellationToken,
    /// Claimed and about to be handed out.
    ready: VecDeque<Slotted<C::Claimed>>,
    backoff: Backoff,
    complaints: Complaints,
}

impl<C: Claim> Source<C> {
    /// The next task; `None` once it was told to stop and everything claimed was handed out.
    async fn next(&mut self) -> Option<Slotted<C::Claimed>> {
        loop {
            if let Some(task) = self.ready.pop_front() {
                return Some(task);
            }
            let permits = free_slots(&self.slots, &self.stop).await?;
            let ids = self.hinted_at(permits.len()).await?;
            if ids.is_empty() {
                continue;
            }
            // Not cut short by a stop: the tasks may be ours already.
            let claimed = self.claimer.claim(ids).await;
            debug_assert!(
                claimed.len() <= permits.len(),
                "more tasks were claimed than asked for"
            );
            self.ready = claimed
                .into_iter()
                .zip(permits)
                .map(|(claimed, permit)| Slotted { claimed, permit })
                .collect();
        }
    }

    /// Up to `count` hints, perhaps none; `None` when it is time to stop.
    async fn hinted_at(&mut self, count: usize) -> Option<Vec<TaskId>> {
        let pop = self.hints.pop(self.queue, count, WAIT);
        match self.stop.run_until_cancelled(pop).await? {
            Ok(popped) => {
                self.backoff.reset();
                if popped.dropped > 0 {
                    warn!(queue = %self.queue, count = popped.dropped, "entries that are no task ids were dropped");
                    telemetry::metrics::hints_dropped(self.queue, popped.dropped as u64);
                }
                Some(popped.ids)
            }
            Err(error) => {
                if let Some(count) = self.complaints.due() {
                    let error = telemetry::chain(&error);
                    warn!(queue = %self.queue, count, %error, "no hints can be taken; trying again");
                }
                let pause = tokio::time::sleep(self.backoff.next());
                self.stop.run_until_cancelled(pause).await?;
                Some(Vec::new())
            }
        }
    }
}

/// All free slots, at least one; `None` when it is time to stop.
async fn free_slots(slots: &Arc<Semaphore>, stop: &CancellationToken) -> Option<Vec<OwnedSemaphorePermit>> {
    let first = Arc::clone(slots).acquire_owned();
    let first = stop.run_until_cancelled(first).await?.ok()?;
    let rest = std::iter::from_fn(|| Arc::clone(slots).try_acquire_owned().ok());
    Some(std::iter::once(first).chain(rest).collect())
}

impl<C: Claim> Backend for HintBackend<C> {
    type Task = Task<Slotted<C::Claimed>>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        let next = ready!(self.tasks.poll_next_unpin(context));
        if next.is_none() {
            // apalis would wait for ever for somebody to stop a worker whose backend has ended.
            if let Err(error) = worker.stop() {
                debug!(%error, "the worker had been stopped already");
            }
        }
        Poll::Ready(next.map(|task| Ok(Task::new(task))))
    }

    fn poll_close(&mut self, context: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        // When apalis ends the worker by itself, this is the first that we hear of it.
        self.stop.cancel();
        while ready!(self.tasks.poll_next_unpin(context)).is_some() {
            warn!("a claimed task was not begun; it is taken back when this worker is not heard of any more");
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Claim> BackendConfig for HintBackend<C> {
    type Args = Slotted<C::Claimed>;
    type Id = TaskId;
    /// Tasks are claimed already: there is nothing to decode, and so nothing that could fail to decode.
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
