//! One file per command. What a command prints is its result and goes to standard output; everything else is the log's.
#![allow(clippy::print_stderr)]

pub(crate) mod audit;
pub(crate) mod chaos;
pub(crate) mod check;
mod document_password;
pub(crate) mod extract;
pub(crate) mod generate_key;
pub(crate) mod health;
pub(crate) mod migrate;
pub(crate) mod process;
pub(crate) mod queue;
pub(crate) mod quota;
pub(crate) mod reset;
pub(crate) mod schedule;
pub(crate) mod serve;
pub(crate) mod task;
pub(crate) mod tenant;
pub(crate) mod user;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use runtime::Process;

use crate::settings::Settings;
use crate::{Arguments, Command};

/// Runs a command and says how it ended.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let Arguments {
        config,
        data,
        command,
    } = arguments;
    match command {
        Command::GenerateKey(options) => return generate_key::run(&options),
        Command::Health(options) => return health::run(&options).await,
        Command::Chaos(options) => return chaos::run(options),
        Command::ParserChild => return ExitCode::FAILURE,
        _ => {}
    }
    let quiet = !matches!(command, Command::Serve(_));
    let process = match begin(config.as_deref(), quiet) {
        Ok(process) => process,
        Err(code) => return code,
    };
    let done = match command {
        Command::Process(options) => process::run(process, options).await,
        Command::Extract(options) => extract::run(process, options).await,
        Command::Serve(options) => serve::run(process, &data, options).await,
        Command::Migrate(command) => migrate::run(process, &data, command).await,
        Command::Check => check::run(process, &data).await,
        Command::Reset(options) => reset::run(process, &data, options).await,
        Command::Quota(command) => quota::run(process, &data, command).await,
        Command::Queue(command) => queue::run(process, &data, command).await,
        Command::Tenant(command) => tenant::run(process, &data, command).await,
        Command::Schedule(command) => schedule::run(process, &data, command).await,
        Command::Task(command) => task::run(process, &data, command).await,
        Command::User(command) => user::run(process, &data, command).await,
        Command::Audit(command) => audit::run(process, &data, command).await,
        Command::GenerateKey(_) | Command::Health(_) | Command::Chaos(_) | Command::ParserChild => {
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("docmill: {}", telemetry::chain(error.as_ref()));
        ExitCode::FAILURE
    })
}

/// Commands that print their result log only what someone must know, unless they are told otherwise.
fn begin(config: Option<&Path>, quiet: bool) -> Result<Process<Settings>, ExitCode> {
    let log = |settings: &Settings| {
        let mut log = settings.log.clone();
        if quiet && log == telemetry::LogSettings::default() {
            log.level = "error".to_owned();
        }
        log
    };
    runtime::begin(config, log)
}

type Done = Result<ExitCode, Box<dyn Error>>;
