//! Clients that hand documents in and do not give up, as a patient program does: with an `Idempotency-Key`, again after a
//! refusal or no answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::TaskId;
use futures::future::join_all;
use serde_json::Value;

use crate::{Client, texts};

/// How long a client waits for an answer.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(30);
/// The pause of a client that was refused or not answered.
const AGAIN: Duration = Duration::from_millis(200);

/// What clients were told.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The jobs that were accepted.
    pub(super) accepted: Vec<String>,
    /// How long each acceptance took, from the request that succeeded to its answer.
    pub(super) waits: Vec<Duration>,
    /// Refusals by status.
    pub(super) refused: BTreeMap<u16, usize>,
    /// Requests that were not answered, or not to the end.
    pub(super) unanswered: usize,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.waits.extend(other.waits);
        for (status, count) in other.refused {
            *self.refused.entry(status).or_default() += count;
        }
        self.unanswered += other.unanswered;
    }

    /// The time that this share of the acceptances did not exceed, for example 0.99.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        quantile(self.waits.clone(), share)
    }
}

/// The value that this share of all values does not exceed; zero when there are none.
pub(super) fn quantile(mut values: Vec<Duration>, share: f64) -> Duration {
    values.sort_unstable();
    let place = (values.len() as f64 * share).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// The id of something that the API showed.
pub(super) fn id(thing: &Value) -> String {
    thing["id"].as_str().expect("an id").to_owned()
}

/// A short text that no other upload has.
pub(super) fn text(number: usize) -> String {
    format!("Note {number}, {}\n\n{}", TaskId::new(), texts::LIGHTHOUSE)
}

/// Hands one document in until it is accepted.
pub(super) async fn submit(client: &Client, number: usize) -> Tally {
    let mut tally = Tally::default();
    let key = format!("\"{}\"", TaskId::new());
    let (name, text) = (format!("{number}.txt"), text(number));
    loop {
        let form = client.form("", &[(&name, text.as_bytes())]);
        let asked = Instant::now();
        match client
            .try_send(form.header("Idempotency-Key", &key).timeout(ANSWER_MAX))
            .await
        {
            Ok(answer) if answer.status == 202 => {
                tally.waits.push(asked.elapsed());
                tally.accepted.push(id(&answer.json()));
                return tally;
            }
            Ok(answer) => *tally.refused.entry(answer.status).or_default() += 1,
            Err(_) => tally.unanswered += 1,
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Hands `count` documents in, so many at once, and begins one every `pace` at most.
pub(super) async fn submit_all(client: Arc<Client>, count: usize, at_once: usize, pace: Duration) -> Tally {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let one_after_the_other = async || {
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return tally;
            }
            let due = begun + pace * u32::try_from(number).unwrap_or(u32::MAX);
            tokio::time::sleep_until(due.into()).await;
            tally.add(submit(&client, number).await);
        }
    };
    let mut whole = Tally::default();
    for tally in join_all((0..at_once).map(|_| one_after_the_other())).await {
        whole.add(tally);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_value_that_so_many_do_not_exceed() {
        let values: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(values.clone(), 0.99), Duration::from_millis(99));
        assert_eq!(quantile(values.clone(), 0.5), Duration::from_millis(50));
        assert_eq!(quantile(values, 1.0), Duration::from_millis(100));
        assert_eq!(quantile(Vec::new(), 0.5), Duration::ZERO);
    }
}
