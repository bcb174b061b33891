//! Shows or changes the schema.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use database::Database;
use runtime::Process;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Apply every missing step; safe to run from several machines at once
    Up,
    /// Undo the newest steps, with the data that they hold
    Down {
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Do it; the data is lost.
        #[arg(long)]
        yes: bool,
    },
    /// List the steps
    Status,
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    match command {
        Command::Up => database.migrate_up().await?,
        Command::Down { yes: false, .. } => {
            eprintln!("This deletes the data of the steps that are undone. Say --yes to do it.");
            return Ok(ExitCode::from(runtime::EXIT_CODE_USAGE));
        }
        Command::Down { steps, yes: true } => database.migrate_down(steps).await?,
        Command::Status => {}
    }
    for step in database.migrations().await? {
        say!(
            "{:8} {}",
            if step.applied { "applied" } else { "missing" },
            step.name
        );
    }
    Ok(ExitCode::SUCCESS)
}
