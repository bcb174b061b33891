//! P2: every task is delivered twice and more, and run twice, and has one effect.

use std::time::Duration;

use futures::future::join;

use crate::Settings;
use crate::chaos::faults::{hints_list, rubbish};
use crate::chaos::journal::Journal;
use crate::chaos::scratch::Role;
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, invariants, load, say};

/// Takes running tasks back although their workers live, as a scheduler with a wrong clock would: each then runs twice at
/// once. Only from workers that had them first, so that no task runs out of attempts.
const TAKE_BACK: &str = "UPDATE tasks SET state = 'queued', owner = NULL, dispatched_at = NULL \
                         WHERE state = 'running' AND attempt = 1";

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    // With limits that nobody reaches, so that everything is counted against them.
    let quota = Settings::new().with("quotas.documents_per_month", "1000000");
    let mut scratch = Scratch::start(&quota).await;
    let user = scratch.user().await;
    let list = hints_list(&scratch);
    let load = load::submit_all(user, scale.deliveries, 16, Duration::ZERO);

    let mut journal = Journal::open(&scratch).await;
    let mut delivered = 0;
    let mut taken_back = 0;
    let meddle = async {
        while delivered < scale.deliveries || journal.unfinished().await > 0 {
            let mut ids = journal
                .texts("SELECT id::text FROM tasks ORDER BY id DESC LIMIT 500")
                .await;
            dice.shuffle(&mut ids);
            ids.truncate(100);
            delivered += ids.len();
            let hints: Vec<Vec<u8>> = ids.into_iter().map(String::into_bytes).collect();
            scratch.servers.redis.push(&list, &hints).await;
            if dice.below(10) == 0 {
                let entries = rubbish(&scratch, &mut dice).await;
                scratch.servers.redis.push(&list, &entries).await;
            }
            taken_back += journal.change(TAKE_BACK).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (tally, ()) = join(load, meddle).await;
    say(
        Promise::P2,
        &format!("{delivered} deliveries by hand, {taken_back} tasks taken back"),
    );
    let (delivered, taken_back) = (i64::try_from(delivered).unwrap(), taken_back.cast_signed());
    verdict.figure(format!("{} jobs", tally.accepted.len()));
    verdict.at_least(
        "forced deliveries",
        i64::try_from(scale.deliveries).unwrap(),
        delivered,
    );
    verdict.at_least("double runs forced", 1, taken_back);

    let lost_claims = scratch.metric(Role::Worker, "docmill_claims_lost_total").await;
    verdict.at_least("of them found nothing to do and were counted", 1, lost_claims);
    invariants::check(&mut scratch, &tally.accepted, &mut verdict).await;
    let mut journal = Journal::open(&scratch).await;
    let stale = scratch.metric(Role::Worker, "docmill_stale_results_total").await;
    verdict.at_least("stale results refused and counted", 1, stale);
    let twice = "SELECT count(*) FROM (SELECT task_id FROM journal.steps WHERE became = 'done' GROUP BY task_id \
                 HAVING count(*) > 1) AS twice";
    verdict.exactly("results stored twice", 0, journal.number(twice).await);
    let charged = "SELECT count(*) FROM usage_entries u JOIN documents d ON d.id = u.document_id WHERE d.status = 'completed'";
    let completed = "SELECT count(*) FROM documents WHERE status = 'completed'";
    let (charged, completed) = (journal.number(charged).await, journal.number(completed).await);
    verdict.exactly("documents charged, each once", completed, charged);
    let used = journal
        .number("SELECT COALESCE(sum(documents_used), 0)::bigint FROM quotas")
        .await;
    verdict.exactly("counted against the quota", completed, used);
    let dropped = scratch.metric(Role::Worker, "docmill_hints_dropped_total").await;
    verdict.at_least("entries that were no hints dropped and counted", 1, dropped);
    verdict
}
