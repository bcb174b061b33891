//! How often somebody may do something: token buckets that every replica takes from.
//!
//! A bucket holds so many tokens, and fills again evenly in a while. Each act takes one; who finds none is told when there will
//! be one.

mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::memory::MemoryRateLimits;
pub use self::redis::RedisRateLimits;
use crate::QueueError;

/// Buckets that are shared by whoever asks the same backend.
#[async_trait]
pub trait RateLimits: Send + Sync + 'static {
    /// Takes one token from each of the buckets, or none from any of them. There must be at least one, and none twice.
    ///
    /// # Errors
    /// When the backend is away. A quarter of the time-out passes at most, and no time while it is known to be away.
    async fn take(&self, buckets: &[Bucket]) -> Result<Taken, QueueError>;
}

/// Rate limits that every part of a process shares.
pub type SharedRateLimits = Arc<dyn RateLimits>;

/// A bucket. It is full when it is first heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Whose and what for. Buckets of one key must agree about the rest.
    pub key: String,
    /// Tokens that it holds, at least 1.
    pub capacity: u32,
    /// In which time an empty one is full again, at least a millisecond.
    pub window: Duration,
}

/// What came of taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether there was a token in each of them.
    pub allowed: bool,
    /// Which bucket says so: the one that lacks a token for longest, or else the one of which the smallest part is left.
    pub tightest: usize,
    /// Whole tokens left in it.
    pub remaining: u32,
    /// When there will be a token in it again; zero when it was allowed.
    pub retry_after: Duration,
    /// When it will be full again.
    pub full_after: Duration,
}
