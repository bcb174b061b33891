//! Hints in Redis: one list for each queue, holding nothing but task ids.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::{QueueName, TaskId};
use redis::Cmd;
use redis::aio::MultiplexedConnection;
use tokio::sync::oneshot;
use tracing::debug;

use super::{Hints, Popped, Pushed};
use crate::redis_link::RedisLink;
use crate::{QueueError, QueueSettings};

/// Appends `ARGV[2]` and all that follow unless the list holds `ARGV[1]` or more. In slices, for Lua cannot spread more
/// than about 8,000 arguments.
const PUSH: &str = "
local length = redis.call('LLEN', KEYS[1])
if length >= tonumber(ARGV[1]) then return {0, length} end
for first = 2, #ARGV, 1000 do
  length = redis.call('RPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
return {1, length}";

/// Connections that are kept for the next one who waits.
const IDLE_MAX: usize = 4;

/// What a blocking pop answers: the key and the entries, or nothing.
type Entries = Option<(String, Vec<Vec<u8>>)>;

/// Queues in Redis 7 or later.
#[derive(Clone)]
pub struct RedisHints(Arc<Inner>);

struct Inner {
    link: Arc<RedisLink>,
    idle: Mutex<Vec<Blocking>>,
}

/// A connection of its own for everybody who waits, since Redis answers nothing else on it meanwhile.
struct Blocking {
    connection: MultiplexedConnection,
    /// What Redis calls this connection, to end its wait from another one.
    id: u64,
}

impl RedisHints {
    /// Reads the address. Redis need not be up: every call connects when it has to.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn connect(settings: &QueueSettings) -> Result<Self, QueueError> {
        Ok(Self(Arc::new(Inner {
            link: Arc::new(RedisLink::new(settings)?),
            idle: Mutex::default(),
        })))
    }
}

#[async_trait]
impl Hints for RedisHints {
    async fn push(&self, queue: QueueName, ids: &[TaskId], length_max: u64) -> Result<Pushed, QueueError> {
        let mut push = redis::cmd("EVAL");
        push.arg(PUSH).arg(1).arg(self.0.key(queue)).arg(length_max);
        for id in ids {
            push.arg(id.to_string());
        }
        let (accepted, length): (bool, u64) = self.0.link.query_in_a_hurry(&push).await?;
        Ok(if accepted {
            Pushed::Accepted { length }
        } else {
            Pushed::Full { length }
        })
    }

    async fn pop(&self, queue: QueueName, count: usize, wait: Duration) -> Result<Popped, QueueError> {
        if count == 0 {
            return Ok(Popped::default());
        }
        // Apart from the caller, who may go away at any point: what is taken then has to be put back.
        let (give, answer) = oneshot::channel();
        tokio::spawn(Arc::clone(&self.0).take(queue, count, wait, give));
        let mut taken = Taken {
            hints: Arc::clone(&self.0),
            queue,
            answer,
        };
        (&mut taken.answer)
            .await
            .unwrap_or_else(|_| Ok(Popped::default())) // the runtime ends
    }

    async fn length(&self, queue: QueueName) -> Result<u64, QueueError> {
        self.0.link.query(&Cmd::llen(self.0.key(queue))).await
    }

    async fn oldest(&self, queue: QueueName) -> Result<Option<TaskId>, QueueError> {
        let entry: Option<Vec<u8>> = self.0.link.query(&Cmd::lindex(self.0.key(queue), 0)).await?;
        Ok(entry.as_deref().and_then(task_id))
    }

    async fn clear(&self, queue: QueueName) -> Result<(), QueueError> {
        self.0.link.query(&Cmd::unlink(self.0.key(queue))).await
    }

    fn is_away(&self) -> bool {
        self.0.link.is_away()
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.0.link.probe().await
    }
}

impl Inner {
    fn key(&self, queue: QueueName) -> String {
        self.link.key(&format!("hints:{queue}"))
    }

    async fn take(
        self: Arc<Self>,
        queue: QueueName,
        count: usize,
        wait: Duration,
        mut give: oneshot::Sender<Result<Popped, QueueError>>,
    ) {
        let popped = self.blocking_pop(queue, count, wait, &mut give).await;
        if let Err(Ok(unwanted)) = give.send(popped) {
            self.put_back(queue, unwanted.ids).await;
        }
    }

