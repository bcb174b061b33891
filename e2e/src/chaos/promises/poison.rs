//! P8: a document that kills whoever works on it is given up after three deaths, and the others hardly notice.
//!
//! No document is known that does this to docmill, so the harness does: it kills the worker that has the document, whichever
//! it is, every time. How long the others wait is compared with how long they wait in peace, which says something only where
//! there is peace: a machine that is busy with something else is given time to finish it.

use std::fmt::Write as _;
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
/// The wait of the others above which there is no peace. It is a round of the dispatcher; usually they wait some milliseconds.
const PEACEFUL: Duration = Duration::from_millis(250);
/// How often peace is looked for.
const PEACE_TRIES: usize = 6;
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
    let peace = journal.number(LAST_STEP).await;
    let over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(steadily(Arc::clone(&others), Arc::clone(&over)));
    let before = in_peace(&mut journal, others.user_id()).await;
    let poisoned = journal.number(LAST_STEP).await;
    let overtaken = overtaken(&mut journal, others.user_id(), peace, poisoned).await;

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
    verdict.exactly("overtaken in peace", 0, overtaken);
    compare(&mut journal, others.user_id(), &before, poisoned, &mut verdict).await;
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

/// How long the others wait in peace: the figures of every time that they were watched, the last of which counts.
async fn in_peace(journal: &mut Journal, others: &str) -> Vec<Duration> {
    let mut figures = Vec::new();
    while figures.len() < PEACE_TRIES && figures.last().is_none_or(|wait| *wait > PEACEFUL) {
        let begins = journal.number(LAST_STEP).await;
        tokio::time::sleep(PEACE).await;
        let ends = journal.number(LAST_STEP).await;
        let wait = p95_wait(journal, others, begins, ends).await;
        say(
            Promise::P8,
            &format!("the others wait {} ms in peace", wait.as_millis()),
        );
        figures.push(wait);
    }
    figures
}

/// How many documents of a user, handed in after one step of the journal and not after another, began much later than some that
/// came a second after them. A machine that stands still holds up all alike; whose hint is lost is overtaken, and in peace
/// nobody dies with hints in its hands.
async fn overtaken(journal: &mut Journal, user: &str, after: i64, up_to: i64) -> i64 {
    let query = format!(
        "WITH waits AS (SELECT min(at) AS came, min(at) FILTER (WHERE became = 'running') AS began FROM journal.steps \
         WHERE user_id = '{user}' GROUP BY task_id HAVING min(number) > {after} AND min(number) <= {up_to}) \
         SELECT count(*) FROM waits AS a WHERE EXISTS (SELECT 1 FROM waits AS b \
         WHERE b.came > a.came + interval '1 s' AND b.began < a.began - interval '0.5 s')"
    );
    journal.number(&query).await
}

/// Whether the others wait about as long since the document came as before.
async fn compare(
    journal: &mut Journal,
    others: &str,
    before: &[Duration],
    poisoned: i64,
    verdict: &mut Verdict,
) {
    let after = p95_wait(journal, others, poisoned, i64::MAX).await;
    let (peace, noisy) = before.split_last().expect("they were watched once at least");
    let mut figure = format!(
        "p95 wait of the others {} ms, before {} ms",
        after.as_millis(),
        peace.as_millis()
    );
    for wait in noisy {
        let _ = write!(figure, ", not counted {} ms", wait.as_millis());
    }
    verdict.figure(figure);
    if *peace > PEACEFUL {
        verdict.is_broken(
            "the machine is too busy to tell: the others waited too long before anything was broken",
        );
    } else if after.as_millis() * 100 > peace.as_millis() * (100 + LONGER_MAX) && after > *peace + NOISE {
        verdict.is_broken("the others waited more than 20 % longer");
    }
}

/// The wait from acceptance to the first start that 95 of 100 did not exceed, of those that a user handed in after one step of
/// the journal and not after another. Waits until all of them have begun.
async fn p95_wait(journal: &mut Journal, user: &str, after: i64, up_to: i64) -> Duration {
    let waits = format!(
        "SELECT extract(epoch FROM min(at) FILTER (WHERE became = 'running') - min(at)) * 1000 AS wait FROM journal.steps \
         WHERE user_id = '{user}' GROUP BY task_id HAVING min(number) > {after} AND min(number) <= {up_to}"
    );
    let open = format!("SELECT count(*) FROM ({waits}) AS waits WHERE wait IS NULL");
    until("the others have begun", GIVEN_UP, async || {
        (journal.number(&open).await == 0).then_some(())
    })
    .await;
    let p95 =
        format!("SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY wait)::bigint FROM ({waits}) AS waits");
    Duration::from_millis(journal.number(&p95).await.unsigned_abs())
}
