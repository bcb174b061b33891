//! P15: far more is asked than can be done. What is accepted is answered quickly and done; the rest is refused, and memory
//! stays bounded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::chaos::load::{self, Tally};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::{Client, Settings};

/// How much more is asked than can be done.
const TIMES: f64 = 10.0;
/// How long it is measured what can be done.
const MEASURED: Duration = Duration::from_secs(4);
/// What an API may use, with all its uploads in flight.
const MEMORY_MAX: u64 = 512 << 20;
/// Requests that wait for their answers at most; more are not asked, as no more connections would be made.
const IN_FLIGHT_MAX: usize = 1_000;

pub(in crate::chaos) async fn scenario(scale: Scale, _: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let user = scratch.user().await;
    let (capacity, mut tally) = capacity(&scratch, &user).await;
    say(
        Promise::P15,
        &format!("{capacity:.0} documents a second can be done"),
    );
    scratch
        .fleet
        .apis
        .iter()
        .for_each(|api| api.process.reset_memory_peak());

    let rate = (capacity * TIMES).max(20.0);
    let (during, asked, badly_refused) = flood(&user, rate, scale.overload).await;
    let oldest = oldest_wait(&scratch).await;
    let memory = scratch
        .fleet
        .apis
        .iter()
        .map(|api| api.process.memory_peak())
        .max()
        .unwrap_or(0);

    verdict.figure(format!(
        "{capacity:.0} documents a second can be done, {:.0} were asked",
        asked as f64 / scale.overload.as_secs_f64()
    ));
    verdict.figure(format!("{} accepted", during.accepted.len()));
    let refused: usize = during.refused.values().sum();
    // Otherwise it was no overload, and nothing was tried.
    verdict.at_least("refused with Retry-After", 1, i64::try_from(refused).unwrap());
    verdict.exactly("refused otherwise", 0, badly_refused);
    verdict.exactly("unanswered", 0, i64::try_from(during.unanswered).unwrap());
    verdict.within(
        "99 of 100 accepted within",
        scale.accepted_within,
        during.quantile(0.99),
    );
    verdict.figure(format!("oldest wait {oldest:.0} s by the metric"));
    verdict.figure(format!("{} MiB in an API at most", memory >> 20));
    if memory > MEMORY_MAX {
        verdict.is_broken(format!("an API used {} MiB", memory >> 20));
    }
    tally.add(during);
    let drained = Instant::now();
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict.figure(format!(
        "backlog drained in {:.0} s",
        drained.elapsed().as_secs_f64()
    ));
    verdict
}

/// How long the oldest task waits, as schedulers tell operators.
async fn oldest_wait(scratch: &Scratch) -> f64 {
    let mut oldest: f64 = 0.0;
    for scheduler in &scratch.fleet.schedulers {
        let seconds = scheduler.metric("docmill_queue_oldest_wait_seconds").await;
        oldest = oldest.max(seconds.unwrap_or(0.0));
    }
    oldest
}

/// Documents a second from upload to result, with clients that wait for their answers: more and more of them, until they take
/// long enough for the last look at whether all are done not to matter.
async fn capacity(scratch: &Scratch, user: &Arc<Client>) -> (f64, Tally) {
    let mut tally = Tally::default();
    let mut count = 40;
    loop {
        let begun = Instant::now();
        let round = load::submit_all(Arc::clone(user), count, 16, Duration::ZERO).await;
        let accepted = round.accepted.len();
        tally.add(round);
        scratch.settle(Duration::from_secs(60)).await;
        let took = begun.elapsed();
        if took >= MEASURED {
            return (accepted as f64 / took.as_secs_f64(), tally);
        }
        count *= 2;
    }
}

/// Asks at a steady rate, whatever the answers are: nobody is slowed down by a slow answer. Also says how often it asked,
/// and how often it was refused in a way that does not say when to come again.
async fn flood(user: &Arc<Client>, rate: f64, time: Duration) -> (Tally, usize, i64) {
    let begun = Instant::now();
    let (mut tally, mut badly_refused) = (Tally::default(), 0);
    let (mut asked, mut left_out) = (0, 0);
    let mut flying = JoinSet::new();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    while begun.elapsed() < time || !flying.is_empty() {
        tokio::select! {
            _ = tick.tick(), if begun.elapsed() < time => {
                let due = (begun.elapsed().as_secs_f64() * rate) as usize;
                while asked + left_out < due {
                    if flying.len() < IN_FLIGHT_MAX {
                        flying.spawn(ask(Arc::clone(user), asked));
                        asked += 1;
                    } else {
                        left_out += 1;
                    }
                }
            }
            Some(answered) = flying.join_next(), if !flying.is_empty() => {
                let (one, bad) = answered.unwrap();
                tally.add(one);
                badly_refused += i64::from(bad);
            }
        }
    }
    (tally, asked, badly_refused)
}

async fn ask(user: Arc<Client>, number: usize) -> (Tally, bool) {
    let mut tally = Tally::default();
    let mut bad = false;
    let form = user.form("", &[("flood.txt", load::text(number).as_bytes())]);
    let asked = Instant::now();
    match user.try_send(form.timeout(load::ANSWER_MAX)).await {
        Ok(answer) if answer.status == 202 => {
            tally.waits.push(asked.elapsed());
            tally.accepted.push(load::id(&answer.json()));
        }
        Ok(answer) => {
            let is_refusal = matches!(answer.status, 429 | 503) && answer.header("retry-after").is_some();
            bad = !is_refusal;
            *tally.refused.entry(answer.status).or_default() += 1;
        }
        Err(_) => tally.unanswered += 1,
    }
    (tally, bad)
}
