//! The backend under a real apalis monitor.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // the figures are for whoever runs it with --nocapture

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apalis_core::monitor::{Monitor, MonitorError};
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use async_trait::async_trait;
use domain::{QueueName, TaskId};
use queue::{
    Claim, HintBackend, Hints, MemoryHints, Popped, Pushed, QueueError, RedisHints, SharedHints, Slotted,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::{AT_MOST, ids};

const QUEUE: QueueName = QueueName::Documents;
const SLOTS: usize = 16;
const MANY: u64 = 1 << 40;

/// Claims whatever it is asked for, as a database would in which nothing is lost.
#[derive(Clone, Copy)]
struct ClaimAll;

#[async_trait]
impl Claim for ClaimAll {
    type Claimed = TaskId;

    async fn claim(&self, ids: Vec<TaskId>) -> Vec<TaskId> {
        ids
    }
}

/// A worker process.
struct Worker {
    ended: JoinHandle<Result<(), MonitorError>>,
    stop: CancellationToken,
    slots: Arc<Semaphore>,
    finished: mpsc::UnboundedReceiver<TaskId>,
    most_at_once: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Observed {
    finished: mpsc::UnboundedSender<TaskId>,
    running: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
    panicking: Arc<Vec<TaskId>>,
}

async fn handle(task: Slotted<TaskId>, observed: Data<Observed>) {
    let running = observed.running.fetch_add(1, Ordering::SeqCst) + 1;
    observed.most_at_once.fetch_max(running, Ordering::SeqCst);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    observed.running.fetch_sub(1, Ordering::SeqCst);
    let _ = observed.finished.send(task.claimed);
    assert!(!observed.panicking.contains(&task.claimed), "as it was told to");
}

fn start<C: Claim<Claimed = TaskId> + Clone>(
    hints: &SharedHints,
    claimer: C,
    panicking: Vec<TaskId>,
) -> Worker {
    let (hints, stop, slots) = (
        Arc::clone(hints),
        CancellationToken::new(),
        Arc::new(Semaphore::new(SLOTS)),
    );
    let (sender, finished) = mpsc::unbounded_channel();
    let observed = Observed {
        finished: sender,
        running: Arc::default(),
        most_at_once: Arc::default(),
        panicking: Arc::new(panicking),
    };
    let most_at_once = Arc::clone(&observed.most_at_once);
    let monitor = Monitor::new().register({
        let (stop, slots) = (stop.clone(), Arc::clone(&slots));
        move |_restart| {
            let backend = HintBackend::new(
                Arc::clone(&hints),
                QUEUE,
                Arc::clone(&slots),
                claimer.clone(),
                stop.clone(),
            );
            WorkerBuilder::new("worker")
                .backend(backend)
                .data(observed.clone())
                .parallelize(tokio::spawn)
                .build(handle)
        }
    });
    Worker {
        ended: tokio::spawn(monitor.run()),
        stop,
        slots,
        finished,
        most_at_once,
    }
}

impl Worker {
    async fn finished(&mut self, count: usize) -> Vec<TaskId> {
        let mut finished = Vec::new();
        while finished.len() < count {
            let next = tokio::time::timeout(AT_MOST, self.finished.recv()).await;
            finished.push(next.expect("a finished task").expect("a running worker"));
        }
        finished.sort_unstable();
        finished
    }

    async fn stop(self) -> Duration {
        let begin = Instant::now();
        self.stop.cancel();
        tokio::time::timeout(AT_MOST, self.ended)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(self.slots.available_permits(), SLOTS, "every slot is free again");
        begin.elapsed()
    }
}

fn memory() -> SharedHints {
    Arc::new(MemoryHints::default())
}

fn redis() -> SharedHints {
    Arc::new(RedisHints::connect(&support::redis_settings()).unwrap())
}

async fn runs_every_task_once_and_never_more_than_there_are_slots(
    name: &str,
    hints: SharedHints,
    count: usize,
) {
    let ids = ids(count);
    hints.push(QUEUE, &ids, MANY).await.unwrap();
    let begin = Instant::now();
    let mut worker = start(&hints, ClaimAll, Vec::new());
    assert_eq!(worker.finished(count).await, ids);
    let per_second = count as f64 / begin.elapsed().as_secs_f64();
    let most = worker.most_at_once.load(Ordering::SeqCst);
    println!("{name}: {per_second:.0} tasks a second in {SLOTS} slots, {most} at once at most");
    assert!((2..=SLOTS).contains(&most), "{most} at once");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_in_memory_run_once_within_the_slots() {
    runs_every_task_once_and_never_more_than_there_are_slots("memory", memory(), 5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_over_redis_run_once_within_the_slots() {
    runs_every_task_once_and_never_more_than_there_are_slots("redis", redis(), 5_000).await;
}

async fn begins_a_task_soon_after_its_hint(name: &str, hints: SharedHints) {
    let mut worker = start(&hints, ClaimAll, Vec::new());
    let mut waits = Vec::new();
    for id in ids(200) {
        let begin = Instant::now();
        hints.push(QUEUE, &[id], MANY).await.unwrap();
        assert_eq!(worker.finished(1).await, [id]);
        waits.push(begin.elapsed());
    }
    waits.sort_unstable();
    println!(
        "{name}: from push to handler p50 {:?}, p99 {:?}",
        waits[100], waits[198]
    );
    assert!(waits[100] < Duration::from_millis(100), "{:?}", waits[100]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_in_memory_is_taken_at_once() {
    begins_a_task_soon_after_its_hint("memory", memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_in_redis_is_taken_at_once() {
    begins_a_task_soon_after_its_hint("redis", redis()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_ends_nothing_but_itself() {
    let hints = memory();
    let ids = ids(100);
    hints.push(QUEUE, &ids, MANY).await.unwrap();
    // More of them than there are slots: each must give its slot back.
    let mut worker = start(&hints, ClaimAll, ids[..3 * SLOTS].to_vec());
    assert_eq!(worker.finished(100).await, ids);
    worker.stop().await;
}

async fn stops_soon(hints: SharedHints) {
    let mut worker = start(&hints, ClaimAll, Vec::new());
    let first = ids(1);
    hints.push(QUEUE, &first, MANY).await.unwrap();
    worker.finished(1).await;
    // It waits for the next hint now, or is about to.
    assert!(worker.stop().await < Duration::from_secs(1));

    let second = ids(1);
    hints.push(QUEUE, &second, MANY).await.unwrap();
    let popped = hints.pop(QUEUE, 2, AT_MOST).await.unwrap();
    assert_eq!(popped.ids, second, "a stopped worker takes nothing");
}

#[tokio::test]
async fn a_worker_that_waits_in_memory_stops_soon() {
    stops_soon(memory()).await;
}

#[tokio::test]
async fn a_worker_that_waits_at_redis_stops_soon() {
    stops_soon(redis()).await;
}

#[tokio::test]
async fn a_worker_whose_slots_are_taken_takes_no_hints() {
    let hints = memory();
    let mut worker = start(&hints, ClaimAll, Vec::new());
    // The worker has not run yet, for this runtime has one thread.
    let all = Arc::clone(&worker.slots)
        .try_acquire_many_owned(SLOTS as u32)
        .unwrap();
    hints.push(QUEUE, &ids(1), MANY).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(hints.length(QUEUE).await.unwrap(), 1);
    drop(all);
    worker.finished(1).await;
    worker.stop().await;
}

/// Claims nothing, as when every task was somebody else's.
#[derive(Clone)]
struct ClaimNone(mpsc::UnboundedSender<usize>);

#[async_trait]
impl Claim for ClaimNone {
    type Claimed = TaskId;

    async fn claim(&self, ids: Vec<TaskId>) -> Vec<TaskId> {
        self.0.send(ids.len()).unwrap();
        Vec::new()
    }
}

#[tokio::test]
async fn hints_that_come_to_nothing_free_their_slots() {
    let hints = memory();
    let (asked, mut counts) = mpsc::unbounded_channel();
    let worker = start(&hints, ClaimNone(asked), Vec::new());
    hints.push(QUEUE, &ids(100), MANY).await.unwrap();
    let mut seen = 0;
    while seen < 100 {
        let count = counts.recv().await.unwrap();
        assert!(count <= SLOTS, "{count} were claimed at once");
        seen += count;
    }
    worker.stop().await;
}

/// A queue that is away at first.
struct Away {
    tries: AtomicUsize,
    there: MemoryHints,
}

#[async_trait]
impl Hints for Away {
    async fn push(&self, queue: QueueName, ids: &[TaskId], length_max: u64) -> Result<Pushed, QueueError> {
        self.there.push(queue, ids, length_max).await
    }

    async fn pop(&self, queue: QueueName, count: usize, wait: Duration) -> Result<Popped, QueueError> {
        if self.tries.fetch_add(1, Ordering::SeqCst) < 3 {
            return Err(QueueError::TimedOut(wait));
        }
        self.there.pop(queue, count, wait).await
    }

    async fn length(&self, queue: QueueName) -> Result<u64, QueueError> {
        self.there.length(queue).await
    }

    async fn oldest(&self, queue: QueueName) -> Result<Option<TaskId>, QueueError> {
        self.there.oldest(queue).await
    }

    async fn clear(&self, queue: QueueName) -> Result<(), QueueError> {
        self.there.clear(queue).await
    }

    fn is_away(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.there.ping().await
    }
}

#[tokio::test]
async fn a_queue_that_is_away_does_not_end_the_worker() {
    let hints: SharedHints = Arc::new(Away {
        tries: AtomicUsize::new(0),
        there: MemoryHints::default(),
    });
    let ids = ids(3);
    hints.push(QUEUE, &ids, MANY).await.unwrap();
    let mut worker = start(&hints, ClaimAll, Vec::new());
    assert_eq!(worker.finished(3).await, ids);
    worker.stop().await;
}

#[tokio::test]
async fn apalis_may_end_the_worker_by_itself() {
    let hints = memory();
    let (stop, slots) = (CancellationToken::new(), Arc::new(Semaphore::new(SLOTS)));
    let monitor = Monitor::new().register({
        let (hints, stop) = (Arc::clone(&hints), stop.clone());
        move |_restart| {
            let backend = HintBackend::new(
                Arc::clone(&hints),
                QUEUE,
                Arc::clone(&slots),
                ClaimAll,
                stop.clone(),
            );
            WorkerBuilder::new("worker")
                .backend(backend)
                .parallelize(tokio::spawn)
                .build(async |_task: Slotted<TaskId>| ())
        }
    });
    let begin = Instant::now();
    monitor.run_with_signal(async { Ok(()) }).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(!stop.is_cancelled(), "the others go on");
}
