//! What can go wrong with a queue. Nobody's work is lost by any of it: the dispatcher repeats what did not arrive.

use std::time::Duration;

use redis::RedisError;
use telemetry::metrics::RedisFault;

/// A queue that did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The address in the settings cannot be used. Trying again does not help.
    #[error("the queue cannot be opened: {0}")]
    Settings(&'static str),
    /// Redis is away, or there is a network problem.
    #[error("redis could not be reached")]
    Unreachable(#[source] RedisError),
    /// Redis, or the way to it, stalls.
    #[error("redis did not answer within {}", domain::units::duration::show(*.0))]
    TimedOut(Duration),
    /// Redis was away a moment ago; it was not asked again.
    #[error("redis was away a moment ago")]
    Away,
    /// Redis answered with an error: it is out of memory, loading, a replica, or does not know us.
    #[error("redis refused a command")]
    Refused(#[source] RedisError),
}

impl QueueError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::Settings(_))
    }
}

impl QueueError {
    /// What to count it as; nothing when Redis was not asked.
    pub(crate) const fn fault(&self) -> Option<RedisFault> {
        match self {
            Self::Settings(_) | Self::Away => None,
            Self::Unreachable(_) => Some(RedisFault::Unreachable),
            Self::TimedOut(_) => Some(RedisFault::TimedOut),
            Self::Refused(_) => Some(RedisFault::Refused),
        }
    }
}

impl From<RedisError> for QueueError {
    fn from(error: RedisError) -> Self {
        if error.is_io_error() || error.is_connection_dropped() {
            Self::Unreachable(error)
        } else {
            Self::Refused(error)
        }
    }
}
