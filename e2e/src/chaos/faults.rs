//! What can go wrong, and how it is made to.

use std::time::Duration;

use rustix::process::Signal;

use super::scratch::{Role, Scratch};
use super::skew::clock_off_by;
use super::{Dice, journal::Journal};
use crate::servers::Persistence;
use crate::{Settings, StoreGate, Treatment, signal};

/// Something that goes wrong, and is over when [`Fault::happen`] comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A process is killed and started again.
    Kill(Role, usize),
    /// A process stands still for a while.
    Freeze(Role, usize, Duration),
    /// A reader of documents is killed.
    KillReader(usize),
    /// The readers of a worker stand still for a while.
    FreezeReaders(usize, Duration),
    /// A process is asked to stop, does so in order, and is started again: a deploy.
    Deploy(Role, usize),
    /// Redis forgets everything.
    RedisFlush,
    /// Redis is killed and started again, with or without what it knew.
    RedisKill(Persistence),
    /// Redis stands still.
    RedisFreeze(Duration),
    /// Redis has no memory left.
    RedisOutOfMemory(Duration),
    /// Redis has become a replica.
    RedisReplica(Duration),
    /// Postgres crashes and is away for a while.
    PostgresCrash(Duration),
    /// Postgres ends every connection.
    PostgresCut,
    /// Connections to Postgres and Redis break on the way.
    NetworkReset,
    /// Everything takes longer.
    NetworkLatency(Duration, Duration),
    /// Answers of Postgres and Redis do not arrive for a while, though they act.
    NetworkOneWay(Duration),
    /// Connections to Redis are lost without a sign.
    NetworkHalfOpen,
    /// The object store stands still.
    StoreFreeze(Duration),
    /// The object store answers reads and writes with 503.
    StoreRefuses(Duration),
    /// The object store breaks off in the middle of what is read.
    StoreCuts(Duration),
    /// The clock of a scheduler is wrong by so many seconds for a while.
    WrongClock(i64, Duration),
    /// Entries that are no hints, and hints of nobody, come into the queue.
    Rubbish,
}

const MILLISECOND: Duration = Duration::from_millis(1);

impl Fault {
    /// A process to kill, which is what most faults come down to: any of them, or one of their readers.
    pub(super) fn any_kill(dice: &mut Dice) -> Self {
        let number = dice.below(12);
        match dice.below(8) {
            0 | 1 => Self::Kill(Role::Api, number),
            2..=4 => Self::Kill(Role::Worker, number),
            5 => Self::Kill(Role::Scheduler, number),
            _ => Self::KillReader(number),
        }
    }

    /// One of each of the other faults, in a drawn order.
    pub(super) fn all_others(dice: &mut Dice) -> Vec<Self> {
        let mut number = || dice.below(12);
        let mut faults = vec![
            Self::Freeze(Role::Api, number(), 2_000 * MILLISECOND),
            Self::Freeze(Role::Worker, number(), 3_000 * MILLISECOND),
            Self::Freeze(Role::Scheduler, number(), 3_000 * MILLISECOND),
            Self::FreezeReaders(number(), 1_500 * MILLISECOND),
            Self::Deploy(Role::Api, number()),
            Self::Deploy(Role::Worker, number()),
            Self::Deploy(Role::Scheduler, number()),
            Self::RedisFlush,
            Self::RedisKill(Persistence::None),
            Self::RedisKill(Persistence::EveryChange),
            Self::RedisFreeze(700 * MILLISECOND),
            Self::RedisFreeze(3_000 * MILLISECOND),
            Self::RedisOutOfMemory(2_000 * MILLISECOND),
            Self::RedisReplica(1_000 * MILLISECOND),
            Self::PostgresCrash(1_000 * MILLISECOND),
            Self::PostgresCut,
            Self::NetworkReset,
            Self::NetworkLatency(100 * MILLISECOND, 2_000 * MILLISECOND),
            Self::NetworkOneWay(1_000 * MILLISECOND),
            Self::NetworkHalfOpen,
            Self::StoreFreeze(1_000 * MILLISECOND),
            Self::StoreRefuses(1_500 * MILLISECOND),
            Self::StoreCuts(1_500 * MILLISECOND),
            Self::WrongClock(300, 4_000 * MILLISECOND),
            Self::WrongClock(-300, 4_000 * MILLISECOND),
            Self::Rubbish,
        ];
        dice.shuffle(&mut faults);
        faults
    }

