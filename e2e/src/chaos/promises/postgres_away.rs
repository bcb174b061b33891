//! P5: Postgres is away. Everybody is told so at once, nobody hangs, and soon after its return everything works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;

use crate::chaos::journal::Journal;
use crate::chaos::load::{self, Tally};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::waiting::{PATIENCE, until};
use crate::{Client, Settings};

const ANSWER_MAX: Duration = Duration::from_secs(1);
const RECOVERY_MAX: Duration = Duration::from_secs(10);
/// A request without an answer after so long hangs.
const HUNG: Duration = Duration::from_secs(10);
/// Requests that are asked at the same time.
const CLIENTS: usize = 4;

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let user = scratch.user().await;
    let mut tally = load::submit_all(Arc::clone(&user), 20, 4, Duration::ZERO).await;

    let mut asked = Asked::default();
    let mut slowest_recovery = Duration::ZERO;
    for is_crash in [true, false] {
        tokio::time::sleep(dice.time(Duration::ZERO..Duration::from_secs(1))).await;
        if is_crash {
            scratch.servers.postgres.crash().await;
        } else {
            // Connections stand and nothing answers, as when the machine of the database hangs.
            scratch.database.stall();
        }
        asked.add(ask_all(&user, scale.postgres_away).await);
        if is_crash {
            scratch.servers.postgres.again().await;
        } else {
            scratch.database.open();
        }
        let (recovery, accepted) = recovery(&scratch, &user).await;
        let how = if is_crash { "crashed" } else { "stalled" };
        say(
            Promise::P5,
            &format!("{how} for {:?}, recovered in {recovery:?}", scale.postgres_away),
        );
        slowest_recovery = slowest_recovery.max(recovery);
        tally.add(accepted);
    }
    verdict.figure(format!("{} requests while it was away", asked.answers));
    verdict.at_least("answered 503 with Retry-After", 1, asked.refused);
    verdict.exactly("answered otherwise", 0, asked.otherwise);
    verdict.exactly("hung", 0, asked.hung);
    verdict.within("slowest answer", ANSWER_MAX, asked.slowest);
    verdict.within("recovery", RECOVERY_MAX, slowest_recovery);
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

#[derive(Debug, Default)]
struct Asked {
    answers: i64,
    refused: i64,
    otherwise: i64,
    hung: i64,
    slowest: Duration,
}

impl Asked {
    fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.refused += other.refused;
        self.otherwise += other.otherwise;
        self.hung += other.hung;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// Reads and hands in from several clients for so long.
async fn ask_all(user: &Client, time: Duration) -> Asked {
    let begun = Instant::now();
    let one = async |client: usize| {
        let mut asked = Asked::default();
        for number in client.. {
            if begun.elapsed() > time {
                break;
            }
            asked.add(ask(user, number).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        asked
    };
    let mut whole = Asked::default();
    for asked in futures::future::join_all((0..CLIENTS).map(one)).await {
        whole.add(asked);
    }
    whole
}

async fn ask(user: &Client, number: usize) -> Asked {
    let request = match number % 3 {
        0 => user.request(Method::GET, "/api/v1/jobs"),
        1 => user.request(Method::GET, "/api/v1/documents?limit=10"),
        _ => user.form("", &[("away.txt", load::text(number).as_bytes())]),
    };
    let asked = Instant::now();
    let answer = user.try_send(request.timeout(HUNG)).await;
    let mut one = Asked {
        answers: 1,
        slowest: asked.elapsed(),
        ..Asked::default()
    };
    match answer {
        Ok(answer) if answer.status == 503 && answer.header("retry-after").is_some() => one.refused = 1,
        Ok(_) => one.otherwise = 1,
        Err(_) => one.hung = 1,
    }
    one
}

/// How long it takes from now until an upload is accepted and has begun.
async fn recovery(scratch: &Scratch, user: &Client) -> (Duration, Tally) {
    let begun = Instant::now();
    let tally = load::submit(user, 0).await;
    let mut journal = Journal::open(scratch).await;
    let job = &tally.accepted[0];
    let started = format!("SELECT count(*) FROM journal.steps WHERE became = 'running' AND job_id = '{job}'");
    until("the upload is begun", PATIENCE, async || {
        (journal.number(&started).await > 0).then_some(())
    })
    .await;
    (begun.elapsed(), tally)
}
