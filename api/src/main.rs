//! `docmill-api`: HTTP in, rows and hints out. Any number of them serve the same fleet.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use api::{Api, AuthSettings, HttpSettings, Parts, QuotaSettings, Server};
use clap::Parser;
use database::{Database, DatabaseClock, DatabaseSettings};
use mail::MailSettings;
use queue::{Queue, QueueSettings};
use runtime::settings::Sections;
use runtime::{Checks, HealthSettings, ProbeServer, Probes, Process};
use sealing::{Sealing, SealingSettings};
use serde::Deserialize;
use storage::{Storage, StorageSettings};
use telemetry::LogSettings;

/// Where probes and metrics are served unless `health.listen` says otherwise.
const HEALTH: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);

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
    sealing: SealingSettings,
    mail: MailSettings,
    quotas: QuotaSettings,
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
            ("sealing", self.sealing.problems()),
            ("mail", self.mail.problems_in_fleet()),
            ("quotas", self.quotas.problems()),
            ("health", self.health.problems()),
            ("log", self.log.problems()),
            ("log", self.http.problems_of_log(&self.log.level)),
        ]
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    runtime::live(
        "docmill-api",
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
    let probes = Probes::new(checks(&database, &queue, &storage), stopping.clone());
    let health = ProbeServer::bind(settings.health.listen.unwrap_or(HEALTH)).await?;
    let api = Api::new(Parts {
        database,
        storage,
        hints: queue.hints,
        events: queue.events,
        rate_limits: queue.rate_limits,
        clock,
        sealing: Sealing::new(&settings.sealing)?,
        mail: settings.mail,
        auth: settings.auth,
        http: settings.http,
        quotas: settings.quotas,
        stopping,
    })?;
    let server = Server::bind(api).await?;
    tracing::info!(
        "listening on http://{}, probes and metrics on http://{}",
        server.address(),
        health.address()
    );
    let serving = server.run(probes.clone(), None);
    Ok(health.beside(probes, exposition, serving).await??)
}

fn checks(database: &Database, queue: &Queue, storage: &Storage) -> Checks {
    Checks::new()
        .critical(
            "database",
            database,
            |database| async move { database.ping().await },
        )
        .critical("schema", database, |database| async move {
            database.check_schema().await
        })
        // Without the queue everything is still accepted and read; work starts when it is back.
        .degrading("queue", &queue.hints, |hints| async move { hints.ping().await })
        .degrading(
            "storage",
            storage,
            |storage| async move { storage.readiness().await },
        )
}
