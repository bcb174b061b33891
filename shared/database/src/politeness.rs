//! Manners towards other hosts: at most two requests at once from the whole fleet, and none while a host has asked to be left
//! alone.
//!
//! Whoever calls another host enters first, keeps its lease alive while it is at it, and leaves. A lease that nobody keeps
//! alive ends by itself, so a worker that dies holds up nobody for longer than that. The places of a host are rows with
//! a key, so that two processes never have the same one.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::{Database, Result, sql};

/// Requests to one host at the same time, over the whole fleet.
pub const AT_ONCE_MAX: i16 = 2;

/// How long a lease holds without being kept alive. Longer than an answer usually takes; a slow one is kept alive.
pub const LEASE: Duration = Duration::from_secs(60);

/// No host is left alone for longer than this, whatever it asks for.
pub const PAUSE_MAX: TimeDelta = TimeDelta::hours(24);

/// What came of asking to call a host.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now; leave when it is done.
    Go(Lease),
    /// Others are at it. There is no telling when they are done; a second is worth waiting.
    Busy,
    /// The host wants to be left alone until then.
    Paused(DateTime<Utc>),
}

/// The right to call a host. Only [`enter`] makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Lease {
    host: String,
    place: i16,
    holder: Uuid,
}

/// Asks to call a host. The name is that of the URL, without port; upper and lower case are the same.
///
/// # Errors
/// When the database is away; a lease that was given without an answer ends by itself.
pub async fn enter(db: &Database, host: &str, now: DateTime<Utc>) -> Result<Turn> {
    #[derive(FromQueryResult)]
    struct Pause {
        until: DateTime<Utc>,
    }
    let host = same_name(host);
    let holder = Uuid::now_v7();
    for place in 0..AT_ONCE_MAX {
        let taken = sql::execute(
            db.connection(),
            "INSERT INTO host_leases (host, place, holder, expires_at) SELECT $1, $2, $3, $4 \
             WHERE NOT EXISTS (SELECT 1 FROM host_pauses WHERE host = $1 AND until > $5) \
             ON CONFLICT (host, place) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at \
             WHERE host_leases.expires_at <= $5",
            [
                host.as_str().into(),
                place.into(),
                holder.into(),
                (now + LEASE).into(),
                now.into(),
            ],
        )
        .await?;
        if taken == 1 {
            return Ok(Turn::Go(Lease { host, place, holder }));
        }
    }
    let pause: Option<Pause> = sql::first(
        db.connection(),
        "SELECT until FROM host_pauses WHERE host = $1 AND until > $2",
        [host.into(), now.into()],
    )
    .await?;
    Ok(pause.map_or(Turn::Busy, |pause| Turn::Paused(pause.until)))
}

/// Keeps a lease alive for another [`LEASE`]. `false` when it has ended meanwhile and somebody else is at it: then the call
/// should be given up.
///
/// # Errors
/// When the database is away; the lease goes on until its time is over.
pub async fn keep(db: &Database, lease: &Lease, now: DateTime<Utc>) -> Result<bool> {
    let kept = sql::execute(
        db.connection(),
        "UPDATE host_leases SET expires_at = $4 WHERE host = $1 AND place = $2 AND holder = $3",
        [
            lease.host.as_str().into(),
            lease.place.into(),
            lease.holder.into(),
            (now + LEASE).into(),
        ],
    )
    .await?;
    Ok(kept == 1)
}

/// Lets the next one call the host.
///
/// # Errors
/// When the database is away; the lease ends by itself.
pub async fn leave(db: &Database, lease: Lease) -> Result<()> {
    sql::execute(
        db.connection(),
        "DELETE FROM host_leases WHERE host = $1 AND place = $2 AND holder = $3",
        [lease.host.into(), lease.place.into(), lease.holder.into()],
    )
    .await?;
    Ok(())
}

/// Leaves a host alone until then, [`PAUSE_MAX`] from now at most. Of two wishes the later one counts. Calls under way go on.
///
/// # Errors
/// When the database is away.
pub async fn stay_away(db: &Database, host: &str, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
    sql::execute(
        db.connection(),
        "INSERT INTO host_pauses (host, until) VALUES ($1, $2) \
         ON CONFLICT (host) DO UPDATE SET until = excluded.until WHERE host_pauses.until < excluded.until",
        [same_name(host).into(), until.min(now + PAUSE_MAX).into()],
    )
    .await?;
    Ok(())
}

/// Deletes what has been over since `before`. Returns how many rows.
///
/// # Errors
/// When the database is away.
pub async fn delete_old(db: &Database, before: DateTime<Utc>) -> Result<u64> {
    let mut deleted = 0;
    for statement in [
        "DELETE FROM host_leases WHERE expires_at < $1",
        "DELETE FROM host_pauses WHERE until < $1",
    ] {
        deleted += sql::execute(db.connection(), statement, [before.into()]).await?;
    }
    Ok(deleted)
}

/// When a host wants to be asked again, by its `Retry-After` header: seconds, or a date. `None` when that says neither.
#[must_use]
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(now + TimeDelta::seconds(i64::from(seconds)).min(PAUSE_MAX));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some(date.with_timezone(&Utc).min(now + PAUSE_MAX))
}

/// Names of hosts that mean the same host are the same text.
fn same_name(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_says_in_seconds_or_as_a_date_when_it_wants_to_be_asked_again() {
        let now: DateTime<Utc> = "2026-03-04T09:00:00Z".parse().unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(now + TimeDelta::minutes(2)));
        let date = retry_after("Wed, 04 Mar 2026 09:05:00 GMT", now);
        assert_eq!(date, Some(now + TimeDelta::minutes(5)));
        assert_eq!(retry_after("4000000000", now), Some(now + PAUSE_MAX));
        assert_eq!(
            retry_after("Fri, 04 Mar 2027 09:05:00 GMT", now),
            None,
            "it was no Friday"
        );
        for nonsense in ["", "-1", "soon", "1.5", "99999999999999"] {
            assert_eq!(retry_after(nonsense, now), None, "{nonsense:?}");
        }
    }
}