    /// Lets it happen, waits it out, and puts everything right again.
    ///
    /// # Panics
    /// When what was broken cannot be mended.
    pub async fn happen(self, scratch: &mut Scratch, dice: &mut Dice) {
        match self {
            Self::Kill(role, number) => scratch.kill_and_restart(role, number).await,
            Self::Freeze(role, number, time) => {
                let services = scratch.of(role);
                let process = &services[number % services.len()].process;
                process.freeze();
                tokio::time::sleep(time).await;
                process.thaw();
            }
            Self::KillReader(number) => signal_readers(scratch, number, Signal::KILL, 1),
            Self::FreezeReaders(number, time) => {
                signal_readers(scratch, number, Signal::STOP, usize::MAX);
                tokio::time::sleep(time).await;
                signal_readers(scratch, number, Signal::CONT, usize::MAX);
            }
            Self::Deploy(role, number) => {
                let services = scratch.of(role);
                let number = number % services.len();
                services[number].process.stop().await;
                services[number].restart(&Settings::new()).await;
            }
            Self::RedisFlush
            | Self::RedisKill(_)
            | Self::RedisFreeze(_)
            | Self::RedisOutOfMemory(_)
            | Self::RedisReplica(_)
            | Self::Rubbish => self.happen_to_redis(scratch, dice).await,
            Self::PostgresCrash(time) => {
                scratch.servers.postgres.crash().await;
                tokio::time::sleep(time).await;
                scratch.servers.postgres.again().await;
            }
            Self::PostgresCut => {
                scratch.servers.postgres.cut_connections().await;
            }
            Self::NetworkReset => {
                scratch.database.reset();
                scratch.queue.reset();
            }
            Self::NetworkLatency(latency, time) => {
                scratch.database.delay(latency);
                scratch.queue.delay(latency);
                tokio::time::sleep(time).await;
                open(scratch);
            }
            Self::NetworkOneWay(time) => {
                scratch.database.cut_towards_client();
                scratch.queue.cut_towards_server();
                tokio::time::sleep(time).await;
                open(scratch);
            }
            Self::NetworkHalfOpen => scratch.queue.lose_connections(),
            Self::StoreFreeze(time) => scratch.servers.objects.stall(time).await,
            Self::StoreRefuses(time) => for_a_while(&scratch.objects, Treatment::Refuse, time).await,
            Self::StoreCuts(time) => for_a_while(&scratch.objects, Treatment::CutAfter(100), time).await,
            Self::WrongClock(seconds, time) => {
                let number = dice.below(scratch.fleet.schedulers.len());
                let scheduler = &mut scratch.fleet.schedulers[number];
                scheduler.restart(&clock_off_by(seconds).await).await;
                tokio::time::sleep(time).await;
                scheduler.restart(&clock_off_by(0).await).await;
            }
        }
    }

    async fn happen_to_redis(self, scratch: &mut Scratch, dice: &mut Dice) {
        let redis = &mut scratch.servers.redis;
        match self {
            Self::RedisFlush => redis.flush().await,
            Self::RedisKill(persistence) => {
                redis.persist(persistence).await;
                redis.kill();
                redis.again().await;
                redis.persist(Persistence::None).await;
            }
            Self::RedisFreeze(time) => {
                redis.freeze();
                tokio::time::sleep(time).await;
                redis.thaw();
            }
            Self::RedisOutOfMemory(time) => {
                redis.be_out_of_memory(true).await;
                tokio::time::sleep(time).await;
                redis.be_out_of_memory(false).await;
            }
            Self::RedisReplica(time) => {
                redis.be_a_replica(true).await;
                tokio::time::sleep(time).await;
                redis.be_a_replica(false).await;
            }
            _ => {
                let entries = rubbish(scratch, dice).await;
                scratch.servers.redis.push(&hints_list(scratch), &entries).await;
            }
        }
    }
}

fn open(scratch: &Scratch) {
    scratch.database.open();
    scratch.queue.open();
}

async fn for_a_while(gate: &StoreGate, treatment: Treatment, time: Duration) {
    let _treated = [gate.treat("GET", "", treatment), gate.treat("PUT", "", treatment)];
    tokio::time::sleep(time).await;
}

/// Sends a signal to the readers of a worker, to so many of them.
pub(super) fn signal_readers(scratch: &Scratch, worker: usize, what: Signal, count: usize) {
    let workers = &scratch.fleet.workers;
    let readers = workers[worker % workers.len()].process.children();
    readers
        .into_iter()
        .take(count)
        .for_each(|reader| signal(reader, what));
}

/// The list in which ids of tasks wait for workers.
pub(super) fn hints_list(scratch: &Scratch) -> String {
    format!("{}:hints:documents", scratch.fleet.stores.hints.prefix)
}

/// What somebody could put into the queue who should not be there: ids of no task, ids of tasks that have ended or
/// belong to others, halves of ids, and a megabyte of nothing.
pub(super) async fn rubbish(scratch: &Scratch, dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut journal = Journal::open(scratch).await;
    let mut ids = journal
        .texts("SELECT id::text FROM tasks ORDER BY id LIMIT 200")
        .await;
    dice.shuffle(&mut ids);
    let forged = (0..20).map(|_| domain::TaskId::new().to_string());
    let truncated: Vec<String> = ids
        .iter()
        .take(20)
        .map(|id| id[..dice.below(36)].to_owned())
        .collect();
    let words = ["", "{\"id\":1}", "../../etc/passwd", "*3\r\n$6\r\nFLUSHALL\r\n"].map(str::to_owned);
    let mut entries: Vec<Vec<u8>> = ids
        .iter()
        .cloned()
        .chain(forged)
        .chain(truncated)
        .chain(words)
        .map(String::into_bytes)
        .collect();
    entries.push(vec![b'x'; 1 << 20]);
    entries.push(vec![0xff, 0x00, 0xfe]);
    dice.shuffle(&mut entries);
    entries
}
