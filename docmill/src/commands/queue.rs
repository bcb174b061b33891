//! Shows the queues, pauses them and lets them go on.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use database::Database;
use database::queues::{self, DISPATCHER_SILENCE};
use database::tasks::{self, Operator};
use domain::{Clock, QueueName, SystemClock};
use runtime::Process;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show every queue: what waits, how fast it is worked off, whether it is paused
    List,
    /// Let nothing of a queue begin; what runs goes on
    Pause {
        /// The queue, such as documents.
        name: QueueName,
    },
    /// Let a paused queue go on
    Resume {
        /// The queue, such as documents.
        name: QueueName,
    },
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    let now = SystemClock.now();
    match command {
        Command::List => return list(&database).await,
        Command::Pause { name } => {
            queues::pause(&database, name, Operator::default(), now).await?;
            say!("{name} is paused; what runs goes on");
        }
        Command::Resume { name } => {
            queues::resume(&database, name, Operator::default(), now).await?;
            say!("{name} goes on");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(database: &Database) -> Done {
    let now = SystemClock.now();
    for queue in queues::list(database).await? {
        let waiting = tasks::backlog(database, queue.name).await?.waiting;
        let state = match queue.paused_at {
            Some(at) => format!("paused since {}", at.format("%Y-%m-%d %H:%M:%S")),
            None if queue.observed_at.is_none_or(|at| at <= now - DISPATCHER_SILENCE) => {
                "no scheduler is alive".to_owned()
            }
            None => format!("{:.1} begun in a second", queue.starts_per_second),
        };
        say!("{}  {waiting} wait  {} slots  {state}", queue.name, queue.slots);
    }
    Ok(ExitCode::SUCCESS)
}
