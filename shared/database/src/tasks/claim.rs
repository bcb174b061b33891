//! `queued` → `running`, and back without costing an attempt.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use domain::{AttemptEnd, ReasonCode, TaskId, TaskKind, WorkerId};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::held::known;
use super::sweep::of_tasks;
use serde::de::DeserializeOwned;

use super::{Claim, End, Subject, append, limited};
use crate::{Database, Knowledge, Result, sql};

/// Takes every document's task of `ids` that waits and is due. What another worker took, what ended, what is not due and what this release
/// cannot read is left out; a foreign or forged id finds nothing. What is paused, or would go beyond a limit, goes back into
/// line.
///
/// # Errors
/// When the database is away; nothing is claimed then, or the claim is recovered as an orphan.
pub async fn claim(db: &Database, owner: WorkerId, ids: &[TaskId], now: DateTime<Utc>) -> Result<Vec<Claim>> {
    claim_knowing(db, owner, &Knowledge::of(TaskKind::ProcessDocument), ids, now).await
}

/// As [`claim`], for a worker that understands this. Tasks that it does not understand are left to those who do: another
/// worker has them within a second or two.
///
/// # Errors
/// As those of [`claim`].
pub async fn claim_knowing(
    db: &Database,
    owner: WorkerId,
    knowledge: &Knowledge,
    ids: &[TaskId],
    now: DateTime<Utc>,
) -> Result<Vec<Claim>> {
    claim_about(db, owner, knowledge, ids, now).await
}

/// As [`claim_knowing`], for tasks about anything.
pub(super) async fn claim_about<S: Subject, P: DeserializeOwned>(
    db: &Database,
    owner: WorkerId,
    knowledge: &Knowledge,
    ids: &[TaskId],
    now: DateTime<Utc>,
) -> Result<Vec<Claim<S, P>>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let mut claims = take(
        db.connection(),
        owner,
        knowledge,
        &ids,
        &[UNPAUSED, UNLIMITED],
        now,
    )
    .await?;
    let taken: HashSet<Uuid> = claims.iter().map(|claim| claim.task.uuid()).collect();
    let left: Vec<Uuid> = ids.into_iter().filter(|id| !taken.contains(id)).collect();
    if !left.is_empty() {
        claims.extend(limited::claim(db, owner, knowledge, &left, now).await?);
    }
    Ok(claims)
}

/// Neither the queue nor the tenant is paused.
pub(super) const UNPAUSED: &str = "NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = t.queue AND q.paused_at IS NOT NULL) \
     AND NOT EXISTS (SELECT 1 FROM tenants n WHERE n.user_id = t.user_id AND n.paused_at IS NOT NULL)";
/// Nobody has to count what runs.
const UNLIMITED: &str = "NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = t.queue \
     AND (q.running_max IS NOT NULL OR q.tenant_running_max IS NOT NULL)) \
     AND NOT EXISTS (SELECT 1 FROM tenants n WHERE n.user_id = t.user_id AND n.running_max IS NOT NULL)";

/// The condition on a task `t` that its time has come. What is in line is due: whoever stored it or let it into the line saw that.
/// Asking the clock of the worker as well would throw away the hints of what was accepted a moment ago wherever that clock is a
/// few milliseconds behind, and the next hint comes seconds later.
pub(super) fn is_due(now: &str) -> String {
    format!("(t.held IS NULL OR t.run_at <= {now})")
}

