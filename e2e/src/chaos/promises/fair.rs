//! P12: one user has handed in thousands of documents and others come with a few. Whoever comes begins within two rounds of the
//! dispatcher, and while several have more than can be done each has its share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chaos::journal::Journal;
use crate::chaos::load::{self, Tally};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::waiting::{PATIENCE, eventually};
use crate::{Client, Settings};

/// Documents in one upload.
const TOGETHER: usize = 100;
/// How often somebody comes with one document.
const GUESTS: usize = 5;
/// Of so many starts each of two users has half, to within [`ERROR_MAX`] of a hundred.
const STARTS: i64 = 1_000;
const ERROR_MAX: i64 = 5;
/// Tasks that a round fills the queue to.
const ROOM: &str = "SELECT hints_max::bigint FROM queues WHERE name = 'documents'";

pub(in crate::chaos) async fn scenario(scale: Scale, _: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let (ada, ben, guest) = (scratch.user().await, scratch.user().await, scratch.user().await);
    let mut journal = Journal::open(&scratch).await;
    // Workers would be as fast as whoever hands in.
    pause(&mut journal, true).await;
    let mut tally = hand_in(&ada, scale.backlog).await;
    pause(&mut journal, false).await;
    say(Promise::P12, "one user's documents wait");

    let begun = format!(
        "SELECT count(*) FROM journal.steps WHERE became = 'running' AND user_id = '{}'",
        ada.user_id()
    );
    for _ in 0..GUESTS {
        let waiting = journal
            .number("SELECT count(*) FROM tasks WHERE state = 'queued' AND dispatched_at IS NULL")
            .await;
        if waiting == 0 {
            verdict.is_broken("nothing waited any more when somebody came");
            break;
        }
        let (before, asked) = (journal.number(&begun).await, Instant::now());
        let form = guest.form("?priority=normal", &[("one.txt", load::text(0).as_bytes())]);
        let job = guest.send(form).await.status(202).json();
        let id = load::id(&job);
        let started = format!("SELECT count(*) FROM tasks WHERE job_id = '{id}' AND started_at IS NOT NULL");
        let mut room = 0;
        while journal.number(&started).await == 0 && asked.elapsed() < PATIENCE {
            room = room.max(journal.number(ROOM).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let passed = journal.number(&begun).await - before;
        room = room.max(journal.number(ROOM).await);
        verdict.figure(format!(
            "begun after {passed} others and {} ms",
            asked.elapsed().as_millis()
        ));
        // What is in the queue when somebody comes, and what the next round puts there.
        if passed > 2 * room {
            verdict.is_broken(format!(
                "{passed} documents of another user went first, and two rounds are {}",
                2 * room
            ));
        }
        tally.accepted.push(id);
    }

    shares(&scratch, (&ada, &ben), scale, &mut tally, &mut verdict).await;
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// While both have documents that wait, each begins half of them.
async fn shares(
    scratch: &Scratch,
    (ada, ben): (&Arc<Client>, &Arc<Client>),
    scale: Scale,
    tally: &mut Tally,
    verdict: &mut Verdict,
) {
    let mut journal = Journal::open(scratch).await;
    let starts = STARTS.min(i64::try_from(scale.backlog).unwrap_or(STARTS) / 3);
    // Nothing is begun until both have enough to do: who hands in first would otherwise be done before the other one comes.
    pause(&mut journal, true).await;
    for user in [ada, ben] {
        tally.add(hand_in(user, usize::try_from(starts).unwrap() + TOGETHER).await);
    }
    let at_rest = async || {
        let mut journal = Journal::open(scratch).await;
        journal.number("SELECT count(*) FROM tasks WHERE state = 'running' OR (state = 'queued' AND dispatched_at IS NOT NULL)").await == 0
    };
    eventually("nothing runs any more", PATIENCE, at_rest).await;
    let last = journal.number("SELECT max(number) FROM journal.steps").await;
    pause(&mut journal, false).await;
    let done = format!("SELECT count(*) FROM journal.steps WHERE became = 'running' AND number > {last}");
    let begun = Instant::now();
    while journal.number(&done).await < starts && begun.elapsed() < 4 * PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let of_ben = format!(
        "SELECT count(*) FROM (SELECT user_id FROM journal.steps WHERE became = 'running' AND number > {last} \
         ORDER BY number LIMIT {starts}) AS started WHERE user_id = '{}'",
        ben.user_id()
    );
    let of_ben = journal.number(&of_ben).await;
    verdict.figure(format!("{of_ben} of {starts} starts were of one of two users"));
    if (of_ben - starts / 2).abs() * 100 > ERROR_MAX * starts {
        verdict.is_broken(format!("{of_ben} of {starts} starts are not half"));
    }
}

async fn pause(journal: &mut Journal, paused: bool) {
    let at = if paused { "now()" } else { "NULL" };
    let changed = journal
        .change(&format!(
            "UPDATE queues SET paused_at = {at} WHERE name = 'documents'"
        ))
        .await;
    assert_eq!(changed, 1, "there is a queue to be paused");
}

/// Hands in so many documents, a hundred at a time, and waits for nothing.
async fn hand_in(user: &Arc<Client>, count: usize) -> Tally {
    let mut tally = Tally::default();
    for first in (0..count).step_by(TOGETHER) {
        let texts: Vec<(String, String)> = (first..count.min(first + TOGETHER))
            .map(|number| (format!("{number}.txt"), load::text(number)))
            .collect();
        let files: Vec<(&str, &[u8])> = texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_bytes()))
            .collect();
        let job = user.upload(&files).await;
        tally.accepted.push(load::id(&job));
    }
    tally
}