    async fn blocking_pop(
        &self,
        queue: QueueName,
        count: usize,
        wait: Duration,
        give: &mut oneshot::Sender<Result<Popped, QueueError>>,
    ) -> Result<Popped, QueueError> {
        let pop = pop_command(&self.key(queue), count, wait);
        // Redis ends the wait by itself. Only a connection that is dead without knowing it takes longer.
        let limit = wait.saturating_add(self.link.timeout());
        let kept = self.idle().pop();
        let was_idle = kept.is_some();
        let mut blocking = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let mut answer = self.answer(&mut blocking, &pop, limit, give).await;
        if was_idle && matches!(answer, Err(QueueError::Unreachable(_))) {
            blocking = self.connect().await?; // the kept one had been closed
            answer = self.answer(&mut blocking, &pop, limit, give).await;
        }
        let entries = answer?;
        self.keep(blocking);
        Ok(read(entries))
    }

    /// Waits for the entries; when the caller goes away, only until Redis has ended the wait.
    async fn answer(
        &self,
        blocking: &mut Blocking,
        pop: &Cmd,
        limit: Duration,
        give: &mut oneshot::Sender<Result<Popped, QueueError>>,
    ) -> Result<Entries, QueueError> {
        let id = blocking.id;
        let waiting = async { Ok(pop.query_async::<Entries>(&mut blocking.connection).await?) };
        let mut waiting = std::pin::pin!(self.link.within(limit, waiting));
        tokio::select! {
            answer = &mut waiting => return answer,
            () = give.closed() => {}
        }
        self.link
            .query::<bool>(redis::cmd("CLIENT").arg("UNBLOCK").arg(id))
            .await?;
        self.link.within(self.link.timeout(), waiting).await
    }

    async fn connect(&self) -> Result<Blocking, QueueError> {
        let mut connection = self.link.connect().await?;
        let mut ask = redis::cmd("CLIENT");
        let asking = async { Ok(ask.arg("ID").query_async(&mut connection).await?) };
        let id = self.link.within(self.link.timeout(), asking).await?;
        Ok(Blocking { connection, id })
    }

    /// Puts ids back to the head of the queue, in the order in which they were.
    async fn put_back(&self, queue: QueueName, ids: Vec<TaskId>) {
        if ids.is_empty() {
            return;
        }
        let reversed: Vec<String> = ids.iter().rev().map(TaskId::to_string).collect();
        let pushed = self
            .link
            .query::<u64>(&Cmd::lpush(self.key(queue), reversed))
            .await;
        if let Err(error) = pushed {
            debug!(%queue, count = ids.len(), %error, "hints were lost; the dispatcher will repeat them");
        }
    }

    fn keep(&self, blocking: Blocking) {
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX {
            idle.push(blocking);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Blocking>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pop under way. When it is dropped after Redis answered and before the caller looked, the ids go back.
struct Taken {
    hints: Arc<Inner>,
    queue: QueueName,
    answer: oneshot::Receiver<Result<Popped, QueueError>>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.answer.close();
        let (Ok(Ok(unwanted)), Ok(runtime)) = (self.answer.try_recv(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (hints, queue) = (Arc::clone(&self.hints), self.queue);
        runtime.spawn(async move { hints.put_back(queue, unwanted.ids).await });
    }
}

fn pop_command(key: &str, count: usize, wait: Duration) -> Cmd {
    let mut pop = if wait.is_zero() {
        redis::cmd("LMPOP")
    } else {
        let mut pop = redis::cmd("BLMPOP");
        // Redis waits for ever when it is told zero, which it also makes of less than a millisecond.
        pop.arg(wait.as_secs_f64().max(0.001));
        pop
    };
    pop.arg(1).arg(key).arg("LEFT").arg("COUNT").arg(count);
    pop
}

fn read(entries: Entries) -> Popped {
    let entries = entries.map_or_else(Vec::new, |(_, entries)| entries);
    let ids: Vec<TaskId> = entries.iter().filter_map(|entry| task_id(entry)).collect();
    Popped {
        dropped: entries.len() - ids.len(),
        ids,
    }
}

fn task_id(entry: &[u8]) -> Option<TaskId> {
    TaskId::from_str(std::str::from_utf8(entry).ok()?).ok()
}
