//! Hints of a single process. They end with it; the dispatcher fills the queues again at the next start.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::{QueueName, TaskId};
use tokio::sync::Notify;

use super::{Hints, Popped, Pushed};
use crate::QueueError;

/// Queues in memory.
#[derive(Debug, Default)]
pub struct MemoryHints {
    queues: Mutex<HashMap<QueueName, VecDeque<TaskId>>>,
    pushed: Notify,
}

impl MemoryHints {
    fn queues(&self) -> MutexGuard<'_, HashMap<QueueName, VecDeque<TaskId>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, queue: QueueName, count: usize) -> Vec<TaskId> {
        let mut queues = self.queues();
        let Some(waiting) = queues.get_mut(&queue) else {
            return Vec::new();
        };
        let count = count.min(waiting.len());
        waiting.drain(..count).collect()
    }
}

#[async_trait]
impl Hints for MemoryHints {
    async fn push(&self, queue: QueueName, ids: &[TaskId], length_max: u64) -> Result<Pushed, QueueError> {
        let length = {
            let mut queues = self.queues();
            let waiting = queues.entry(queue).or_default();
            let length = waiting.len() as u64;
            if length >= length_max {
                return Ok(Pushed::Full { length });
            }
            waiting.extend(ids);
            waiting.len() as u64
        };
        self.pushed.notify_waiters();
        Ok(Pushed::Accepted { length })
    }

    async fn pop(&self, queue: QueueName, count: usize, wait: Duration) -> Result<Popped, QueueError> {
        let mut over = std::pin::pin!(tokio::time::sleep(wait));
        loop {
            // Listening begins before looking, so that no push falls between the two.
            let mut pushed = std::pin::pin!(self.pushed.notified());
            pushed.as_mut().enable();
            let ids = self.take(queue, count);
            if !ids.is_empty() || count == 0 {
                return Ok(Popped { ids, dropped: 0 });
            }
            tokio::select! {
                () = pushed => {}
                () = over.as_mut() => return Ok(Popped::default()),
            }
        }
    }

    async fn length(&self, queue: QueueName) -> Result<u64, QueueError> {
        Ok(self
            .queues()
            .get(&queue)
            .map_or(0, |waiting| waiting.len() as u64))
    }

    async fn oldest(&self, queue: QueueName) -> Result<Option<TaskId>, QueueError> {
        Ok(self
            .queues()
            .get(&queue)
            .and_then(|waiting| waiting.front().copied()))
    }

    async fn clear(&self, queue: QueueName) -> Result<(), QueueError> {
        self.queues().remove(&queue);
        Ok(())
    }

    fn is_away(&self) -> bool {
        false
    }

    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }
}