/// `queued` → `running` in one statement, for those of `ids` that wait, are due and known and meet the conditions.
pub(super) async fn take<S: Subject, P: DeserializeOwned>(
    db: &impl ConnectionTrait,
    owner: WorkerId,
    knowledge: &Knowledge,
    ids: &[Uuid],
    conditions: &[&str],
    now: DateTime<Utc>,
) -> Result<Vec<Claim<S, P>>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        kind: String,
        user_id: Uuid,
        job_id: Uuid,
        document_id: Option<Uuid>,
        payload: serde_json::Value,
        attempt: i16,
        attempts_max: i16,
        fence: i64,
        run_at: DateTime<Utc>,
        started_at: DateTime<Utc>,
        deadline_at: DateTime<Utc>,
    }
    let mut values: Vec<Value> = vec![owner.uuid().into(), now.into()];
    let known = known(knowledge, &mut values);
    let list = sql::placeholders(values.len() + 1, ids.len());
    values.extend(ids.iter().map(|id| Value::from(*id)));
    let conditions: String = conditions.iter().map(|it| format!(" AND {it}")).collect();
    let skip_locked = of_tasks(db.get_database_backend());
    let due = is_due("$2");
    // Nothing began before it was accepted, whoever's clock is ahead.
    let started_at = "CASE WHEN run_at > $2 THEN run_at ELSE $2 END";
    let rows: Vec<Row> = sql::all(
        db,
        format!(
            "UPDATE tasks SET state = 'running', attempt = attempt + 1, fence = fence + 1, owner = $1, \
             started_at = {started_at}, held = NULL WHERE id IN (SELECT t.id FROM tasks t WHERE t.id IN ({list}) \
             AND t.state = 'queued' AND {due} AND t.deadline_at > $2 AND ({known}){conditions} ORDER BY t.id{skip_locked}) \
             RETURNING id, kind, user_id, job_id, document_id, payload, attempt, attempts_max, fence, run_at, started_at, \
             deadline_at"
        ),
        values,
    )
    .await?;
    let mut claims = Vec::with_capacity(rows.len());
    for row in rows {
        let (Ok(kind), Some(document), Ok(payload)) = (
            row.kind.parse(),
            S::of(row.document_id),
            serde_json::from_value(row.payload),
        ) else {
            // Cannot happen with rows of this release; the deadline ends such a task with a reason.
            tracing::error!(task.id = %row.id, "task {} has a kind or payload that cannot be read", row.id);
            continue;
        };
        claims.push(Claim {
            task: row.id.into(),
            kind,
            user: row.user_id.into(),
            job: row.job_id.into(),
            document,
            payload,
            attempt: row.attempt,
            attempts_max: row.attempts_max,
            fence: row.fence,
            owner,
            due_at: row.run_at,
            started_at: row.started_at,
            deadline_at: row.deadline_at,
        });
    }
    Ok(claims)
}

/// Puts everything that a worker still owns back in line without counting the attempt: it stops, nothing failed.
/// Returns how many. The fence stays raised, so a straggler of that worker changes nothing.
///
/// # Errors
/// When the database is away; the tasks are recovered as orphans then, which does count.
pub async fn give_back(db: &Database, owner: WorkerId, now: DateTime<Utc>) -> Result<u64> {
    give_back_where(db, owner, "", [], now).await
}

/// As [`give_back`], only for these claims of the worker: those whose answer it never got, so that it does not work on them.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn give_back_these(
    db: &Database,
    owner: WorkerId,
    claims: &[(TaskId, i64)],
    now: DateTime<Utc>,
) -> Result<u64> {
    if claims.is_empty() {
        return Ok(0);
    }
    let pairs = sql::pairs(5, claims.len());
    let mut values = Vec::with_capacity(2 * claims.len());
    for (task, fence) in claims {
        values.extend([Value::from(task.uuid()), Value::from(*fence)]);
    }
    give_back_where(
        db,
        owner,
        &format!(" AND (id, fence) IN (VALUES {pairs})"),
        values,
        now,
    )
    .await
}

async fn give_back_where(
    db: &Database,
    owner: WorkerId,
    condition: &str,
    more: impl IntoIterator<Item = Value>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let history = append(
        db.backend(),
        End {
            how: AttemptEnd::Returned,
            at: "$2",
            code: "$3",
            detail: "$4",
        },
    );
    let reason = ReasonCode::WorkerStopped;
    let values: [Value; 4] = [
        owner.uuid().into(),
        now.into(),
        reason.as_str().into(),
        reason.meaning().into(),
    ];
    // In the order of their ids, as everything that locks several tasks and waits for them.
    let in_order = sql::locked_in_order(db.connection());
    sql::execute(
        db.connection(),
        format!(
            "UPDATE tasks SET state = 'queued', attempt = attempt - 1, fence = fence + 1, owner = NULL, \
             dispatched_at = NULL, history = {history} WHERE id IN (SELECT id FROM tasks WHERE owner = $1 \
             AND state = 'running'{condition}{in_order})"
        ),
        values.into_iter().chain(more),
    )
    .await
}

/// The tasks that a worker owns at this moment, each with its fence. What it still works on and is not among them was
/// cancelled, deleted, expired or taken back.
///
/// # Errors
/// When the database is away.
pub async fn owned(db: &Database, owner: WorkerId) -> Result<Vec<(TaskId, i64)>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        fence: i64,
    }
    let rows: Vec<Row> = sql::all(
        db.connection(),
        "SELECT id, fence FROM tasks WHERE owner = $1 AND state = 'running'",
        [owner.uuid().into()],
    )
    .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.fence)).collect())
}
