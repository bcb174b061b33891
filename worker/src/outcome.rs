//! How an attempt ends when it does not succeed. Whether trying again makes sense is decided here, once.

use std::time::Duration;

use database::tasks::Reason;
use extraction::ExtractionError;

/// Why an attempt did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The document never will: a reason for its owner.
    Reject(Reason),
    /// The world may get better.
    Retry(Reason),
}

/// The shortest wait before a second attempt is drawn from this much; it doubles with every further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(2);
/// No wait is drawn from more than this.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// How long to wait before the next attempt: exponential with full jitter, so that what failed together does not come back
/// together. `chance` is any number.
pub(crate) fn backoff(attempt: i16, chance: u32) -> Duration {
    let doublings = u32::from(attempt.unsigned_abs().saturating_sub(1)).min(16);
    let ceiling = BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX);
    ceiling.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

pub(crate) fn reject(code: &'static str, detail: impl Into<String>) -> Failure {
    Failure::Reject(Reason {
        code,
        detail: detail.into(),
    })
}

pub(crate) fn retry(code: &'static str, detail: impl Into<String>) -> Failure {
    Failure::Retry(Reason {
        code,
        detail: detail.into(),
    })
}

impl From<storage::StorageError> for Failure {
    fn from(error: storage::StorageError) -> Self {
        tracing::warn!("the object store failed: {}", telemetry::chain(&error));
        retry("storage_unavailable", "the object store could not be used")
    }
}

impl From<ExtractionError> for Failure {
    fn from(error: ExtractionError) -> Self {
        reject(error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        assert_eq!(backoff(1, 0), Duration::ZERO);
        assert_eq!(backoff(1, u32::MAX), Duration::from_secs(2));
        assert_eq!(backoff(2, u32::MAX), Duration::from_secs(4));
        assert_eq!(backoff(2, u32::MAX / 2).as_secs_f64().round(), 2.0);
        assert_eq!(backoff(i16::MAX, u32::MAX), BACKOFF_MAX);
    }
}
