//! P4: Redis is away, or as good as away. Clients hardly notice, work goes on soon after, and no process ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chaos::faults::Fault;
use crate::chaos::journal::Journal;
use crate::chaos::load::{self, Tally};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::servers::Persistence;
use crate::waiting::{PATIENCE, until};
use crate::{Client, Settings};

/// Until the first job starts after Redis is back.
const BACK_AT_WORK_MAX: Duration = Duration::from_secs(5);
/// What an upload may take while Redis is away. A healthy one takes a few milliseconds.
const UPLOAD_MAX: Duration = Duration::from_secs(1);
/// What a read may take; it has nothing to do with Redis.
const READ_MAX: Duration = Duration::from_secs(1);
/// Between two uploads while Redis is away.
const PACE: Duration = Duration::from_millis(100);

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let user = scratch.user().await;
    let before = scratch.processes();
    let mut tally = load::submit(&user, 0).await;
    scratch.settle(PATIENCE).await;

    let long_stall = scale.redis_away.min(Duration::from_secs(30));
    let mut reads = Vec::new();
    let outages = [
        ("killed", None, scale.redis_away),
        ("stalled", Some(Fault::RedisFreeze(long_stall)), long_stall),
        (
            "stalled",
            Some(Fault::RedisFreeze(Duration::from_secs(3))),
            Duration::from_secs(3),
        ),
        (
            "out of memory",
            Some(Fault::RedisOutOfMemory(Duration::from_secs(3))),
            Duration::from_secs(3),
        ),
        (
            "a replica",
            Some(Fault::RedisReplica(Duration::from_secs(2))),
            Duration::from_secs(2),
        ),
    ];
    let mut slowest_return = Duration::ZERO;
    for (how, fault, time) in outages {
        let away = tokio::spawn(use_it(Arc::clone(&user), time, tally.accepted[0].clone()));
        match fault {
            Some(fault) => fault.happen(&mut scratch, &mut dice).await,
            None => {
                scratch.servers.redis.kill();
                tokio::time::sleep(time).await;
            }
        }
        let (during, read) = away.await.unwrap();
        if fault.is_none() {
            scratch.servers.redis.again().await;
        }
        let back = first_start(&scratch).await;
        say(
            Promise::P4,
            &format!(
                "{how} for {time:?}: {} uploads, back at work in {back:?}",
                during.accepted.len()
            ),
        );
        slowest_return = slowest_return.max(back);
        reads.push(read);
        tally.add(during);
        scratch.settle(PATIENCE).await;
    }
    Fault::RedisKill(Persistence::EveryChange)
        .happen(&mut scratch, &mut dice)
        .await;

    verdict.figure(format!("{} uploads answered 202", tally.accepted.len()));
    let refused: usize = tally.refused.values().sum();
    verdict.exactly(
        "refused or unanswered",
        0,
        i64::try_from(refused + tally.unanswered).unwrap(),
    );
    verdict.within("slowest upload", UPLOAD_MAX, tally.quantile(1.0));
    verdict.within("slowest read", READ_MAX, load::quantile(reads, 1.0));
    verdict.within("first job starts after", BACK_AT_WORK_MAX, slowest_return);
    let ended = before
        .iter()
        .filter(|process| !scratch.processes().contains(process))
        .count();
    verdict.exactly("processes ended", 0, i64::try_from(ended).unwrap());
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// Hands documents in and reads for so long, one after the other. Also gives the time of the slowest read.
async fn use_it(user: Arc<Client>, time: Duration, job: String) -> (Tally, Duration) {
    let begun = Instant::now();
    let (mut tally, mut slowest_read) = (Tally::default(), Duration::ZERO);
    for number in 1.. {
        if begun.elapsed() + PACE > time {
            break;
        }
        tally.add(load::submit(&user, number).await);
        let asked = Instant::now();
        let _ = user.get(&format!("/api/v1/jobs/{job}")).await.status(200);
        let _ = user.get("/api/v1/documents?limit=10").await.status(200);
        slowest_read = slowest_read.max(asked.elapsed());
        tokio::time::sleep(PACE).await;
    }
    (tally, slowest_read)
}

/// How long it takes from now until a worker begins a task.
async fn first_start(scratch: &Scratch) -> Duration {
    let mut journal = Journal::open(scratch).await;
    let started = "SELECT count(*) FROM journal.steps WHERE became = 'running'";
    let (begun, before) = (Instant::now(), journal.number(started).await);
    until("work goes on", PATIENCE, async || {
        let nothing_left = journal.unfinished().await == 0;
        (nothing_left || journal.number(started).await > before).then_some(())
    })
    .await;
    begun.elapsed()
}
