//! The API, a worker and the scheduler in one process.

use std::error::Error;
use std::net::SocketAddr;

use api::{Api, Parts, Server};
use database::{Database, workers};
use domain::{Clock, SystemClock};
use mail::Post;
use queue::Queue;
use runtime::{Checks, ProbeServer, Probes};
use sandbox::{ChildProgram, ParserPool};
use scheduler::Scheduler;
use sealing::Sealing;
use storage::Storage;
use telemetry::Exposition;
use tokio_util::sync::CancellationToken;
use worker::Worker;

use crate::settings::Settings;

/// Everything, put together and listening, not yet running.
pub(crate) struct Embedded {
    pub(crate) api: Api,
    pub(crate) database: Database,
    pub(crate) address: SocketAddr,
    server: Server,
    worker: Worker,
    scheduler: Scheduler,
    probes: Probes,
    health: Option<ProbeServer>,
    exposition: Exposition,
}

impl Embedded {
    /// Opens the stores, brings the schema up to date, and listens.
    pub(crate) async fn new(
        settings: Settings,
        stopping: CancellationToken,
        exposition: Exposition,
    ) -> Result<Self, Box<dyn Error>> {
        let database = Database::connect(&settings.database).await?;
        database.migrate_up().await?;
        if !database.is_shared() && settings.queue.is_memory() {
            // A data folder belongs to one process: whoever worked on it before is dead, so nobody waits for its silence.
            workers::stop_all(&database, SystemClock.now()).await?;
        }
        let storage = Storage::open(&settings.storage)?;
        let queue = Queue::open(&settings.queue)?;
        let clock = SystemClock::shared();
        let parsers = ParserPool::new(ChildProgram::this()?, settings.sandbox).with_ocr(settings.ocr);
        let scheduler = Scheduler::new(scheduler::Parts {
            database: database.clone(),
            storage: storage.clone(),
            hints: queue.hints.clone(),
            clock: clock.clone(),
            scheduling: settings.scheduling,
            name: scheduler::process_name(),
            stopping: stopping.clone(),
        });
        let checks = Checks::new()
            .critical(
                "database",
                &database,
                |database| async move { database.ping().await },
            )
            .critical("schema", &database, |database| async move {
                database.check_schema().await
            });
        let api = Api::new(Parts {
            database: database.clone(),
            storage: storage.clone(),
            hints: queue.hints.clone(),
            events: queue.events.clone(),
            rate_limits: queue.rate_limits,
            clock: clock.clone(),
            sealing: Sealing::new(&settings.sealing)?,
            mail: settings.mail.clone(),
            auth: settings.auth,
            http: settings.http,
            quotas: settings.quotas,
            stopping: stopping.clone(),
        })?;
        let health = match settings.health.listen {
            Some(listen) => Some(ProbeServer::bind(listen).await?),
            None => None,
        };
        let server = Server::bind(api.clone()).await?;
        let address = server.address();
        let mut mail = settings.mail;
        if mail.public_url.is_empty() {
            mail.public_url = format!("http://{address}");
        }
        if !mail.has_server() {
            let folder = mail.folder.display();
            tracing::info!("there is no mail server (mail.host): messages to people are put into {folder}");
        }
        let worker = Worker::new(worker::Parts {
            database: database.clone(),
            storage: storage.clone(),
            hints: queue.hints.clone(),
            events: queue.events.clone(),
            parsers,
            sealing: Sealing::new(&settings.sealing)?,
            post: Post::open(&mail)?,
            clock: clock.clone(),
            settings: settings.worker,
            stopping: stopping.clone(),
        });
        let probes = Probes::new(checks, stopping);
        Ok(Self {
            api,
            database,
            address,
            server,
            worker,
            scheduler,
            probes,
            health,
            exposition,
        })
    }

    /// Runs until the process is asked to stop and everything has come to rest.
    pub(crate) async fn run(self) -> Result<(), Box<dyn Error>> {
        let Self {
            server,
            worker,
            scheduler,
            probes,
            health,
            exposition,
            ..
        } = self;
        probes.set_ready(true);
        let drained = CancellationToken::new();
        let own_listener = health
            .map(|health| tokio::spawn(health.serve(probes.clone(), exposition.clone(), drained.clone())));
        let metrics = own_listener.is_none().then_some(exposition);
        let (served, worked, ()) = tokio::join!(server.run(probes, metrics), worker.run(), scheduler.run());
        drained.cancel();
        if let Some(listener) = own_listener {
            listener.await??;
        }
        served?;
        Ok(worked?)
    }
}
