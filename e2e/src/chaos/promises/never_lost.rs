//! P1: whatever is killed, and whatever else breaks, every job that was accepted ends.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Settings;
use crate::chaos::faults::Fault;
use crate::chaos::journal::Journal;
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, load, say};

/// Between two kills: enough for what was killed to be at work again.
const PAUSE: std::ops::Range<Duration> = Duration::from_millis(200)..Duration::from_millis(1_200);

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    // With limits that nobody reaches, so that everything is counted against them.
    let quota = Settings::new().with("quotas.documents_per_month", "1000000");
    let mut scratch = Scratch::start(&quota).await;
    let user = scratch.user().await;
    let mut others: VecDeque<Fault> = Fault::all_others(&mut dice).into();
    let others_count = others.len();
    // The last job comes about when the last thing breaks.
    let length = Duration::from_millis(900) * u32::try_from(scale.kills + others_count).unwrap_or(u32::MAX);
    let pace = length / u32::try_from(scale.jobs).unwrap_or(u32::MAX);
    let load = tokio::spawn(load::submit_all(user, scale.jobs, 16, pace));

    // Each other fault comes between two kills, at places that the dice choose.
    let mut kills = 0;
    while kills < scale.kills || !others.is_empty() {
        let left = scale.kills - kills + others.len();
        let kill = dice.below(left) < scale.kills - kills;
        let fault = if kill {
            Fault::any_kill(&mut dice)
        } else {
            others.pop_front().unwrap()
        };
        kills += usize::from(kill);
        let began = Instant::now();
        fault.happen(&mut scratch, &mut dice).await;
        say(
            Promise::P1,
            &format!("{fault:?} took {:.1} s", began.elapsed().as_secs_f64()),
        );
        tokio::time::sleep(dice.time(PAUSE)).await;
    }

    let tally = load.await.unwrap();
    verdict.figure(format!("{} jobs", tally.accepted.len()));
    verdict.figure(format!("{kills} kills and {others_count} other faults"));
    verdict.figure(format!("{} requests unanswered", tally.unanswered));
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    let mut journal = Journal::open(&scratch).await;
    let ended = journal
        .numbers("SELECT status, count(*) FROM jobs GROUP BY status")
        .await;
    let mut ended: Vec<String> = ended
        .iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    ended.sort();
    verdict.figure(ended.join(" and "));
    verdict
}
