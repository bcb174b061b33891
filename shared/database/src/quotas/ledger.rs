//! How the counters of accounts with limits change while their documents go their way. For everybody else each of these finds
//! nothing and locks nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Month, UserId};
use sea_orm::{DatabaseTransaction, FromQueryResult, Value};
use uuid::Uuid;

use crate::{Result, sql};

/// By how much counters change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) documents_reserved: i64,
    pub(crate) bytes_reserved: i64,
    pub(crate) storage: i64,
}

/// A document of an account with limits that is open, or was until this moment.
#[derive(FromQueryResult)]
struct Reservation {
    user_id: Uuid,
    bytes: i64,
}

/// SQLite takes 32,766 values in one statement; a reservation has 3.
const RESERVATIONS_PER_INSERT: usize = 1_000;

/// Writes down that these documents are open.
pub(super) async fn reserve(
    transaction: &DatabaseTransaction,
    user: UserId,
    documents: &[(Uuid, u64)],
) -> Result<()> {
    for documents in documents.chunks(RESERVATIONS_PER_INSERT) {
        let mut values: Vec<Value> = vec![user.uuid().into()];
        let mut rows = Vec::with_capacity(documents.len());
        for (document, bytes) in documents {
            values.extend([Value::from(*document), Value::from(bytes.cast_signed())]);
            rows.push(format!("(${}, $1, ${})", values.len() - 1, values.len()));
        }
        sql::execute(
            transaction,
            format!(
                "INSERT INTO quota_reservations (document_id, user_id, bytes) VALUES {}",
                rows.join(", ")
            ),
            values,
        )
        .await?;
    }
    Ok(())
}

/// These documents have ended without results, or are gone: what was reserved for them is given back. Returns what that is
/// for each account, to be handed to [`change`] as the last step of the transaction.
pub(crate) async fn release(
    transaction: &DatabaseTransaction,
    documents: impl IntoIterator<Item = Uuid>,
) -> Result<BTreeMap<Uuid, Change>> {
    let values: Vec<Value> = documents.into_iter().map(Value::from).collect();
    if values.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = sql::placeholders(1, values.len());
    let released: Vec<Reservation> = sql::all(
        transaction,
        format!("DELETE FROM quota_reservations WHERE document_id IN ({list}) RETURNING user_id, bytes"),
        values,
    )
    .await?;
    Ok(summed(released, -1))
}

/// What the documents of these jobs have in storage, to be given back to their owners when the jobs are deleted. As [`release`].
/// Their tasks have all ended, so nothing is reserved for them.
pub(crate) async fn freed_with(
    transaction: &DatabaseTransaction,
    jobs: &[Uuid],
) -> Result<BTreeMap<Uuid, Change>> {
    if jobs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = sql::placeholders(1, jobs.len());
    let stored: Vec<Reservation> = sql::all(
        transaction,
        format!(
            "SELECT user_id, CAST(sum(size_bytes + result_bytes) AS bigint) AS bytes FROM documents \
             WHERE job_id IN ({list}) AND status <> 'cancelled' GROUP BY user_id"
        ),
        jobs.iter().map(|job| Value::from(*job)),
    )
    .await?;
    let changes = stored.into_iter().map(|stored| {
        let change = Change {
            storage: -stored.bytes,
            ..Change::default()
        };
        (stored.user_id, change)
    });
    Ok(changes.collect())
}

/// These documents are open again because an operator said so, whatever the limits say. As [`release`], the other way round.
pub(crate) async fn reserve_again(
    transaction: &DatabaseTransaction,
    documents: impl IntoIterator<Item = Uuid>,
) -> Result<BTreeMap<Uuid, Change>> {
    let values: Vec<Value> = documents.into_iter().map(Value::from).collect();
    if values.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = sql::placeholders(1, values.len());
    let reserved: Vec<Reservation> = sql::all(
        transaction,
        format!(
            "INSERT INTO quota_reservations (document_id, user_id, bytes) \
             SELECT d.id, d.user_id, d.size_bytes FROM documents d JOIN quotas q ON q.user_id = d.user_id \
             WHERE d.id IN ({list}) ON CONFLICT (document_id) DO NOTHING RETURNING user_id, bytes"
        ),
        values,
    )
    .await?;
    Ok(summed(reserved, 1))
}

