//! Finds out whether the audit log is as it was written.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use database::Database;
use database::audit::seals::{self, FAULTS_MAX, Fault, Head};
use domain::{Clock, SystemClock};
use runtime::Process;

use super::Done;
use crate::output::say;
use crate::settings::Settings;

/// A line has its seal after a few seconds. Later than this something is wrong: no scheduler runs, or somebody added it.
const SEALED_WITHIN: Duration = Duration::from_secs(600);

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Look at every line and every seal, and name what was edited, removed or put elsewhere
    Verify(Verify),
}

#[derive(Args)]
pub(crate) struct Verify {
    /// A seal that an earlier run printed, as `NUMBER:HEX`. Kept elsewhere, it tells a log that was cut or made anew.
    #[arg(long, value_name = "SEAL", value_parser = read_head)]
    expect: Option<Head>,
}

pub(crate) async fn run(process: Process<Settings>, data: &Path, command: Command) -> Done {
    let Command::Verify(verify) = command;
    let mut settings = process.settings;
    settings.complete(data)?;
    let database = Database::connect(&settings.database).await?;
    let young = SystemClock.now() - SEALED_WITHIN;
    let verdict = seals::verify(&database, verify.expect, young).await?;
    for fault in &verdict.faults {
        say!("{}", describe(fault));
    }
    if verdict.faults.len() == FAULTS_MAX {
        say!("…and perhaps more");
    }
    match verdict.head {
        Some(head) => say!("sealed up to {}:{}", head.sequence, hex::encode(head.seal)),
        None => say!("nothing is sealed yet"),
    }
    if verdict.waiting > 0 {
        say!("{} newer lines wait for their seal", verdict.waiting);
    }
    Ok(if verdict.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn describe(fault: &Fault) -> String {
    match fault {
        Fault::Edited { sequence, line } => {
            format!("EDITED    line {line} at {sequence} is not what was sealed")
        }
        Fault::Removed { sequence, line } => format!("REMOVED   line {line} at {sequence} is gone"),
        Fault::Gap { sequence, next } => {
            format!(
                "REMOVED   the lines at {sequence} to {} are gone with their seals",
                next - 1
            )
        }
        Fault::Unsealed { line } => {
            format!("UNSEALED  line {line} is old and has no seal; does a scheduler run?")
        }
        Fault::OtherChain { sequence } => {
            format!("REPLACED  the seal at {sequence} is not the expected one: the log was cut or made anew")
        }
    }
}

fn read_head(text: &str) -> Result<Head, String> {
    let read = || {
        let (sequence, seal) = text.split_once(':')?;
        Some(Head {
            sequence: sequence.parse().ok().filter(|sequence| *sequence > 0)?,
            seal: hex::decode(seal).ok()?.try_into().ok()?,
        })
    };
    read().ok_or_else(|| "must be of the form NUMBER:HEX that `docmill audit verify` prints".to_owned())
}
