//! The fleet that is broken on purpose, with gates between it and its servers.

use std::sync::Arc;
use std::time::Duration;

use super::journal::Journal;
use super::skew::clock_off_by;
use crate::waiting::{PATIENCE, eventually, until};
use crate::{Client, Fleet, Gate, Process, Servers, Service, Settings, StoreGate};

const APIS: usize = 2;
const WORKERS: usize = 3;
const SCHEDULERS: usize = 2;

/// Two days later a scheduler does what is done once a day, for everything that happened today.
const TWO_DAYS: i64 = 48 * 3600;
/// A scheduler sees within a second that the nightly hours were missed; the sweeps themselves take their time.
const SWEPT_BY: Duration = Duration::from_secs(75);

/// A fleet with servers of its own. Everything ends with it.
pub struct Scratch {
    /// docmill's processes.
    pub fleet: Fleet,
    /// Between all of them and Postgres.
    pub database: Gate,
    /// Between all of them and Redis.
    pub queue: Gate,
    /// Between all of them and the object store.
    pub objects: StoreGate,
    /// What they stand on. Dropped last.
    pub servers: Servers,
}

/// A kind of process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers clients.
    Api,
    /// Reads documents.
    Worker,
    /// Watches over the others.
    Scheduler,
}

impl Scratch {
    /// A new fleet; every process has these settings.
    ///
    /// # Panics
    /// When a part of it does not start.
    pub async fn start(settings: &Settings) -> Self {
        let servers = Servers::start().await;
        let stores = servers.stores();
        let database = Gate::before(&stores.database_url).await;
        let queue = Gate::before(&stores.hints.url).await;
        let objects = StoreGate::before(&stores.bucket.endpoint).await;
        let gated = Settings::new()
            .with("database.url", database.through(&stores.database_url))
            .with("queue.url", queue.through(&stores.hints.url))
            .with("storage.endpoint", objects.endpoint())
            // No scenario should end because its clients are logged out.
            .with("auth.access_token_minutes", "60")
            .and(settings);
        let fleet = Fleet::over(stores, &gated).await;
        fleet.migrate().await;
        let mut scratch = Self {
            fleet,
            database,
            queue,
            objects,
            servers,
        };
        Journal::begin(&scratch).await;
        for _ in 0..WORKERS {
            scratch.fleet.add_worker(&Settings::new()).await;
        }
        for _ in 0..SCHEDULERS {
            scratch.fleet.add_scheduler(&Settings::new()).await;
        }
        for _ in 0..APIS {
            scratch.fleet.add_api(&Settings::new()).await;
        }
        scratch
    }

    /// Somebody with a new account, who asks each API in turn.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn user(&self) -> Arc<Client> {
        let bases: Vec<String> = self.fleet.apis.iter().map(|api| api.base.clone()).collect();
        Arc::new(Client::anonymous(&bases).registered().await)
    }

    /// The processes of a kind.
    pub(super) fn of(&mut self, role: Role) -> &mut Vec<Service> {
        match role {
            Role::Api => &mut self.fleet.apis,
            Role::Worker => &mut self.fleet.workers,
            Role::Scheduler => &mut self.fleet.schedulers,
        }
    }

    /// Kills a process and starts it again, as an orchestrator does.
    pub(super) async fn kill_and_restart(&mut self, role: Role, number: usize) {
        let services = self.of(role);
        let number = number % services.len();
        services[number].process.kill();
        services[number].restart(&Settings::new()).await;
    }

    /// The place of the worker with this id in the fleet. `None` when it is not one of those that run now.
    pub(super) async fn worker(&self, journal: &mut Journal, id: &str) -> Option<usize> {
        let name = journal
            .texts(&format!("SELECT name FROM workers WHERE id = '{id}'"))
            .await;
        let process: u32 = name.first()?.rsplit_once('-')?.1.parse().ok()?;
        self.fleet
            .workers
            .iter()
            .position(|worker| worker.process.pid() == process)
    }

    /// The sum of a metric over the processes of a kind that answer.
    pub(super) async fn metric(&self, role: Role, name: &str) -> i64 {
        let services = match role {
            Role::Api => &self.fleet.apis,
            Role::Worker => &self.fleet.workers,
            Role::Scheduler => &self.fleet.schedulers,
        };
        let mut sum = 0.0;
        for service in services {
            sum += service.metric(name).await.unwrap_or(0.0);
        }
        sum as i64
    }

    /// The ids of the processes, to see later whether all of them still run.
    pub(super) fn processes(&self) -> Vec<u32> {
        let running = |process: &Process| process.status().is_none().then(|| process.pid());
        self.fleet
            .services()
            .filter_map(|service| running(&service.process))
            .collect()
    }

    /// Waits until every job has ended. Says how many have not when nothing ended for `patience`.
    pub(super) async fn settle(&self, patience: Duration) -> i64 {
        let mut journal = Journal::open(self).await;
        loop {
            let before = journal.unfinished().await;
            if before == 0 {
                return 0;
            }
            let fewer = async { until_fewer(&mut journal, before).await };
            if tokio::time::timeout(patience, fewer).await.is_err() {
                return before;
            }
        }
    }

    /// Lets a scheduler do the daily cleaning as if two days had passed, and comes back when it is done.
    pub(super) async fn clean_up(&mut self) {
        self.fleet.schedulers.clear();
        // Everybody goes by the clock of the database.
        self.servers.postgres.crash().await;
        self.servers
            .postgres
            .again_with(&clock_off_by(TWO_DAYS).await)
            .await;
        let scheduler = self.fleet.add_scheduler(&Settings::new()).await;
        for sweep in ["delete_discarded", "delete_leftover_objects"] {
            let metric = format!("docmill_sweep_duration_seconds_count{{sweep=\"{sweep}\"}}");
            eventually(&format!("{sweep} is done"), SWEPT_BY, async || {
                scheduler.metric(&metric).await.is_some_and(|count| count >= 1.0)
            })
            .await;
        }
        self.fleet.schedulers.clear();
        self.servers.postgres.crash().await;
        self.servers.postgres.again().await;
    }
}

async fn until_fewer(journal: &mut Journal, before: i64) {
    while journal.unfinished().await >= before {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until so many tasks of a user run.
pub(super) async fn until_running(journal: &mut Journal, user: &str, count: i64) {
    until(&format!("{count} tasks of {user} run"), PATIENCE, async || {
        (journal.running_of(user).await >= count).then_some(())
    })
    .await;
}
