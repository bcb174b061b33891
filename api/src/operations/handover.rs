//! Hands new tasks straight to the queue while it is short, so that a quiet system starts work at once. When it is long,
//! or away, the dispatcher does it: the rows say what waits.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use database::{Database, tasks};
use domain::{QueueName, TaskId, limits};
use queue::{Pushed, SharedHints};
use telemetry::metrics;

/// After a full or silent queue, how long nobody tries again: a stalled Redis must not slow every upload down.
const PAUSE: Duration = Duration::from_millis(500);

/// The way from an accepted job to the queue.
pub(crate) struct Handover {
    hints: SharedHints,
    /// Milliseconds since 1970 before which the queue is not tried.
    paused_until: AtomicI64,
}

impl Handover {
    pub(crate) fn new(hints: SharedHints) -> Self {
        Self {
            hints,
            paused_until: AtomicI64::new(0),
        }
    }

    /// Whether [`Handover::push`] is worth calling now. Decided before the rows are written, for they say who pushes.
    pub(crate) fn is_open(&self, now: DateTime<Utc>) -> bool {
        !self.hints.is_away() && now.timestamp_millis() >= self.paused_until.load(Ordering::Relaxed)
    }

    /// Pushes hints for tasks whose rows are stored as handed out. Failing is fine: the rows are found by the dispatcher.
    pub(crate) async fn push(&self, database: &Database, ids: &[TaskId], now: DateTime<Utc>) {
        let queue = QueueName::Documents;
        let count = ids.len() as u64;
        match self.hints.push(queue, ids, limits::HINTS_MAX).await {
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
