//! What a round of the dispatcher costs, by what waits and by how many tenants it is shared out to; what the answer to "why is
//! it waiting" costs. On SQLite, and on the Postgres of `DOCMILL_TEST_POSTGRES_URL` if that is set:
//!
//! `script/test --services-only -- cargo bench -p docmill-database --bench dispatch`
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use database::workers::{self, Worker};
use database::{Database, DatabaseSettings, SchedulingSettings, jobs, queues, tasks};
use domain::{QueueName, UserId, WorkerId};
use sqlx::{AssertSqlSafe, Connection, Executor};
use uuid::Uuid;

const QUEUE: QueueName = QueueName::Documents;
const ROUNDS: u32 = 40;
/// What a fleet of eight slots has room for.
const ROOM: u64 = 16;

/// A database with nothing in it, and a second way in for floods of rows.
struct Bench {
    db: Database,
    url: String,
    now: DateTime<Utc>,
}

impl Bench {
    async fn open(url: String) -> Self {
        let settings = DatabaseSettings {
            url: url.clone().into(),
            connections_max: 4,
        };
        let db = Database::connect(&settings).await.unwrap();
        db.migrate_up().await.unwrap();
        let now = Utc::now();
        let worker = Worker {
            id: WorkerId::new(),
            name: "bench".to_owned(),
            version: "0".to_owned(),
            slots: 8,
        };
        workers::heartbeat(&db, &worker, now).await.unwrap();
        Self { db, url, now }
    }

    fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    async fn run(&self, statement: String) {
        if self.is_postgres() {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
    }

    /// Replaces everything by `waiting` tasks of `tenants` tenants. Statistics are not refreshed: a flood comes faster.
    async fn fill(&self, waiting: u32, tenants: u32) {
        let (series, now) = if self.is_postgres() {
            ("generate_series(0, {} - 1) AS s (n)", "now() - interval '1 hour'")
        } else {
            (
                "(WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {}) SELECT n FROM s) AS s",
                "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-1 hour')",
            )
        };
        let id = |kind: char, n: &str| {
            if self.is_postgres() {
                format!("('{kind}0000000-0000-7000-8000-' || lpad(to_hex({n}), 12, '0'))::uuid")
            } else {
                format!("unhex(printf('{kind}000000000007000800000%010x', {n}))")
            }
        };
        let series = |count: u32| series.replace("{}", &count.to_string());
        // Jobs of ten tasks each.
        let (task, job_of) = (id('c', "s.n"), id('b', "(s.n / 10)"));
        let (job, user) = (id('b', "s.n"), id('a', &format!("(s.n % {tenants})")));
        let user_of = id('a', &format!("((s.n / 10) % {tenants})"));
        let deadline = now
            .replace("- interval '1 hour'", "+ interval '1 day'")
            .replace("-1 hour", "+1 day");
        self.run("DELETE FROM jobs; DELETE FROM dispatch_turns;".to_owned())
            .await;
        if self.is_postgres() {
            self.run("VACUUM tasks".to_owned()).await;
        }
        self.run(format!(
            "INSERT INTO jobs (id, user_id, kind, status, total, completed, failed, cancelled, version, options, deadline_at, \
             created_at) SELECT {job}, {user}, 'batch', 'pending', 1, 0, 0, 0, 1, '{{}}', {deadline}, {now} FROM {}",
            series(waiting / 10)
        ))
        .await;
        self.run(format!(
            "INSERT INTO tasks (id, kind, queue, state, priority, user_id, job_id, payload, payload_version, attempt, \
             attempts_max, fence, run_at, deadline_at, created_at) SELECT {task}, 'process_document', 'documents', 'queued', 0, \
             {user_of}, {job_of}, '{{}}', 1, 0, 3, 0, {now}, {deadline}, {now} FROM {}",
            series(waiting)
        ))
        .await;
        // What the flood itself leaves to be written is not the cost of a round.
        let settle = if self.is_postgres() {
            "CHECKPOINT"
        } else {
            "PRAGMA wal_checkpoint(TRUNCATE)"
        };
        self.run(settle.to_owned()).await;
    }

    async fn round(&self, room: u64) -> (Duration, usize) {
        let begun = Instant::now();
        let plan = queues::plan(&self.db, QUEUE, 0, &SchedulingSettings::default(), self.now)
            .await
            .unwrap();
        assert!(plan.waiting);
        let ids = tasks::take_due(&self.db, QUEUE, self.now, room).await.unwrap();
        (begun.elapsed(), ids.len())
    }

    async fn report(&self) {
        let product = self.db.product();
        for waiting in [1_000, 1_000_000] {
            self.fill(waiting, 100).await;
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                let (time, taken) = self.round(ROOM).await;
                assert_eq!(taken as u64, ROOM);
                times.push(time);
            }
            println!(
                "{product}: a round of {ROOM} with {waiting} waiting: {}",
                told(times)
            );
            let (user, job) = (id('a', 7), id('b', 7));
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                let waits = jobs::waiting(&self.db, UserId::from(user), job.into(), self.now)
                    .await
                    .unwrap();
                assert!(waits.is_some());
                times.push(begun.elapsed());
            }
            println!(
                "{product}: why a job waits, with {waiting} waiting: {}",
                told(times)
            );
        }
        for tenants in [1, 100, 10_000] {
            self.fill(100_000, tenants).await;
            let begun = Instant::now();
            let mut dispatched = 0;
            while begun.elapsed() < Duration::from_secs(5) && dispatched < 90_000 {
                dispatched += self.round(500).await.1;
            }
            let rate = dispatched as f64 / begun.elapsed().as_secs_f64();
            println!("{product}: {rate:.0} dispatched in a second with {tenants} tenants");
        }
    }
}

fn id(kind: char, number: u32) -> Uuid {
    format!("{kind}0000000-0000-7000-8000-{number:012x}")
        .parse()
        .unwrap()
}

fn told(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "{:.2} ms in the middle, {:.2} ms at most",
        millis(times[times.len() / 2]),
        millis(times[times.len() - 1])
    )
}

#[tokio::main]
async fn main() {
    let file = std::env::temp_dir().join(format!("docmill-bench-{}.db", Uuid::now_v7()));
    Bench::open(format!("sqlite://{}", file.display()))
        .await
        .report()
        .await;
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
    let Ok(server) = std::env::var("DOCMILL_TEST_POSTGRES_URL") else {
        println!("Postgres: DOCMILL_TEST_POSTGRES_URL is not set");
        return;
    };
    let name = format!("docmill_bench_{}", Uuid::now_v7().simple());
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let bench = Bench::open(format!("{base}/{name}")).await;
    bench.report().await;
    connection
        .execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .await
        .unwrap();
}
