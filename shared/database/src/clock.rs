//! One clock for all processes of a fleet: the database's. Who counts as silent, what is due and what is too late is
//! decided by comparing times that different machines wrote down; a machine whose clock is minutes off would otherwise
//! take work away from the living.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use domain::{Clock, SystemClock};
use sea_orm::{DbBackend, FromQueryResult};
use tokio::sync::watch;

use crate::{Database, Result, sql};

/// How often the database is asked. In between the time is counted from the last answer, by a clock that nobody sets.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked before it has answered for the first time.
const ASK_FIRST_EVERY: Duration = Duration::from_millis(200);
/// Questions of one reading, of which the quickest counts: it is off by half of what it took at most, and the first one may have
/// waited for a connection.
const QUESTIONS: usize = 3;
/// An answer that took longer says too little about now.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// A difference that is worth a line in the log.
const WORTH_SAYING: TimeDelta = TimeDelta::seconds(2);

/// Tells the time of the database. With SQLite, which has one machine, that is the time of the operating system.
#[derive(Debug)]
pub struct DatabaseClock {
    reading: RwLock<Option<Reading>>,
    is_set: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    time: DateTime<Utc>,
    taken: Instant,
}

impl DatabaseClock {
    /// Begins to ask the database, until the clock is dropped. Until it has answered, the clock shows the time of the
    /// operating system. Call it inside the runtime that lives as long as the clock.
    #[must_use]
    pub fn start(db: &Database) -> Arc<Self> {
        let shared = db.backend() == DbBackend::Postgres;
        let clock = Arc::new(Self {
            reading: RwLock::default(),
            is_set: watch::Sender::new(!shared),
        });
        if shared {
            tokio::spawn(keep(Arc::downgrade(&clock), db.clone()));
        }
        clock
    }

    /// Waits until the clock shows the time of the database. Before that nobody should be judged by it.
    pub async fn set(&self) {
        // The sender lives as long as `self`.
        let _ = self.is_set.subscribe().wait_for(|set| *set).await;
    }

    fn note(&self, reading: Reading) {
        let off = SystemClock.now() - reading.now();
        let first = !self.is_set.send_replace(true);
        if first && off.abs() > WORTH_SAYING {
            let seconds = off.as_seconds_f64();
            tracing::warn!(
                seconds,
                "the clock of this machine is {seconds:+.0} s off the database's, which is used"
            );
        }
        *self.reading.write().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> DateTime<Utc> {
        let reading = *self.reading.read().unwrap_or_else(PoisonError::into_inner);
        reading.map_or_else(|| SystemClock.now(), |reading| reading.now().trunc_subsecs(3))
    }
}

impl Reading {
    fn now(self) -> DateTime<Utc> {
        self.time + self.taken.elapsed()
    }
}

async fn keep(clock: Weak<DatabaseClock>, db: Database) {
    let mut pause = ASK_FIRST_EVERY;
    let mut silent = false;
    loop {
        match read(&db).await {
            Ok(Some(reading)) => {
                let Some(clock) = clock.upgrade() else { return };
                clock.note(reading);
                pause = ASK_EVERY;
            }
            Ok(None) => {}
            // Said once, not five times a second; later the time is counted on.
            Err(error) if pause == ASK_FIRST_EVERY && !silent => {
                silent = true;
                tracing::warn!("waiting for the database, and for the time by it: {error}");
            }
            Err(error) => tracing::debug!("could not ask the database for the time: {error}"),
        }
        tokio::time::sleep(pause).await;
        if clock.strong_count() == 0 {
            return;
        }
    }
}

/// An answer, and how long it took.
struct Answer {
    time: DateTime<Utc>,
    asked: Instant,
    took: Duration,
}

/// The time of the database; `None` when every answer took too long.
async fn read(db: &Database) -> Result<Option<Reading>> {
    #[derive(FromQueryResult)]
    struct Row {
        time: DateTime<Utc>,
    }
    let mut answers = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let asked = Instant::now();
        let row: Option<Row> = sql::first(db.connection(), "SELECT clock_timestamp() AS time", []).await?;
        let took = asked.elapsed();
        answers.extend(row.map(|Row { time }| Answer { time, asked, took }));
    }
    Ok(quickest(answers))
}

/// What the quickest answer says, as of the middle of its question; `None` when even that one took too long.
fn quickest(answers: Vec<Answer>) -> Option<Reading> {
    let quickest = answers.into_iter().min_by_key(|answer| answer.took)?;
    (quickest.took <= ANSWER_MAX).then(|| Reading {
        time: quickest.time,
        taken: quickest.asked + quickest.took / 2,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::DatabaseSettings;

    #[test]
    fn the_quickest_of_several_answers_is_believed_unless_it_took_too_long() {
        let (asked, time) = (Instant::now(), SystemClock.now());
        let answer = |took: u64, off: i64| Answer {
            time: time + TimeDelta::milliseconds(off),
            asked,
            took: Duration::from_millis(took),
        };
        let reading = quickest(vec![answer(400, 390), answer(2, 1), answer(90, 3)]).unwrap();
        assert_eq!(
            (reading.time, reading.taken),
            (
                time + TimeDelta::milliseconds(1),
                asked + Duration::from_millis(1)
            )
        );
        assert!(quickest(vec![answer(1_001, 0), answer(2_000, 0)]).is_none());
        assert!(quickest(Vec::new()).is_none());
    }

    #[tokio::test]
    async fn on_one_machine_the_clock_is_the_one_of_the_machine() {
        let settings = DatabaseSettings {
            url: "sqlite::memory:".into(),
            ..DatabaseSettings::default()
        };
        let clock = DatabaseClock::start(&Database::connect(&settings).await.unwrap());
        clock.set().await;
        assert!((clock.now() - SystemClock.now()).abs() < TimeDelta::seconds(1));
    }

    #[tokio::test]
    async fn in_a_fleet_the_clock_is_the_one_of_the_database() {
        let settings = DatabaseSettings {
            url: std::env::var("DOCMILL_TEST_POSTGRES_URL").unwrap().into(),
            ..DatabaseSettings::default()
        };
        let db = Database::connect(&settings).await.unwrap();
        let clock = DatabaseClock::start(&db);
        clock.set().await;
        // Here it is the clock of the same machine.
        assert!((clock.now() - SystemClock.now()).abs() < TimeDelta::seconds(1));
        clock.note(Reading {
            time: SystemClock.now() - TimeDelta::minutes(5),
            taken: Instant::now(),
        });
        let off = SystemClock.now() - clock.now();
        assert!(
            (off - TimeDelta::minutes(5)).abs() < TimeDelta::seconds(1),
            "{off}"
        );
        assert_eq!(clock.now().timestamp_subsec_nanos() % 1_000_000, 0);
    }
}
