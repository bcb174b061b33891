//! Pauses between tries, and complaints about them that do not flood the log.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// The pause after the first failure lasts up to this long.
const FIRST: Duration = Duration::from_millis(100);
/// No pause is longer, so that work goes on soon after Redis has come back.
const LONGEST: Duration = Duration::from_secs(2);
/// No pause is shorter: a fault that answers at once must not keep a processor busy.
const SHORTEST: Duration = Duration::from_millis(20);
/// Time between two complaints about the same thing.
const SILENCE: Duration = Duration::from_secs(5);

/// Doubling pauses with full jitter: a fleet that lost its Redis at one moment does not come back at one moment.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Forgets the failures: the next pause is a short one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(fraction()).max(SHORTEST)
    }
}

/// A number from 0 to 1. The standard library seeds every hasher anew, which is random enough to spread retries.
fn fraction() -> f64 {
    let random = RandomState::new().build_hasher().finish() >> 32;
    random as f64 / f64::from(u32::MAX)
}

/// Lets one complaint through every few seconds and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    last: Option<Instant>,
    unsaid: u64,
}

impl Complaints {
    /// How many failures there were since the last complaint, this one included; `None` when it is too early for the
    /// next one.
    pub(crate) fn due(&mut self) -> Option<u64> {
        self.unsaid += 1;
        if self.last.is_some_and(|last| last.elapsed() < SILENCE) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_bounds() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..100).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= FIRST);
        assert!(pauses.iter().all(|pause| (SHORTEST..=LONGEST).contains(pause)));
        // Each of 90 pauses is below a quarter of the longest with a probability of one in four.
        assert!(pauses[10..].iter().any(|pause| *pause > LONGEST / 4));
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn a_flood_of_failures_is_one_complaint() {
        let mut complaints = Complaints::default();
        assert_eq!(complaints.due(), Some(1));
        assert!((0..100).all(|_| complaints.due().is_none()));
        assert_eq!(complaints.unsaid, 100);
    }
}
