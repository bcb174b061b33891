//! `docmill-scheduler`: clock in, hints out. Any number of them watch over the same fleet.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use database::{Database, DatabaseClock, DatabaseSettings, SchedulingSettings};
use queue::{Queue, QueueSettings};
use runtime::settings::Sections;
use runtime::{Checks, HealthSettings, ProbeServer, Probes, Process};
use scheduler::{Parts, Scheduler};
use serde::Deserialize;
use storage::{Storage, StorageSettings};
use telemetry::LogSettings;

/// Where probes and metrics are served unless `health.listen` says otherwise.
const HEALTH: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9002);

/// Hands out the work of docmill, takes back what was left, and cleans up.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A TOML file with settings; the environment (DOCMILL_SECTION__KEY) wins over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    database: DatabaseSettings,
    queue: QueueSettings,
    storage: StorageSettings,
    scheduling: SchedulingSettings,
    health: HealthSettings,
    log: LogSettings,
}

impl Sections for Settings {
    fn problems(&self) -> Vec<(&'static str, Vec<String>)> {
        vec![
            ("database", self.database.problems_in_fleet()),
            ("queue", self.queue.problems_in_fleet()),
            ("storage", self.storage.problems_in_fleet()),
            ("scheduling", self.scheduling.problems()),
            ("health", self.health.problems()),
            ("log", self.log.problems()),
        ]
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    runtime::live(
        "docmill-scheduler",
        arguments.config.as_deref(),
        |settings: &Settings| settings.log.clone(),
        run,
    )
    .await
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
    let scheduler = Scheduler::new(Parts {
        database,
        storage,
        hints: queue.hints,
        clock: clock.clone(),
        scheduling: settings.scheduling,
        name: scheduler::process_name(),
        stopping: stopping.clone(),
    });
    let work = async {
        // Nobody is judged by a clock that nobody else has.
        stopping.run_until_cancelled(clock.set()).await;
        scheduler.run().await;
    };
    Ok(health.beside(probes, exposition, work).await?)
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
        .degrading("queue", &queue.hints, |hints| async move { hints.ping().await })
}
