//! Claims that need counting: what a limit leaves room for, and no more, however many workers claim at once. What may not begin
//! goes back into line, so that the dispatcher hands it out again when it may.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::{QueueName, WorkerId};
use sea_orm::{DatabaseTransaction, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use serde::de::DeserializeOwned;

use super::claim::{UNPAUSED, is_due, take};
use super::dispatch::in_flight;
use super::{Claim, Subject};
use crate::{Database, Knowledge, Result, sql};

/// Numbers of locks with Postgres; nobody else has these first halves.
const LOCK: i64 = 0x646d_6c6c << 32;

/// A task that was not claimed at the first go although it waits and is due.
#[derive(FromQueryResult)]
struct Left {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    payload_version: i16,
    queue: String,
    paused: bool,
    kind_max: Option<i32>,
    tenant_max: Option<i32>,
}

/// Claims of `ids` what limits leave room for. Everything else that is paused or beyond a limit goes back into line, and what the
/// worker does not know is set aside for those who do.
pub(super) async fn claim<S: Subject, P: DeserializeOwned>(
    db: &Database,
    owner: WorkerId,
    knowledge: &Knowledge,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<Claim<S, P>>> {
    // Usually there is none: other workers have taken them, or they have ended.
    if left(db.connection(), ids, now).await?.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = db.begin().await?;
    let found = left(&transaction, ids, now).await?;
    let (known, unknown): (Vec<Left>, Vec<Left>) = found
        .into_iter()
        .partition(|task| knowledge.covers(&task.kind, task.payload_version));
    let (paused, mut limited): (Vec<Left>, Vec<Left>) = known.into_iter().partition(|task| task.paused);
    // What has no limit is in the hands of another worker at this moment.
    limited.retain(|task| task.kind_max.is_some() || task.tenant_max.is_some());
    let mut back: Vec<Uuid> = paused.iter().map(|task| task.id).collect();
    let mut claims = Vec::new();
    if !limited.is_empty() {
        lock(&transaction, &limited).await?;
        let (may, must_wait) = within_limits(&transaction, &limited).await?;
        if !may.is_empty() {
            claims = take(&transaction, owner, knowledge, &may, &[UNPAUSED], now).await?;
        }
        back.extend(must_wait);
    }
    put_back(&transaction, &back, "held").await?;
    let unknown: Vec<Uuid> = unknown.iter().map(|task| task.id).collect();
    put_back(&transaction, &unknown, "'unknown'").await?;
    transaction.commit().await?;
    Ok(claims)
}

async fn left(db: &impl sea_orm::ConnectionTrait, ids: &[Uuid], now: DateTime<Utc>) -> Result<Vec<Left>> {
    let list = sql::placeholders(2, ids.len());
    let due = is_due("$1");
    sql::all(
        db,
        format!(
            "SELECT t.id, t.user_id, t.kind, t.payload_version, t.queue, q.running_max AS kind_max, \
             COALESCE(n.running_max, q.tenant_running_max) AS tenant_max, \
             (q.paused_at IS NOT NULL OR n.paused_at IS NOT NULL) AS paused \
             FROM tasks t JOIN queues q ON q.name = t.queue LEFT JOIN tenants n ON n.user_id = t.user_id \
             WHERE t.id IN ({list}) AND t.state = 'queued' AND {due} AND t.deadline_at > $1"
        ),
        std::iter::once(Value::from(now)).chain(ids.iter().map(|id| Value::from(*id))),
    )
    .await
}

/// Nobody else counts what these count until the transaction ends. SQLite has one writer anyway.
async fn lock(transaction: &DatabaseTransaction, tasks: &[Left]) -> Result<()> {
    if sea_orm::ConnectionTrait::get_database_backend(transaction) != DbBackend::Postgres {
        return Ok(());
    }
    // In one order everywhere, so that two claims cannot wait for each other.
    let mut keys: BTreeSet<i64> = BTreeSet::new();
    for task in tasks {
        if task.kind_max.is_some() {
            keys.insert(LOCK);
        }
        if task.tenant_max.is_some() {
            let user = task.user_id.as_u128();
            // Two tenants who share a number wait for each other, which does no harm.
            let folded = u32::try_from((user ^ (user >> 32) ^ (user >> 64) ^ (user >> 96)) & 0xffff_ffff);
            keys.insert(LOCK | i64::from(folded.unwrap_or_default()).max(1));
        }
    }
    for key in keys {
        sql::execute(transaction, "SELECT pg_advisory_xact_lock($1)", [key.into()]).await?;
    }
    Ok(())
}

/// Which of these may begin, in the order in which they were handed out.
async fn within_limits(transaction: &DatabaseTransaction, tasks: &[Left]) -> Result<(Vec<Uuid>, Vec<Uuid>)> {
    let mut running: HashMap<&str, HashMap<Uuid, usize>> = HashMap::new();
    let queues: HashSet<&str> = tasks.iter().map(|task| task.queue.as_str()).collect();
    for queue in queues {
        let Ok(name) = queue.parse::<QueueName>() else {
            continue;
        };
        running.insert(queue, in_flight(transaction, name, false).await?);
    }
    let (mut may, mut must_wait) = (Vec::new(), Vec::new());
    for task in tasks {
        let running = running.entry(task.queue.as_str()).or_default();
        let of_kind: usize = running.values().sum();
        let of_tenant = running.entry(task.user_id).or_default();
        let room =
            |max: Option<i32>, count| max.is_none_or(|max| usize::try_from(max).is_ok_and(|max| count < max));
        if room(task.kind_max, of_kind) && room(task.tenant_max, *of_tenant) {
            *of_tenant += 1;
            may.push(task.id);
        } else {
            must_wait.push(task.id);
        }
    }
    Ok((may, must_wait))
}

/// Their hints are spent; `held` says whether they are in line again.
async fn put_back(transaction: &DatabaseTransaction, ids: &[Uuid], held: &str) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let (these, values) = sql::one_of(transaction, "id", 1, ids);
    let skip_locked = sql::skip_locked(transaction);
    sql::execute(
        transaction,
        format!(
            "UPDATE tasks SET dispatched_at = NULL, held = {held} WHERE id IN (SELECT id FROM tasks WHERE {these} \
             AND state = 'queued' ORDER BY id{skip_locked})"
        ),
        values,
    )
    .await?;
    Ok(())
}
