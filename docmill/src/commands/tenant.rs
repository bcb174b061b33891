//! Shows and changes the shares and limits of accounts, pauses their work and lets it go on.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use database::tasks::Operator;
use database::tenants::{self, Change, Tenant};
use database::{Database, WEIGHT_MAX};
use domain::{Clock, SystemClock, UserId};
use runtime::Process;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

/// Tenants shown at most.
const SHOWN_MAX: u64 = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the accounts that are paused or have a share or limits of their own
    List,
    /// Show how an account is served
    Show {
        /// The id of the account.
        id: UserId,
    },
    /// Change the share and the limits of an account
    Set(Set),
    /// Let nothing of an account begin; what runs goes on
    Pause {
        /// The id of the account.
        id: UserId,
    },
    /// Let the paused work of an account go on
    Resume {
        /// The id of the account.
        id: UserId,
    },
}

/// What changes; the word `default` means as the settings say.
#[derive(Args)]
pub(crate) struct Set {
    /// The id of the account.
    id: UserId,
    /// Tasks that it may start in its turn, 1 to 100.
    #[arg(long, value_name = "COUNT|default", value_parser = |text: &str| bound(text, 1, WEIGHT_MAX))]
    weight: Option<Bound>,
    /// Tasks of it under way at most.
    #[arg(long, value_name = "COUNT|default", value_parser = |text: &str| bound(text, 1, i32::MAX.unsigned_abs()))]
    running_max: Option<Bound>,
    /// Tasks of it that wait at most.
    #[arg(long, value_name = "COUNT|default", value_parser = |text: &str| bound(text, 0, i32::MAX.unsigned_abs()))]
    queued_max: Option<Bound>,
}

#[derive(Debug, Clone, Copy)]
struct Bound(Option<u32>);

fn bound(text: &str, min: u32, max: u32) -> Result<Bound, String> {
    if text == "default" {
        return Ok(Bound(None));
    }
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(Bound(Some(number))),
        _ => Err(format!("must be `default` or between {min} and {max}")),
    }
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    let (now, operator) = (SystemClock.now(), Operator::default());
    let (id, tenant) = match command {
        Command::List => {
            tenants::list(&database, SHOWN_MAX).await?.iter().for_each(print);
            return Ok(ExitCode::SUCCESS);
        }
        Command::Show { id } => (id, tenants::find(&database, id).await?),
        Command::Set(set) => {
            let change = Change {
                weight: set.weight.map(|bound| bound.0),
                running_max: set.running_max.map(|bound| bound.0),
                queued_max: set.queued_max.map(|bound| bound.0),
            };
            (
                set.id,
                tenants::change(&database, set.id, change, operator, now).await?,
            )
        }
        Command::Pause { id } => (id, tenants::pause(&database, id, operator, now).await?),
        Command::Resume { id } => (id, tenants::resume(&database, id, operator, now).await?),
    };
    let Some(tenant) = tenant else {
        eprintln!("docmill: there is no account {id}");
        return Ok(ExitCode::FAILURE);
    };
    print(&tenant);
    Ok(ExitCode::SUCCESS)
}

fn print(tenant: &Tenant) {
    let number = |count: Option<u32>| count.map_or_else(|| "default".to_owned(), |count| count.to_string());
    let paused = tenant.paused_at.map_or_else(String::new, |at| {
        format!("  paused since {}", at.format("%Y-%m-%d %H:%M:%S"))
    });
    say!(
        "{}  weight {}  running_max {}  queued_max {}{paused}",
        tenant.user,
        number(tenant.weight),
        number(tenant.running_max),
        number(tenant.queued_max),
    );
}
