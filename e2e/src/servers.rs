//! Postgres, Redis and an S3 server of one's own: started on free ports in temporary folders, to be stopped, killed,
//! frozen and started again at will.

mod models;
mod objects;
mod postgres;
mod redis;

use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

pub use self::models::{ModelServer, Mood};
pub use self::objects::Objects;
pub use self::postgres::Postgres;
pub use self::redis::{Persistence, Redis};

use crate::{Bucket, Stores};

/// The servers of one fleet, which end with this.
pub struct Servers {
    /// The database.
    pub postgres: Postgres,
    /// The queue.
    pub redis: Redis,
    /// The object store.
    pub objects: Objects,
}

impl Servers {
    /// What is missing on this machine to start them, each with how to get it.
    #[must_use]
    pub fn missing() -> Vec<String> {
        let programs = [
            postgres::missing(),
            redis::missing(),
            objects::missing(),
            in_path("setpriv")
                .is_none()
                .then(|| "setpriv: apt-get install util-linux".to_owned()),
            in_path("cc")
                .is_none()
                .then(|| "cc: apt-get install gcc libc6-dev".to_owned()),
        ];
        programs.into_iter().flatten().collect()
    }

    /// New, empty ones.
    ///
    /// # Panics
    /// When one of them does not start.
    pub async fn start() -> Self {
        let missing = Self::missing();
        assert!(
            missing.is_empty(),
            "missing on this machine: {}",
            missing.join("; ")
        );
        let (postgres, redis, objects) = tokio::join!(Postgres::start(), Redis::start(), Objects::start());
        Self {
            postgres,
            redis,
            objects,
        }
    }

    /// How a fleet reaches them.
    pub(crate) fn stores(&self) -> Stores {
        Stores::alone(self.postgres.url(), self.redis.url(), self.bucket())
    }

    /// The bucket, without anything between.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        self.objects.bucket()
    }
}

/// The path of a program that is installed.
fn in_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Below the ports that the kernel gives to outgoing connections, so that a server finds its port free after a restart.
const PORTS: Range<u16> = 20_000..32_000;

/// A port on which nobody listens. Never the same twice in one program.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Programs that run at the same time begin at different places.
    let begin = u16::try_from(std::process::id() * 97 % u32::from(span)).unwrap();
    loop {
        let offset = (begin + NEXT.fetch_add(1, Ordering::Relaxed) % span) % span;
        let port = PORTS.start + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
