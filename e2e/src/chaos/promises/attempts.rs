//! P9: what cannot be done is tried three times, not twice and not four times; a deploy in the middle costs no attempt.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::chaos::journal::Journal;
use crate::chaos::load::{self, Tally};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::{Client, Settings, Treatment};

/// Documents of one upload.
const FILES: usize = 30;
/// Between two deploys.
const BETWEEN: std::ops::Range<Duration> = Duration::from_millis(500)..Duration::from_secs(3);
/// Deploys while a thousand documents are tried.
const DEPLOYS_PER_THOUSAND: usize = 20;
/// Tries are spread over a minute or so; nothing ends for no longer than that.
const PATIENCE: Duration = Duration::from_secs(90);

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    // Many slots, for nearly all of them wait; no grace, so that a deploy interrupts whatever runs.
    let settings = Settings::new()
        .with("worker.slots", "48")
        .with("worker.grace", "200ms");
    let mut scratch = Scratch::start(&settings).await;
    // Three people: the objects of one can never be read, those of another for a while, those of the third always.
    let [hopeless, unlucky, lucky] = [scratch.user().await, scratch.user().await, scratch.user().await];
    let refused = scratch
        .objects
        .treat("GET", hopeless.user_id(), Treatment::Refuse);
    let refused_for_now = scratch.objects.treat("GET", unlucky.user_id(), Treatment::Refuse);
    let slow = scratch.objects.treat(
        "GET",
        lucky.user_id(),
        Treatment::Delay(Duration::from_millis(300)),
    );

    let uploads = scale.cases.div_ceil(3 * FILES);
    let load = tokio::spawn({
        let users = [hopeless.clone(), unlucky.clone(), lucky.clone()];
        async move {
            let mut tally = Tally::default();
            for submitted in join_all(users.map(|user| upload(user, uploads))).await {
                tally.add(submitted);
            }
            tally
        }
    });
    let deploys = scale.cases * DEPLOYS_PER_THOUSAND / 1_000 + 3;
    let mut refused_for_now = Some(refused_for_now);
    for deploy in 0..deploys {
        tokio::time::sleep(dice.time(BETWEEN)).await;
        let number = dice.below(scratch.fleet.workers.len());
        let worker = &mut scratch.fleet.workers[number];
        worker.process.stop().await;
        worker.restart(&Settings::new()).await;
        if deploy >= deploys / 2 {
            refused_for_now = None;
        }
        say(Promise::P9, &format!("deploy {} of {deploys}", deploy + 1));
    }
    drop(refused_for_now);
    let tally = load.await.unwrap();
    scratch.settle(PATIENCE).await;
    drop((refused, slow));

    let mut journal = Journal::open(&scratch).await;
    let cases = journal.number("SELECT count(*) FROM tasks").await;
    verdict.at_least("documents", i64::try_from(scale.cases).unwrap(), cases);
    verdict.figure(format!("{deploys} deploys"));
    let begun = "SELECT count(*) FROM journal.steps WHERE became = 'running'";
    verdict.figure(format!("{} runs", journal.number(begun).await));
    let given_back = "SELECT count(*) FROM journal.steps WHERE was = 'running' AND attempt < attempt_was";
    verdict.at_least("interrupted by a deploy", 1, journal.number(given_back).await);
    let inexact = "SELECT count(*) FROM tasks t JOIN (SELECT task_id, \
                   count(*) FILTER (WHERE became = 'running') - count(*) FILTER (WHERE was = 'running' AND attempt < attempt_was) \
                   AS counted FROM journal.steps GROUP BY task_id) s ON s.task_id = t.id WHERE s.counted <> t.attempt";
    verdict.exactly("attempts counted wrongly", 0, journal.number(inexact).await);
    of_user(
        &mut journal,
        &hopeless,
        "state = 'dead' AND attempt = 3",
        "hopeless ones with 3 attempts",
        &mut verdict,
    )
    .await;
    of_user(
        &mut journal,
        &lucky,
        "state = 'done' AND attempt = 1",
        "lucky ones with 1 attempt",
        &mut verdict,
    )
    .await;
    of_user(
        &mut journal,
        &unlucky,
        "attempt BETWEEN 1 AND 3",
        "unlucky ones with 1 to 3",
        &mut verdict,
    )
    .await;
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// Whether all tasks of a user ended as they should have.
async fn of_user(journal: &mut Journal, user: &Client, condition: &str, what: &str, verdict: &mut Verdict) {
    let of_user = format!("SELECT count(*) FROM tasks WHERE user_id = '{}'", user.user_id());
    let all = journal.number(&of_user).await;
    let so = journal.number(&format!("{of_user} AND {condition}")).await;
    verdict.exactly(what, all, so);
}

/// Uploads of many files each.
async fn upload(user: Arc<Client>, uploads: usize) -> Tally {
    let mut tally = Tally::default();
    for upload in 0..uploads {
        let texts: Vec<String> = (0..FILES).map(|file| load::text(upload * FILES + file)).collect();
        let files: Vec<(&str, &[u8])> = texts.iter().map(|text| ("case.txt", text.as_bytes())).collect();
        let job = user.upload(&files).await;
        tally.accepted.push(load::id(&job));
    }
    tally
}
