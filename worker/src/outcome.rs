//! How an attempt ends when it does not succeed. Whether trying again makes sense is written in the table of reasons
//! (`domain::ReasonCode`); here it only becomes an end, and a wait.

use std::time::Duration;

use database::tasks::Reason;
use domain::ReasonCode;
use sandbox::ParseError;

/// Why an attempt did not succeed. The class of the reason says whether another one follows.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Reason);

/// How a run ends that brings no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its results are stored.
    Done,
    /// It had results, but the task was somebody else's by then: nothing was stored.
    Stale,
    /// It was stopped before it had any, because nobody wants them any more.
    Stopped,
}

/// The shortest wait before a second attempt is drawn from this much; it doubles with every further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(2);
/// No wait is drawn from more than this.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Nobody is left alone for longer than this, whatever he asks for: jobs have deadlines.
const ASKED_TO_WAIT_MAX: Duration = Duration::from_secs(10 * 60);

/// How long to wait before the next attempt: exponential with full jitter, so that what failed together does not come back
/// together; and not before whoever was asked wants to be asked again. `chance` is any number.
pub(crate) fn backoff(attempt: i16, chance: u32, asked_to_wait: Option<Duration>) -> Duration {
    let doublings = u32::from(attempt.unsigned_abs().saturating_sub(1)).min(16);
    let ceiling = BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX);
    let drawn = ceiling.mul_f64(f64::from(chance) / f64::from(u32::MAX));
    asked_to_wait.unwrap_or_default().min(ASKED_TO_WAIT_MAX) + drawn
}

/// A failure of which there is more to say than what its reason means.
pub(crate) fn failure(code: ReasonCode, detail: impl Into<String>) -> Failure {
    let detail = detail.into();
    Failure(Reason { code, detail })
}

impl From<ReasonCode> for Failure {
    fn from(code: ReasonCode) -> Self {
        failure(code, code.meaning())
    }
}

impl From<storage::StorageError> for Failure {
    fn from(error: storage::StorageError) -> Self {
        tracing::warn!("the object store failed: {}", telemetry::chain(&error));
        ReasonCode::StorageUnavailable.into()
    }
}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        let code = error.code();
        match error {
            ParseError::Refused(_) | ParseError::TimedOut { .. } | ParseError::TooLarge { .. } => {
                failure(code, error.to_string())
            }
            // How the child died is for operators; its owner learns what it means.
            ParseError::Crashed { .. } => {
                tracing::warn!("{error}");
                code.into()
            }
            ParseError::Unavailable(_) | ParseError::Body(_) => {
                tracing::error!("{}", telemetry::chain(&error));
                code.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        assert_eq!(backoff(1, 0, None), Duration::ZERO);
        assert_eq!(backoff(1, u32::MAX, None), Duration::from_secs(2));
        assert_eq!(backoff(2, u32::MAX, None), Duration::from_secs(4));
        assert_eq!(backoff(2, u32::MAX / 2, None).as_secs_f64().round(), 2.0);
        assert_eq!(backoff(i16::MAX, u32::MAX, None), BACKOFF_MAX);
    }

    #[test]
    fn nobody_is_asked_again_before_he_wants_to_be() {
        let asked = Some(Duration::from_secs(30));
        assert_eq!(backoff(1, 0, asked), Duration::from_secs(30));
        assert_eq!(backoff(1, u32::MAX, asked), Duration::from_secs(32));
        assert_eq!(
            backoff(1, 0, Some(Duration::from_secs(86_400))),
            ASKED_TO_WAIT_MAX
        );
    }
}
