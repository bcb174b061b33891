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
    if let Err(error) = spending::settle(db, reserved, took).await {
        tracing::warn!(
            "could not correct what a model took: {}",
            telemetry::chain(&error)
        );
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
