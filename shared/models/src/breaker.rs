//! A model that fails again and again is left alone for a while, so that nobody waits for it at every document.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::SharedClock;

/// Failures in a row after which a model is left alone.
pub const BREAKER_FAILURES_MAX: u32 = 5;

/// Counts failures of one model in this process.
pub(crate) struct Breaker {
    clock: SharedClock,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    /// Nobody asks before this time. After it one asks, and the others wait for what comes of that.
    closed_until: Option<DateTime<Utc>>,
}

impl Breaker {
    pub(crate) fn new(clock: SharedClock, pause: Duration) -> Self {
        Self {
            clock,
            pause,
            state: Mutex::default(),
        }
    }

    /// Whether the model may be asked now. When its pause is over this is true once; whoever got that tries it out for
    /// everybody, and has as long as the pause was for it.
    pub(crate) fn lets_through(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.closed_until = Some(now + self.pause);
                true
            }
        }
    }

    /// Notes an answer.
    pub(crate) fn worked(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Notes a failure. `true` when the model is left alone from now on, and was not before.
    pub(crate) fn failed(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures < BREAKER_FAILURES_MAX {
            return false;
        }
        let first = state.closed_until.is_none();
        state.closed_until = Some(self.clock.now() + self.pause);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ManualClock;

    const PAUSE: Duration = Duration::from_secs(30);

    fn failing() -> (std::sync::Arc<ManualClock>, Breaker) {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        let breaker = Breaker::new(clock.clone(), PAUSE);
        let told: Vec<bool> = (0..BREAKER_FAILURES_MAX).map(|_| breaker.failed()).collect();
        assert_eq!(told, [false, false, false, false, true]);
        (clock, breaker)
    }

    #[test]
    fn after_five_failures_in_a_row_nobody_asks_for_a_while() {
        let (clock, breaker) = failing();
        assert!(!breaker.lets_through());
        clock.advance(PAUSE);
        assert!(breaker.lets_through(), "one may try");
        assert!(!breaker.lets_through(), "and only one");
    }

    #[test]
    fn a_probe_that_works_opens_the_way_and_one_that_fails_closes_it_again() {
        let (clock, breaker) = failing();
        clock.advance(PAUSE);
        assert!(breaker.lets_through());
        assert!(!breaker.failed(), "it was left alone already");
        assert!(!breaker.lets_through());
        clock.advance(PAUSE);
        assert!(breaker.lets_through());
        breaker.worked();
        assert!(breaker.lets_through() && breaker.lets_through());
    }

    #[test]
    fn a_probe_that_nobody_hears_of_again_does_not_close_the_way_for_ever() {
        let (clock, breaker) = failing();
        clock.advance(PAUSE);
        assert!(breaker.lets_through());
        clock.advance(PAUSE);
        assert!(breaker.lets_through());
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let breaker = Breaker::new(ManualClock::at(DateTime::UNIX_EPOCH), PAUSE);
        for _ in 0..3 {
            for _ in 1..BREAKER_FAILURES_MAX {
                breaker.failed();
            }
            breaker.worked();
        }
        assert!(breaker.lets_through());
    }
}
