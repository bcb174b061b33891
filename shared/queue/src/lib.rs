//! Hints that a task waits, news that a job changed and rate limits, over Redis or in memory, and the apalis backend that
//! takes hints to workers.
//!
//! The row in the database is the truth. Whatever is in here may come twice, late or never, and may be thrown away at
//! any moment: the dispatcher hints again at every task that waits.

mod backend;
mod backoff;
mod error;
mod events;
mod hints;
mod rate_limits;
mod redis_link;
mod settings;

use std::sync::Arc;

pub use backend::{Claim, HintBackend, Slotted};
pub use error::QueueError;
pub use events::{Events, MemoryEvents, RedisEvents, SharedEvents, Watch};
pub use hints::{Hints, MemoryHints, Popped, Pushed, RedisHints, SharedHints};
pub use rate_limits::{Bucket, MemoryRateLimits, RateLimits, RedisRateLimits, SharedRateLimits, Taken};
pub use settings::QueueSettings;

/// Both sides of the queue, over the backend that the settings name.
#[derive(Clone)]
pub struct Queue {
    /// Task ids on their way to workers.
    pub hints: SharedHints,
    /// Job ids on their way to waiting clients.
    pub events: SharedEvents,
    /// How often somebody may do something.
    pub rate_limits: SharedRateLimits,
}

impl Queue {
    /// Opens the queue. Redis need not be up: it is connected to when it is needed, and again whenever it was away.
    ///
    /// Call it inside the runtime that lives as long as the queue.
    ///
    /// # Errors
    /// When the settings cannot be used; they say why through [`QueueSettings::problems`].
    pub fn open(settings: &QueueSettings) -> Result<Self, QueueError> {
        if settings.is_memory() {
            return Ok(Self {
                hints: Arc::new(MemoryHints::default()),
                events: Arc::new(MemoryEvents::default()),
                rate_limits: Arc::new(MemoryRateLimits::default()),
            });
        }
        Ok(Self {
            hints: Arc::new(RedisHints::connect(settings)?),
            events: Arc::new(RedisEvents::connect(settings)?),
            rate_limits: Arc::new(RedisRateLimits::connect(settings)?),
        })
    }
}
