//! Messages that go to people: tasks without a document, on a queue of their own. The rules are those of [`crate::tasks`]: a claim
//! counts the attempt and raises the fence, and whatever a run writes changes nothing unless that fence still stands.
//!
//! A message may be sent twice, when a worker dies between the mail server's answer and the end of the row. Nobody can prevent
//! that; both carry the same id, by which mail programs see that they are one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{MailKind, QueueName, ReasonCode, TaskId, UserId, WorkerId};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use crate::tasks::{Backlog, Closed, Reason, Recovered, Retried};
use crate::{Database, Result, sql};

/// Attempts at one message. With waits that double up to an hour they take about six hours.
pub const ATTEMPTS_MAX: i16 = 16;
/// A message that was not sent by then is of no use any more.
pub const GOOD_FOR: Duration = Duration::from_secs(12 * 60 * 60);
/// Messages that anybody may ask for, to one address in [`ASKED_WITHIN`].
pub const ASKED_MAX: u64 = 5;
/// See [`ASKED_MAX`].
pub const ASKED_WITHIN: Duration = Duration::from_secs(60 * 60);
/// No attempt takes so long. A row that still says so belongs to a worker that has lost sight of it.
const ATTEMPT_MAX: Duration = Duration::from_secs(10 * 60);

/// A message to be written and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// Why.
    pub kind: MailKind,
    /// The account, where it is known.
    pub user: Option<UserId>,
    /// To whom; stored in lower case.
    pub address: String,
}

/// A message that a worker owns until it ends it, or is no longer heard of. Only [`claim`] makes one.
#[derive(Debug, Clone)]
pub struct MailClaim {
    /// The message.
    pub id: TaskId,
    /// Why it is sent.
    pub kind: MailKind,
    /// The account, where it was known.
    pub user: Option<UserId>,
    /// To whom.
    pub address: String,
    /// Which attempt this is, from 1.
    pub attempt: i16,
    /// Attempts allowed.
    pub attempts_max: i16,
    /// The number that every write of this run must carry.
    pub fence: i64,
    /// When it was asked for, or its next attempt came due.
    pub due_at: DateTime<Utc>,
}

/// Stores a message; it is sent when a worker comes to it. Works inside a transaction, so that it is asked for together with
/// what it tells of.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn insert(db: &impl ConnectionTrait, new: NewMail, now: DateTime<Utc>) -> Result<TaskId> {
    let id = TaskId::new();
    sql::execute(
        db,
        "INSERT INTO mails (id, kind, state, user_id, address, attempt, attempts_max, fence, run_at, created_at) \
         VALUES ($1, $2, 'queued', $3, $4, 0, $5, 0, $6, $6)",
        [
            id.uuid().into(),
            new.kind.as_str().into(),
            new.user.map(|user| user.uuid()).into(),
            new.address.to_lowercase().into(),
            ATTEMPTS_MAX.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(id)
}

/// As [`insert`], by itself.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn ask_for(db: &Database, new: NewMail, now: DateTime<Utc>) -> Result<TaskId> {
    insert(db.connection(), new, now).await
}

const UNPAUSED: &str =
    "NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = 'mail' AND q.paused_at IS NOT NULL)";

