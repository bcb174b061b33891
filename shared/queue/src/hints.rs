//! The lines in which task ids wait for workers.

mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{QueueName, TaskId};

use crate::QueueError;

pub use self::memory::MemoryHints;
pub use self::redis::RedisHints;

/// What became of pushed ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// They wait, all of them.
    Accepted {
        /// Ids in the queue, these included.
        length: u64,
    },
    /// None of them was taken, for the queue was long enough.
    Full {
        /// Ids in the queue.
        length: u64,
    },
}

/// What was taken from a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Popped {
    /// The ids, the oldest first.
    pub ids: Vec<TaskId>,
    /// Entries that were no task ids. They are gone.
    pub dropped: usize,
}

/// Queues of task ids, the oldest first. An id may be in a queue twice, and two queues know nothing of each other.
#[async_trait]
pub trait Hints: Send + Sync + 'static {
    /// Appends all of the ids, or none when the queue already holds `length_max` or more. A queue may so grow beyond
    /// `length_max` by the ids of one call.
    ///
    /// It takes a fraction of the time-out at most, and no time at all while the queue [is known to be away](Hints::is_away).
    ///
    /// # Errors
    /// When the queue is away. The ids may have been appended all the same.
    async fn push(&self, queue: QueueName, ids: &[TaskId], length_max: u64) -> Result<Pushed, QueueError>;

    /// Takes up to `count` ids, waiting up to `wait` for the first one. No id is given to two callers.
    ///
    /// It may return empty-handed before `wait` is over, when it found nothing but rubbish. Dropping the future loses
    /// nothing: ids that were on their way go back to the head of the queue.
    ///
    /// # Errors
    /// When the queue is away. Ids may be lost then, as hints may.
    async fn pop(&self, queue: QueueName, count: usize, wait: Duration) -> Result<Popped, QueueError>;

    /// How many ids wait.
    ///
    /// # Errors
    /// When the queue is away.
    async fn length(&self, queue: QueueName) -> Result<u64, QueueError>;

    /// The id that would be taken next: a task that was hinted at before it and waits still has lost its hint. `None`
    /// when the queue is empty or the next entry is not an id.
    ///
    /// # Errors
    /// When the queue is away.
    async fn oldest(&self, queue: QueueName) -> Result<Option<TaskId>, QueueError>;

    /// Throws away what waits.
    ///
    /// # Errors
    /// When the queue is away.
    async fn clear(&self, queue: QueueName) -> Result<(), QueueError>;

    /// Whether the last push failed and nobody has found the queue well since: there is no sense in another push now.
    fn is_away(&self) -> bool;

    /// Asks whether the queue is there and could take something.
    ///
    /// # Errors
    /// When it is away.
    async fn ping(&self) -> Result<(), QueueError>;
}

/// Hints that every part of a process shares.
pub type SharedHints = Arc<dyn Hints>;
