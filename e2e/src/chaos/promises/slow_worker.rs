//! P7: a worker that takes long is left alone as long as it lives; one that stood still does no harm when it goes on.

use std::time::Duration;

use rustix::process::Signal;

use crate::chaos::faults::signal_readers;
use crate::chaos::journal::Journal;
use crate::chaos::load;
use crate::chaos::scale::LEASE;
use crate::chaos::scratch::{Role, until_running};
use crate::chaos::skew::clock_off_by;
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::waiting::{PATIENCE, eventually};
use crate::{Settings, Treatment};

/// Seconds.
const CLOCKS_OFF_BY: i64 = 300;
/// Documents of the worker that is frozen.
const HELD: usize = 4;
/// A frozen worker's tasks have to be taken over by then.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// Two fleets, for both mostly wait.
pub(in crate::chaos) async fn scenario(scale: Scale, dice: Dice) -> Verdict {
    let (slow, frozen) = tokio::join!(slow(scale), frozen(scale, dice));
    slow.and(frozen)
}

/// One document takes many times as long as a silence may last, and its worker lives. The clocks of the schedulers, which
/// decide who is silent, are wrong.
async fn slow(scale: Scale) -> Verdict {
    let mut verdict = Verdict::default();
    let patient = Settings::new().with("sandbox.wall_time_max", "30m");
    let mut scratch = Scratch::start(&patient).await;
    // For one scheduler every sign of life is minutes old, for the other one it comes from the future.
    for (scheduler, seconds) in scratch
        .fleet
        .schedulers
        .iter_mut()
        .zip([CLOCKS_OFF_BY, -CLOCKS_OFF_BY])
    {
        scheduler.restart(&clock_off_by(seconds).await).await;
    }
    let user = scratch.user().await;
    let mut journal = Journal::open(&scratch).await;
    let held = scratch.objects.treat("GET", user.user_id(), Treatment::Hold);
    let tally = load::submit(&user, 0).await;
    until_running(&mut journal, user.user_id(), 1).await;
    // Every reader of every worker stands still: whichever has the document does not come on with it.
    for worker in 0..scratch.fleet.workers.len() {
        signal_readers(&scratch, worker, Signal::STOP, usize::MAX);
    }
    drop(held);
    let lease = LEASE.as_secs();
    say(
        Promise::P7,
        &format!("a document takes {:?}, a lease {lease} s", scale.slow_document),
    );
    tokio::time::sleep(scale.slow_document).await;
    for worker in 0..scratch.fleet.workers.len() {
        signal_readers(&scratch, worker, Signal::CONT, usize::MAX);
    }
    scratch.settle(PATIENCE).await;
    let runs = format!(
        "SELECT count(*) FROM journal.steps WHERE became = 'running' AND user_id = '{}'",
        user.user_id()
    );
    let leases = scale.slow_document.as_secs_f64() / LEASE.as_secs_f64();
    verdict.exactly(
        &format!("run of a document that took {leases:.1} leases under clocks 5 minutes off"),
        1,
        journal.number(&runs).await,
    );
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// A worker stands still for longer than a silence may last, with tasks in its hands.
async fn frozen(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let user = scratch.user().await;
    let mut journal = Journal::open(&scratch).await;
    let held = scratch.objects.treat("GET", user.user_id(), Treatment::Hold);
    let tally = load::submit_all(user.clone(), HELD, HELD, Duration::ZERO).await;
    until_running(&mut journal, user.user_id(), i64::try_from(HELD).unwrap()).await;
    let owners = format!(
        "SELECT DISTINCT owner::text FROM tasks WHERE state = 'running' AND user_id = '{}'",
        user.user_id()
    );
    let owners = journal.texts(&owners).await;
    let owner: &String = dice.one_of(&owners);
    let owner = scratch
        .worker(&mut journal, owner)
        .await
        .expect("a worker of the fleet");
    let worker = &scratch.fleet.workers[owner].process;
    worker.freeze();
    // What it asked for comes while it stands still, so that it goes on with it at once.
    drop(held);
    let began = std::time::Instant::now();
    let ended = format!(
        "SELECT count(*) FROM jobs WHERE finished_at IS NULL AND user_id = '{}'",
        user.user_id()
    );
    eventually("others take over from a frozen worker", TAKEN_OVER, async || {
        journal.number(&ended).await == 0
    })
    .await;
    tokio::time::sleep(scale.frozen.saturating_sub(began.elapsed())).await;
    worker.thaw();
    say(
        Promise::P7,
        &format!("a worker stood still for {:?}", began.elapsed()),
    );
    let worker = &scratch.fleet.workers[owner];
    eventually(
        "the worker that stood still finds that it is too late",
        PATIENCE,
        async || {
            worker
                .metric("docmill_stale_results_total")
                .await
                .is_some_and(|count| count >= 1.0)
        },
    )
    .await;
    let twice = "SELECT count(*) FROM (SELECT task_id FROM journal.steps WHERE became = 'done' GROUP BY task_id \
                 HAVING count(*) > 1) AS twice";
    verdict.exactly(
        "documents with two results after a worker stood still",
        0,
        journal.number(twice).await,
    );
    let stale = scratch.metric(Role::Worker, "docmill_stale_results_total").await;
    verdict.at_least("late results refused and counted", 1, stale);
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}
