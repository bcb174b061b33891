//! P11: what is cancelled ends at once, whether it waits, runs or resists, and leaves nothing behind.

use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Pid, Signal};

use crate::chaos::faults::signal_readers;
use crate::chaos::journal::Journal;
use crate::chaos::load::{self, Tally};
use crate::chaos::scratch::{Role, until_running};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::waiting::{PATIENCE, eventually};
use crate::{Client, Settings, Treatment};

const QUEUED_MAX: Duration = Duration::from_secs(1);
const RUNNING_MAX: Duration = Duration::from_secs(5);
const STUBBORN_MAX: Duration = Duration::from_secs(10);
/// Objects of what was cancelled are gone by then: a sweep comes every minute for what was not deleted at once.
const CLEAN_BY: Duration = Duration::from_secs(150);

pub(in crate::chaos) async fn scenario(scale: Scale, _: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let settings = Settings::new()
        .with("sandbox.wall_time_max", "10m")
        .with("quotas.documents_per_month", "1000000");
    let mut scratch = Scratch::start(&settings).await;
    let mut tally = Tally::default();

    tally.add(queued(&mut scratch, scale.cancels, &mut verdict).await);
    tally.add(running(&scratch, scale.cancels, &mut verdict).await);
    tally.add(stubborn(&scratch, &mut verdict).await);
    tally.add(too_late(&scratch, &mut verdict).await);

    let of_cancelled = async |scratch: &Scratch| {
        let mut journal = Journal::open(scratch).await;
        let documents = journal
            .texts("SELECT id::text FROM documents WHERE status = 'cancelled'")
            .await;
        let mut keys = scratch.servers.bucket().keys().await;
        keys.retain(|key| documents.iter().any(|document| key.contains(document)));
        keys.len()
    };
    let asked = Instant::now();
    let mut left = of_cancelled(&scratch).await;
    while left > 0 && asked.elapsed() < CLEAN_BY {
        tokio::time::sleep(Duration::from_millis(500)).await;
        left = of_cancelled(&scratch).await;
    }
    verdict.exactly("objects of cancelled jobs left", 0, i64::try_from(left).unwrap());
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// Cancels a job and says how long it took until the answer.
async fn cancel(user: &Client, job: &str) -> Duration {
    let asked = Instant::now();
    let request = user.request(Method::POST, &format!("/api/v1/jobs/{job}/cancel"));
    let answer = user.send(request).await.status(202).json();
    assert_eq!(answer["status"], "cancelled", "{answer}");
    asked.elapsed()
}

/// Nobody has begun them: every worker is gone.
async fn queued(scratch: &mut Scratch, count: usize, verdict: &mut Verdict) -> Tally {
    let user = scratch.user().await;
    for worker in &scratch.fleet.workers {
        worker.process.stop().await;
    }
    let tally = load::submit_all(user.clone(), count, 4, Duration::ZERO).await;
    let mut slowest = Duration::ZERO;
    for job in &tally.accepted {
        slowest = slowest.max(cancel(&user, job).await);
    }
    verdict.within(&format!("{count} waiting ones end within"), QUEUED_MAX, slowest);
    for worker in scratch.of(Role::Worker) {
        worker.restart(&Settings::new()).await;
    }
    say(Promise::P11, "waiting ones are cancelled");
    tally
}

/// They run, held by the object store; the time is until their workers have let go of them.
async fn running(scratch: &Scratch, count: usize, verdict: &mut Verdict) -> Tally {
    let user = scratch.user().await;
    let mut journal = Journal::open(scratch).await;
    let mut tally = Tally::default();
    let mut slowest = Duration::ZERO;
    let held = scratch.objects.treat("GET", user.user_id(), Treatment::Hold);
    for number in 0..count {
        let submitted = load::submit(&user, number).await;
        until_running(&mut journal, user.user_id(), 1).await;
        let asked = Instant::now();
        cancel(&user, &submitted.accepted[0]).await;
        let let_go = async || scratch.metric(Role::Worker, "docmill_worker_slots_used").await == 0;
        eventually("the worker lets go of what was cancelled", PATIENCE, let_go).await;
        slowest = slowest.max(asked.elapsed());
        tally.add(submitted);
    }
    drop(held);
    verdict.within(&format!("{count} running ones within"), RUNNING_MAX, slowest);
    say(Promise::P11, "running ones are cancelled");
    tally
}

/// Its reader does nothing any more, not even end; the time is until it is dead.
async fn stubborn(scratch: &Scratch, verdict: &mut Verdict) -> Tally {
    let user = scratch.user().await;
    let mut journal = Journal::open(scratch).await;
    let held = scratch.objects.treat("GET", user.user_id(), Treatment::Hold);
    let tally = load::submit(&user, 0).await;
    until_running(&mut journal, user.user_id(), 1).await;
    let owner = format!(
        "SELECT owner::text FROM tasks WHERE user_id = '{}'",
        user.user_id()
    );
    let owner = journal.texts(&owner).await;
    let worker = scratch
        .worker(&mut journal, &owner[0])
        .await
        .expect("a worker of the fleet");
    signal_readers(scratch, worker, Signal::STOP, usize::MAX);
    drop(held);
    let process = &scratch.fleet.workers[worker].process;
    let readers: Vec<Pid> = process.children();
    let asked = Instant::now();
    cancel(&user, &tally.accepted[0]).await;
    // The one with the document is killed; others that stand still too have nothing to do.
    eventually("a stubborn reader is killed", PATIENCE, async || {
        let alive = process.children();
        readers.iter().any(|reader| !alive.contains(reader))
    })
    .await;
    verdict.within(
        "a stubborn reader is killed within",
        STUBBORN_MAX,
        asked.elapsed(),
    );
    signal_readers(scratch, worker, Signal::CONT, usize::MAX);
    tally
}

/// What has ended otherwise is not cancelled, and says so.
async fn too_late(scratch: &Scratch, verdict: &mut Verdict) -> Tally {
    let user = scratch.user().await;
    let tally = load::submit(&user, 0).await;
    scratch.settle(PATIENCE).await;
    let request = user.request(
        Method::POST,
        &format!("/api/v1/jobs/{}/cancel", tally.accepted[0]),
    );
    let answer = user.send(request).await;
    verdict.exactly(
        "is the answer to cancelling what has ended",
        409,
        i64::from(answer.status),
    );
    tally
}
