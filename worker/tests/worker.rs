//! A worker with a real database, queue, storage and parser children, and what becomes of the tasks that it is given.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use database::documents::{self, Document};
use database::jobs::{self, Job, JobOptions, NewDocument, NewJob, Submitted};
use database::users::{self, NewUser};
use database::{Database, DatabaseSettings, audit, search};
use domain::{
    DocumentId, DocumentKind, DocumentStatus, JobId, JobStatus, QueueName, SystemClock, TaskId, UserId,
    UserRole, limits,
};
use queue::{Queue, QueueSettings};
use sandbox::{ChildProgram, ParserPool, SandboxSettings};
use sealing::{Sealing, SealingSettings};
use storage::{Storage, StorageBackend, StorageKey, StorageSettings};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Parts, Worker, WorkerSettings};

/// Generous: children start slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Mill {
    database: Database,
    storage: Storage,
    queue: Queue,
    user: UserId,
    stopping: CancellationToken,
    sealing: SealingSettings,
    folder: TempDir,
}

impl Mill {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", folder.path().display());
        let settings = DatabaseSettings {
            url: url.into(),
            connections_max: 4,
        };
        let database = Database::connect(&settings).await.unwrap();
        database.migrate_up().await.unwrap();
        let new = NewUser {
            email: "ada@example.com".to_owned(),
            username: None,
            full_name: None,
            password_hash: String::new(),
            role: UserRole::User,
        };
        let user = users::insert(&database, new, Utc::now())
            .await
            .unwrap()
            .unwrap()
            .id;
        let settings = StorageSettings {
            backend: StorageBackend::Memory,
            ..StorageSettings::default()
        };
        Self {
            database,
            storage: Storage::open(&settings).unwrap(),
            queue: Queue::open(&QueueSettings::default()).unwrap(),
            user,
            stopping: CancellationToken::new(),
            sealing: SealingSettings {
                keys: vec![sealing::generate_key()],
            },
            folder,
        }
    }

    fn start_worker(&self, grace: Duration) -> JoinHandle<()> {
        let program = ChildProgram {
            path: env!("CARGO_BIN_EXE_docmill-worker").into(),
            args: vec![ChildProgram::SUBCOMMAND.into()],
        };
        let worker = Worker::new(Parts {
            database: self.database.clone(),
            storage: self.storage.clone(),
            hints: Arc::clone(&self.queue.hints),
            events: Arc::clone(&self.queue.events),
            parsers: ParserPool::new(program, SandboxSettings::default()),
            sealing: Sealing::new(&self.sealing).unwrap(),
            post: None,
            clock: SystemClock::shared(),
            settings: WorkerSettings { slots: 2, grace },
            stopping: self.stopping.clone(),
        });
        tokio::spawn(async move { worker.run().await.unwrap() })
    }

    /// Stores documents and hands them to the queue. Without bytes the original is missing.
    async fn submit(&self, files: &[(&str, DocumentKind, Option<&[u8]>)], deadline: DateTime<Utc>) -> JobId {
        self.submit_locked(files, deadline, None).await
    }

    /// The same with a password that opens them.
    async fn submit_locked(
        &self,
        files: &[(&str, DocumentKind, Option<&[u8]>)],
        deadline: DateTime<Utc>,
        password: Option<&str>,
    ) -> JobId {
        let job = JobId::new();
        let password = password.map(|password| {
            let sealing = Sealing::new(&self.sealing).unwrap();
            sealing.seal(job, &password.to_owned().into()).unwrap()
        });
        let mut new_documents = Vec::new();
        for (name, kind, bytes) in files {
            let id = DocumentId::new();
            if let Some(bytes) = bytes {
                let key = StorageKey::original(self.user, id);
                self.storage
                    .put(&key, Bytes::copy_from_slice(bytes))
                    .await
                    .unwrap();
            }
            new_documents.push(NewDocument {
                id,
                file_name: (*name).to_owned(),
                kind: *kind,
                size_bytes: bytes.map_or(0, |bytes| bytes.len() as u64),
                sha256: [0; 32],
            });
        }
        let new = NewJob {
            id: job,
            user: self.user,
            documents: new_documents,
            options: JobOptions {
                tags_max: 3,
                password,
                ..JobOptions::default()
            },
            idempotency: None,
            deadline_at: deadline,
            trace_parent: None,
            dispatched: true,
            origin: audit::Origin::default(),
        };
        let Submitted::Accepted(_, tasks) = jobs::submit(&self.database, new, Utc::now()).await.unwrap()
        else {
            panic!("not accepted");
        };
        self.hint(&tasks).await;
        job
    }

    /// Whether these bytes are anywhere in the files of the database.
    fn database_has(&self, wanted: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flatten().any(|file| {
            let bytes = std::fs::read(file.path()).unwrap();
            bytes.windows(wanted.len()).any(|part| part == wanted.as_bytes())
        })
    }

    async fn hint(&self, tasks: &[TaskId]) {
        self.queue
            .hints
            .push(QueueName::Documents, tasks, limits::HINTS_MAX)
            .await
            .unwrap();
    }

    async fn job(&self, id: JobId) -> Job {
        jobs::find(&self.database, self.user, id).await.unwrap().unwrap()
    }

    async fn documents(&self, job: JobId) -> Vec<Document> {
        let filter = documents::DocumentFilter {
            job: Some(job),
            ..Default::default()
        };
        let mut found = documents::list(&self.database, self.user, &filter, 100)
            .await
            .unwrap();
        found.sort_by_key(|document| document.position);
        found
    }

    /// The job once `enough` says so.
    async fn job_when(&self, id: JobId, enough: impl Fn(&Job) -> bool) -> Job {
        let begun = Instant::now();
        let mut changes = self.queue.events.watch(id);
        loop {
            let job = self.job(id).await;
            if enough(&job) {
                return job;
            }
            assert!(begun.elapsed() < PATIENCE, "still waiting: {job:?}");
            changes.changed(Duration::from_millis(50)).await;
        }
    }
}

