//! Points in time at which a recurring task is due. Whoever inserts the row of a slot does the work: any number of
//! schedulers fire once.

use chrono::{DateTime, Utc};

use crate::{Database, Result, sql};

/// Claims a slot. `false` when another scheduler was first.
///
/// # Errors
/// When the database is away.
pub async fn claim(db: &Database, name: &str, slot: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool> {
    let inserted = sql::execute(
        db.connection(),
        "INSERT INTO cron_slots (name, slot, claimed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [name.into(), slot.into(), now.into()],
    )
    .await?;
    Ok(inserted == 1)
}

/// Deletes slots before `before`, which nobody will ask for again. Returns how many.
///
/// # Errors
/// When the database is away.
pub async fn delete_old(db: &Database, before: DateTime<Utc>) -> Result<u64> {
    sql::execute(
        db.connection(),
        "DELETE FROM cron_slots WHERE slot < $1",
        [before.into()],
    )
    .await
}
