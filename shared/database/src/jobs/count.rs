//! A job's counters, which change in the transaction that ends its documents.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::JobStatus;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};
use uuid::Uuid;

use crate::{Result, sql};

/// How a job's counters change.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) total: i32,
    pub(crate) completed: i32,
    pub(crate) failed: i32,
    pub(crate) cancelled: i32,
}

/// Changes the counters of a job, and ends it when every document has ended: `none_completed` is the word for a job
/// of which nothing succeeded.
pub(crate) async fn count(
    transaction: &DatabaseTransaction,
    job: Uuid,
    change: Counts,
    none_completed: JobStatus,
    started_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut values: Vec<Value> = vec![job.into()];
    values.extend(count_values(change, none_completed, started_at, now));
    sql::execute(
        transaction,
        format!("UPDATE jobs SET {} WHERE id = $1", count_columns(2)),
        values,
    )
    .await?;
    Ok(())
}

/// Assignments of a job's counters, with placeholders from `first` in the order of [`count_values`]. Both databases compute
/// the right-hand sides from the row as it was before the statement.
pub(crate) fn count_columns(first: usize) -> String {
    count_columns_from(std::array::from_fn(|n| format!("${}", first + n)))
}

/// As [`count_columns`], from any expressions.
fn count_columns_from(changes: [String; 7]) -> String {
    let [
        total,
        completed,
        failed,
        cancelled,
        none_completed,
        started_at,
        now,
    ] = changes;
    let open = format!(
        "finished_at IS NOT NULL OR \
         completed + {completed} + failed + {failed} + cancelled + {cancelled} < total + {total}"
    );
    format!(
        "total = total + {total}, completed = completed + {completed}, failed = failed + {failed}, \
         cancelled = cancelled + {cancelled}, version = version + 1, started_at = COALESCE(started_at, {started_at}), \
         status = CASE WHEN {open} THEN status \
            WHEN completed + {completed} = total + {total} AND total + {total} > 0 THEN 'completed' \
            WHEN completed + {completed} > 0 THEN 'partial' \
            WHEN cancelled + {cancelled} = total + {total} THEN 'cancelled' \
            ELSE {none_completed} END, \
         finished_at = CASE WHEN {open} THEN finished_at ELSE {now} END"
    )
}

pub(crate) fn count_values(
    change: Counts,
    none_completed: JobStatus,
    started_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> [Value; 7] {
    [
        change.total.into(),
        change.completed.into(),
        change.failed.into(),
        change.cancelled.into(),
        none_completed.as_str().into(),
        started_at.into(),
        now.into(),
    ]
}

/// What part of a job has failed at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FailedPart {
    /// So many of its documents.
    pub(crate) failed: i32,
    /// When the first of them was begun.
    pub(crate) started_at: Option<DateTime<Utc>>,
}

/// As [`count`], for documents of many jobs that have failed together. The jobs are locked in the order of their ids, so that
/// two sweeps cannot wait for each other.
pub(crate) async fn count_failed(
    transaction: &DatabaseTransaction,
    jobs: &BTreeMap<Uuid, FailedPart>,
    none_completed: JobStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    if transaction.get_database_backend() == DbBackend::Postgres && jobs.len() > 1 {
        return count_failed_in_two_statements(transaction, jobs, none_completed, now).await;
    }
    for (job, part) in jobs {
        let change = Counts {
            failed: part.failed,
            ..Counts::default()
        };
        count(transaction, *job, change, none_completed, part.started_at, now).await?;
    }
    Ok(())
}

/// Postgres: two round trips, where one for each job would make a sweep over very many jobs late.
async fn count_failed_in_two_statements(
    transaction: &DatabaseTransaction,
    jobs: &BTreeMap<Uuid, FailedPart>,
    none_completed: JobStatus,
    now: DateTime<Utc>,
) -> Result<()> {
    let ids: Vec<Uuid> = jobs.keys().copied().collect();
    sql::execute(
        transaction,
        "SELECT id FROM jobs WHERE id = ANY ($1) ORDER BY id FOR UPDATE",
        [ids.clone().into()],
    )
    .await?;
    let failed: Vec<i32> = jobs.values().map(|part| part.failed).collect();
    // Nothing was begun in 1970; a list of times has no place for none.
    let started: Vec<DateTime<Utc>> = jobs
        .values()
        .map(|part| part.started_at.unwrap_or(DateTime::UNIX_EPOCH))
        .collect();
    let assignments = count_columns_from(
        [
            "0",
            "0",
            "part_failed",
            "0",
            "$4",
            "NULLIF(part_started_at, to_timestamp(0))",
            "$5",
        ]
        .map(str::to_owned),
    );
    let values: [Value; 5] = [
        ids.into(),
        failed.into(),
        started.into(),
        none_completed.as_str().into(),
        now.into(),
    ];
    sql::execute(
        transaction,
        format!(
            "UPDATE jobs SET {assignments} FROM unnest($1, $2, $3) AS part (job_id, part_failed, part_started_at) \
             WHERE jobs.id = part.job_id"
        ),
        values,
    )
    .await?;
    Ok(())
}
