//! P3: Redis forgets everything, again and again, under load. Nothing is lost, and nothing stands still for long.

use std::time::Duration;

use crate::Settings;
use crate::chaos::faults::Fault;
use crate::chaos::journal::Journal;
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, load, say};
use crate::servers::Persistence;

const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Time between two losses.
const BETWEEN: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(4);

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let user = scratch.user().await;
    // Faster than they can be worked on, so that there always is something to forget.
    let load = tokio::spawn(load::submit_all(user, scale.jobs, 16, Duration::ZERO));
    let mut losses: Vec<Fault> = vec![Fault::RedisFlush; scale.flushes];
    losses.push(Fault::RedisKill(Persistence::None));
    for loss in &losses {
        tokio::time::sleep(dice.time(BETWEEN)).await;
        loss.happen(&mut scratch, &mut dice).await;
        say(Promise::P3, &format!("{loss:?}"));
    }
    let tally = load.await.unwrap();
    verdict.figure(format!("{} jobs", tally.accepted.len()));
    verdict.figure(format!("{} times flushed, once killed", scale.flushes));
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    let pause = Journal::open(&scratch).await.longest_pause().await;
    verdict.within("longest pause", PAUSE_MAX, pause);
    verdict
}
