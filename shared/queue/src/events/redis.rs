//! Events between processes: one Redis channel that carries job ids. A process listens on one connection, however many
//! of its clients wait, and only once the first one does.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::JobId;
use futures::StreamExt;
use redis::{Cmd, Msg};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::{Events, Watch, Watchers};
use crate::backoff::{Backoff, Complaints};
use crate::redis_link::RedisLink;
use crate::{QueueError, QueueSettings};

/// News that wait to be sent; more are thrown away, as happens only while Redis stalls.
const UNSENT_MAX: usize = 4096;
/// News that travel in one message.
const BATCH_MAX: usize = 256;
/// Silence after which the listener asks whether the connection still is one.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Events over Redis.
pub struct RedisEvents {
    watchers: Arc<Watchers>,
    link: Arc<RedisLink>,
    unsent: mpsc::Sender<JobId>,
    listening: OnceLock<AbortOnDropHandle<()>>,
    _sending: AbortOnDropHandle<()>,
}

impl RedisEvents {
    /// Reads the address. Redis need not be up. Call it inside the runtime that lives as long as the events.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn connect(settings: &QueueSettings) -> Result<Self, QueueError> {
        let link = Arc::new(RedisLink::new(settings)?);
        let (unsent, waiting) = mpsc::channel(UNSENT_MAX);
        let sending = tokio::spawn(send(Arc::clone(&link), waiting));
        Ok(Self {
            watchers: Arc::default(),
            link,
            unsent,
            listening: OnceLock::new(),
            _sending: AbortOnDropHandle::new(sending),
        })
    }
}

impl Events for RedisEvents {
    fn publish(&self, job: JobId) {
        // A full channel means that Redis stalls. Those who wait look at the row anyhow, only later.
        let _ = self.unsent.try_send(job);
    }

    fn watch(&self, job: JobId) -> Watch {
        self.listening.get_or_init(|| {
            let listening = listen(Arc::clone(&self.link), Arc::clone(&self.watchers));
            AbortOnDropHandle::new(tokio::spawn(listening))
        });
        self.watchers.watch(job)
    }
}

fn channel(link: &RedisLink) -> String {
    link.key("events:jobs")
}

async fn send(link: Arc<RedisLink>, mut waiting: mpsc::Receiver<JobId>) {
    let mut complaints = Complaints::default();
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        batch.sort_unstable();
        batch.dedup(); // a job of many documents changes many times at once
        let ids: Vec<String> = batch.drain(..).map(|job| job.to_string()).collect();
        let sent = link
            .query::<u64>(&Cmd::publish(channel(&link), ids.join(" ")))
            .await;
        if let (Err(error), Some(count)) = (sent, complaints.due()) {
            let error = telemetry::chain(&error);
            warn!(count, %error, "job changes could not be announced; waiting clients will see them later");
        }
    }
}

async fn listen(link: Arc<RedisLink>, watchers: Arc<Watchers>) {
    let (mut backoff, mut complaints) = (Backoff::default(), Complaints::default());
    loop {
        let Err(error) = hear(&link, &watchers, &mut backoff).await;
        if let Some(count) = complaints.due() {
            let error = telemetry::chain(&error);
            warn!(count, %error, "job changes are not heard; waiting clients will see them later");
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Listens until the connection breaks.
async fn hear(
    link: &RedisLink,
    watchers: &Watchers,
    backoff: &mut Backoff,
) -> Result<std::convert::Infallible, QueueError> {
    let (mut control, mut messages) = link.listen(&channel(link)).await?.split();
    backoff.reset();
    watchers.wake_all(); // nobody knows what changed while nobody listened
    loop {
        match tokio::time::timeout(SILENCE_MAX, messages.next()).await {
            Ok(Some(message)) => jobs(&message).for_each(|job| watchers.wake(job)),
            Ok(None) => return Err(closed()),
            Err(_) => {
                let asking = async { Ok(control.ping::<redis::Value>().await?) };
                link.within(link.timeout(), asking).await?;
            }
        }
    }
}

/// The jobs that a message speaks of. Anything else in it is passed over.
fn jobs(message: &Msg) -> impl Iterator<Item = JobId> + '_ {
    let text = std::str::from_utf8(message.get_payload_bytes()).unwrap_or_default();
    text.split(' ').filter_map(|id| id.parse().ok())
}

fn closed() -> QueueError {
    QueueError::from(redis::RedisError::from(std::io::Error::from(
        std::io::ErrorKind::UnexpectedEof,
    )))
}
