//! Whether Postgres answers at all, asked several times a second on a connection of its own.
//!
//! A server that is stopped and a network that swallows packets look alike from here: nothing comes back, no connection
//! breaks, and a statement waits for as long as the kernel hopes. Whoever must answer within a second cannot find that out
//! by waiting. So one connection outside the pool asks for a sign of life all the time, and everybody else looks at what it
//! found. SQLite is part of this process and always answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm::ConnectOptions as PoolOptions;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Between a sign of life and the next question.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long a sign of life may take. With the time between questions a loss is known after 800 ms at the latest, which
/// leaves a fifth of a second to say so. A Postgres that is only busy takes some ten milliseconds: what is asked needs no
/// lock, no disk and no free connection, and the kernel prefers who has slept. An answer that has arrived counts, however
/// late this process comes to read it.
const ANSWER_WITHIN: Duration = Duration::from_millis(700);
/// How long a connection may take to prove itself after trouble. Less than anybody waits for a free one.
const TEST_WITHIN: Duration = Duration::from_millis(300);
/// Connections that come back to the pool this long after trouble have to prove themselves too.
const SUSPECT_FOR: Duration = Duration::from_secs(10);

/// What the watch over a database has found. Clones share it; the watch ends with the last of them.
#[derive(Debug, Clone)]
pub struct Pulse(Option<watch::Receiver<bool>>);

impl Pulse {
    /// A database that always answers.
    pub(crate) const fn steady() -> Self {
        Self(None)
    }

    /// Begins the watch, inside the runtime that lives as long as it.
    pub(crate) fn begin(server: Arc<PgConnectOptions>, trouble: Trouble) -> Self {
        let (beats, seen) = watch::channel(true);
        tokio::spawn(listen(server, trouble, beats));
        Self(Some(seen))
    }

    /// Whether the database does not answer.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.as_ref().is_some_and(|seen| !*seen.borrow())
    }

    /// Comes back as soon as the database does not answer.
    pub async fn gone(&self) {
        let Some(seen) = &self.0 else {
            return std::future::pending().await;
        };
        if seen.clone().wait_for(|beats| !beats).await.is_err() {
            // The watch has ended, with the process.
            std::future::pending().await
        }
    }
}

/// When the database was last in trouble, so that connections from before are not trusted. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    since: Instant,
    /// Milliseconds after `since`; 0 when there never was any.
    last: Arc<AtomicU64>,
}

impl Trouble {
    pub(crate) fn none() -> Self {
        Self {
            since: Instant::now(),
            last: Arc::default(),
        }
    }

    fn note(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now.max(1), Ordering::Relaxed);
    }

    /// Whether there was trouble within this time.
    fn within(&self, time: Duration) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        last > 0 && self.since.elapsed().saturating_sub(Duration::from_millis(last)) <= time
    }

    /// Makes the connections of a pool prove themselves, with a bound, when there was trouble since they were last used. The
    /// pool alone would hand dead ones out, and wait for ever for those that come back in the middle of a statement.
    pub(crate) fn watch_over(&self, options: &mut PoolOptions) {
        let (acquired, released) = (self.clone(), self.clone());
        options
            .map_sqlx_postgres_before_acquire(move |connection, used| {
                prove(connection, acquired.within(used.idle_for))
            })
            .map_sqlx_postgres_pool_opts(move |options| {
                let trouble = released.clone();
                options.after_release(move |connection, _: PoolConnectionMetadata| {
                    prove(connection, trouble.within(SUSPECT_FOR))
                })
            });
    }
}

/// An error makes the pool drop the connection without a farewell, which a dead one would never answer.
fn prove(connection: &mut PgConnection, suspect: bool) -> BoxFuture<'_, Result<bool, sqlx::Error>> {
    async move {
        if suspect {
            timeout(TEST_WITHIN, connection.ping())
                .await
                .map_err(|_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))??;
        }
        Ok(true)
    }
    .boxed()
}

async fn listen(server: Arc<PgConnectOptions>, trouble: Trouble, beats: watch::Sender<bool>) {
    let mut connection = None;
    while !beats.is_closed() {
        let answer = timeout(ANSWER_WITHIN, sign_of_life(&server, &mut connection, &trouble)).await;
        let beats_now = match &answer {
            Ok(Ok(())) => true,
            Ok(Err(_)) | Err(_) => {
                // Whatever comes on it later would be the answer to this question.
                connection = None;
                trouble.note();
                false
            }
        };
        let changed = beats.send_if_modified(|before| std::mem::replace(before, beats_now) != beats_now);
        match answer {
            _ if !changed => {}
            Ok(Ok(())) => tracing::info!("the database answers again"),
            Ok(Err(error)) => {
                tracing::warn!("the database does not answer: {}", telemetry::chain(&error));
            }
            Err(_) => tracing::warn!("the database has not answered for {ANSWER_WITHIN:?}"),
        }
        if changed && !beats_now {
            telemetry::metrics::database_lost();
        }
        tokio::select! {
            () = sleep(ASK_EVERY) => {}
            () = beats.closed() => {}
        }
    }
}

/// Asks on the connection that is there, or on a new one: a server that has restarted between two questions is not away.
async fn sign_of_life(
    server: &PgConnectOptions,
    connection: &mut Option<PgConnection>,
    trouble: &Trouble,
) -> Result<(), sqlx::Error> {
    if let Some(mut before) = connection.take() {
        if before.ping().await.is_ok() {
            *connection = Some(before);
            return Ok(());
        }
        trouble.note();
    }
    let mut new = server.connect().await?;
    new.ping().await?;
    *connection = Some(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_steady_is_never_gone() {
        let pulse = Pulse::steady();
        assert!(!pulse.is_gone());
        assert!(pulse.gone().now_or_never().is_none());
    }

    #[test]
    fn only_what_was_used_before_the_trouble_is_suspect() {
        let trouble = Trouble::none();
        assert!(!trouble.within(Duration::MAX));
        trouble.note();
        assert!(trouble.within(Duration::from_secs(60)));
        while trouble.within(Duration::from_millis(2)) {
            std::hint::spin_loop();
        }
        assert!(trouble.within(Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn nobody_at_the_address_is_gone() {
        // Port 1 is nobody's.
        let server = PgConnectOptions::new().host("127.0.0.1").port(1).username("x");
        let pulse = Pulse::begin(Arc::new(server), Trouble::none());
        pulse.gone().await;
        assert!(pulse.is_gone());
    }
}
