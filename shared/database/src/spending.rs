//! What models took, for each account and month and for each job, and whether there is anything left.
//!
//! A call is counted before it is made, with the most that it may take, and corrected after it. Whoever dies in between leaves
//! too much counted, never too little.

use chrono::{DateTime, Utc};
use domain::{JobId, Month, UserId};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use crate::{Database, Result, sql};

/// What calls took. The cost is in millionths of the smallest unit of the operator's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromQueryResult)]
pub struct Spent {
    /// Calls.
    pub calls: i64,
    /// Tokens sent.
    pub input_tokens: i64,
    /// Tokens received.
    pub output_tokens: i64,
    /// The price of both.
    pub cost: i64,
}

/// What may be spent at most, in the unit of [`Spent::cost`]; `None` for any amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budgets {
    /// By one job.
    pub job: Option<i64>,
    /// By one account in a month (UTC).
    pub month: Option<i64>,
}

/// A call that is counted and not yet corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    user: UserId,
    job: Option<JobId>,
    month: Month,
    cost: i64,
}

/// Counts a call that takes `cost` at most, unless that would go beyond a budget: `None`. However many ask at once, no more
/// than the budget is given out.
///
/// # Errors
/// When the database is away; nothing is counted then.
pub async fn reserve(
    db: &Database,
    user: UserId,
    job: Option<JobId>,
    cost: i64,
    budgets: Budgets,
    now: DateTime<Utc>,
) -> Result<Option<Reserved>> {
    let month = Month::of(now);
    let transaction = db.begin().await?;
    // The job first, then the account, as everywhere.
    if let Some(job) = job {
        let budget = budgets.job.unwrap_or(i64::MAX);
        let counted = sql::execute(
            &transaction,
            "INSERT INTO model_spending_of_jobs (job_id, calls, input_tokens, output_tokens, cost) \
             SELECT id, 1, 0, 0, $2 FROM jobs WHERE id = $1 AND $2 <= $3 \
             ON CONFLICT (job_id) DO UPDATE SET calls = model_spending_of_jobs.calls + 1, \
             cost = model_spending_of_jobs.cost + excluded.cost WHERE model_spending_of_jobs.cost <= $3 - excluded.cost",
            [job.uuid().into(), cost.into(), budget.into()],
        )
        .await?;
        if counted == 0 {
            return Ok(None);
        }
    }
    let budget = budgets.month.unwrap_or(i64::MAX);
    if cost > budget {
        return Ok(None);
    }
    let counted = sql::execute(
        &transaction,
        "INSERT INTO model_spending (user_id, month, calls, input_tokens, output_tokens, cost) VALUES ($1, $2, 1, 0, 0, $3) \
         ON CONFLICT (user_id, month) DO UPDATE SET calls = model_spending.calls + 1, \
         cost = model_spending.cost + excluded.cost WHERE model_spending.cost <= $4 - excluded.cost",
        [user.uuid().into(), month.number().into(), cost.into(), budget.into()],
    )
    .await?;
    if counted == 0 {
        return Ok(None);
    }
    transaction.commit().await?;
    Ok(Some(Reserved {
        user,
        job,
        month,
        cost,
    }))
}

/// Corrects what was counted for a call to what it took. Call it once.
///
/// # Errors
/// When the database is away; too much stays counted then.
pub async fn settle(db: &Database, reserved: Reserved, took: Spent) -> Result<()> {
    let transaction = db.begin().await?;
    settle_in(&transaction, reserved, took).await?;
    transaction.commit().await?;
    Ok(())
}

/// As [`settle`], in a transaction of something else.
pub(crate) async fn settle_in(
    transaction: &impl ConnectionTrait,
    reserved: Reserved,
    took: Spent,
) -> Result<()> {
    const CHANGE: &str = "calls = calls + $1, input_tokens = input_tokens + $2, output_tokens = output_tokens + $3, \
         cost = cost + $4";
    let change: [Value; 4] = [
        // One was counted.
        (took.calls - 1).into(),
        took.input_tokens.into(),
        took.output_tokens.into(),
        (took.cost - reserved.cost).into(),
    ];
    if let Some(job) = reserved.job {
        sql::execute(
            transaction,
            format!("UPDATE model_spending_of_jobs SET {CHANGE} WHERE job_id = $5"),
            change.clone().into_iter().chain([job.uuid().into()]),
        )
        .await?;
    }
    sql::execute(
        transaction,
        format!("UPDATE model_spending SET {CHANGE} WHERE user_id = $5 AND month = $6"),
        change
            .into_iter()
            .chain([reserved.user.uuid().into(), reserved.month.number().into()]),
    )
    .await?;
    Ok(())
}

/// What an account has spent in a month.
///
/// # Errors
/// When the database is away.
pub async fn of_account(db: &Database, user: UserId, month: Month) -> Result<Spent> {
    let spent: Option<Spent> = sql::first(
        db.connection(),
        "SELECT calls, input_tokens, output_tokens, cost FROM model_spending WHERE user_id = $1 AND month = $2",
        [user.uuid().into(), month.number().into()],
    )
    .await?;
    Ok(spent.unwrap_or_default())
}
