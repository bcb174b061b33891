//! P10: every job ends by its deadline, even when nobody works: every worker and Redis are gone, very many jobs are due at the
//! same moment, and some rows are held by somebody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chaos::journal::Journal;
use crate::chaos::load::{self, ANSWER_MAX, Tally};
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, say};
use crate::waiting::PATIENCE;
use crate::{Client, Settings};

/// How long after its deadline a job may end.
const LATE_MAX: Duration = Duration::from_secs(30);
/// When the jobs that clients hand in are due.
const DUE_AFTER: Duration = Duration::from_secs(8);
/// Documents of the large job.
const DOCUMENTS: usize = 100;
/// Tasks whose rows somebody else holds when they are due, and for how long.
const HELD: usize = 5;
const HELD_FOR: Duration = Duration::from_secs(10);

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let quota = Settings::new().with("quotas.documents_per_month", "1000000");
    let mut scratch = Scratch::start(&quota).await;
    let user = scratch.user().await;
    // One job ends as usual; it is what the many are made after.
    let model = load::submit(&user, 0).await;
    scratch.settle(PATIENCE).await;
    scratch.fleet.workers.clear();
    scratch.servers.redis.kill();

    let mut journal = Journal::open(&scratch).await;
    let begun = Instant::now();
    make_many(&mut journal, &model.accepted[0], scale.due_at_once).await;
    say(
        Promise::P10,
        &format!(
            "made {} jobs in {:.1} s",
            scale.due_at_once,
            begun.elapsed().as_secs_f64()
        ),
    );
    let mut tally = hand_in(&user, scale.cases).await;
    let large = large_job(&user).await;
    tally.accepted.push(large);
    // Time enough for the statement itself.
    let soon = 5 + scale.due_at_once / 5_000;
    let due = format!(
        "WITH due AS (SELECT now() + interval '{soon} seconds' AS at), \
         job AS (UPDATE jobs SET deadline_at = due.at FROM due, many WHERE jobs.id = many.job) \
         UPDATE tasks SET deadline_at = due.at FROM due, many WHERE tasks.id = many.task"
    );
    journal.change(&due).await;
    let mut holder = Journal::open(&scratch).await;
    hold_some(&mut holder, &mut dice, &mut journal).await;

    let held = async {
        tokio::time::sleep(HELD_FOR).await;
        holder.change("COMMIT").await;
    };
    let (left, ()) = futures::future::join(scratch.settle(LATE_MAX + HELD_FOR), held).await;
    verdict.exactly("jobs that did not end", 0, left);
    let due = scale.due_at_once + tally.accepted.len();
    verdict.figure(format!("{due} jobs due, {} of them at once", scale.due_at_once));
    // The time at which the row changed, by the trigger; not what docmill wrote into it.
    let latest = journal
        .number(
            "SELECT COALESCE(max(extract(epoch FROM s.at - t.deadline_at) * 1000), 0)::bigint \
             FROM journal.steps s JOIN tasks t ON t.id = s.task_id WHERE s.became = 'expired'",
        )
        .await;
    let latest = Duration::from_millis(latest.unsigned_abs());
    verdict.within("the last one ended after its deadline by", LATE_MAX, latest);
    let early = "SELECT count(*) FROM journal.steps s JOIN tasks t ON t.id = s.task_id \
                 WHERE s.became = 'expired' AND s.at < t.deadline_at";
    verdict.exactly("ended before their deadline", 0, journal.number(early).await);
    let expired = "SELECT count(*) FROM jobs WHERE status = 'expired'";
    let expired = journal.number(expired).await;
    verdict.exactly("jobs expired", i64::try_from(due).unwrap(), expired);
    let unexplained = "SELECT count(*) FROM documents d JOIN jobs j ON j.id = d.job_id \
                       WHERE j.status = 'expired' AND (d.status <> 'failed' OR d.error_code IS DISTINCT FROM 'deadline')";
    verdict.exactly(
        "of their documents without the reason",
        0,
        journal.number(unexplained).await,
    );

    // The many have no objects; everything else has to be in order.
    journal
        .change("DELETE FROM jobs WHERE id IN (SELECT job FROM many)")
        .await;
    scratch.servers.redis.again().await;
    tally.add(model);
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    verdict
}

