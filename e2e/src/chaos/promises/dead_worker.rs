//! P6: a worker is killed in the middle of a task; another one begins it soon after.

use std::time::{Duration, Instant};

use crate::chaos::journal::Journal;
use crate::chaos::load::{self, Tally};
use crate::chaos::scratch::until_running;
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::waiting::until;
use crate::{Settings, Treatment};

const NEXT_START_MAX: Duration = Duration::from_secs(35);
/// Longer than a next start ever takes.
const GIVEN_UP: Duration = Duration::from_secs(120);
/// Slots of one worker: with three workers, tasks that lose their worker in one round.
const SLOTS: usize = 8;
/// Workers die at different moments between two signs of life.
const MOMENTS: std::ops::Range<Duration> = Duration::ZERO..Duration::from_secs(5);

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let settings = Settings::new().with("worker.slots", SLOTS.to_string());
    let mut scratch = Scratch::start(&settings).await;
    let user = scratch.user().await;
    let mut tally = Tally::default();
    let mut starts = Vec::new();
    while starts.len() < scale.orphans {
        let count = (scale.orphans - starts.len()).min(3 * SLOTS);
        // Their documents do not come out of the store: each task is in the middle for as long as it takes.
        let held = scratch.objects.treat("GET", user.user_id(), Treatment::Hold);
        tally.add(load::submit_all(user.clone(), count, 8, Duration::ZERO).await);
        let mut journal = Journal::open(&scratch).await;
        until_running(&mut journal, user.user_id(), i64::try_from(count).unwrap()).await;
        starts.extend(round(&mut scratch, &mut journal, &mut dice).await);
        drop(held);
        say(
            Promise::P6,
            &format!("{} of {} next starts", starts.len(), scale.orphans),
        );
        scratch.settle(GIVEN_UP).await;
    }
    verdict.figure(format!("{} tasks lost their worker", starts.len()));
    verdict.figure(format!(
        "next start after {:.1} s in the middle",
        load::quantile(starts.clone(), 0.5).as_secs_f64()
    ));
    verdict.within(
        "99 of 100 within",
        NEXT_START_MAX,
        load::quantile(starts.clone(), 0.99),
    );
    verdict.figure(format!(
        "the last after {:.1} s",
        load::quantile(starts, 1.0).as_secs_f64()
    ));
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// Kills every worker at a moment of its own and gives the times until its tasks were begun again.
async fn round(scratch: &mut Scratch, journal: &mut Journal, dice: &mut Dice) -> Vec<Duration> {
    let mut killed = Vec::new();
    for number in 0..scratch.fleet.workers.len() {
        tokio::time::sleep(dice.time(MOMENTS)).await;
        let process = scratch.fleet.workers[number].process.pid();
        let of_it = format!(
            "SELECT t.id::text FROM tasks t JOIN workers w ON w.id = t.owner WHERE t.state = 'running' \
             AND w.name LIKE '%-{process}'"
        );
        let tasks = journal.texts(&of_it).await;
        scratch.fleet.workers[number].process.kill();
        killed.push((Instant::now(), tasks));
        // No other worker of this round is there to take them, so that each is killed with tasks of its own.
    }
    for worker in &mut scratch.fleet.workers {
        worker.restart(&Settings::new()).await;
    }
    let mut starts = Vec::new();
    for (at, tasks) in killed {
        for task in tasks {
            let waited = next_start(journal, &task, at).await;
            starts.push(waited);
        }
    }
    starts
}

/// The time from the death of a task's worker to the next run of it.
async fn next_start(journal: &mut Journal, task: &str, died: Instant) -> Duration {
    let since = format!(
        "SELECT (extract(epoch FROM clock_timestamp() - max(at)) * 1000)::bigint FROM journal.steps \
         WHERE task_id = '{task}' AND became = 'running' HAVING count(*) > 1"
    );
    let since = format!("SELECT COALESCE(({since}), -1)");
    until("a task of a dead worker is begun again", GIVEN_UP, async || {
        let ago = journal.number(&since).await;
        let ago = u64::try_from(ago).ok()?;
        Some(died.elapsed().saturating_sub(Duration::from_millis(ago)))
    })
    .await
}
