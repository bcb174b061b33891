//! Hands new tasks straight to the queue while nobody is overtaken by that, so that a quiet system starts work at once. When
//! anything waits for its turn, the queue is long, or it is away, the dispatcher does it: the rows say what waits.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use database::{Database, queues, tasks};
use domain::{QueueName, TaskId};
use queue::{Pushed, SharedHints};
use telemetry::metrics;

/// After a full or silent queue, how long nobody tries again: a stalled Redis must not slow every upload down.
const PAUSE: Duration = Duration::from_millis(500);
/// How long what the database said about the queue is believed, so that not every upload asks.
const BELIEVED: Duration = Duration::from_millis(250);

/// The way from an accepted job to the queue.
pub(crate) struct Handover {
    hints: SharedHints,
    /// Milliseconds since 1970 before which the queue is not tried.
    paused_until: AtomicI64,
    /// Milliseconds since 1970 when the database was asked about the queue.
    asked_at: AtomicI64,
    /// What it said: how many hints may be in the queue.
    room: AtomicU64,
}

impl Handover {
    pub(crate) fn new(hints: SharedHints) -> Self {
        Self {
            hints,
            paused_until: AtomicI64::new(0),
            asked_at: AtomicI64::new(0),
            room: AtomicU64::new(0),
        }
    }

    /// Up to which length [`Handover::push`] may fill the queue with so many hints; `None` when the dispatcher has to hand them
    /// out. Decided before the rows are written, for they say who pushes.
    pub(crate) async fn room_for(
        &self,
        database: &Database,
        count: usize,
        now: DateTime<Utc>,
    ) -> Option<u64> {
        let millis = now.timestamp_millis();
        if self.hints.is_away() || millis < self.paused_until.load(Ordering::Relaxed) {
            return None;
        }
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        let old = (now - BELIEVED).timestamp_millis() >= asked_at;
        // One asks, and the others go by what was said last.
        let mine = old
            && self
                .asked_at
                .compare_exchange(asked_at, millis, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine {
            let room = queues::room_for_pushes(database, QueueName::Documents, now).await;
            let room = room.unwrap_or_else(|error| {
                tracing::debug!("could not look at the queue: {}", telemetry::chain(&error));
                0
            });
            self.room.store(room, Ordering::Relaxed);
        }
        let room = self.room.load(Ordering::Relaxed);
        (count as u64 <= room).then_some(room)
    }

    /// Pushes hints for tasks whose rows are stored as handed out, unless the queue would hold more than `room` then. Failing is
    /// fine: the rows are found by the dispatcher.
    pub(crate) async fn push(&self, database: &Database, ids: &[TaskId], room: u64, now: DateTime<Utc>) {
        let queue = QueueName::Documents;
        let count = ids.len() as u64;
        // The queue refuses when it is as long as this before anything is pushed.
        let length_max = (room + 1).saturating_sub(count);
        match self.hints.push(queue, ids, length_max).await {
            Ok(Pushed::Accepted { .. }) => metrics::hints_pushed(queue, count),
            Ok(Pushed::Full { .. }) => {
                metrics::hint_queue_full(queue, count);
                self.pause(now);
                // If this fails too, the dispatcher sees handed-out tasks without a hint, and takes them for lost.
                if let Err(error) = tasks::release(database, ids).await {
                    tracing::warn!(
                        "could not return {count} tasks to the dispatcher: {}",
                        telemetry::chain(&error)
                    );
                }
            }
            Err(error) => {
                metrics::hint_push_failed(queue, count);
                self.pause(now);
                tracing::warn!(
                    "could not push {count} hints, the dispatcher will: {}",
                    telemetry::chain(&error)
                );
            }
        }
    }

    fn pause(&self, now: DateTime<Utc>) {
        self.paused_until
            .store((now + PAUSE).timestamp_millis(), Ordering::Relaxed);
    }
}
