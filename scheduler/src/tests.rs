//! The dispatcher, the sweeps and the schedules over a real database, queue and storage, with a clock that the tests move.

mod clean_up;
mod firing;
mod runs;

mod access;
mod upgrades;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use database::jobs::{self, JobOptions, NewDocument, NewJob, Submitted};
use database::sessions::{self, NewSession};
use database::tasks::Reason;
use database::users::{self, NewUser};
use database::workers::{self, Worker};
use database::{Database, DatabaseSettings, SchedulingSettings, audit, discarded, tasks};
use domain::schedules::{ExpiredRows, LeftoverObjects};
use domain::{
    Clock, DocumentId, DocumentKind, JobId, JobStatus, ManualClock, Priority, QueueName, ReasonCode,
    SystemClock, TaskId, UserId, UserRole, WorkerId, limits,
};
use futures::TryStreamExt;
use queue::{Queue, QueueSettings};
use storage::{Storage, StorageBackend, StorageKey, StorageSettings};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::dispatcher::{Round, round};
use crate::scheduler::Parts;
use crate::sweeps::{self, Swept};

const QUEUE: QueueName = QueueName::Documents;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

struct Bench {
    parts: Parts,
    clock: Arc<ManualClock>,
    user: UserId,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", folder.path().display());
        let settings = DatabaseSettings {
            url: url.into(),
            connections_max: 4,
        };
        let database = Database::connect(&settings).await.unwrap();
        database.migrate_up().await.unwrap();
        // The memory storage dates objects by the system clock, so the story begins now.
        let clock = ManualClock::at(SystemClock.now());
        let new = NewUser {
            email: "ada@example.com".to_owned(),
            username: None,
            full_name: None,
            password_hash: String::new(),
            role: UserRole::User,
        };
        let user = users::insert(&database, new, clock.now())
            .await
            .unwrap()
            .unwrap()
            .id;
        let settings = StorageSettings {
            backend: StorageBackend::Memory,
            ..StorageSettings::default()
        };
        let parts = Parts {
            database,
            storage: Storage::open(&settings).unwrap(),
            hints: Queue::open(&QueueSettings::default()).unwrap().hints,
            clock: clock.clone(),
            scheduling: SchedulingSettings::default(),
            name: "host-1".to_owned(),
            stopping: CancellationToken::new(),
        };
        Self {
            parts,
            clock,
            user,
            _folder: folder,
        }
    }

    /// A living worker with so many slots.
    async fn worker(&self, slots: i32) {
        let worker = Worker {
            id: WorkerId::new(),
            name: "host-1".to_owned(),
            version: "0.1.0".to_owned(),
            slots,
            ocr: None,
        };
        workers::heartbeat(&self.parts.database, &worker, self.clock.now())
            .await
            .unwrap();
    }

    async fn another_user(&self) -> UserId {
        let new = NewUser {
            email: "ben@example.com".to_owned(),
            username: None,
            full_name: None,
            password_hash: String::new(),
            role: UserRole::User,
        };
        let user = users::insert(&self.parts.database, new, self.clock.now())
            .await
            .unwrap();
        user.unwrap().id
    }

    async fn submit(&self, documents: usize, dispatched: bool) -> (JobId, Vec<DocumentId>, Vec<TaskId>) {
        self.submit_for(self.user, documents, dispatched).await
    }

    async fn submit_for(
        &self,
        user: UserId,
        documents: usize,
        dispatched: bool,
    ) -> (JobId, Vec<DocumentId>, Vec<TaskId>) {
        let job = JobId::new();
        let ids: Vec<DocumentId> = (0..documents).map(|_| DocumentId::new()).collect();
        let new = NewJob {
            id: job,
            user,
            documents: ids
                .iter()
                .map(|id| NewDocument {
                    id: *id,
                    file_name: "note.txt".to_owned(),
                    kind: DocumentKind::Text,
                    size_bytes: 1,
                    sha256: [0; 32],
                })
                .collect(),
            options: JobOptions {
                tags_max: 1,
                // Alike, whether they come alone or not.
                priority: Some(Priority::Normal),
                ..JobOptions::default()
            },
            idempotency: None,
            deadline_at: self.clock.now() + HOUR,
            trace_parent: None,
            dispatched,
            origin: audit::Origin::default(),
        };
        let Submitted::Accepted(_, tasks) = jobs::submit(&self.parts.database, new, self.clock.now())
            .await
            .unwrap()
        else {
            panic!("not accepted");
        };
        (job, ids, tasks)
    }

    async fn store(&self, key: StorageKey) {
        self.parts
            .storage
            .put(&key, Bytes::from_static(b"x"))
            .await
            .unwrap();
    }

    async fn stored(&self) -> Vec<String> {
        let far = self.clock.now() + 100 * HOUR;
        let mut keys: Vec<String> = self
            .parts
            .storage
            .list("users", far)
            .map_ok(|listed| listed.key)
            .try_collect()
            .await
            .unwrap();
        keys.sort();
        keys
    }

    /// How many rows the sweep deletes when nothing is said about its options.
    async fn delete_expired_rows(&self) -> sweeps::expired_rows::Report {
        let (options, mut report) = (ExpiredRows::default(), sweeps::expired_rows::Report::default());
        let stop = &self.parts.stopping;
        let swept = sweeps::expired_rows::delete(&self.parts, &options, stop, &mut report).await;
        assert_eq!(swept.unwrap(), Swept::All);
        report
    }

    /// How many objects the sweep deletes when nothing is said about its options.
    async fn delete_leftovers(&self) -> u64 {
        let (options, mut report) = (LeftoverObjects::default(), sweeps::leftovers::Report::default());
        let stop = &self.parts.stopping;
        let swept = sweeps::leftovers::delete(&self.parts, &options, stop, &mut report).await;
        assert_eq!(swept.unwrap(), Swept::All);
        report.objects
    }

    async fn hints(&self) -> Vec<TaskId> {
        self.parts
            .hints
            .pop(QUEUE, 10_000, Duration::ZERO)
            .await
            .unwrap()
            .ids
    }
}

