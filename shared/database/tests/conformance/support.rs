//! Fresh databases, and short words for what the tests arrange.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use database::jobs::{JobOptions, NewDocument, NewJob, Submitted};
use database::tasks::{Claim, DocumentResult, PassageText};
use database::users::{NewUser, User};
use database::workers::Worker;
use database::{Database, DatabaseSettings, MadeBy, audit, jobs, tasks, users, workers};
use domain::{DocumentId, DocumentKind, JobId, TaskId, UserRole, WorkerId};
use sqlx::{Connection, Executor};

/// Runs each test on both databases: `on_both! { async fn a_sentence(db: &TestDatabase) { … } }`.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: &TestDatabase) $body:block)+) => {
        $(
            mod $name {
                use super::*;

                async fn test($db: &$crate::support::TestDatabase) $body

                #[tokio::test]
                async fn sqlite() {
                    test(&$crate::support::TestDatabase::sqlite().await).await;
                }

                #[tokio::test]
                async fn postgres() {
                    let database = $crate::support::TestDatabase::postgres().await;
                    test(&database).await;
                    database.drop().await;
                }
            }
        )+
    };
}
pub(crate) use on_both;

pub(crate) struct TestDatabase {
    pub(crate) db: Database,
    cleanup: Cleanup,
}

enum Cleanup {
    File(PathBuf),
    Postgres { server: String, name: String },
}

impl std::ops::Deref for TestDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.db
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Cleanup::File(path) = &self.cleanup {
            for ending in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
            }
        }
    }
}

impl TestDatabase {
    pub(crate) async fn sqlite() -> Self {
        let path = std::env::temp_dir().join(format!("docmill-test-{}.db", JobId::new()));
        let db = open(&format!("sqlite://{}", path.display())).await;
        Self {
            db,
            cleanup: Cleanup::File(path),
        }
    }

    pub(crate) async fn postgres() -> Self {
        let server = std::env::var("DOCMILL_TEST_POSTGRES_URL")
            .expect("DOCMILL_TEST_POSTGRES_URL is not set; run the tests with ./script/test");
        let name = format!("docmill_test_{}", JobId::new().uuid().simple());
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        connection
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let db = open(&format!("{base}/{name}")).await;
        Self {
            db,
            cleanup: Cleanup::Postgres { server, name },
        }
    }

    /// The same database, by connections of their own.
    pub(crate) async fn again(&self) -> Database {
        let url = match &self.cleanup {
            Cleanup::File(path) => format!("sqlite://{}", path.display()),
            Cleanup::Postgres { server, name } => {
                let (base, _) = server.rsplit_once('/').unwrap();
                format!("{base}/{name}")
            }
        };
        connect(&url).await
    }

    /// What the rows of all tasks tell of their documents.
    pub(crate) async fn payloads(&self) -> Vec<String> {
        self.names("SELECT CAST(payload AS text) FROM tasks ORDER BY id")
            .await
    }

    /// Runs a statement as somebody who has the database in their hands, past everything that docmill does.
    pub(crate) async fn by_hand(&self, statement: &str) {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        match &self.cleanup {
            Cleanup::File(path) => {
                let url = format!("sqlite://{}", path.display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                connection.execute(statement).await.unwrap();
            }
            Cleanup::Postgres { server, name } => {
                let (base, _) = server.rsplit_once('/').unwrap();
                let mut connection = sqlx::PgConnection::connect(&format!("{base}/{name}"))
                    .await
                    .unwrap();
                connection.execute(statement).await.unwrap();
            }
        }
    }

    /// The names that a query written by hand finds.
    pub(crate) async fn names(&self, query: &str) -> Vec<String> {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        match &self.cleanup {
            Cleanup::File(path) => {
                let url = format!("sqlite://{}", path.display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                sqlx::query_scalar(query)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap()
            }
            Cleanup::Postgres { server, name } => {
                let (base, _) = server.rsplit_once('/').unwrap();
                let mut connection = sqlx::PgConnection::connect(&format!("{base}/{name}"))
                    .await
                    .unwrap();
                sqlx::query_scalar(query)
                    .fetch_all(&mut connection)
                    .await
                    .unwrap()
            }
        }
    }

    /// An id as a statement written by hand spells it.
    pub(crate) fn uuid(&self, id: uuid::Uuid) -> String {
        match self.cleanup {
            Cleanup::File(_) => format!("x'{}'", id.simple()),
            Cleanup::Postgres { .. } => format!("'{id}'"),
        }
    }

    /// Bytes as a statement written by hand spells them.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.cleanup {
            Cleanup::File(_) => format!("x'{digits}'"),
            Cleanup::Postgres { .. } => format!("'\\x{digits}'"),
        }
    }

