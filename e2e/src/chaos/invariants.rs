//! After every run one SQL file says what is not as it has to be.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};

use super::journal::Journal;
use super::{Scratch, Verdict};

const RULES: &str = include_str!("../../sql/invariants.sql");

/// A job that rests for so long is not going to end by itself: longer than the silence of a dead worker and a retry together.
const AT_REST: Duration = Duration::from_secs(90);
/// Violations that are shown one by one.
const SHOWN_MAX: usize = 10;

/// Waits for the end of every job, cleans up as a night would, and asks for violations.
pub(super) async fn check(scratch: &mut Scratch, accepted: &[String], verdict: &mut Verdict) {
    let lost = scratch.settle(AT_REST).await;
    verdict.exactly("lost", 0, lost);
    if lost > 0 {
        let mut journal = Journal::open(scratch).await;
        let query = "SELECT format('%s job %s: task %s, attempt %s, dispatched %s', j.status, j.id, t.state, t.attempt, \
                     t.dispatched_at) FROM jobs j JOIN tasks t ON t.job_id = j.id WHERE j.finished_at IS NULL LIMIT 5";
        for unfinished in journal.texts(query).await {
            verdict.is_broken(unfinished);
        }
        return;
    }
    scratch.clean_up().await;
    let violations = violations(scratch, accepted).await;
    for violation in violations.iter().take(SHOWN_MAX) {
        verdict.is_broken(violation.clone());
    }
    if violations.len() > SHOWN_MAX {
        verdict.is_broken(format!("and {} more violations", violations.len() - SHOWN_MAX));
    }
    if violations.is_empty() {
        verdict.figure("every invariant holds");
    }
}

async fn violations(scratch: &Scratch, accepted: &[String]) -> Vec<String> {
    let objects = scratch.servers.bucket().keys().await;
    let mut database = scratch.servers.postgres.connect().await;
    let tables = "CREATE TEMPORARY TABLE accepted (job_id uuid); CREATE TEMPORARY TABLE objects (key text)";
    database.execute(tables).await.unwrap();
    fill(
        &mut database,
        "INSERT INTO accepted SELECT unnest($1::text[])::uuid",
        accepted,
    )
    .await;
    fill(
        &mut database,
        "INSERT INTO objects SELECT unnest($1::text[])",
        &objects,
    )
    .await;
    let violations: Vec<(String, String, String)> =
        sqlx::query_as(RULES).fetch_all(&mut database).await.unwrap();
    database.close().await.unwrap();
    violations
        .into_iter()
        .map(|(rule, thing, how)| format!("{rule}: {thing}: {how}"))
        .collect()
}

async fn fill(database: &mut PgConnection, statement: &'static str, values: &[String]) {
    sqlx::query(statement)
        .bind(values)
        .execute(database)
        .await
        .unwrap();
}
