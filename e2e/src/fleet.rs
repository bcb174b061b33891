//! docmill as a fleet: any number of each process over shared stores.

use crate::{Client, Folder, Process, Settings, Stores, docmill};

/// Processes over shared stores.
pub struct Fleet {
    /// What all of them use.
    pub stores: Stores,
    /// Settings of all of them.
    pub settings: Settings,
    /// Those that answer.
    pub apis: Vec<Service>,
    /// Those that work.
    pub workers: Vec<Service>,
    /// Those that watch over the others.
    pub schedulers: Vec<Service>,
}

/// One process of a fleet.
pub struct Service {
    /// The process.
    pub process: Process,
    /// Where the API listens; empty for the others.
    pub base: String,
    /// Where probes and metrics are.
    pub health: String,
    program: &'static str,
    settings: Settings,
}

impl Fleet {
    /// Stores with a schema, and nothing running.
    ///
    /// # Panics
    /// When a server of the stores is not there.
    pub async fn prepared(settings: &Settings) -> Self {
        let fleet = Self::without_schema(settings).await;
        fleet.migrate().await;
        fleet
    }

    /// Stores without anything in them, and nothing running.
    ///
    /// # Panics
    /// When a server of the stores is not there.
    pub async fn without_schema(settings: &Settings) -> Self {
        Self::over(Stores::new().await, settings).await
    }

    /// As [`Fleet::without_schema`], over stores of one's own.
    ///
    /// # Panics
    /// When no key can be made.
    pub async fn over(stores: Stores, settings: &Settings) -> Self {
        let settings = stores
            .settings()
            .with("auth.keys", new_key(&[]).await)
            .with("sealing.keys", new_key(&["--sealing"]).await)
            .with("http.listen", "127.0.0.1:0")
            .with("health.listen", "127.0.0.1:0")
            .without_rate_limits()
            .and(settings);
        Self {
            stores,
            settings,
            apis: Vec::new(),
            workers: Vec::new(),
            schedulers: Vec::new(),
        }
    }

    /// A fleet of so many of each process.
    ///
    /// # Panics
    /// When one of them does not start.
    pub async fn start(of_each: usize, settings: &Settings) -> Self {
        let mut fleet = Self::prepared(settings).await;
        for _ in 0..of_each {
            fleet.add_worker(&Settings::new()).await;
            fleet.add_scheduler(&Settings::new()).await;
            fleet.add_api(&Settings::new()).await;
        }
        fleet
    }

    /// Brings the schema up to date.
    ///
    /// # Panics
    /// When that fails.
    pub async fn migrate(&self) {
        let folder = Folder::new();
        let _ = docmill(folder.path(), &["migrate", "up"], &self.settings)
            .await
            .success();
    }

    /// Starts one more API, with settings of its own over those of all.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn add_api(&mut self, own: &Settings) -> &Service {
        let service = Service::start("docmill-api", &self.settings.clone().and(own)).await;
        self.apis.push(service);
        &self.apis[self.apis.len() - 1]
    }

    /// Starts one more worker, with settings of its own over those of all.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn add_worker(&mut self, own: &Settings) -> &Service {
        let service = Service::start("docmill-worker", &self.settings.clone().and(own)).await;
        self.workers.push(service);
        &self.workers[self.workers.len() - 1]
    }

    /// Starts one more scheduler, with settings of its own over those of all.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn add_scheduler(&mut self, own: &Settings) -> &Service {
        let service = Service::start("docmill-scheduler", &self.settings.clone().and(own)).await;
        self.schedulers.push(service);
        &self.schedulers[self.schedulers.len() - 1]
    }

    /// Every process.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.apis.iter().chain(&self.workers).chain(&self.schedulers)
    }
}

impl Service {
    /// Somebody without an account, who asks this API only.
    #[must_use]
    pub fn anybody(&self) -> Client {
        Client::anonymous(std::slice::from_ref(&self.base))
    }

    /// Somebody with a new account, who asks this API only.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn user(&self) -> Client {
        self.anybody().registered().await
    }

    /// Starts it again, whatever has become of it; an API listens where it did. What it was started with is kept unless
    /// `changed` says otherwise.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self, changed: &Settings) {
        self.process.kill();
        let settings = self.settings.clone().and(changed);
        let again = match self.base.strip_prefix("http://") {
            Some(address) => settings.with("http.listen", address),
            None => settings,
        };
        *self = Self::start(self.program, &again).await;
    }

    /// The sum of a counter or gauge over all its labels; 0 when it is not there. `None` when nobody answers.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let page = reqwest::get(format!("{}/metrics", self.health)).await.ok()?;
        let page = page.text().await.ok()?;
        let values = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let is_it = rest.starts_with([' ', '{']);
            rest.rsplit_once(' ')?.1.parse::<f64>().ok().filter(|_| is_it)
        });
        Some(values.sum())
    }

    async fn start(program: &'static str, settings: &Settings) -> Self {
        let process = Process::start(program, &[], settings);
        let line = process.line("probes and metrics on http://").await;
        let address = |words: &str| {
            let rest = line.split_once(words)?.1;
            // The quotation mark ends the message of a log in JSON.
            rest.split([',', ' ', '"']).next().map(str::to_owned)
        };
        let health = address("probes and metrics on ").expect("an address");
        let base = address("listening on ").unwrap_or_default();
        Self {
            process,
            base,
            health,
            program,
            settings: settings.clone(),
        }
    }
}

/// A key, for access tokens unless the options say otherwise.
async fn new_key(options: &[&str]) -> String {
    let folder = Folder::new();
    docmill(
        folder.path(),
        &[&["generate-key"], options].concat(),
        &Settings::new(),
    )
    .await
    .success()
    .stdout
    .trim()
    .to_owned()
}
