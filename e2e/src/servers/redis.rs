//! A Redis of one's own.

use redis::aio::MultiplexedConnection;

use super::{free_port, in_path};
use crate::process::with_us;
use crate::waiting::{PATIENCE, until};
use crate::{Folder, Process};

/// Whether a Redis that is killed knows afterwards what it knew before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// It begins anew.
    None,
    /// It writes every change to a file before it answers.
    EveryChange,
}

/// A running Redis, or one that was killed.
pub struct Redis {
    process: Process,
    port: u16,
    persistence: Persistence,
    folder: Folder,
}

pub(super) fn missing() -> Option<String> {
    in_path("redis-server")
        .is_none()
        .then(|| "Redis: apt-get install redis-server".to_owned())
}

impl Redis {
    pub(super) async fn start() -> Self {
        let (folder, port, persistence) = (Folder::new(), free_port(), Persistence::None);
        let redis = Self {
            process: spawn(&folder, port, persistence),
            port,
            persistence,
            folder,
        };
        redis.connect().await;
        redis
    }

    /// Its address, as `queue.url` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// A connection that no gate is in the way of.
    ///
    /// # Panics
    /// When it is away.
    pub async fn connect(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        until("Redis answers", PATIENCE, async || {
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            // While it reads its file it takes connections and answers nothing else.
            let pong = redis::cmd("PING").exec_async(&mut connection).await;
            pong.is_ok().then_some(connection)
        })
        .await
    }

    /// Kills it.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Starts it again on the same port and waits until it answers.
    pub async fn again(&mut self) {
        self.process.kill();
        self.process = spawn(&self.folder, self.port, self.persistence);
        self.connect().await;
    }

    /// From now on keeps, or does not keep, what it knows when it is killed.
    ///
    /// # Panics
    /// When it is away.
    pub async fn persist(&mut self, persistence: Persistence) {
        self.persistence = persistence;
        let on = if persistence == Persistence::EveryChange {
            "yes"
        } else {
            "no"
        };
        self.set("appendfsync", "always").await;
        self.set("appendonly", on).await;
    }

    /// Forgets everything.
    ///
    /// # Panics
    /// When it is away.
    pub async fn flush(&self) {
        self.order(&["FLUSHALL"]).await;
    }

    /// Stops it where it is.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// Answers `OOM` to everything that would need memory, or does so no longer.
    ///
    /// # Panics
    /// When it is away.
    pub async fn be_out_of_memory(&self, out: bool) {
        self.set("maxmemory-policy", "noeviction").await;
        self.set("maxmemory", if out { "1" } else { "0" }).await;
    }

    /// Answers `READONLY` to everything that would change something, as after a fail-over, or does so no longer.
    ///
    /// # Panics
    /// When it is away.
    pub async fn be_a_replica(&self, replica: bool) {
        // Of a server that is not there: it keeps what it has and takes nothing.
        let of: &[&str] = if replica {
            &["REPLICAOF", "127.0.0.1", "1"]
        } else {
            &["REPLICAOF", "NO", "ONE"]
        };
        self.order(of).await;
    }

    /// Appends entries to a list as anybody with access could.
    ///
    /// # Panics
    /// When it is away.
    pub async fn push(&self, list: &str, entries: &[Vec<u8>]) {
        for some in entries.chunks(1_000) {
            let mut push = redis::cmd("RPUSH");
            push.arg(list).arg(some);
            push.exec_async(&mut self.connect().await).await.unwrap();
        }
    }

    async fn set(&self, setting: &str, value: &str) {
        self.order(&["CONFIG", "SET", setting, value]).await;
    }

    async fn order(&self, words: &[&str]) {
        let mut order = redis::cmd(words[0]);
        order.arg(&words[1..]);
        order.exec_async(&mut self.connect().await).await.unwrap();
    }
}

fn spawn(folder: &Folder, port: u16, persistence: Persistence) -> Process {
    let append = if persistence == Persistence::EveryChange {
        "yes"
    } else {
        "no"
    };
    let mut command = with_us("redis-server");
    command.args(["--save", "", "--appendonly", append, "--appendfsync", "always"]);
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    command.arg("--dir").arg(folder.path());
    Process::spawn("Redis", command)
}
