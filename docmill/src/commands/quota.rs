//! What accounts may use, and what they used.

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;

use api::QuotaSettings;
use chrono::{Days, NaiveDate, NaiveTime};
use clap::{Args, Subcommand};
use database::quotas::{self, NewLimits, Standing};
use database::tasks::Operator;
use database::{Database, usage, users};
use domain::{ByteSize, Clock, Month, QUOTA_MAX, SystemClock, UserId};
use runtime::Process;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

/// Lines of one export at most.
const LINES_MAX: u32 = 1_000_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show what an account uses and may use in this month
    Show {
        /// The account: its id, its address or its user name.
        account: String,
    },
    /// Give an account limits of its own
    Set(Set),
    /// Print what every account used, day by day in UTC, as CSV
    Usage {
        /// The first day, as 2026-03-01.
        #[arg(long)]
        from: NaiveDate,
        /// The last day.
        #[arg(long)]
        to: NaiveDate,
    },
}

/// What is not said stays as it is; `default` takes the limit of the settings.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Limits {
    /// Documents in a month.
    #[arg(long, value_name = "NUMBER")]
    documents: Option<Limit>,
    /// Their pages.
    #[arg(long, value_name = "NUMBER")]
    pages: Option<Limit>,
    /// Their bytes, such as 10GiB.
    #[arg(long, value_name = "SIZE")]
    bytes: Option<Limit>,
    /// Bytes in storage, originals and results.
    #[arg(long, value_name = "SIZE")]
    storage: Option<Limit>,
}

#[derive(Args)]
pub(crate) struct Set {
    /// The account: its id, its address or its user name.
    account: String,
    #[command(flatten)]
    limits: Limits,
}

/// A limit, or that of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(Option<u64>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self(None));
        }
        let size: ByteSize = text
            .parse()
            .map_err(|_| "neither a number, nor a size such as 10GiB, nor `default`".to_owned())?;
        if size.bytes() > QUOTA_MAX {
            return Err(format!("must be at most {QUOTA_MAX}"));
        }
        Ok(Self(Some(size.bytes())))
    }
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    match command {
        Command::Show { account } => show(&database, settings.quotas, &account).await,
        Command::Set(Set { account, limits }) => set(&database, settings.quotas, &account, &limits).await,
        Command::Usage { from, to } => export(&database, from, to).await,
    }
}

async fn show(database: &Database, settings: QuotaSettings, account: &str) -> Done {
    let Some(user) = find(database, account).await? else {
        return Ok(no_such_account(account));
    };
    let standing = quotas::find(database, user, SystemClock.now()).await?;
    Ok(standing.map_or_else(
        || no_such_account(account),
        |standing| {
            print(user, &standing, settings);
            ExitCode::SUCCESS
        },
    ))
}

async fn set(database: &Database, settings: QuotaSettings, account: &str, limits: &Limits) -> Done {
    let Some(user) = find(database, account).await? else {
        return Ok(no_such_account(account));
    };
    let new = |limit: Option<Limit>| limit.map(|Limit(limit)| limit);
    let new = NewLimits {
        documents: new(limits.documents),
        pages: new(limits.pages),
        bytes: new(limits.bytes),
        storage_bytes: new(limits.storage),
    };
    let set = quotas::set(database, user, new, Operator::default(), SystemClock.now()).await?;
    Ok(set.map_or_else(
        || no_such_account(account),
        |standing| {
            print(user, &standing, settings);
            ExitCode::SUCCESS
        },
    ))
}

async fn export(database: &Database, from: NaiveDate, to: NaiveDate) -> Done {
    let end = to.checked_add_days(Days::new(1)).unwrap_or(to);
    let [from, end] = [from, end].map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let days = usage::days(database, from, end, LINES_MAX + 1).await?;
    if days.len() > LINES_MAX as usize {
        return Err(format!("there are more than {LINES_MAX} lines; ask for fewer days at once").into());
    }
    say!("day,user_id,documents,pages,bytes");
    for day in days {
        let used = day.used;
        say!(
            "{},{},{},{},{}",
            day.name,
            day.user,
            used.documents,
            used.pages,
            used.bytes
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn print(user: UserId, standing: &Standing, settings: QuotaSettings) {
    let limits = standing.own.or(settings.limits());
    let (used, reserved) = (standing.used, standing.reserved);
    say!("account    {user}");
    say!("month      {}", Month::of(SystemClock.now()));
    for (name, used, reserved, own, limit) in [
        (
            "documents",
            used.documents,
            reserved.documents,
            standing.own.documents,
            limits.documents,
        ),
        (
            "pages",
            used.pages,
            reserved.documents,
            standing.own.pages,
            limits.pages,
        ),
        (
            "bytes",
            used.bytes,
            reserved.bytes,
            standing.own.bytes,
            limits.bytes,
        ),
        (
            "storage",
            standing.storage_bytes,
            0,
            standing.own.storage_bytes,
            limits.storage_bytes,
        ),
    ] {
        let limit = match (own, limit) {
            (Some(limit), _) => format!("of {limit}"),
            (None, Some(limit)) => format!("of {limit} (by the settings)"),
            (None, None) => "without limit".to_owned(),
        };
        say!("{name:9}  {used} used, {reserved} reserved, {limit}");
    }
}

/// The account with this id, address or name.
async fn find(database: &Database, account: &str) -> database::Result<Option<UserId>> {
    if let Ok(id) = account.parse() {
        return Ok(Some(id));
    }
    let found = users::find_by_login(database, account).await?;
    Ok(found.map(|found| found.user.id))
}

fn no_such_account(account: &str) -> ExitCode {
    eprintln!("docmill: there is no account {account}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_a_size_or_that_of_the_settings() {
        assert_eq!("100".parse(), Ok(Limit(Some(100))));
        assert_eq!("10GiB".parse(), Ok(Limit(Some(10 << 30))));
        assert_eq!("default".parse(), Ok(Limit(None)));
        for wrong in ["", "-1", "many", "1e3", "18446744073709551615"] {
            assert!(wrong.parse::<Limit>().is_err(), "{wrong:?}");
        }
    }
}
