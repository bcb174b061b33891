//! A database, a corner of Redis and a bucket for one fleet, and a look into them.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStore, ObjectStoreExt};
use sqlx::{Connection, Executor, PgConnection};

use crate::Settings;

/// Where a fleet keeps everything. Its database goes when it is dropped.
pub struct Stores {
    /// The database, as `database.url` takes it.
    pub database_url: String,
    /// The hints and news in Redis.
    pub hints: Hints,
    /// The bucket. Others may use it as well.
    pub bucket: Bucket,
    /// Where others have their databases too, and what ours is called there; nothing when the server is ours.
    shared: Option<(String, String)>,
}

/// The part of Redis that a fleet uses.
#[derive(Debug, Clone)]
pub struct Hints {
    /// The address, as `queue.url` takes it.
    pub url: String,
    /// What every key begins with.
    pub prefix: String,
}

/// A bucket with what opens it.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The address of the S3-compatible store.
    pub endpoint: String,
    pub(crate) name: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

/// A variable that the script which runs the tests sets.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run the tests with ./script/test"))
}

/// What the databases of this test executable are called, up to a number.
fn database_prefix(process: u32) -> String {
    format!("docmill_e2e_{process}_")
}

impl Stores {
    /// New, empty ones.
    ///
    /// # Panics
    /// When a server is not there.
    pub async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let database = format!("{}{number}", database_prefix(std::process::id()));
        let server_url = variable("DOCMILL_TEST_POSTGRES_URL");
        let bucket = Bucket {
            endpoint: variable("DOCMILL_TEST_S3_ENDPOINT"),
            name: variable("DOCMILL_TEST_S3_BUCKET"),
            access_key: variable("DOCMILL_TEST_S3_ACCESS_KEY"),
            secret_key: variable("DOCMILL_TEST_S3_SECRET_KEY"),
        };
        let hints = Hints {
            url: variable("DOCMILL_TEST_REDIS_URL"),
            prefix: database.clone(),
        };
        let mut server = connect(&server_url).await;
        if number == 0 {
            drop_forgotten(&mut server).await;
        }
        execute(
            &mut server,
            &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
        )
        .await;
        execute(&mut server, &format!("CREATE DATABASE {database}")).await;
        let (base, _) = server_url
            .rsplit_once('/')
            .expect("the address ends with a database");
        Self {
            database_url: format!("{base}/{database}"),
            hints,
            bucket,
            shared: Some((server_url, database)),
        }
    }

    /// Those of servers that nobody else uses: the database is there and empty.
    pub(crate) fn alone(database_url: String, queue_url: String, bucket: Bucket) -> Self {
        let hints = Hints {
            url: queue_url,
            prefix: "docmill".to_owned(),
        };
        Self {
            database_url,
            hints,
            bucket,
            shared: None,
        }
    }

    /// Settings of a process that uses them.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::new()
            .with("database.url", &self.database_url)
            .with("queue.url", &self.hints.url)
            .with("queue.prefix", &self.hints.prefix)
            .and(&self.bucket.settings())
    }

    /// Every row of every table, as text.
    ///
    /// # Panics
    /// When the database cannot be asked.
    pub async fn rows_as_text(&self) -> String {
        let mut database = connect(&self.database_url).await;
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
                .fetch_all(&mut database)
                .await
                .unwrap();
        let mut rows = String::new();
        for table in tables {
            let all = format!("SELECT COALESCE(string_agg(t::text, E'\\n'), '') FROM \"{table}\" t");
            let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(all))
                .fetch_one(&mut database)
                .await
                .unwrap();
            rows.push_str(&text);
        }
        rows
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        let Some((server_url, database)) = self.shared.take() else {
            return;
        };
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut server = connect(&server_url).await;
                execute(
                    &mut server,
                    &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
                )
                .await;
            });
        });
        // What stays is dropped by the next test executable.
        let _ = dropped.join();
    }
}

/// Drops the databases of test executables that are no more: those that all tests share are never dropped by their own.
async fn drop_forgotten(server: &mut PgConnection) {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT datname FROM pg_database WHERE datname LIKE 'docmill\\_e2e\\_%'")
            .fetch_all(&mut *server)
            .await
            .unwrap();
    for name in names {
        let process = name
            .trim_start_matches("docmill_e2e_")
            .split('_')
            .next()
            .unwrap_or_default();
        if !std::path::Path::new("/proc").join(process).exists() {
            execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

impl Stores {
    /// Runs a statement as somebody who has the database in their hands, past everything that docmill does.
    ///
    /// # Panics
    /// When it fails.
    pub async fn by_hand(&self, statement: &str) {
        execute(&mut connect(&self.database_url).await, statement).await;
    }
}

pub(crate) async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url)
        .await
        .unwrap_or_else(|error| panic!("no Postgres for the tests: {error}"))
}

async fn execute(server: &mut PgConnection, statement: &str) {
    server
        .execute(sqlx::AssertSqlSafe(statement.to_owned()))
        .await
        .unwrap();
}

impl Hints {
    /// Deletes every key of the fleet, as a Redis that lost its memory would. Says how many there were.
    ///
    /// # Panics
    /// When Redis is not there.
    pub async fn lose(&self) -> usize {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let pattern = format!("{}*", self.prefix);
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut redis)
            .await
            .unwrap();
        if !keys.is_empty() {
            redis::cmd("DEL").arg(&keys).exec_async(&mut redis).await.unwrap();
        }
        keys.len()
    }

    /// The content of every key of the fleet, with its name.
    pub(crate) async fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let client = redis::Client::open(self.url.as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let pattern = format!("{}*", self.prefix);
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut redis)
            .await
            .unwrap();
        let mut contents = Vec::new();
        for key in keys {
            // Lists by their entries: as a whole they come compressed. What has gone meanwhile is empty.
            let entries: redis::RedisResult<Vec<Vec<u8>>> = redis::cmd("LRANGE")
                .arg(&key)
                .arg(0)
                .arg(-1)
                .query_async(&mut redis)
                .await;
            let content = match entries {
                Ok(entries) => entries.join(&b'\n'),
                Err(_) => redis::cmd("DUMP")
                    .arg(&key)
                    .query_async::<Option<Vec<u8>>>(&mut redis)
                    .await
                    .unwrap()
                    .unwrap_or_default(),
            };
            contents.push((key, content));
        }
        contents
    }
}

impl Bucket {
    /// Settings of a process that uses it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::new()
            .with("storage.backend", "s3")
            .with("storage.endpoint", &self.endpoint)
            .with("storage.bucket", &self.name)
            .with("storage.region", "us-east-1")
            .with("storage.access_key_id", &self.access_key)
            .with("storage.secret_access_key", &self.secret_key)
            .with("storage.allow_http", "true")
    }

    /// The keys of everything in it.
    ///
    /// # Panics
    /// When it cannot be listed.
    pub async fn keys(&self) -> Vec<String> {
        let objects = self
            .open()
            .list(None)
            .map_ok(|object| object.location.to_string());
        objects.try_collect().await.unwrap()
    }

    /// The content of everything in it, with its key. What goes meanwhile is left out.
    pub(crate) async fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let store = self.open();
        let mut contents = Vec::new();
        for key in self.keys().await {
            let Ok(object) = store.get(&key.as_str().into()).await else {
                continue;
            };
            if let Ok(content) = object.bytes().await {
                contents.push((key, content.to_vec()));
            }
        }
        contents
    }

    fn open(&self) -> AmazonS3 {
        // An error means that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_bucket_name(&self.name)
            .with_region("us-east-1")
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_allow_http(true)
            .build()
            .unwrap()
    }
}
