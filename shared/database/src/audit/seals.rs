//! Seals over the audit log, so that whoever changes it is found out.
//!
//! Each seal is a digest over one line and the seal before it. Lines are written without one, by many processes at once and in
//! no order; a sweep gives them their place in the chain a moment later. So an upload waits for nobody, and a line that
//! is younger than that moment can still be changed unseen.
//!
//! Whoever may write to the database can make the whole chain anew. The newest seal, kept somewhere else, tells that too.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::AuditId;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Line;
use crate::entity::audit_log;
use crate::{Database, DatabaseError, Result, sql};

/// Longer than a transaction takes from the making of a line's id to its commit, and than clocks of processes differ: lines
/// older than the newest seal by this are sealed already, or found by a look at everything.
const LATE_AT_MOST: Duration = Duration::from_secs(3600);

/// What a seal is made over: lines as they were before they had keys. Later releases go on reading it.
const WITHOUT_KEY: i32 = 1;
/// What a seal is made over: the whole line.
const WHOLE: i32 = 2;

/// What stands before the first seal.
const NOTHING: [u8; 32] = [0; 32];

/// A place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many lines are sealed.
    pub sequence: i64,
    /// The seal of the newest one.
    pub seal: [u8; 32],
}

impl Head {
    const EMPTY: Self = Self {
        sequence: 0,
        seal: NOTHING,
    };
}

/// Which lines a sealing looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Those of the last hour before the newest seal: cheap, and enough as long as no clock is wrong by more.
    Lately,
    /// All of them.
    Everywhere,
}

/// Seals at most `limit` lines that have no seal yet, the oldest first. Returns how many; none when another process is doing it.
///
/// # Errors
/// When the database is away; nothing is sealed then.
pub async fn seal(db: &Database, look: Look, limit: u32, now: DateTime<Utc>) -> Result<u64> {
    let newest = newest(db).await?;
    let mut head = newest.as_ref().map_or(Head::EMPTY, |newest| newest.head);
    let from = match (&newest, look) {
        (Some(newest), Look::Lately) => first_id_at(newest.sealed_at - LATE_AT_MOST),
        _ => Uuid::nil(),
    };
    let lines: Vec<audit_log::Model> = sql::all(
        db.connection(),
        "SELECT a.* FROM audit_log a LEFT JOIN audit_seals s ON s.audit_id = a.id \
         WHERE a.id >= $1 AND s.audit_id IS NULL ORDER BY a.id LIMIT $2",
        [from.into(), i64::from(limit).into()],
    )
    .await?;
    if lines.is_empty() {
        return Ok(0);
    }
    let mut values: Vec<Value> = Vec::with_capacity(5 * lines.len());
    for line in &lines {
        head = head.followed_by(&Line::from(line.clone()), WHOLE);
        values.extend([
            head.sequence.into(),
            line.id.into(),
            now.into(),
            head.seal.to_vec().into(),
            WHOLE.into(),
        ]);
    }
    let rows: Vec<String> = (0..lines.len())
        .map(|row| format!("({})", sql::placeholders(5 * row + 1, 5)))
        .collect();
    let inserted = sql::execute(
        db.connection(),
        format!(
            "INSERT INTO audit_seals (sequence, audit_id, sealed_at, seal, form) VALUES {}",
            rows.join(", ")
        ),
        values,
    )
    .await;
    match inserted {
        // Two that begin at the same place cannot both be right.
        Err(DatabaseError::Constraint(_)) => Ok(0),
        inserted => inserted,
    }
}

/// The newest seal; `None` before the first one.
///
/// # Errors
/// When the database is away.
pub async fn head(db: &Database) -> Result<Option<Head>> {
    Ok(newest(db).await?.map(|newest| newest.head))
}

/// Something that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A line does not say any more what was sealed, or its seal was changed.
    Edited {
        /// Its place.
        sequence: i64,
        /// The line.
        line: AuditId,
    },
    /// A line is gone, and its seal is left.
    Removed {
        /// Its place.
        sequence: i64,
        /// The line.
        line: AuditId,
    },
    /// Places of the chain are gone, from this one to the one before `next`.
    Gap {
        /// The first one that is missing.
        sequence: i64,
        /// The next one that is there.
        next: i64,
    },
    /// A line was not sealed although it is old.
    Unsealed {
        /// The line.
        line: AuditId,
    },
    /// The chain does not contain the seal that was expected: its end is missing, or it was made anew.
    OtherChain {
        /// Where it was expected.
        sequence: i64,
    },
}

/// What came of looking at the whole log.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The newest seal.
    pub head: Option<Head>,
    /// Lines without a seal that are young enough to have none yet.
    pub waiting: u64,
    /// What is wrong, in the order of the chain; no more than [`FAULTS_MAX`].
    pub faults: Vec<Fault>,
}

/// Faults that are told at most.
pub const FAULTS_MAX: usize = 100;

/// Rows that are read at once.
const BATCH: i64 = 1_000;