/// Hands documents in that nobody will read, each with a deadline of its own.
async fn hand_in(user: &Arc<Client>, count: usize) -> Tally {
    let mut tally = Tally::default();
    for number in 0..count {
        let seconds = DUE_AFTER.as_secs() + number as u64 % 10;
        let (name, text) = (format!("{number}.txt"), load::text(number));
        let form = user.form(
            &format!("?deadline_seconds={seconds}"),
            &[(&name, text.as_bytes())],
        );
        let answer = user.send(form.timeout(ANSWER_MAX)).await.status(202);
        tally.accepted.push(load::id(&answer.json()));
    }
    tally
}

/// Hands in one job with many documents.
async fn large_job(user: &Arc<Client>) -> String {
    let texts: Vec<(String, String)> = (0..DOCUMENTS)
        .map(|number| (format!("{number}.txt"), load::text(number)))
        .collect();
    let files: Vec<(&str, &[u8])> = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let query = format!("?deadline_seconds={}", DUE_AFTER.as_secs());
    let answer = user.send(user.form(&query, &files).timeout(ANSWER_MAX)).await;
    load::id(&answer.status(202).json())
}

/// Makes so many waiting jobs after an ended one, as quickly as the database can. They are not due for a while.
async fn make_many(journal: &mut Journal, model: &str, count: usize) {
    let open = "'status', 'pending', 'created_at', now(), 'started_at', NULL, 'finished_at', NULL";
    let statements = [
        format!(
            "CREATE TABLE many AS SELECT gen_random_uuid() AS job, gen_random_uuid() AS document, \
             gen_random_uuid() AS task FROM generate_series(1, {count})"
        ),
        format!(
            "INSERT INTO jobs SELECT made.* FROM many, jobs j, LATERAL jsonb_populate_record(NULL::jobs, to_jsonb(j) || \
             jsonb_build_object({open}, 'id', job, 'completed', 0, 'idempotency_key', NULL, \
             'deadline_at', now() + interval '1 hour')) AS made WHERE j.id = '{model}'"
        ),
        format!(
            "INSERT INTO documents SELECT made.* FROM many, documents d, LATERAL jsonb_populate_record(NULL::documents, \
             to_jsonb(d) || jsonb_build_object('id', document, 'job_id', job, 'status', 'pending', 'text_fence', NULL, \
             'processed_at', NULL, 'result_bytes', 0)) AS made WHERE d.job_id = '{model}'"
        ),
        format!(
            "INSERT INTO tasks SELECT made.* FROM many, tasks t, LATERAL jsonb_populate_record(NULL::tasks, \
             to_jsonb(t) || jsonb_build_object('id', task, 'job_id', job, 'document_id', document, 'state', 'queued', \
             'attempt', 0, 'fence', 0, 'owner', NULL, 'dispatched_at', NULL, 'started_at', NULL, 'finished_at', NULL, \
             'deadline_at', now() + interval '1 hour')) AS made WHERE t.job_id = '{model}'"
        ),
        "ANALYZE".to_owned(),
    ];
    for statement in statements {
        journal.change(&statement).await;
    }
}

/// Holds the rows of some waiting tasks until `COMMIT`, as a worker or an operator might at the wrong moment.
async fn hold_some(holder: &mut Journal, dice: &mut Dice, journal: &mut Journal) {
    let mut waiting = journal
        .texts("SELECT id::text FROM tasks WHERE state = 'queued' ORDER BY id DESC LIMIT 500")
        .await;
    dice.shuffle(&mut waiting);
    let held: Vec<String> = waiting.iter().take(HELD).map(|id| format!("'{id}'")).collect();
    holder.change("BEGIN").await;
    let lock = format!(
        "SELECT id FROM tasks WHERE id IN ({}) FOR UPDATE",
        held.join(", ")
    );
    holder.change(&lock).await;
}
