//! `docmill-api`: HTTP in, rows and hints out. Any number of them serve the same fleet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use api::{Api, AuthSettings, HttpSettings, Parts, Server};
use clap::Parser;
use database::{Database, DatabaseClock, DatabaseSettings};
use queue::{Queue, QueueSettings};
use runtime::settings::Sections;
use runtime::{Checks, HealthSettings, ProbeServer, Probes, Process};
use serde::Deserialize;
use storage::{Storage, StorageSettings};
use telemetry::LogSettings;
use tokio_util::sync::CancellationToken;

/// Where probes and metrics are served unless `health.listen` says otherwise.
const HEALTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9000);

/// The HTTP API of docmill.
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
    auth: AuthSettings,
    http: HttpSettings,
    health: HealthSettings,
    log: LogSettings,
}

impl Sections for Settings {
    fn problems(&self) -> Vec<(&'static str, Vec<String>)> {
        vec![
            ("database", self.database.problems_in_fleet()),
            ("queue", self.queue.problems_in_fleet()),
            ("storage", self.storage.problems_in_fleet()),
            ("auth", self.auth.problems()),
            ("http", self.http.problems()),
            ("health", self.health.problems()),
            ("log", self.log.problems()),
        ]
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let process = match runtime::begin(arguments.config.as_deref(), |settings: &Settings| {
        settings.log.clone()
    }) {
        Ok(process) => process,
        Err(code) => return code,
    };
    match run(process).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("docmill-api ended: {}", telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(process: Process<Settings>) -> Result<(), Box<dyn std::error::Error>> {
    let Process {
        settings,
        stopping,
        exposition,
    } = process;
    let database = Database::connect(&settings.database).await?;
    let storage = Storage::open(&settings.storage)?;
    let queue = Queue::open(&settings.queue)?;
    let clock = DatabaseClock::start(&database);
    let probes = probes(&database, &queue, &storage, stopping.clone());
    let health = ProbeServer::bind(settings.health.listen.unwrap_or(HEALTH)).await?;
    let api = Api::new(Parts {
        database,
        storage,
        hints: queue.hints,
        events: queue.events,
        clock,
        auth: settings.auth,
        http: settings.http,
        stopping,
    })?;
    let server = Server::bind(api).await?;
    tracing::info!(
        "listening on http://{}, probes and metrics on http://{}",
        server.address(),
        health.address()
    );
    probes.set_ready(true);
    let drained = CancellationToken::new();
    let health = tokio::spawn(health.serve(probes.clone(), exposition, drained.clone()));
    let served = server.run(probes, None).await;
    drained.cancel();
    health.await??;
    Ok(served?)
}

fn probes(database: &Database, queue: &Queue, storage: &Storage, stopping: CancellationToken) -> Probes {
    let (database, hints, storage) = (database.clone(), queue.hints.clone(), storage.clone());
    let checks = Checks::new()
        .critical("database", move || {
            let database = database.clone();
            async move { database.ping().await }
        })
        // Without the queue everything is still accepted and read; work starts when it is back.
        .degrading("queue", move || {
            let hints = hints.clone();
            async move { hints.ping().await }
        })
        .degrading("storage", move || {
            let storage = storage.clone();
            async move { storage.readiness().await }
        });
    Probes::new(checks, stopping)
}
