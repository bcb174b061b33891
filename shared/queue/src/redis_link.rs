//! The way to Redis: made when it is needed, thrown away when it stalls or breaks, and bounded in time.
//!
//! The client library has a connection manager. It is not used, for it keeps a connection that no longer answers until
//! the operating system gives up on it, and the first command after an outage always fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RetryMethod};

use crate::backoff::Backoff;
use crate::{QueueError, QueueSettings};

/// The part of the time-out that a command may take for which somebody waits who could do without it.
const HURRY: u32 = 4;

/// Redis as one process sees it.
pub(crate) struct RedisLink {
    client: Client,
    prefix: String,
    timeout: Duration,
    kept: Mutex<Kept>,
    /// Held while connecting, so that a thousand commands do not open a thousand connections.
    connecting: tokio::sync::Mutex<()>,
    /// Set by a failure, and taken back by whoever finds Redis well again; somebody looks until then.
    away: AtomicBool,
}

/// The connection that all ordinary commands share.
#[derive(Default)]
struct Kept {
    connection: Option<MultiplexedConnection>,
    /// Counts the connections, so that a command only throws away the one that it used.
    number: u64,
}

impl RedisLink {
    /// Reads the address. Nothing is connected yet.
    pub(crate) fn new(settings: &QueueSettings) -> Result<Self, QueueError> {
        let tcp = TcpSettings::default().set_nodelay(true);
        let client = Client::open(settings.connection_info()?.set_tcp_settings(tcp))
            .map_err(|_| QueueError::Settings("redis cannot be used with this address"))?;
        Ok(Self {
            client,
            prefix: settings.prefix.clone(),
            timeout: settings.command_timeout,
            kept: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            away: AtomicBool::new(false),
        })
    }

    /// A key or channel of this installation.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// How long one command may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs one command, within the time-out of the settings, connecting included.
    ///
    /// A command whose connection broke is sent once more on a new one, so it may have run twice.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, QueueError> {
        self.query_within(self.timeout, command).await
    }

    /// As [`RedisLink::query`], for somebody who does not want to wait for Redis: it takes a quarter of the time-out at
    /// most, and while Redis is known to be away no time at all.
    pub(crate) async fn query_in_a_hurry<T: FromRedisValue>(
        self: &Arc<Self>,
        command: &Cmd,
    ) -> Result<T, QueueError> {
        if self.is_away() {
            return Err(QueueError::Away);
        }
        let answer = self.query_within(self.timeout / HURRY, command).await;
        // Whoever is first sends somebody to look for it.
        if answer.is_err() && !self.away.swap(true, Ordering::Relaxed) {
            tokio::spawn(look_for(Arc::downgrade(self)));
        }
        answer
    }

    /// Whether Redis failed when it was last asked in a hurry, and was not found well since.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Asks whether Redis answers and takes writes: without memory, or as a replica, it answers and is of no use.
    pub(crate) async fn probe(&self) -> Result<(), QueueError> {
        let mut write = redis::cmd("SET");
        write.arg(self.key("probe")).arg("").arg("PX").arg(1_000);
        self.query(&write).await
    }

    async fn query_within<T: FromRedisValue>(&self, limit: Duration, command: &Cmd) -> Result<T, QueueError> {
        let mut used = None;
        let asking = async {
            let (number, connection) = self.connection().await?;
            used = Some(number);
            let first = command.query_async(&mut connection.clone()).await;
            let Err(error) = first else {
                return first.map_err(QueueError::from);
            };
            if !is_broken(&error) {
                return Err(error.into());
            }
            self.forget(number);
            let (number, mut connection) = self.connection().await?;
            used = Some(number);
            Ok(command.query_async(&mut connection).await?)
        };
        let answer = self.within(limit, asking).await;
        if let (Err(QueueError::TimedOut(_)), Some(number)) = (&answer, used) {
            self.forget(number); // perhaps the other end is gone without having said so
        }
        answer
    }

    /// A connection for one user who will block it.
    pub(crate) async fn connect(&self) -> Result<MultiplexedConnection, QueueError> {
        self.within(self.timeout, self.dial()).await
    }

    async fn dial(&self) -> Result<MultiplexedConnection, QueueError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        Ok(self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?)
    }

    /// A connection that listens to `channel`.
    pub(crate) async fn listen(&self, channel: &str) -> Result<PubSub, QueueError> {
        let subscribing = async {
            let mut listener = self.client.get_async_pubsub().await?;
            listener.subscribe(channel).await?;
            Ok(listener)
        };
        self.within(self.timeout, subscribing).await
    }

    /// Waits for the answer, but not longer than `limit`, and counts it when it is none.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, QueueError>>,
    ) -> Result<T, QueueError> {
        let answer = tokio::time::timeout(limit, answer)
            .await
            .unwrap_or(Err(QueueError::TimedOut(limit)));
        if let Some(fault) = answer.as_ref().err().and_then(QueueError::fault) {
            telemetry::metrics::redis_failed(fault);
        }
        answer
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), QueueError> {
        if let Some(kept) = self.kept().get() {
            return Ok(kept);
        }
        let _alone = self.connecting.lock().await;
        if let Some(kept) = self.kept().get() {
            return Ok(kept); // somebody else was first
        }
        let connection = self.dial().await?;
        let mut kept = self.kept();
        kept.number += 1;
        kept.connection = Some(connection.clone());
        Ok((kept.number, connection))
    }

    fn forget(&self, number: u64) {
        let mut kept = self.kept();
        if kept.number == number {
            kept.connection = None;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn get(&self) -> Option<(u64, MultiplexedConnection)> {
        Some((self.number, self.connection.clone()?))
    }
}

/// Asks again and again until Redis is well, or nobody is interested any more.
async fn look_for(link: Weak<RedisLink>) {
    let mut backoff = Backoff::default();
    loop {
        tokio::time::sleep(backoff.next()).await;
        let Some(link) = link.upgrade() else { return };
        if link.probe().await.is_ok() {
            link.away.store(false, Ordering::Relaxed);
            return;
        }
    }
}

/// Whether a new connection may do better: this one is gone, or its other end has become a replica.
fn is_broken(error: &redis::RedisError) -> bool {
    error.is_io_error()
        || matches!(
            error.retry_method(),
            RetryMethod::Reconnect | RetryMethod::RefreshSlotsAndRetry
        )
}
