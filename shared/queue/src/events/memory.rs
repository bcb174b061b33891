//! Events of a single process.

use std::sync::Arc;

use domain::JobId;

use super::{Events, Watch, Watchers};

/// Events that stay in this process.
#[derive(Debug, Default)]
pub struct MemoryEvents(Arc<Watchers>);

impl Events for MemoryEvents {
    fn publish(&self, job: JobId) {
        self.0.wake(job);
    }

    fn watch(&self, job: JobId) -> Watch {
        self.0.watch(job)
    }
}