fn summed(reservations: Vec<Reservation>, sign: i64) -> BTreeMap<Uuid, Change> {
    let mut changes: BTreeMap<Uuid, Change> = BTreeMap::new();
    for Reservation { user_id, bytes } in reservations {
        let change = changes.entry(user_id).or_default();
        change.documents_reserved += sign;
        change.bytes_reserved += sign * bytes;
    }
    changes
}

/// Changes the counters of an account, if it has any. With several accounts, call it in the order of their ids.
pub(crate) async fn change(transaction: &DatabaseTransaction, user: Uuid, change: Change) -> Result<()> {
    if change == Change::default() {
        return Ok(());
    }
    sql::execute(
        transaction,
        "UPDATE quotas SET documents_reserved = documents_reserved + $2, bytes_reserved = bytes_reserved + $3, \
         storage_used = storage_used + $4 WHERE user_id = $1",
        [
            user.into(),
            change.documents_reserved.into(),
            change.bytes_reserved.into(),
            change.storage.into(),
        ],
    )
    .await?;
    Ok(())
}

/// What a document took, now that it is processed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled {
    /// Whether it is counted as used now, with so many pages and bytes.
    pub(crate) charged: Option<(i64, i64)>,
    /// Bytes of its results in storage.
    pub(crate) result_bytes: i64,
}

/// Assignments that settle a document: `{released}` and `{charged}` are 1 or 0, `{bytes_released}`, `{pages}`, `{bytes}` and
/// `{result_bytes}` amounts, `{month}` the number of the month. What belongs to an earlier month than the counters do is not
/// counted among them; a later month begins with it.
pub(crate) const SETTLE: &str = "documents_reserved = documents_reserved - {released}, \
     bytes_reserved = bytes_reserved - {bytes_released}, storage_used = storage_used + {result_bytes}, \
     documents_used = CASE WHEN month = {month} THEN documents_used + {charged} WHEN month < {month} THEN {charged} \
        ELSE documents_used END, \
     pages_used = CASE WHEN month = {month} THEN pages_used + {pages} WHEN month < {month} THEN {pages} \
        ELSE pages_used END, \
     bytes_used = CASE WHEN month = {month} THEN bytes_used + {bytes} WHEN month < {month} THEN {bytes} \
        ELSE bytes_used END, \
     month = CASE WHEN month < {month} THEN {month} ELSE month END";

/// The reservation of a processed document becomes what was really used.
pub(crate) async fn settle(
    transaction: &DatabaseTransaction,
    user: UserId,
    document: Uuid,
    settled: Settled,
    now: DateTime<Utc>,
) -> Result<()> {
    let released: Vec<Reservation> = sql::all(
        transaction,
        "DELETE FROM quota_reservations WHERE document_id = $1 RETURNING user_id, bytes",
        [document.into()],
    )
    .await?;
    let bytes_released: i64 = released.iter().map(|it| it.bytes).sum();
    let (charged, (pages, bytes)) = (
        i64::from(settled.charged.is_some()),
        settled.charged.unwrap_or_default(),
    );
    let assignments = [
        ("{released}", "$2"),
        ("{bytes_released}", "$3"),
        ("{charged}", "$4"),
        ("{pages}", "$5"),
        ("{bytes}", "$6"),
        ("{result_bytes}", "$7"),
        ("{month}", "$8"),
    ]
    .iter()
    .fold(SETTLE.to_owned(), |sql, (name, place)| sql.replace(name, place));
    let values: [Value; 8] = [
        user.uuid().into(),
        i64::try_from(released.len()).unwrap_or(0).into(),
        bytes_released.into(),
        charged.into(),
        pages.into(),
        bytes.into(),
        settled.result_bytes.into(),
        Month::of(now).number().into(),
    ];
    sql::execute(
        transaction,
        format!("UPDATE quotas SET {assignments} WHERE user_id = $1"),
        values,
    )
    .await?;
    Ok(())
}
