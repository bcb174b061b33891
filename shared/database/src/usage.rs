//! What was used: one entry for every document that was processed, written in the transaction that stores its results.
//!
//! Entries are facts. They are only ever added, one for a document at most (its id is the key), and they stay when the
//! document is deleted: what is exported for a day that has passed never changes.

use chrono::{DateTime, Utc};
use domain::{DocumentId, JobId, Month, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult};
use uuid::Uuid;

use crate::{Database, Result, sql};

/// A sum of entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Documents that were processed.
    pub documents: u64,
    /// Their pages, for kinds that have pages.
    pub pages: u64,
    /// Their bytes, as they came in.
    pub bytes: u64,
}

/// What one account used in one day or month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The day or month in UTC: `2026-03-04`, `2026-03`.
    pub name: String,
    /// Whose.
    pub user: UserId,
    /// How much.
    pub used: Used,
}

/// What an account used, month by month, the oldest first. Months without any use are left out.
///
/// # Errors
/// When the database is away.
pub async fn months(db: &Database, user: UserId, from: Month, to: Month) -> Result<Vec<Period>> {
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "SELECT {} AS name, user_id, {SUMS} FROM usage_entries WHERE user_id = $1 AND at >= $2 AND at < $3 \
             GROUP BY 1, 2 ORDER BY 1",
            beginning_of_time(db.backend(), 7)
        ),
        [user.uuid().into(), from.begins_at().into(), to.ends_at().into()],
    )
    .await?;
    Ok(rows.into_iter().map(Period::from).collect())
}

/// What every account used from `from` to before `to`, day by day, the oldest first; at most `limit` lines.
///
/// # Errors
/// When the database is away.
pub async fn days(db: &Database, from: DateTime<Utc>, to: DateTime<Utc>, limit: u32) -> Result<Vec<Period>> {
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "SELECT {} AS name, user_id, {SUMS} FROM usage_entries WHERE at >= $1 AND at < $2 \
             GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $3",
            beginning_of_time(db.backend(), 10)
        ),
        [from.into(), to.into(), i64::from(limit).into()],
    )
    .await?;
    Ok(rows.into_iter().map(Period::from).collect())
}

const SUMS: &str = "count(*) AS documents, CAST(COALESCE(sum(pages), 0) AS bigint) AS pages, \
     CAST(COALESCE(sum(bytes), 0) AS bigint) AS bytes";

/// The first characters of the time in UTC.
fn beginning_of_time(backend: DbBackend, characters: usize) -> String {
    match backend {
        DbBackend::Postgres => format!("left(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), {characters})"),
        // Times are stored as text in UTC.
        _ => format!("substr(at, 1, {characters})"),
    }
}

/// What an account used in a month, summed up from the entries.
pub(crate) async fn of_month(db: &impl ConnectionTrait, user: UserId, month: Month) -> Result<Used> {
    #[derive(FromQueryResult)]
    struct Sums {
        documents: i64,
        pages: i64,
        bytes: i64,
    }
    let sums: Option<Sums> = sql::first(
        db,
        format!("SELECT {SUMS} FROM usage_entries WHERE user_id = $1 AND at >= $2 AND at < $3"),
        [
            user.uuid().into(),
            month.begins_at().into(),
            month.ends_at().into(),
        ],
    )
    .await?;
    Ok(sums.map_or_else(Used::default, |sums| Used {
        documents: amount(sums.documents),
        pages: amount(sums.pages),
        bytes: amount(sums.bytes),
    }))
}

/// What the entry of a document says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) document: DocumentId,
    pub(crate) user: UserId,
    pub(crate) job: JobId,
    pub(crate) pages: i64,
    pub(crate) bytes: i64,
}

/// Writes the entry of a document whose results are being stored. `false` when there is one already: then nothing more is
/// to be counted.
pub(crate) async fn charge(
    transaction: &DatabaseTransaction,
    charge: Charge,
    now: DateTime<Utc>,
) -> Result<bool> {
    let written = sql::execute(
        transaction,
        "INSERT INTO usage_entries (document_id, user_id, job_id, at, pages, bytes) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (document_id) DO NOTHING",
        [
            charge.document.uuid().into(),
            charge.user.uuid().into(),
            charge.job.uuid().into(),
            now.into(),
            charge.pages.into(),
            charge.bytes.into(),
        ],
    )
    .await?;
    Ok(written == 1)
}

/// A count out of the database, where none is negative.
pub(crate) fn amount(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

#[derive(FromQueryResult)]
struct Row {
    name: String,
    user_id: Uuid,
    documents: i64,
    pages: i64,
    bytes: i64,
}

impl From<Row> for Period {
    fn from(row: Row) -> Self {
        Self {
            name: row.name,
            user: row.user_id.into(),
            used: Used {
                documents: amount(row.documents),
                pages: amount(row.pages),
                bytes: amount(row.bytes),
            },
        }
    }
}
