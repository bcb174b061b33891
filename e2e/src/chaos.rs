//! Faults on purpose, and whether docmill's promises hold under them.
//!
//! Every promise is a scenario over a fleet of its own: two APIs, three workers and two schedulers on a Postgres, a Redis
//! and an S3 server that the scenario starts, breaks and mends. What happens when is drawn from a seed, so that the same
//! seed gives the same plan; what is found never depends on chance. The same code runs short, as a test, and long, as
//! `docmill chaos`.

mod faults;
mod invariants;
mod journal;
mod load;
mod plan;
mod promises;
mod scale;
mod scratch;
mod skew;
mod verdict;

use std::time::Instant;

use futures::FutureExt;

pub use faults::Fault;
pub use plan::Dice;
pub use promises::Promise;
pub use scale::Scale;
pub use scratch::Scratch;
pub use verdict::{Outcome, Verdict};

/// Tries one promise. A scenario that cannot go on has broken it, and says why.
pub async fn try_promise(promise: Promise, scale: &Scale, seed: u64) -> Outcome {
    say(promise, &format!("begins, seed {seed}"));
    let begun = Instant::now();
    // Two scenarios with one seed do not do the same things at the same times.
    let dice = Dice::new(seed ^ (promise.number() << 32));
    let tried = std::panic::AssertUnwindSafe(promise.scenario(*scale, dice)).catch_unwind();
    let verdict = tried.await.unwrap_or_else(|panic| {
        let mut verdict = Verdict::default();
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        verdict.is_broken(format!("could not go on: {}", words.unwrap_or("no reason given")));
        verdict
    });
    let outcome = verdict.outcome(promise, seed, begun.elapsed());
    say(promise, if outcome.is_kept() { "kept" } else { "BROKEN" });
    outcome
}

/// Progress, for whoever waits.
pub(crate) fn say(promise: Promise, what: &str) {
    eprintln!("chaos: {promise}: {what}");
}
