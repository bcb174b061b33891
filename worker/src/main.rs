//! `docmill-worker`: tasks in, results out. Any number of them work for the same fleet.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use database::{Database, DatabaseClock, DatabaseSettings};
use mail::{MailSettings, Post};
use queue::{Queue, QueueSettings};
use runtime::settings::Sections;
use runtime::{Checks, HealthSettings, ProbeServer, Probes, Process};
use sandbox::{ChildProgram, OcrSettings, ParserPool, SandboxSettings};
use sealing::{Sealing, SealingSettings};
use serde::Deserialize;
use storage::{Storage, StorageSettings};
use telemetry::LogSettings;
use worker::{Parts, Worker, WorkerSettings};

/// Where probes and metrics are served unless `health.listen` says otherwise.
const HEALTH: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9001);

/// Reads documents for docmill.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A TOML file with settings; the environment (DOCMILL_SECTION__KEY) wins over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Reads documents from standard input, for a worker that started it.
    #[command(name = sandbox::ChildProgram::SUBCOMMAND, hide = true)]
    ParserChild,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    database: DatabaseSettings,
    queue: QueueSettings,
    storage: StorageSettings,
    worker: WorkerSettings,
    sandbox: SandboxSettings,
    ocr: OcrSettings,
    sealing: SealingSettings,
    mail: MailSettings,
    health: HealthSettings,
    log: LogSettings,
}

impl Sections for Settings {
    fn problems(&self) -> Vec<(&'static str, Vec<String>)> {
        vec![
            ("database", self.database.problems_in_fleet()),
            ("queue", self.queue.problems_in_fleet()),
            ("storage", self.storage.problems_in_fleet()),
            ("worker", self.worker.problems()),
            ("sandbox", self.sandbox.problems()),
            ("ocr", self.ocr.problems()),
            ("sealing", self.sealing.problems()),
            ("mail", self.mail.problems_in_fleet()),
            ("health", self.health.problems()),
            ("log", self.log.problems()),
        ]
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::ParserChild) = arguments.command {
        // No runtime, no settings, no secrets: this process only reads documents.
        return sandbox::child_main();
    }
    let life = runtime::live(
        "docmill-worker",
        arguments.config.as_deref(),
        |settings: &Settings| settings.log.clone(),
        run,
    );
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(life),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn run(process: Process<Settings>) -> Result<(), Box<dyn Error>> {
    let Process {
        settings,
        stopping,
        exposition,
    } = process;
    let database = Database::connect(&settings.database).await?;
    let storage = Storage::open(&settings.storage)?;
    let queue = Queue::open(&settings.queue)?;
    let clock = DatabaseClock::start(&database);
    let probes = Probes::new(checks(&database, &queue), stopping.clone());
    let health = ProbeServer::bind(settings.health.listen.unwrap_or(HEALTH)).await?;
    tracing::info!("probes and metrics on http://{}", health.address());
    let parsers = ParserPool::new(ChildProgram::this()?, settings.sandbox).with_ocr(settings.ocr);
    let worker = Worker::new(Parts {
        database,
        storage,
        hints: queue.hints,
        events: queue.events,
        parsers,
        sealing: Sealing::new(&settings.sealing)?,
        post: Post::open(&settings.mail)?,
        clock: clock.clone(),
        settings: settings.worker,
        stopping: stopping.clone(),
    });
    let work = async {
        // Nobody is judged by a clock that nobody else has.
        stopping.run_until_cancelled(clock.set()).await;
        worker.run().await
    };
    Ok(health.beside(probes, exposition, work).await??)
}

fn checks(database: &Database, queue: &Queue) -> Checks {
    Checks::new()
        .critical(
            "database",
            database,
            |database| async move { database.ping().await },
        )
        .critical("schema", database, |database| async move {
            database.check_schema().await
        })
        .critical("queue", &queue.hints, |hints| async move { hints.ping().await })
}
