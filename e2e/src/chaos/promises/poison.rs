//! P8: a document that kills whoever works on it is given up after three deaths, and the others hardly notice.
//!
//! No document is known that does this to docmill, so the harness does: it kills the worker that has the document, whichever
//! it is, every time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::chaos::journal::Journal;
use crate::chaos::load::{self, Tally};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::waiting::until;
use crate::{Client, Settings, Treatment};

const LAST_STEP: &str = "SELECT max(number) FROM journal.steps";
/// Longer than three silences.
const GIVEN_UP: Duration = Duration::from_secs(240);
/// Documents that are done before anybody is watched, so that the fleet's first connections are not taken for its pace.
const WARM_UP: usize = 60;
/// How long the others are watched in peace.
const PEACE: Duration = Duration::from_secs(20);
/// Between two documents of the others.
const PACE: Duration = Duration::from_millis(150);
/// How much longer than in peace the others may wait, in hundredths.
const LONGER_MAX: u128 = 20;
/// A difference that a machine of two processors makes by itself.
const NOISE: Duration = Duration::from_millis(25);

pub(in crate::chaos) async fn scenario(_: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let others = scratch.user().await;
    let poisoner = scratch.user().await;
    let mut journal = Journal::open(&scratch).await;

    let mut tally = load::submit_all(Arc::clone(&others), WARM_UP, 4, Duration::ZERO).await;
    scratch.settle(GIVEN_UP).await;
    let peace_begins = journal.number(LAST_STEP).await;
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(steadily(others, Arc::clone(&over)));
    tokio::time::sleep(PEACE).await;
    let peace = peace_begins..journal.number(LAST_STEP).await;

    // It stays in its worker's hands until the worker is dead.
    let held = scratch.objects.treat("GET", poisoner.user_id(), Treatment::Hold);
    let poison = load::submit(&poisoner, 0).await;
    let job = poison.accepted[0].clone();
    tally.add(poison);
    let deaths = kill_all_who_try(&mut scratch, &mut journal, &mut dice, &job).await;
    drop(held);
    over.store(true, Ordering::Relaxed);
    tally.add(load.await.unwrap());

    verdict.exactly("crashes", 3, deaths);
    let reason = format!(
        "SELECT COALESCE(t.state || ' (' || d.error_code || ')', t.state) FROM tasks t JOIN documents d ON d.id = t.document_id \
         WHERE t.job_id = '{job}'"
    );
    let reason = journal.texts(&reason).await.join(", ");
    if reason != "dead (crashed_worker)" {
        verdict.is_broken(format!("the document ended as {reason}"));
    }
    verdict.figure(format!("then {reason}"));
    let (before, after) = waits(&mut journal, &peace, poisoner.user_id()).await;
    verdict.figure(format!(
        "p95 wait of {} others {} ms, before {} ms",
        tally.accepted.len(),
        after.as_millis(),
        before.as_millis()
    ));
    if after.as_millis() * 100 > before.as_millis() * (100 + LONGER_MAX) && after > before + NOISE {
        verdict.is_broken("the others waited more than 20 % longer");
    }
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// Kills the worker of a job's document until it is given up. Says how many died.
async fn kill_all_who_try(scratch: &mut Scratch, journal: &mut Journal, dice: &mut Dice, job: &str) -> i64 {
    let mut deaths = 0;
    let begun = Instant::now();
    let owner = format!("SELECT owner::text FROM tasks WHERE job_id = '{job}' AND state = 'running'");
    let ended = format!("SELECT count(*) FROM jobs WHERE id = '{job}' AND finished_at IS NOT NULL");
    while journal.number(&ended).await == 0 {
        assert!(
            begun.elapsed() < GIVEN_UP,
            "a poison document is not given up after {deaths} deaths"
        );
        if let Some(owner) = journal.texts(&owner).await.first()
            && let Some(worker) = scratch.worker(journal, owner).await
        {
            tokio::time::sleep(dice.time(Duration::ZERO..Duration::from_millis(300))).await;
            scratch.fleet.workers[worker].process.kill();
            deaths += 1;
            say(Promise::P8, &format!("death {deaths}"));
            scratch.fleet.workers[worker].restart(&Settings::new()).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    deaths
}

/// Hands documents in at a steady pace until it is over.
async fn steadily(user: Arc<Client>, over: Arc<AtomicBool>) -> Tally {
    let mut tally = Tally::default();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        tally.add(load::submit(&user, number).await);
        tokio::time::sleep(PACE).await;
    }
    tally
}

/// The wait from acceptance to the first start that 95 of 100 did not exceed: of those that came in peace, steps of the
/// journal, and of those that came after it.
async fn waits(journal: &mut Journal, peace: &Range<i64>, except: &str) -> (Duration, Duration) {
    let p95 = |condition: &str| {
        format!(
            "SELECT COALESCE(percentile_disc(0.95) WITHIN GROUP (ORDER BY wait), 0)::bigint FROM (SELECT min(number) AS first, \
             extract(epoch FROM min(at) FILTER (WHERE became = 'running') - min(at)) * 1000 AS wait FROM journal.steps \
             WHERE user_id <> '{except}' GROUP BY task_id) AS waits WHERE {condition}"
        )
    };
    let settled =
        format!("SELECT count(*) FROM tasks WHERE state IN ('queued', 'running') AND user_id <> '{except}'");
    until("the others are done", GIVEN_UP, async || {
        (journal.number(&settled).await == 0).then_some(())
    })
    .await;
    let milliseconds = |number: i64| Duration::from_millis(number.unsigned_abs());
    let (begins, ends) = (peace.start, peace.end);
    let before = journal
        .number(&p95(&format!("first > {begins} AND first <= {ends}")))
        .await;
    let after = journal.number(&p95(&format!("first > {ends}"))).await;
    (milliseconds(before), milliseconds(after))
}
