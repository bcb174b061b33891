//! `docmill`: everything in one process, and the command line for operators.

mod commands;
mod embedded;
mod output;
mod settings;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Turns documents into text, language, tags, todos and events through a queue that never loses a job.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    /// A TOML file with settings; the environment (DOCMILL_SECTION__KEY) wins over it.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Where the embedded mode keeps its database, documents and key.
    #[arg(
        long,
        value_name = "FOLDER",
        global = true,
        env = "DOCMILL_DATA",
        default_value = "docmill-data"
    )]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read files and folders: start everything, hand them in, show what was found
    Process(commands::process::Options),
    /// Read one file and print its text, without any server
    Extract(commands::extract::Options),
    /// Run the API, a worker and the scheduler in this process until it is stopped
    Serve(commands::serve::Options),
    /// Show or change the schema of the database
    #[command(subcommand)]
    Migrate(commands::migrate::Command),
    /// Try settings, database, queue and storage, and name what is broken
    Check,
    /// Print a new key: for access tokens (setting auth.keys), or for passwords of documents (setting sealing.keys)
    GenerateKey(commands::generate_key::Options),
    /// Delete every account, job and document
    Reset(commands::reset::Options),
    /// Show and change what accounts may use, and export what they used
    #[command(subcommand)]
    Quota(commands::quota::Command),
    /// Show and change what happens again and again, such as the nightly clean-up
    #[command(subcommand)]
    Schedule(commands::schedule::Command),
    /// Show tasks with every attempt, and put back in line what was given up
    #[command(subcommand)]
    Task(commands::task::Command),
    /// Show the queues, pause them and let them go on
    #[command(subcommand)]
    Queue(commands::queue::Command),
    /// Show and change the shares and limits of accounts, pause their work and let it go on
    #[command(subcommand)]
    Tenant(commands::tenant::Command),
    /// Make accounts
    #[command(subcommand)]
    User(commands::user::Command),
    /// Find out whether the audit log is as it was written
    #[command(subcommand)]
    Audit(commands::audit::Command),
    /// Ask a running process whether it is ready; for health checks of containers
    Health(commands::health::Options),
    /// Start a fleet of its own, break it on purpose, and say which promises it kept
    #[command(disable_help_flag = true)]
    Chaos(commands::chaos::Options),
    /// Reads documents from standard input, for a worker that started it.
    #[command(name = sandbox::ChildProgram::SUBCOMMAND, hide = true)]
    ParserChild,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::ParserChild) {
        // No runtime, no settings, no secrets: this process only reads documents.
        return sandbox::child_main();
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(commands::run(arguments)),
        Err(_) => ExitCode::FAILURE,
    }
}