#[tokio::test]
async fn what_waits_is_pushed_in_order_and_once() {
    let bench = Bench::new().await;
    let (_, _, tasks) = bench.submit(3, false).await;
    assert_eq!(round(&bench.parts, QUEUE, true).await.unwrap(), Round::Rest);
    assert_eq!(round(&bench.parts, QUEUE, true).await.unwrap(), Round::Rest);
    assert_eq!(bench.hints().await, tasks);
}

#[tokio::test]
async fn the_queue_stays_as_short_as_the_fleet_is_small() {
    let bench = Bench::new().await;
    bench.worker(10).await;
    for _ in 0..16 {
        bench.submit(100, false).await;
    }
    let mut lengths = Vec::new();
    for _ in 0..4 {
        round(&bench.parts, QUEUE, true).await.unwrap();
        lengths.push(bench.parts.hints.length(QUEUE).await.unwrap());
        bench.clock.advance(SECOND / 4);
    }
    assert_eq!(
        lengths, [20; 4],
        "twice the slots, and no more while nobody takes them"
    );
}

#[tokio::test]
async fn workers_who_empty_the_queue_get_more_until_nothing_waits() {
    let bench = Bench::new().await;
    bench.worker(10).await;
    for _ in 0..16 {
        bench.submit(100, false).await;
    }
    let mut taken = Vec::new();
    let mut longest = 0;
    for _ in 0..12 {
        round(&bench.parts, QUEUE, false).await.unwrap();
        let hints = bench.hints().await;
        longest = longest.max(hints.len());
        taken.extend(hints);
        bench.clock.advance(SECOND / 4);
    }
    assert_eq!(taken.len(), 1_600, "in three seconds");
    assert!(longest > 160 && longest as u64 <= limits::HINTS_MAX, "{longest}");
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 1_600, "each once");
}

#[tokio::test]
async fn one_document_is_pushed_in_the_next_round_however_many_of_somebody_else_wait() {
    let bench = Bench::new().await;
    bench.worker(4).await;
    for _ in 0..10 {
        bench.submit(100, false).await;
    }
    round(&bench.parts, QUEUE, true).await.unwrap();
    let other = bench.another_user().await;
    let (_, _, task) = bench.submit_for(other, 1, false).await;
    bench.hints().await;
    bench.clock.advance(SECOND / 4);
    round(&bench.parts, QUEUE, false).await.unwrap();
    assert!(bench.hints().await.contains(&task[0]));
}

#[tokio::test]
async fn a_lost_hint_is_given_again() {
    let bench = Bench::new().await;
    let (_, _, tasks) = bench.submit(2, true).await;
    round(&bench.parts, QUEUE, true).await.unwrap();
    assert_eq!(bench.hints().await, [], "the uploader is about to push it");
    bench.clock.advance(3 * SECOND);
    round(&bench.parts, QUEUE, true).await.unwrap();
    assert_eq!(bench.hints().await, tasks);
}

#[tokio::test]
async fn a_flushed_queue_is_filled_again() {
    let bench = Bench::new().await;
    let (_, _, tasks) = bench.submit(5, false).await;
    round(&bench.parts, QUEUE, true).await.unwrap();
    bench.parts.hints.clear(QUEUE).await.unwrap();
    bench.clock.advance(3 * SECOND);
    round(&bench.parts, QUEUE, true).await.unwrap();
    assert_eq!(bench.hints().await, tasks);
}

