//! How much an account may use, and how much of that is taken.
//!
//! An account has a row here only while it has limits. Whoever hands documents in locks that row, so that what is accepted
//! is exact however many requests come at once; accounts without limits have no row and wait for nobody. A document
//! that is accepted holds a reservation until it ends: then its counters become what was really used (see
//! [`crate::usage`]), or are given back. The row of an account is always the last that a transaction locks, except
//! where the job does not exist yet: so two transactions never wait for each other.

mod ledger;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Month, Quota, QuotaLimits, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult, Value};
use uuid::Uuid;

use crate::tasks::Operator;
use crate::usage::{self, Used, amount};
use crate::{Database, Result, audit, sql};
pub(crate) use ledger::{Change, SETTLE, Settled, change, freed_with, release, reserve_again, settle};

/// When the counters of a new row are compared with the facts once more. No statement takes so long, so by then nobody is
/// at work who began before the row was there.
const RECOUNT_AFTER: Duration = Duration::from_secs(60);

/// How an account stands with its quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its own limits, without those of the settings.
    pub own: QuotaLimits,
    /// What it used in this month.
    pub used: Used,
    /// What is accepted and has not ended: documents and bytes. Its pages are not known yet.
    pub reserved: Used,
    /// Bytes of its originals and results in storage.
    pub storage_bytes: u64,
}

/// A request that would take more than is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{quota}: {requested} asked for, {used} of {limit} taken")]
pub struct Exceeded {
    /// Which quota.
    pub quota: Quota,
    /// How much there is.
    pub limit: u64,
    /// How much is taken, by what was used and by what is accepted and has not ended.
    pub used: u64,
    /// How much the request asks for.
    pub requested: u64,
    /// When the quota begins anew; `None` for storage, which is freed by deleting.
    pub renews_at: Option<DateTime<Utc>>,
}

/// New limits for an account. `None` leaves one as it is; `Some(None)` goes back to that of the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewLimits {
    /// Documents in a month.
    pub documents: Option<Option<u64>>,
    /// Pages in a month.
    pub pages: Option<Option<u64>>,
    /// Bytes in a month.
    pub bytes: Option<Option<u64>>,
    /// Bytes in storage.
    pub storage_bytes: Option<Option<u64>>,
}

/// How an account stands. `None` when there is no such account. One without limits is summed up from the facts.
///
/// # Errors
/// When the database is away.
pub async fn find(db: &Database, user: UserId, now: DateTime<Utc>) -> Result<Option<Standing>> {
    let db = db.connection();
    if !is_account(db, user).await? {
        return Ok(None);
    }
    let month = Month::of(now);
    if let Some(row) = row(db, user, "").await? {
        return Ok(Some(row.standing(month)));
    }
    let facts = Facts::of(db, user, month).await?;
    Ok(Some(Standing {
        own: QuotaLimits::default(),
        used: facts.used,
        reserved: facts.reserved,
        storage_bytes: facts.storage_bytes,
    }))
}

/// Changes the limits of an account and says how it stands. `None` when there is no such account.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn set(
    db: &Database,
    user: UserId,
    new: NewLimits,
    operator: Operator,
    now: DateTime<Utc>,
) -> Result<Option<Standing>> {
    let transaction = db.begin().await?;
    if !is_account(&transaction, user).await? {
        return Ok(None);
    }
    let mut standing = open(&transaction, user, now).await?;
    let own = QuotaLimits {
        documents: new.documents.unwrap_or(standing.own.documents),
        pages: new.pages.unwrap_or(standing.own.pages),
        bytes: new.bytes.unwrap_or(standing.own.bytes),
        storage_bytes: new.storage_bytes.unwrap_or(standing.own.storage_bytes),
    };
    standing.own = own;
    if own.any() {
        let limits = [own.documents, own.pages, own.bytes, own.storage_bytes]
            .map(|limit| Value::from(limit.map(u64::cast_signed)));
        let first: [Value; 2] = [user.uuid().into(), now.into()];
        sql::execute(
            &transaction,
            "UPDATE quotas SET updated_at = $2, documents_max = $3, pages_max = $4, bytes_max = $5, storage_max = $6 \
             WHERE user_id = $1",
            first.into_iter().chain(limits),
        )
        .await?;
    } else {
        close(&transaction, user).await?;
    }
    let entry = audit::Entry {
        user: operator.user,
        action: "quota.change",
        resource: Some(("user", user.uuid())),
        outcome: audit::Outcome::Success,
        origin: operator.origin,
    };
    audit::insert(&transaction, entry, now).await?;
    transaction.commit().await?;
    Ok(Some(standing))
}

