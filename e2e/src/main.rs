//! `docmill-chaos`: breaks a scratch fleet on purpose and says which promises it kept. `docmill chaos` starts it.
#![allow(clippy::print_stdout, clippy::print_stderr)] // its words are its result

use std::process::ExitCode;

use clap::Parser;
use e2e::Servers;
use e2e::chaos::{Outcome, Promise, Scale, try_promise};
use futures::StreamExt;

/// When something is missing or wrong before anything was tried.
const EXIT_CODE_USAGE: u8 = 2;

/// Starts a fleet of its own, breaks it on purpose, and says which promises it kept.
#[derive(Debug, Parser)]
#[command(name = "docmill chaos")]
struct Options {
    /// Jobs, where a promise counts jobs; kills, deliveries and cases grow with them
    #[arg(long, value_name = "N", default_value_t = 200)]
    jobs: usize,
    /// Decides what happens when; drawn and printed when not given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Only this promise, for example P3; may be given more than once
    #[arg(long, value_name = "PROMISE")]
    only: Vec<Promise>,
    /// The outages and waits that the promises name, up to ten minutes each, instead of short ones
    #[arg(long)]
    full: bool,
    /// Promises that are tried at the same time, each on a fleet of its own; more than one blurs the times
    #[arg(long, value_name = "N", default_value_t = 1)]
    parallel: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let missing = Servers::missing();
    if !missing.is_empty() {
        eprintln!("docmill chaos: missing on this machine: {}", missing.join("; "));
        return ExitCode::from(EXIT_CODE_USAGE);
    }
    tokio::select! {
        code = run(options) => code,
        // Whatever was started ends with this process.
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
    }
}

async fn run(options: Options) -> ExitCode {
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(std::process::id()) * 7_919 % 1_000_000);
    println!("seed {seed}");
    let scale = if options.full {
        Scale::full(options.jobs)
    } else {
        Scale::with_jobs(options.jobs)
    };
    let promises = if options.only.is_empty() {
        Promise::ALL
    } else {
        &options.only
    };
    let tries = promises.iter().map(|promise| try_promise(*promise, &scale, seed));
    let outcomes: Vec<Outcome> = futures::stream::iter(tries)
        .buffered(options.parallel.max(1))
        .inspect(|outcome| println!("{outcome}"))
        .collect()
        .await;
    if outcomes.iter().all(Outcome::is_kept) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
