//! Calls of models and the money that there is for them, in the numbers of the database.

use chrono::{DateTime, Utc};
use database::spending::{self, Budgets, Reserved, Spent};
use database::{Database, DatabaseError, MadeBy};
use domain::{JobId, UserId};
use models::{Cost, Failure, ModelSettings, Provider, Usage};

/// Money as the database counts it.
#[must_use]
pub fn millionths(cost: Cost) -> i64 {
    i64::try_from(cost.0).unwrap_or(i64::MAX)
}

/// What a call took, as the database counts it.
#[must_use]
pub fn spent(usage: Usage) -> Spent {
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
    Spent {
        calls: 1,
        input_tokens: number(usage.input_tokens),
        output_tokens: number(usage.output_tokens),
        cost: millionths(usage.cost),
    }
}

/// Counts a call that takes `most`, unless there is not so much left: `None`.
///
/// # Errors
/// When the database is away.
pub async fn reserve(
    db: &Database,
    settings: &ModelSettings,
    user: UserId,
    job: Option<JobId>,
    most: Usage,
    now: DateTime<Utc>,
) -> Result<Option<Reserved>, DatabaseError> {
    let budgets = Budgets {
        job: settings.job_limit().map(millionths),
        month: settings.month_limit().map(millionths),
    };
    spending::reserve(db, user, job, millionths(most.cost), budgets, now).await
}

/// Corrects what was counted for a call. After a failure that may have been paid, what was counted stays. A database that is away
/// is told of in the log; too much stays counted then.
pub async fn settle(db: &Database, reserved: Reserved, told: Result<Usage, Failure>) {
    let took = match told {
        Ok(usage) => spent(usage),
        Err(failure) if failure.is_free() => Spent::default(),
        Err(_) => return,
    };
    correct(db, reserved, took).await;
}

async fn correct(db: &Database, reserved: Reserved, took: Spent) {
    if let Err(error) = spending::settle(db, reserved, took).await {
        tracing::warn!(
            "could not correct what a model took: {}",
            telemetry::chain(&error)
        );
    }
}

/// A call that was answered, and what it took. What was counted for it is not corrected yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// What was counted.
    pub reserved: Reserved,
    /// What it took.
    pub took: Spent,
}

impl Bill {
    /// Corrects what was counted. Call it once.
    pub async fn settle(self, db: &Database) {
        correct(db, self.reserved, self.took).await;
    }
}

/// A call that is counted, on its way. Whoever hangs up drops it: what nobody was asked for goes back, and a call of which nobody
/// knows whether it is paid stays counted.
pub(crate) struct Counted {
    database: Database,
    /// `None` once it is somebody else's to correct.
    reserved: Option<Reserved>,
    is_asked: bool,
}

impl Counted {
    pub(crate) fn new(database: &Database, reserved: Reserved) -> Self {
        Self {
            database: database.clone(),
            reserved: Some(reserved),
            is_asked: false,
        }
    }

    /// The model is asked from here on, and may take money.
    pub(crate) const fn ask(&mut self) {
        self.is_asked = true;
    }

    /// The model failed without taking money, and may be asked again.
    pub(crate) const fn failed_for_free(&mut self) {
        self.is_asked = false;
    }

    /// The model has answered.
    pub(crate) fn billed(mut self, usage: Usage) -> Option<Bill> {
        let reserved = self.reserved.take()?;
        Some(Bill {
            reserved,
            took: spent(usage),
        })
    }

    /// The model has failed. After a failure that may have been paid, what was counted stays.
    pub(crate) async fn failed(mut self, failure: Failure) {
        if let Some(reserved) = self.reserved.take() {
            settle(&self.database, reserved, Err(failure)).await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(reserved) = self.reserved.take().filter(|_| !self.is_asked) else {
            return;
        };
        // Outside of a runtime there is nobody to do it; too much stays counted then.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let database = self.database.clone();
            runtime.spawn(async move { correct(&database, reserved, Spent::default()).await });
        }
    }
}

/// Who made a result, and why it was not who was asked.
#[must_use]
pub fn made_by(provider: &dyn Provider, fallback: Option<Failure>) -> MadeBy {
    MadeBy {
        provider: provider.name().to_owned(),
        model: provider.model().map(str::to_owned),
        fallback_reason: fallback.map(|failure| failure.as_str().to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use database::DatabaseSettings;
    use domain::{Clock, Month, SystemClock};
    use models::Cost;
    use tempfile::TempDir;

    use super::*;

    const TOOK: Usage = Usage {
        input_tokens: 10,
        output_tokens: 1,
        cost: Cost(30),
    };

    /// An account for which one call that takes 100 is counted.
    struct Account {
        database: Database,
        user: UserId,
        month: Month,
        _folder: TempDir,
    }

    async fn counted() -> (Account, Counted) {
        let folder = TempDir::new().unwrap();
        let settings = DatabaseSettings {
            url: format!("sqlite://{}/test.db", folder.path().display()).into(),
            connections_max: 2,
        };
        let database = Database::connect(&settings).await.unwrap();
        database.migrate_up().await.unwrap();
        let (user, now) = (UserId::new(), SystemClock.now());
        let reserved = spending::reserve(&database, user, None, 100, Budgets::default(), now)
            .await
            .unwrap()
            .unwrap();
        let counted = Counted::new(&database, reserved);
        let account = Account {
            database,
            user,
            month: Month::of(now),
            _folder: folder,
        };
        (account, counted)
    }

    impl Account {
        async fn calls_and_cost(&self) -> (i64, i64) {
            let spent = spending::of_account(&self.database, self.user, self.month)
                .await
                .unwrap();
            (spent.calls, spent.cost)
        }

        async fn becomes(&self, expected: (i64, i64)) {
            let looking = async {
                while self.calls_and_cost().await != expected {
                    tokio::task::yield_now().await;
                }
            };
            let seen = tokio::time::timeout(std::time::Duration::from_secs(10), looking).await;
            assert!(seen.is_ok(), "it is {:?}", self.calls_and_cost().await);
        }
    }

    #[tokio::test]
    async fn who_hangs_up_before_the_model_is_asked_takes_nothing() {
        let (account, counted) = counted().await;
        assert_eq!(account.calls_and_cost().await, (1, 100));
        drop(counted);
        account.becomes((0, 0)).await;
    }

    #[tokio::test]
    async fn who_hangs_up_after_a_failure_that_was_free_takes_nothing() {
        let (account, mut counted) = counted().await;
        counted.ask();
        counted.failed_for_free();
        drop(counted);
        account.becomes((0, 0)).await;
    }

    #[tokio::test]
    async fn who_hangs_up_while_the_model_is_asked_may_have_taken_all_of_it() {
        let (account, mut counted) = counted().await;
        counted.failed_for_free();
        counted.ask();
        drop(counted);
        // What would be corrected is corrected before this.
        let other = spending::reserve(
            &account.database,
            account.user,
            None,
            5,
            Budgets::default(),
            SystemClock.now(),
        );
        Counted::new(&account.database, other.await.unwrap().unwrap())
            .failed(Failure::LeftAlone)
            .await;
        assert_eq!(account.calls_and_cost().await, (1, 100));
    }

    #[tokio::test]
    async fn an_answer_takes_what_its_bill_says() {
        let (account, mut counted) = counted().await;
        counted.ask();
        let bill = counted.billed(TOOK).unwrap();
        assert_eq!(
            account.calls_and_cost().await,
            (1, 100),
            "nobody has stored it yet"
        );
        bill.settle(&account.database).await;
        assert_eq!(account.calls_and_cost().await, (1, 30));
    }
}
