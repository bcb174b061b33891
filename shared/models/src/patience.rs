//! Asking again, where that makes sense and costs nothing, within a time.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Calls for one document or answer at most.
pub const TRIES_MAX: u32 = 3;

/// Calls until it works, makes no sense any more, or would take longer than `patience` with the waits that the model asks for.
///
/// # Errors
/// The last failure.
pub async fn patiently<T, F: Future<Output = Result<T, Failure>>>(
    patience: Duration,
    mut call: impl FnMut() -> F,
) -> Result<T, Failure> {
    let began = Instant::now();
    let left = || patience.saturating_sub(began.elapsed());
    let mut tries = 1;
    loop {
        let failure = match tokio::time::timeout(left(), call()).await {
            Ok(Ok(told)) => return Ok(told),
            Ok(Err(failure)) => failure,
            Err(_) => return Err(Failure::TimedOut),
        };
        match failure.ask_again_after() {
            Some(wait) if tries < TRIES_MAX && wait < left() => tokio::time::sleep(wait).await,
            _ => return Err(failure),
        }
        tries += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const AT_ONCE: Failure = Failure::RateLimited {
        retry_after: Some(Duration::ZERO),
    };

    async fn after(failures: &[Failure]) -> (Result<u32, Failure>, u32) {
        let (left, calls) = (RefCell::new(failures.to_vec()), RefCell::new(0));
        let told = patiently(Duration::from_secs(5), async || {
            *calls.borrow_mut() += 1;
            let mut left = left.borrow_mut();
            if left.is_empty() {
                Ok(7)
            } else {
                Err(left.remove(0))
            }
        })
        .await;
        (told, calls.into_inner())
    }

    #[tokio::test]
    async fn who_was_asked_too_often_is_asked_again_and_who_said_nonsense_is_not() {
        assert_eq!(after(&[AT_ONCE, AT_ONCE]).await, (Ok(7), 3));
        assert_eq!(after(&[AT_ONCE; 9]).await, (Err(AT_ONCE), TRIES_MAX));
        assert_eq!(after(&[Failure::Garbage]).await, (Err(Failure::Garbage), 1));
        assert_eq!(
            after(&[Failure::TimedOut]).await,
            (Err(Failure::TimedOut), 1),
            "it may have been paid"
        );
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_there_is_time() {
        let hour = Failure::RateLimited {
            retry_after: Some(Duration::from_secs(3_600)),
        };
        assert_eq!(after(&[hour]).await, (Err(hour), 1));
    }

    #[tokio::test]
    async fn a_call_that_never_ends_is_given_up() {
        let never = patiently(Duration::from_millis(1), std::future::pending::<Result<(), _>>).await;
        assert_eq!(never, Err(Failure::TimedOut));
    }
}
