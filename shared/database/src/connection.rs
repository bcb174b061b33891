//! One handle for both databases.

use std::time::Duration;

use migration::{IntoSchemaManagerConnection, MigrationStatus, Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, FromQueryResult,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use secrecy::ExposeSecret;

use crate::error::{DatabaseError, Result};
use crate::pulse::{Pulse, Trouble};
use crate::settings::{DatabaseSettings, is_postgres};
use crate::sql;

/// How long a request waits for a free connection to Postgres before it is told that the database is not available, which
/// it should hear within a second.
const POSTGRES_ACQUIRE_TIMEOUT: Duration = Duration::from_millis(900);
/// SQLite is never away, only busy; giving up early would turn a queue into an error.
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a writer waits for another one.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// No statement of ours should take this long; one that does would only hold locks.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection unused for longer is tested before it is used.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(20);
/// Any number, the same in every release: only one process migrates at a time.
const MIGRATION_LOCK: i64 = 0x646f_636d_696c_6c00;

/// The database, cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    connection: DatabaseConnection,
    trouble: Trouble,
}

/// One step of the schema's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// The step's name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

impl Database {
    /// A handle to the database that the settings name. Postgres may be away now and come later; an SQLite
    /// file is created where there is none.
    ///
    /// # Errors
    /// When the address cannot be used, or an SQLite file cannot be opened.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self> {
        let url = settings.url.expose_secret();
        if url.is_empty() {
            return Err(DatabaseError::Settings("database.url is not set"));
        }
        let mut options = ConnectOptions::new(url.to_owned());
        options
            .sqlx_logging(false)
            .test_before_acquire(false)
            .test_before_acquire_if_idle_for(TEST_AFTER_IDLE);
        let trouble = Trouble::none();
        if is_postgres(url) {
            trouble.watch_over(&mut options);
            options
                .max_connections(settings.connections_max)
                .acquire_timeout(POSTGRES_ACQUIRE_TIMEOUT)
                .connect_timeout(POSTGRES_ACQUIRE_TIMEOUT)
                .statement_timeout(STATEMENT_TIMEOUT)
                .set_application_name("docmill")
                .connect_lazy(true);
        } else {
            options
                // More connections would only wait for the one writer.
                .max_connections(settings.connections_max.min(4))
                .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT)
                .map_sqlx_sqlite_opts(|options| {
                    options
                        .create_if_missing(true)
                        .foreign_keys(true)
                        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                        // With WAL, `normal` survives a crash of the process; a power cut may lose the last moments.
                        .synchronous(sqlx::sqlite::SqliteSynchronous::Normal)
                        .busy_timeout(SQLITE_BUSY_TIMEOUT)
                });
        }
        Ok(Self {
            connection: sea_orm::Database::connect(options).await?,
            trouble,
        })
    }

    /// Applies every missing migration. Safe to call from many processes at once, and to be killed in: a step is done or not.
    ///
    /// # Errors
    /// When the database is away or a step fails. The steps before it stay applied on Postgres, and none does on SQLite.
    pub async fn migrate_up(&self) -> Result<()> {
        self.migrate(Way::Up).await
    }

    /// Undoes the newest `steps` migrations, with the data that they hold.
    ///
    /// # Errors
    /// When the database is away or a step fails.
    pub async fn migrate_down(&self, steps: u32) -> Result<()> {
        self.migrate(Way::Down(steps)).await
    }

    /// Every migration that this release knows, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn migrations(&self) -> Result<Vec<MigrationState>> {
        let states = Migrator::get_migration_with_status(&self.connection).await?;
        Ok(states
            .iter()
            .map(|step| MigrationState {
                name: step.name().to_owned(),
                applied: step.status() == MigrationStatus::Applied,
            })
            .collect())
    }

    /// Asks whether the schema has everything that this release needs. What a newer release has added does not matter: it
    /// tolerates this one still running.
    ///
    /// # Errors
    /// [`DatabaseError::Schema`] when a migration is missing; otherwise when the database is away.
    pub async fn check_schema(&self) -> Result<()> {
        #[derive(FromQueryResult)]
        struct Step {
            version: String,
        }
        let applied =
            match sql::all::<Step>(&self.connection, "SELECT version FROM seaql_migrations", []).await {
                Ok(steps) => steps,
                // There is not even the table that lists them.
                Err(DatabaseError::Refused(_)) => Vec::new(),
                Err(error) => return Err(error),
            };
        let missing = Migrator::migrations()
            .iter()
            .map(|step| step.name().to_owned())
            .find(|name| applied.iter().all(|step| step.version != *name));
        missing.map_or(Ok(()), |name| Err(DatabaseError::Schema(name)))
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<()> {
        self.connection.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Begins to watch whether the database answers, on one more connection. Call it inside the runtime that lives as long
    /// as whoever looks at it.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        match self.backend() {
            DbBackend::Postgres => {
                let server = self.connection.get_postgres_connection_pool().connect_options();
                Pulse::begin(server, self.trouble.clone())
            }
            _ => Pulse::steady(),
        }
    }

    /// Lets every connection go.
    ///
    /// # Errors
    /// When the pool cannot be closed.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }

    /// What the connection is called towards people.
    #[must_use]
    pub fn product(&self) -> &'static str {
        match self.backend() {
            DbBackend::Postgres => "Postgres",
            _ => "SQLite",
        }
    }

    /// Whether other processes, on other machines, may use it too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.backend() == DbBackend::Postgres
    }

    pub(crate) fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    /// Begins a transaction that means to write. SQLite takes its write lock at once: a transaction that reads first
    /// and writes later fails when another one wrote in between.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.backend() == DbBackend::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.connection.begin_with_options(options).await?)
    }

    async fn migrate(&self, way: Way) -> Result<()> {
        let alone = self.begin().await?;
        if self.backend() == DbBackend::Sqlite {
            // Its steps bring no transaction of their own, and half a step could be neither finished nor undone.
            way.go(&alone).await?;
        } else {
            // The lock lives as long as this transaction; the steps run beside it, each in one of its own.
            sql::execute(
                &alone,
                "SELECT pg_advisory_xact_lock($1)",
                [MIGRATION_LOCK.into()],
            )
            .await?;
            way.go(&self.connection).await?;
        }
        alone.commit().await?;
        Ok(())
    }
}

/// Which way the schema goes.
#[derive(Debug, Clone, Copy)]
enum Way {
    Up,
    /// So many steps.
    Down(u32),
}

impl Way {
    async fn go<'c>(self, connection: impl IntoSchemaManagerConnection<'c>) -> Result<()> {
        match self {
            Self::Up => Migrator::up(connection, None).await?,
            Self::Down(steps) => Migrator::down(connection, Some(steps)).await?,
        }
        Ok(())
    }
}