/// Reserves what documents of these sizes take, unless that is more than is left: then nothing is reserved and the
/// transaction must not go on. Waits for other requests of the same account.
///
/// Pages are known only when a document has been read: until then each counts as one, so that an account cannot have more
/// open documents than pages left.
pub(crate) async fn reserve(
    transaction: &DatabaseTransaction,
    user: UserId,
    defaults: QuotaLimits,
    documents: &[(Uuid, u64)],
    now: DateTime<Utc>,
) -> Result<Option<Exceeded>> {
    if !defaults.any() && row(transaction, user, "").await?.is_none() {
        return Ok(None);
    }
    let standing = open(transaction, user, now).await?;
    let limits = standing.own.or(defaults);
    if !limits.any() {
        close(transaction, user).await?;
        return Ok(None);
    }
    let bytes = documents.iter().map(|(_, bytes)| bytes).sum();
    if let Some(exceeded) = standing.exceeded(limits, documents.len() as u64, bytes, Month::of(now)) {
        return Ok(Some(exceeded));
    }
    ledger::reserve(transaction, user, documents).await?;
    let taken = Change {
        documents_reserved: i64::try_from(documents.len()).unwrap_or(i64::MAX),
        bytes_reserved: bytes.cast_signed(),
        storage: bytes.cast_signed(),
    };
    change(transaction, user.uuid(), taken).await?;
    Ok(None)
}

impl Standing {
    /// The first quota that has no room for so much more.
    fn exceeded(&self, limits: QuotaLimits, documents: u64, bytes: u64, month: Month) -> Option<Exceeded> {
        let (used, open) = (self.used, self.reserved);
        [
            (
                Quota::Documents,
                limits.documents,
                used.documents + open.documents,
                documents,
            ),
            (Quota::Pages, limits.pages, used.pages + open.documents, documents),
            (Quota::Bytes, limits.bytes, used.bytes + open.bytes, bytes),
            (Quota::Storage, limits.storage_bytes, self.storage_bytes, bytes),
        ]
        .into_iter()
        .find_map(|(quota, limit, used, requested)| {
            let limit = limit?;
            let fits = used.checked_add(requested).is_some_and(|sum| sum <= limit);
            (!fits).then(|| Exceeded {
                quota,
                limit,
                used,
                requested,
                renews_at: quota.is_monthly().then(|| month.ends_at()),
            })
        })
    }
}

/// Locks the row of an account and brings it up to date; makes it when there is none.
async fn open(transaction: &DatabaseTransaction, user: UserId, now: DateTime<Utc>) -> Result<Standing> {
    let month = Month::of(now);
    let made = sql::execute(
        transaction,
        "INSERT INTO quotas (user_id, month, documents_used, pages_used, bytes_used, documents_reserved, bytes_reserved, \
            storage_used, recount_at, updated_at) \
         VALUES ($1, $2, 0, 0, 0, 0, 0, 0, $3, $3) ON CONFLICT (user_id) DO NOTHING",
        [user.uuid().into(), month.number().into(), now.into()],
    )
    .await?
        == 1;
    let lock = sql::locked(transaction);
    let row = row(transaction, user, lock).await?;
    let row = row.expect("the row was there, or was made, and is not deleted without this lock");
    let mut standing = row.standing(month);
    let counted = row.recount_at.is_none_or(|due| due > now);
    if counted && row.month >= month.number() {
        return Ok(standing);
    }
    if !counted {
        let facts = Facts::of(transaction, user, month).await?;
        standing = Standing {
            own: standing.own,
            used: facts.used,
            reserved: facts.reserved,
            storage_bytes: facts.storage_bytes,
        };
    }
    let recount_at = if made {
        Some(now + RECOUNT_AFTER)
    } else {
        row.recount_at.filter(|_| counted)
    };
    sql::execute(
        transaction,
        "UPDATE quotas SET month = $2, documents_used = $3, pages_used = $4, bytes_used = $5, documents_reserved = $6, \
         bytes_reserved = $7, storage_used = $8, recount_at = $9 WHERE user_id = $1",
        [
            user.uuid().into(),
            month.number().into(),
            standing.used.documents.cast_signed().into(),
            standing.used.pages.cast_signed().into(),
            standing.used.bytes.cast_signed().into(),
            standing.reserved.documents.cast_signed().into(),
            standing.reserved.bytes.cast_signed().into(),
            standing.storage_bytes.cast_signed().into(),
            recount_at.into(),
        ],
    )
    .await?;
    Ok(standing)
}