    /// Puts a task back in line that has ended, as whoever wants a document to be read again would.
    pub(crate) async fn queue_again(&self, task: TaskId) {
        let id = self.uuid(task.uuid());
        let again = "UPDATE tasks SET state = 'queued', owner = NULL, finished_at = NULL";
        self.by_hand(&format!("{again} WHERE id = {id}")).await;
    }

    pub(crate) async fn drop(self) {
        if let Cleanup::Postgres { server, name } = &self.cleanup {
            let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
            let statement = sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
            connection.execute(statement).await.unwrap();
        }
    }
}

async fn open(url: &str) -> Database {
    let db = connect(url).await;
    db.migrate_up().await.unwrap();
    db
}

async fn connect(url: &str) -> Database {
    let settings = DatabaseSettings {
        url: url.to_owned().into(),
        connections_max: 4,
    };
    Database::connect(&settings).await.unwrap()
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// The beginning of every story.
pub(crate) fn start() -> DateTime<Utc> {
    "2026-03-04T09:00:00.250Z".parse().unwrap()
}

pub(crate) async fn a_user(db: &Database) -> User {
    let new = NewUser {
        email: format!("{}@example.com", DocumentId::new()),
        username: None,
        full_name: Some("Ada".to_owned()),
        password_hash: "$argon2id$".to_owned(),
        role: UserRole::User,
    };
    users::insert(db, new, start()).await.unwrap().unwrap()
}

pub(crate) fn new_job(user: &User, documents: usize) -> NewJob {
    let documents = (0..documents)
        .map(|n| NewDocument {
            id: DocumentId::new(),
            file_name: format!("note-{n}.txt"),
            kind: DocumentKind::Text,
            size_bytes: 12,
            sha256: [7; 32],
        })
        .collect();
    NewJob {
        id: JobId::new(),
        user: user.id,
        documents,
        options: JobOptions {
            tags_max: 5,
            ..JobOptions::default()
        },
        idempotency: None,
        deadline_at: start() + HOUR,
        trace_parent: None,
        dispatched: true,
        origin: audit::Origin::default(),
    }
}

pub(crate) async fn submit(db: &Database, new: NewJob) -> (JobId, Vec<TaskId>) {
    let id = new.id;
    match jobs::submit(db, new, start()).await.unwrap() {
        Submitted::Accepted(job, tasks) => {
            assert_eq!(
                jobs::find(db, job.user, id).await.unwrap().as_ref(),
                Some(&*job),
                "told and stored differ"
            );
            (id, tasks)
        }
        other => panic!("expected the job to be accepted, got {other:?}"),
    }
}

pub(crate) async fn a_worker(db: &Database, now: DateTime<Utc>) -> Worker {
    let worker = Worker {
        id: WorkerId::new(),
        name: "host-1".to_owned(),
        version: "0.1.0".to_owned(),
        slots: 4,
        ocr: None,
    };
    workers::heartbeat(db, &worker, now).await.unwrap();
    worker
}

pub(crate) async fn claim_one(db: &Database, worker: &Worker, task: TaskId, now: DateTime<Utc>) -> Claim {
    tasks::claim(db, worker.id, &[task], now)
        .await
        .unwrap()
        .pop()
        .expect("the task can be claimed")
}

pub(crate) fn a_result(title: &str, text: &[&str]) -> DocumentResult {
    DocumentResult {
        title: Some(title.to_owned()),
        language: Some(("en".to_owned(), 0.9)),
        languages: serde_json::json!([{"code": "en", "share": 1.0}]),
        tags: serde_json::json!([{"value": "budget"}]),
        tag_words: vec!["budget".to_owned()],
        pages: None,
        words: 2,
        characters: 12,
        metadata: serde_json::json!({}),
        needs_ocr: false,
        truncated: false,
        engine: "text/1".to_owned(),
        enriched_by: "rules/1".to_owned(),
        summary: None,
        made_by: MadeBy::default(),
        todos: Vec::new(),
        events: Vec::new(),
        stored_bytes: 7,
        passages: text
            .iter()
            .map(|text| PassageText {
                page: None,
                start_byte: 0,
                text: (*text).to_owned(),
            })
            .collect(),
    }
}