/// Looks at every line and every seal. `expected` is a seal that was noted earlier, somewhere else. Lines written at `young`
/// or later need no seal yet.
///
/// # Errors
/// When the database is away.
pub async fn verify(db: &Database, expected: Option<Head>, young: DateTime<Utc>) -> Result<Verdict> {
    let mut faults = Vec::new();
    let mut before = Head::EMPTY;
    let mut expected_found = expected.is_none();
    loop {
        let seals: Vec<SealRow> = sql::all(
            db.connection(),
            "SELECT sequence, audit_id, sealed_at, seal, form FROM audit_seals WHERE sequence > $1 ORDER BY sequence LIMIT $2",
            [before.sequence.into(), BATCH.into()],
        )
        .await?;
        let lines = lines_of(db, &seals).await?;
        for seal in &seals {
            let (sequence, line) = (seal.sequence, seal.audit_id.into());
            if sequence != before.sequence + 1 {
                faults.push(Fault::Gap {
                    sequence: before.sequence + 1,
                    next: sequence,
                });
                // What the missing one was cannot be told, so this one's line cannot be judged either.
                before = seal.head();
                continue;
            }
            match lines.get(&seal.audit_id) {
                None => faults.push(Fault::Removed { sequence, line }),
                Some(found) if before.followed_by(found, seal.form).seal[..] != seal.seal[..] => {
                    faults.push(Fault::Edited { sequence, line });
                }
                Some(_) => {}
            }
            // Go on from what is stored, so that one fault is told once and not for everything behind it.
            before = seal.head();
            expected_found |= expected == Some(before);
        }
        if seals.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) || faults.len() >= FAULTS_MAX {
            break;
        }
    }
    let unsealed = unsealed(db).await?;
    let mut waiting = 0;
    for line in unsealed {
        if line.at >= young {
            waiting += 1;
        } else {
            faults.push(Fault::Unsealed { line: line.id.into() });
        }
    }
    if let (false, Some(expected)) = (expected_found, expected) {
        let sequence = expected.sequence;
        faults.push(Fault::OtherChain { sequence });
    }
    faults.truncate(FAULTS_MAX);
    Ok(Verdict {
        head: (before.sequence > 0).then_some(before),
        waiting,
        faults,
    })
}

impl Head {
    /// The next place, taken by `line`, with a seal of this form.
    fn followed_by(self, line: &Line, form: i32) -> Self {
        let sequence = self.sequence + 1;
        // As JSON, so that no two lines are the same text. To the microsecond, which is what both databases keep.
        let mut content = serde_json::json!([
            sequence,
            line.id.to_string(),
            line.at.timestamp_micros(),
            line.user.map(|user| user.to_string()),
            line.action,
            line.resource_type,
            line.resource_id.map(|id| id.to_string()),
            line.outcome,
            line.ip,
            line.request.map(|request| request.to_string()),
        ]);
        if let (true, Some(content)) = (form != WITHOUT_KEY, content.as_array_mut()) {
            content.push(serde_json::json!(line.key.map(|key| key.to_string())));
        }
        let mut digest = Sha256::new();
        digest.update(self.seal);
        digest.update(content.to_string());
        Self {
            sequence,
            seal: digest.finalize().into(),
        }
    }
}

#[derive(FromQueryResult)]
struct SealRow {
    sequence: i64,
    audit_id: Uuid,
    sealed_at: DateTime<Utc>,
    seal: Vec<u8>,
    form: i32,
}

impl SealRow {
    /// A seal of another length is none: the next line will not fit to it.
    fn head(&self) -> Head {
        Head {
            sequence: self.sequence,
            seal: self.seal.as_slice().try_into().unwrap_or(NOTHING),
        }
    }
}

struct Newest {
    head: Head,
    sealed_at: DateTime<Utc>,
}

async fn newest(db: &Database) -> Result<Option<Newest>> {
    let row: Option<SealRow> = sql::first(
        db.connection(),
        "SELECT sequence, audit_id, sealed_at, seal, form FROM audit_seals ORDER BY sequence DESC LIMIT 1",
        [],
    )
    .await?;
    Ok(row.map(|row| Newest {
        head: row.head(),
        sealed_at: row.sealed_at,
    }))
}

async fn lines_of(db: &Database, seals: &[SealRow]) -> Result<HashMap<Uuid, Line>> {
    let ids = seals.iter().map(|seal| seal.audit_id);
    let rows = audit_log::Entity::find()
        .filter(audit_log::Column::Id.is_in(ids))
        .all(db.connection())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
}

#[derive(FromQueryResult)]
struct Unsealed {
    id: Uuid,
    at: DateTime<Utc>,
}

async fn unsealed(db: &Database) -> Result<Vec<Unsealed>> {
    sql::all(
        db.connection(),
        "SELECT a.id, a.at FROM audit_log a LEFT JOIN audit_seals s ON s.audit_id = a.id \
         WHERE s.audit_id IS NULL ORDER BY a.id LIMIT $1",
        [(10 * BATCH).into()],
    )
    .await
}

/// The smallest id (UUIDv7) that can be made at this time.
fn first_id_at(time: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(time.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_time_are_not_before_it() {
        let id = AuditId::new().uuid();
        let (seconds, nanos) = id.get_timestamp().expect("a time").to_unix();
        let made = DateTime::from_timestamp(seconds.cast_signed(), nanos).expect("a time");
        assert!(first_id_at(made) <= id);
        assert!(first_id_at(made + Duration::from_millis(2)) > id);
    }
}
