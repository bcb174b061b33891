//! What accounts use and may use: one's own, and everybody's for those who operate docmill.

use chrono::{Days, NaiveDate, NaiveTime};
use database::DatabaseError;
use database::quotas::{self, NewLimits, Standing};
use database::tasks::Operator;
use database::usage::{self, Period};
use domain::{Month, QuotaLimits, UserId, UserRole};

use crate::auth::caller::Identity;
use crate::context::Api;

/// Days in one export at most.
const DAYS_MAX: i64 = 366;
/// Lines in one export at most; a line has about 100 bytes.
const LINES_MAX: u32 = 100_000;
/// How far the history of an account goes back.
const HISTORY_YEARS: i32 = 1;

/// Why nothing is shown or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("only operators and administrators may see this")]
    NotAnOperator,
    #[error("only administrators may change this")]
    NotAnAdministrator,
    #[error("there is no such account")]
    NoSuchAccount,
    #[error("the last day comes before the first one")]
    EndsBeforeItBegins,
    #[error("these are more than {DAYS_MAX} days; ask for fewer at once")]
    TooManyDays,
    #[error("there are more than {LINES_MAX} lines; ask for fewer days at once")]
    TooManyLines,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// How an account stands.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) user: UserId,
    pub(crate) month: Month,
    pub(crate) standing: Standing,
    /// Its own limits, and those of the settings where it has none.
    pub(crate) limits: QuotaLimits,
}

/// How an account stands in this month.
pub(crate) async fn account(api: &Api, user: UserId) -> Result<Account, Refused> {
    let standing = quotas::find(&api.database, user, api.clock.now()).await?;
    standing
        .map(|standing| seen(api, user, standing))
        .ok_or(Refused::NoSuchAccount)
}

/// What an account used in this month and the year before it, month by month.
pub(crate) async fn history(api: &Api, user: UserId) -> Result<Vec<Period>, Refused> {
    let month = Month::of(api.clock.now());
    let first = month.years_before(HISTORY_YEARS);
    Ok(usage::months(&api.database, user, first, month).await?)
}

/// The account of somebody else.
pub(crate) async fn account_of(api: &Api, who: &Identity, user: UserId) -> Result<Account, Refused> {
    operator(who)?;
    account(api, user).await
}

/// Changes the limits of an account.
pub(crate) async fn change(
    api: &Api,
    who: Identity,
    user: UserId,
    new: NewLimits,
) -> Result<Account, Refused> {
    if who.role != UserRole::Admin {
        return Err(Refused::NotAnAdministrator);
    }
    let by = Operator {
        user: Some(who.user),
        origin: who.origin,
    };
    let standing = quotas::set(&api.database, user, new, by, api.clock.now()).await?;
    standing
        .map(|standing| seen(api, user, standing))
        .ok_or(Refused::NoSuchAccount)
}

/// What every account used day by day. Without a first day, from the first of this month; without a last one, until today.
pub(crate) async fn export(
    api: &Api,
    who: &Identity,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Result<Vec<Period>, Refused> {
    operator(who)?;
    let now = api.clock.now();
    let to = to.unwrap_or(now.date_naive());
    let from = from.unwrap_or(Month::of(now).begins_at().date_naive());
    if to < from {
        return Err(Refused::EndsBeforeItBegins);
    }
    let end = to.checked_add_days(Days::new(1)).ok_or(Refused::TooManyDays)?;
    if (end - from).num_days() > DAYS_MAX {
        return Err(Refused::TooManyDays);
    }
    let [from, end] = [from, end].map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let days = usage::days(&api.database, from, end, LINES_MAX + 1).await?;
    if days.len() > LINES_MAX as usize {
        return Err(Refused::TooManyLines);
    }
    Ok(days)
}

fn operator(who: &Identity) -> Result<(), Refused> {
    match who.role {
        UserRole::Operator | UserRole::Admin => Ok(()),
        UserRole::User => Err(Refused::NotAnOperator),
    }
}

fn seen(api: &Api, user: UserId, standing: Standing) -> Account {
    Account {
        user,
        month: Month::of(api.clock.now()),
        standing,
        limits: standing.own.or(api.quotas.limits()),
    }
}