/// Marks at most `limit` due messages as handed out, those that wait longest first, and returns them in that order. None while
/// the queue is paused. Two dispatchers never get the same one.
///
/// # Errors
/// When the database is away; [`forget_lost`] finds what was handed out.
pub async fn take_due(db: &Database, now: DateTime<Utc>, limit: u64) -> Result<Vec<TaskId>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        run_at: DateTime<Utc>,
    }
    let skip_locked = sql::skip_locked(db.connection());
    let mut rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "UPDATE mails SET dispatched_at = $1 WHERE id IN (SELECT id FROM mails WHERE state = 'queued' \
             AND dispatched_at IS NULL AND run_at <= $1 AND {UNPAUSED} ORDER BY run_at LIMIT $2{skip_locked}) \
             RETURNING id, run_at"
        ),
        [now.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
    )
    .await?;
    rows.sort_by_key(|row| (row.run_at, row.id));
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Takes back the mark of messages that could not be pushed.
///
/// # Errors
/// When the database is away; [`forget_lost`] finds them later.
pub async fn release(db: &Database, ids: &[TaskId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = sql::placeholders(1, ids.len());
    sql::execute(
        db.connection(),
        format!("UPDATE mails SET dispatched_at = NULL WHERE state = 'queued' AND id IN ({list})"),
        ids.iter().map(|id| Value::from(id.uuid())),
    )
    .await?;
    Ok(())
}

/// Lets messages be handed out again whose hint was given before `before` and that nobody has begun. Returns how many. Being
/// wrong is harmless: the message gets a second hint, and the first claim wins.
///
/// # Errors
/// When the database is away.
pub async fn forget_lost(db: &Database, before: DateTime<Utc>) -> Result<u64> {
    sql::execute(
        db.connection(),
        "UPDATE mails SET dispatched_at = NULL WHERE state = 'queued' AND dispatched_at < $1",
        [before.into()],
    )
    .await
}

/// Takes every message of `ids` that waits and is due. What another worker took, what ended and what is paused is left out; a
/// foreign or forged id finds nothing.
///
/// # Errors
/// When the database is away; nothing is claimed then, or the claim is recovered as an orphan.
pub async fn claim(
    db: &Database,
    owner: WorkerId,
    ids: &[TaskId],
    now: DateTime<Utc>,
) -> Result<Vec<MailClaim>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        kind: String,
        user_id: Option<Uuid>,
        address: String,
        attempt: i16,
        attempts_max: i16,
        fence: i64,
        run_at: DateTime<Utc>,
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list = sql::placeholders(3, ids.len());
    let skip_locked = sql::skip_locked(db.connection());
    // What was handed out was due by the clock of the dispatcher, which may be a few milliseconds ahead of this worker's.
    let due = "(dispatched_at IS NOT NULL OR run_at <= $2)";
    let values: [Value; 2] = [owner.uuid().into(), now.into()];
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "UPDATE mails SET state = 'running', attempt = attempt + 1, fence = fence + 1, owner = $1, started_at = $2 \
             WHERE id IN (SELECT id FROM mails WHERE id IN ({list}) AND state = 'queued' AND {due} AND {UNPAUSED} \
             ORDER BY id{skip_locked}) \
             RETURNING id, kind, user_id, address, attempt, attempts_max, fence, run_at"
        ),
        values.into_iter().chain(ids.iter().map(|id| Value::from(id.uuid()))),
    )
    .await?;
    let claim = |row: Row| {
        let Ok(kind) = row.kind.parse() else {
            // Of a later release. It comes back as an orphan, for a worker that knows it, until its time is over.
            tracing::error!(task.id = %row.id, "message {} has a kind that this release does not know", row.id);
            return None;
        };
        Some(MailClaim {
            id: row.id.into(),
            kind,
            user: row.user_id.map(UserId::from),
            address: row.address,
            attempt: row.attempt,
            attempts_max: row.attempts_max,
            fence: row.fence,
            due_at: row.run_at,
        })
    };
    Ok(rows.into_iter().filter_map(claim).collect())
}

/// How many messages that anybody may ask for were asked for to the address of this one since `since`, up to this one and with
/// it. Those that came to nothing because nobody has the address count like the others; those that were refused do not.
///
/// # Errors
/// When the database is away.
pub async fn asked_since(db: &Database, claim: &MailClaim, since: DateTime<Utc>) -> Result<u64> {
    #[derive(FromQueryResult)]
    struct Row {
        asked: i64,
    }
    let kinds: Vec<&MailKind> = MailKind::ALL.iter().filter(|kind| kind.is_asked_for()).collect();
    let list = sql::placeholders(4, kinds.len());
    let values: [Value; 3] = [
        claim.address.as_str().into(),
        since.into(),
        claim.id.uuid().into(),
    ];
    // Ids are made in the order of time, so of several that are sent at once each knows its number.
    let row: Option<Row> = sql::first(
        db.connection(),
        format!(
            "SELECT count(*) AS asked FROM mails WHERE address = $1 AND created_at > $2 AND id <= $3 \
             AND state NOT IN ('failed', 'dead', 'expired') AND kind IN ({list})"
        ),
        values
            .into_iter()
            .chain(kinds.into_iter().map(|kind| Value::from(kind.as_str()))),
    )
    .await?;
    Ok(row.map_or(0, |row| row.asked.cast_unsigned()))
}

/// Ends a message: away, or with nobody to send it to.
///
/// # Errors
/// When the database is away.
pub async fn complete(db: &Database, claim: &MailClaim, now: DateTime<Utc>) -> Result<Closed> {
    let ended = sql::execute(
        db.connection(),
        "UPDATE mails SET state = 'done', finished_at = $3, error_code = NULL, error_detail = NULL \
         WHERE id = $1 AND fence = $2 AND state = 'running'",
        [claim.id.uuid().into(), claim.fence.into(), now.into()],
    )
    .await?;
    Ok(closed(ended))
}

/// Ends a message that never will be taken, with the reason.
///
/// # Errors
/// When the database is away.
pub async fn reject(db: &Database, claim: &MailClaim, reason: &Reason, now: DateTime<Utc>) -> Result<Closed> {
    end_without(db, claim, "failed", reason, now).await
}

