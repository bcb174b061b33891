//! The news that a job changed, so that those who wait for it need not ask again and again.

mod memory;
mod redis;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::JobId;
use tokio::sync::watch;

pub use self::memory::MemoryEvents;
pub use self::redis::RedisEvents;

/// Carries job ids from those who changed a job to those who wait for it. News may be lost or come without reason: who
/// waits looks at the row, and looks again from time to time.
pub trait Events: Send + Sync + 'static {
    /// Tells everybody that the job changed. It never waits and never fails; what cannot be sent is lost.
    fn publish(&self, job: JobId);

    /// Begins to wait for changes of the job. Watch first, then read the row, then wait: so no change falls between.
    fn watch(&self, job: JobId) -> Watch;
}

/// Events that every part of a process shares.
pub type SharedEvents = Arc<dyn Events>;

/// Somebody who waits for a job to change. Thousands of them cost one map entry and a few words each.
pub struct Watch {
    job: JobId,
    changes: watch::Receiver<()>,
    watchers: Arc<Watchers>,
}

impl Watch {
    /// Waits until the job may have changed since the last call, or since the watch began. `false` when nothing was
    /// heard for `timeout`.
    pub async fn changed(&mut self, timeout: Duration) -> bool {
        // The sender lives as long as the watch does, so the only error is the end of the time.
        tokio::time::timeout(timeout, self.changes.changed())
            .await
            .is_ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut jobs = self.watchers.jobs();
        if jobs
            .get(&self.job)
            .is_some_and(|sender| sender.receiver_count() == 1)
        {
            jobs.remove(&self.job); // this was the last one
        }
    }
}

/// Those who wait in this process, by job.
#[derive(Debug, Default)]
struct Watchers(Mutex<HashMap<JobId, watch::Sender<()>>>);

impl Watchers {
    fn watch(self: &Arc<Self>, job: JobId) -> Watch {
        let changes = self
            .jobs()
            .entry(job)
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        Watch {
            job,
            changes,
            watchers: Arc::clone(self),
        }
    }

    fn wake(&self, job: JobId) {
        if let Some(sender) = self.jobs().get(&job) {
            sender.send_replace(());
        }
    }

    fn wake_all(&self) {
        for sender in self.jobs().values() {
            sender.send_replace(());
        }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<JobId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_nobody_watches_any_more_is_forgotten() {
        let watchers = Arc::new(Watchers::default());
        let job = JobId::new();
        let (first, second) = (watchers.watch(job), watchers.watch(job));
        drop(first);
        assert_eq!(watchers.jobs().len(), 1);
        drop(second);
        assert!(watchers.jobs().is_empty());
    }
}