fn in_an_hour() -> DateTime<Utc> {
    Utc::now() + Duration::from_secs(3600)
}

const NOTE: &[u8] = b"The harvest festival needs apples. The harvest committee buys apples and pears for the harvest festival \
    from the local farmers, and everybody who lives near the river is invited to the festival in October.";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_becomes_text_language_tags_and_passages() {
    let mill = Mill::new().await;
    let worker = mill.start_worker(PATIENCE);
    let job = mill
        .submit(&[("note.txt", DocumentKind::Text, Some(NOTE))], in_an_hour())
        .await;
    let ended = mill.job_when(job, |job| job.status.is_terminal()).await;
    assert_eq!((ended.status, ended.attempt), (JobStatus::Completed, 1));
    let document = mill.documents(job).await.remove(0);
    assert_eq!(document.language.as_deref(), Some("en"));
    assert_eq!(document.tags.as_array().unwrap().len(), 3);
    let fence = document.text_fence.unwrap();
    let key = StorageKey::text(mill.user, document.id, fence);
    assert_eq!(mill.storage.read_all(&key, 10_000).await.unwrap().unwrap(), NOTE);
    let passages = search::passages(&mill.database, document.id).await.unwrap();
    assert_eq!(passages[0].text.as_bytes(), NOTE);
    mill.stopping.cancel();
    worker.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_ends_with_a_reason_and_others_do_not_notice() {
    let mill = Mill::new().await;
    let worker = mill.start_worker(PATIENCE);
    let files: &[(&str, DocumentKind, Option<&[u8]>)] = &[
        (
            "broken.pdf",
            DocumentKind::Pdf,
            Some(b"%PDF-1.7\nand then nothing of a PDF"),
        ),
        ("lost.txt", DocumentKind::Text, None),
        ("note.txt", DocumentKind::Text, Some(NOTE)),
    ];
    let job = mill.submit(files, in_an_hour()).await;
    let ended = mill.job_when(job, |job| job.status.is_terminal()).await;
    assert_eq!(
        (ended.status, ended.completed, ended.failed, ended.attempt),
        (JobStatus::Partial, 1, 2, 1)
    );
    let codes: Vec<_> = mill
        .documents(job)
        .await
        .into_iter()
        .map(|document| document.error.map(|(code, _)| code))
        .collect();
    assert_eq!(
        codes,
        [
            Some("unreadable".to_owned()),
            Some("original_missing".to_owned()),
            None
        ]
    );
    mill.stopping.cancel();
    worker.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_given_twice_is_one_result() {
    let mill = Mill::new().await;
    let job = mill
        .submit(&[("note.txt", DocumentKind::Text, Some(NOTE))], in_an_hour())
        .await;
    // Nobody works yet, so the queue still holds the first one.
    let task = mill
        .queue
        .hints
        .oldest(QueueName::Documents)
        .await
        .unwrap()
        .unwrap();
    mill.hint(&[task, TaskId::new(), task]).await;
    let worker = mill.start_worker(PATIENCE);
    let ended = mill.job_when(job, |job| job.status.is_terminal()).await;
    assert_eq!((ended.completed, ended.attempt), (1, 1));
    mill.stopping.cancel();
    worker.await.unwrap();
    assert_eq!(mill.job(job).await.completed, 1);
    assert_eq!(mill.queue.hints.length(QueueName::Documents).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_out_of_grace_gives_its_tasks_back_without_counting_the_attempt() {
    let mill = Mill::new().await;
    // Long enough to be caught in the middle: pages of words that all have to be looked at.
    let long = "Wind, water and weather in many words. ".repeat(400_000);
    let job = mill
        .submit(
            &[("long.txt", DocumentKind::Text, Some(long.as_bytes()))],
            in_an_hour(),
        )
        .await;
    let worker = mill.start_worker(Duration::ZERO);
    mill.job_when(job, |job| job.started_at.is_some()).await;
    mill.stopping.cancel();
    worker.await.unwrap();
    let job = mill.job(job).await;
    // Either it was quick enough to finish, or it waits again as if nothing had happened.
    match job.status {
        JobStatus::Completed => assert_eq!(job.attempt, 1),
        status => assert_eq!((status, job.attempt), (JobStatus::Processing, 0)),
    }
    let alive = database::workers::count_alive(&mill.database, DateTime::UNIX_EPOCH)
        .await
        .unwrap();
    assert_eq!(alive, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_deleted_while_it_is_read_leaves_nothing() {
    let mill = Mill::new().await;
    let worker = mill.start_worker(PATIENCE);
    let long = "Wind, water and weather in many words. ".repeat(400_000);
    let job = mill
        .submit(
            &[("long.txt", DocumentKind::Text, Some(long.as_bytes()))],
            in_an_hour(),
        )
        .await;
    mill.job_when(job, |job| job.started_at.is_some()).await;
    let stored = jobs::delete(
        &mill.database,
        mill.user,
        job,
        audit::Origin::default(),
        Utc::now(),
    )
    .await
    .unwrap();
    let keys: Vec<StorageKey> = stored
        .unwrap()
        .iter()
        .flat_map(|stored| StorageKey::of_document(stored.user, stored.document, stored.text_fence))
        .collect();
    mill.storage.delete(&keys).await.unwrap();
    mill.stopping.cancel();
    worker.await.unwrap();
    assert_eq!(jobs::find(&mill.database, mill.user, job).await.unwrap(), None);
    let left: Vec<_> = futures::TryStreamExt::try_collect(mill.storage.list("users", in_an_hour()))
        .await
        .unwrap();
    assert_eq!(left, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_stops_at_once() {
    let mill = Mill::new().await;
    let worker = mill.start_worker(PATIENCE);
    let begun = Instant::now();
    mill.stopping.cancel();
    worker.await.unwrap();
    assert!(begun.elapsed() < PATIENCE / 2, "waited for nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_keep_their_order_and_their_own_results() {
    let mill = Mill::new().await;
    let worker = mill.start_worker(PATIENCE);
    let texts: Vec<String> = (0..20)
        .map(|n| format!("This is the note with the number {n} and nothing else."))
        .collect();
    let names: Vec<String> = (0..20).map(|n| format!("{n}.txt")).collect();
    let files: Vec<_> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), DocumentKind::Text, Some(text.as_bytes())))
        .collect();
    let job = mill.submit(&files, in_an_hour()).await;
    mill.job_when(job, |job| job.status.is_terminal()).await;
    for (document, text) in mill.documents(job).await.into_iter().zip(&texts) {
        assert_eq!(document.status, DocumentStatus::Completed);
        let passages = search::passages(&mill.database, document.id).await.unwrap();
        assert_eq!(&passages[0].text, text);
    }
    mill.stopping.cancel();
    worker.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_document_is_opened_with_its_password_which_the_database_never_sees() {
    const PASSWORD: &str = "Obstgarten 7ü";
    let fixtures = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/extraction/tests/fixtures/with-password"
    );
    let locked = std::fs::read(format!("{fixtures}/orchard-agile.docx")).unwrap();
    let file = [("orchard.docx", DocumentKind::Docx, Some(locked.as_slice()))];
    let mill = Mill::new().await;
    let right = mill.submit_locked(&file, in_an_hour(), Some(PASSWORD)).await;
    assert!(mill.database_has("sealed_password") && !mill.database_has(PASSWORD));
    let wrong = mill
        .submit_locked(&file, in_an_hour(), Some("Obstgarten 8"))
        .await;
    let missing = mill.submit(&file, in_an_hour()).await;

    let worker = mill.start_worker(PATIENCE);
    let job = mill.job_when(right, |job| job.status.is_terminal()).await;
    assert_eq!(
        job.status,
        JobStatus::Completed,
        "{:?}",
        mill.documents(right).await
    );
    for (job, sentence) in [
        (wrong, "does not open it"),
        (missing, "opens only with a password"),
    ] {
        mill.job_when(job, |job| job.status.is_terminal()).await;
        let (code, detail) = mill.documents(job).await.remove(0).error.unwrap();
        assert_eq!(code, "encrypted");
        assert!(detail.as_deref().unwrap().contains(sentence), "{detail:?}");
    }
    assert!(!mill.database_has(PASSWORD) && !mill.database_has("Obstgarten 8"));
    mill.stopping.cancel();
    worker.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_the_key_says_that_the_password_could_not_be_used() {
    let mut mill = Mill::new().await;
    let job = mill
        .submit_locked(
            &[("note.txt", DocumentKind::Text, Some(NOTE))],
            in_an_hour(),
            Some("secret"),
        )
        .await;
    mill.sealing.keys = vec![sealing::generate_key()];
    let worker = mill.start_worker(PATIENCE);
    mill.job_when(job, |job| job.status.is_terminal()).await;
    let (code, detail) = mill.documents(job).await.remove(0).error.unwrap();
    assert_eq!(code, "encrypted");
    assert!(
        detail.as_deref().unwrap().contains("could not be used here"),
        "{detail:?}"
    );
    mill.stopping.cancel();
    worker.await.unwrap();
}