/// Lets a message be tried again at `run_at`, or ends it when its attempts are used up.
///
/// # Errors
/// When the database is away; nothing is stored then.
pub async fn retry(
    db: &Database,
    claim: &MailClaim,
    run_at: DateTime<Utc>,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Result<Retried> {
    if claim.attempt >= claim.attempts_max {
        return Ok(match end_without(db, claim, "dead", reason, now).await? {
            Closed::Won => Retried::Dead,
            Closed::Lost => Retried::Lost,
        });
    }
    let queued = sql::execute(
        db.connection(),
        "UPDATE mails SET state = 'queued', owner = NULL, dispatched_at = NULL, run_at = $3, error_code = $4, \
         error_detail = $5 WHERE id = $1 AND fence = $2 AND state = 'running'",
        [
            claim.id.uuid().into(),
            claim.fence.into(),
            run_at.into(),
            reason.code.as_str().into(),
            reason.detail.as_str().into(),
        ],
    )
    .await?;
    Ok(match closed(queued) {
        Closed::Won => Retried::Queued,
        Closed::Lost => Retried::Lost,
    })
}

async fn end_without(
    db: &Database,
    claim: &MailClaim,
    state: &'static str,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Result<Closed> {
    let ended = sql::execute(
        db.connection(),
        "UPDATE mails SET state = $3, owner = NULL, finished_at = $4, error_code = $5, error_detail = $6 \
         WHERE id = $1 AND fence = $2 AND state = 'running'",
        [
            claim.id.uuid().into(),
            claim.fence.into(),
            state.into(),
            now.into(),
            reason.code.as_str().into(),
            reason.detail.as_str().into(),
        ],
    )
    .await?;
    Ok(closed(ended))
}

const fn closed(rows: u64) -> Closed {
    if rows == 1 { Closed::Won } else { Closed::Lost }
}

/// Takes back messages whose worker has said goodbye, or has not been heard of since `silent_since`, or has lost sight of them.
/// The attempt counts. Safe to repeat and to run in several schedulers at once.
///
/// # Errors
/// When the database is away; nothing changed then.
pub async fn recover_orphans(
    db: &Database,
    silent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Recovered> {
    #[derive(FromQueryResult)]
    struct One {
        #[allow(dead_code)] // that there is a row is all
        id: Uuid,
    }
    let reason = ReasonCode::WorkerLost;
    let skip_locked = match db.backend() {
        DbBackend::Postgres => " FOR UPDATE OF m SKIP LOCKED",
        _ => "",
    };
    let lost = "SELECT m.id FROM mails m WHERE m.state = 'running' AND (m.started_at < $2 OR NOT EXISTS (SELECT 1 FROM workers w \
         WHERE w.id = m.owner AND w.heartbeat_at >= $1 AND w.stopped_at IS NULL))";
    let values = || -> [Value; 5] {
        [
            silent_since.into(),
            (now - ATTEMPT_MAX).into(),
            now.into(),
            reason.as_str().into(),
            reason.meaning().into(),
        ]
    };
    // Nearly always there is none, and that is found without writing.
    let one: Option<One> = sql::first(
        db.connection(),
        format!("{lost} LIMIT 1"),
        [silent_since.into(), (now - ATTEMPT_MAX).into()],
    )
    .await?;
    if one.is_none() {
        return Ok(Recovered::default());
    }
    let dead = sql::execute(
        db.connection(),
        format!(
            "UPDATE mails SET state = 'dead', owner = NULL, finished_at = $3, error_code = $4, error_detail = $5 \
             WHERE id IN ({lost} AND m.attempt >= m.attempts_max{skip_locked})"
        ),
        values(),
    )
    .await?;
    let queued = sql::execute(
        db.connection(),
        format!(
            "UPDATE mails SET state = 'queued', owner = NULL, dispatched_at = NULL, run_at = $3, error_code = $4, \
             error_detail = $5 WHERE id IN ({lost}{skip_locked})"
        ),
        values(),
    )
    .await?;
    Ok(Recovered { queued, dead })
}

/// Ends messages that wait since before `before`: what they say is of no use any more. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn expire(db: &Database, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64> {
    let reason = ReasonCode::Deadline;
    sql::execute(
        db.connection(),
        "UPDATE mails SET state = 'expired', finished_at = $2, error_code = $3, error_detail = $4 \
         WHERE state = 'queued' AND created_at < $1",
        [
            before.into(),
            now.into(),
            reason.as_str().into(),
            "it could not be sent in time".into(),
        ],
    )
    .await
}

/// Deletes at most `limit` messages that ended before `before`, with their links. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_ended(db: &Database, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    sql::execute(
        db.connection(),
        "DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE finished_at < $1 LIMIT $2)",
        [before.into(), i64::from(limit).into()],
    )
    .await
}

/// What waits right now.
///
/// # Errors
/// When the database is away.
pub async fn backlog(db: &Database) -> Result<Backlog> {
    #[derive(FromQueryResult)]
    struct Row {
        waiting: i64,
        oldest: Option<DateTime<Utc>>,
    }
    let row: Option<Row> = sql::first(
        db.connection(),
        "SELECT count(*) AS waiting, min(run_at) AS oldest FROM mails WHERE state = 'queued'",
        [],
    )
    .await?;
    Ok(row.map_or_else(Backlog::default, |row| Backlog {
        waiting: row.waiting.cast_unsigned(),
        oldest_due_at: row.oldest,
    }))
}

/// The queue on which messages wait.
pub const QUEUE: QueueName = QueueName::Mail;