/// Nothing is limited any more: nobody has to count. Reservations stay until their documents end, so that the counters are
/// right if there are limits again before that.
async fn close(transaction: &DatabaseTransaction, user: UserId) -> Result<()> {
    sql::execute(
        transaction,
        "DELETE FROM quotas WHERE user_id = $1",
        [user.uuid().into()],
    )
    .await?;
    Ok(())
}

async fn is_account(db: &impl ConnectionTrait, user: UserId) -> Result<bool> {
    #[derive(FromQueryResult)]
    struct Account {
        #[allow(dead_code)] // that there is a row is all
        id: Uuid,
    }
    let found: Option<Account> =
        sql::first(db, "SELECT id FROM users WHERE id = $1", [user.uuid().into()]).await?;
    Ok(found.is_some())
}

#[derive(FromQueryResult)]
struct Row {
    documents_max: Option<i64>,
    pages_max: Option<i64>,
    bytes_max: Option<i64>,
    storage_max: Option<i64>,
    month: i32,
    documents_used: i64,
    pages_used: i64,
    bytes_used: i64,
    documents_reserved: i64,
    bytes_reserved: i64,
    storage_used: i64,
    recount_at: Option<DateTime<Utc>>,
}

async fn row(db: &impl ConnectionTrait, user: UserId, lock: &str) -> Result<Option<Row>> {
    sql::first(
        db,
        format!(
            "SELECT documents_max, pages_max, bytes_max, storage_max, month, documents_used, pages_used, bytes_used, \
             documents_reserved, bytes_reserved, storage_used, recount_at FROM quotas WHERE user_id = $1{lock}"
        ),
        [user.uuid().into()],
    )
    .await
}

impl Row {
    /// Counters of an earlier month say nothing about this one; what is reserved and stored goes on. Those of a later month
    /// were begun by somebody whose clock is a moment ahead.
    fn standing(&self, month: Month) -> Standing {
        let used = if self.month >= month.number() {
            Used {
                documents: amount(self.documents_used),
                pages: amount(self.pages_used),
                bytes: amount(self.bytes_used),
            }
        } else {
            Used::default()
        };
        Standing {
            own: QuotaLimits {
                documents: self.documents_max.map(amount),
                pages: self.pages_max.map(amount),
                bytes: self.bytes_max.map(amount),
                storage_bytes: self.storage_max.map(amount),
            },
            used,
            reserved: Used {
                documents: amount(self.documents_reserved),
                pages: 0,
                bytes: amount(self.bytes_reserved),
            },
            storage_bytes: amount(self.storage_used),
        }
    }
}

/// What the counters have to say, summed up from what they count.
struct Facts {
    used: Used,
    reserved: Used,
    storage_bytes: u64,
}

impl Facts {
    async fn of(db: &impl ConnectionTrait, user: UserId, month: Month) -> Result<Self> {
        #[derive(FromQueryResult)]
        struct Open {
            documents: i64,
            bytes: i64,
        }
        let open: Option<Open> = sql::first(
            db,
            "SELECT count(*) AS documents, CAST(COALESCE(sum(bytes), 0) AS bigint) AS bytes FROM quota_reservations \
             WHERE user_id = $1",
            [user.uuid().into()],
        )
        .await?;
        let stored: Option<Open> = sql::first(
            db,
            "SELECT count(*) AS documents, CAST(COALESCE(sum(size_bytes + result_bytes), 0) AS bigint) AS bytes \
             FROM documents WHERE user_id = $1 AND status <> 'cancelled'",
            [user.uuid().into()],
        )
        .await?;
        Ok(Self {
            used: usage::of_month(db, user, month).await?,
            reserved: open.map_or_else(Used::default, |open| Used {
                documents: amount(open.documents),
                pages: 0,
                bytes: amount(open.bytes),
            }),
            storage_bytes: stored.map_or(0, |stored| amount(stored.bytes)),
        })
    }
}