#[tokio::test]
async fn tasks_of_silent_workers_are_taken_back() {
    let bench = Bench::new().await;
    let (_, _, tasks) = bench.submit(1, true).await;
    tasks::claim(&bench.parts.database, WorkerId::new(), &tasks, bench.clock.now())
        .await
        .unwrap();
    assert_eq!(
        sweeps::orphans::recover(&bench.parts).await.unwrap(),
        1,
        "its worker never gave a sign of life"
    );
    assert_eq!(sweeps::orphans::recover(&bench.parts).await.unwrap(), 0);
    round(&bench.parts, QUEUE, false).await.unwrap();
    assert_eq!(bench.hints().await, tasks);
}

#[tokio::test]
async fn jobs_end_by_their_deadline_without_any_worker() {
    let bench = Bench::new().await;
    let (job, _, _) = bench.submit(2, true).await;
    assert_eq!(sweeps::deadlines::expire(&bench.parts).await.unwrap(), 0);
    bench.clock.advance(HOUR);
    assert_eq!(sweeps::deadlines::expire(&bench.parts).await.unwrap(), 2);
    assert_eq!(sweeps::deadlines::expire(&bench.parts).await.unwrap(), 0);
    let job = jobs::find(&bench.parts.database, bench.user, job)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job.status, JobStatus::Expired);
}

#[tokio::test]
async fn objects_of_deleted_documents_go_a_minute_later_at_the_latest() {
    let bench = Bench::new().await;
    let (job, documents, _) = bench.submit(1, true).await;
    bench.store(StorageKey::original(bench.user, documents[0])).await;
    let (origin, now) = (audit::Origin::default(), bench.clock.now());
    jobs::delete(&bench.parts.database, bench.user, job, origin, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        sweeps::discarded::delete(&bench.parts).await.unwrap(),
        0,
        "whoever deleted it is at it"
    );
    bench.clock.advance(61 * SECOND);
    assert_eq!(sweeps::discarded::delete(&bench.parts).await.unwrap(), 1);
    assert_eq!(bench.stored().await, [""; 0]);
    assert_eq!(sweeps::discarded::delete(&bench.parts).await.unwrap(), 0);
    assert_eq!(
        discarded::list(&bench.parts.database, bench.clock.now(), 10)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn objects_that_no_row_points_at_go_after_a_day() {
    let bench = Bench::new().await;
    let (_, documents, _) = bench.submit(1, true).await;
    let wanted = StorageKey::original(bench.user, documents[0]);
    bench.store(wanted).await;
    bench.store(StorageKey::text(bench.user, documents[0], 7)).await;
    bench
        .store(StorageKey::original(bench.user, DocumentId::new()))
        .await;
    assert_eq!(
        bench.delete_leftovers().await,
        0,
        "an upload may still be under way"
    );
    bench.clock.advance(25 * HOUR);
    assert_eq!(bench.delete_leftovers().await, 2);
    assert_eq!(bench.stored().await, [wanted.to_string()]);
    assert_eq!(bench.delete_leftovers().await, 0);
}

#[tokio::test]
async fn what_was_given_up_waits_a_month_for_an_operator() {
    let bench = Bench::new().await;
    let (_, _, ids) = bench.submit(2, true).await;
    let worker = WorkerId::new();
    let claims = tasks::claim(&bench.parts.database, worker, &ids, bench.clock.now())
        .await
        .unwrap();
    let reason = Reason::of(ReasonCode::Encrypted);
    tasks::reject(&bench.parts.database, &claims[0], &reason, bench.clock.now())
        .await
        .unwrap();
    let month = 30 * 24 * HOUR;
    bench.clock.advance(month);
    assert_eq!(bench.delete_expired_rows().await.given_up_tasks, 0);
    bench.clock.advance(SECOND);
    assert_eq!(bench.delete_expired_rows().await.given_up_tasks, 1);
    assert_eq!(bench.delete_expired_rows().await.given_up_tasks, 0);
    let kept = tasks::find(&bench.parts.database, claims[1].task).await.unwrap();
    assert!(kept.is_some(), "what has not been given up stays");
}

#[tokio::test]
async fn rows_that_served_their_time_go() {
    let bench = Bench::new().await;
    let session = NewSession {
        user: bench.user,
        token_hash: [7; 32],
        ip: None,
        user_agent: None,
        expires_at: bench.clock.now(),
    };
    sessions::start(&bench.parts.database, session, bench.clock.now())
        .await
        .unwrap();
    let week = 7 * 24 * HOUR;
    bench.clock.advance(week);
    assert_eq!(bench.delete_expired_rows().await.rows(), 0);
    bench.clock.advance(SECOND);
    assert_eq!(bench.delete_expired_rows().await.sessions, 1);
    assert_eq!(bench.delete_expired_rows().await.rows(), 0);
}
