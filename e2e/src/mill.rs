//! A running docmill, whatever its form.

use sqlx::{Connection, Executor, SqliteConnection};

use crate::stores::connect;
use crate::{Client, Embedded, Fleet, Process};

/// A running docmill in one of its two forms.
pub enum Mill {
    /// One process.
    Embedded(Embedded),
    /// Many processes.
    Fleet(Fleet),
}

impl Mill {
    /// Where the API listens: one address for each replica.
    #[must_use]
    pub fn bases(&self) -> Vec<String> {
        match self {
            Self::Embedded(embedded) => vec![embedded.base.clone()],
            Self::Fleet(fleet) => fleet.apis.iter().map(|api| api.base.clone()).collect(),
        }
    }

    /// Where probes and metrics are, for each process.
    #[must_use]
    pub fn health(&self) -> Vec<String> {
        match self {
            Self::Embedded(embedded) => vec![embedded.base.clone()],
            Self::Fleet(fleet) => fleet.services().map(|service| service.health.clone()).collect(),
        }
    }

    /// Somebody without an account.
    #[must_use]
    pub fn anybody(&self) -> Client {
        Client::anonymous(&self.bases())
    }

    /// Somebody with a new account.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn user(&self) -> Client {
        self.anybody().registered().await
    }

    /// The keys of the stored objects that belong to something with this id: a user, a job or a document.
    ///
    /// # Panics
    /// When the store cannot be listed.
    pub async fn objects_of(&self, id: &str) -> Vec<String> {
        let mut keys = match self {
            Self::Embedded(embedded) => embedded.keys(),
            Self::Fleet(fleet) => fleet.stores.bucket.keys().await,
        };
        keys.retain(|key| key.contains(id));
        keys
    }

    /// How many rows of a table have this id in a column.
    ///
    /// # Panics
    /// When the database cannot be asked.
    pub async fn rows(&self, table: &str, column: &str, id: &str) -> i64 {
        let count = format!("SELECT count(*) FROM {table} WHERE {column} =");
        let hexadecimal = id.replace('-', "");
        match self {
            Self::Embedded(embedded) => {
                let url = format!(
                    "sqlite://{}?mode=ro",
                    embedded.data().join("docmill.db").display()
                );
                let mut database = SqliteConnection::connect(&url).await.unwrap();
                let statement = sqlx::AssertSqlSafe(format!("{count} x'{hexadecimal}'"));
                sqlx::query_scalar(statement)
                    .fetch_one(&mut database)
                    .await
                    .unwrap()
            }
            Self::Fleet(fleet) => {
                let mut database = connect(&fleet.stores.database_url).await;
                let statement = sqlx::AssertSqlSafe(format!("{count} '{hexadecimal}'"));
                sqlx::query_scalar(statement)
                    .fetch_one(&mut database)
                    .await
                    .unwrap()
            }
        }
    }

    /// Makes a job look as if it had been handed in many years ago.
    ///
    /// # Panics
    /// When there is no such job.
    pub async fn backdate(&self, job: &str) {
        const LONG_AGO: &str = "UPDATE jobs SET created_at = '2001-02-03T04:05:06+00:00' WHERE id =";
        let hexadecimal = job.replace('-', "");
        let changed = match self {
            Self::Embedded(embedded) => {
                let url = format!("sqlite://{}", embedded.data().join("docmill.db").display());
                let mut database = SqliteConnection::connect(&url).await.unwrap();
                let statement = sqlx::AssertSqlSafe(format!("{LONG_AGO} x'{hexadecimal}'"));
                database.execute(statement).await.unwrap().rows_affected()
            }
            Self::Fleet(fleet) => {
                let mut database = connect(&fleet.stores.database_url).await;
                let statement = sqlx::AssertSqlSafe(format!("{LONG_AGO} '{hexadecimal}'"));
                database.execute(statement).await.unwrap().rows_affected()
            }
        };
        assert_eq!(changed, 1, "job {job}");
    }

    /// Its processes.
    #[must_use]
    pub fn processes(&self) -> Vec<&Process> {
        match self {
            Self::Embedded(embedded) => vec![&embedded.process],
            Self::Fleet(fleet) => fleet.services().map(|service| &service.process).collect(),
        }
    }

    /// Shows the end of every log if the test fails while this lives. A mill that is not shared does so by itself.
    #[must_use]
    pub fn shown_on_failure(&self) -> ShownOnFailure<'_> {
        ShownOnFailure(self)
    }
}

/// See [`Mill::shown_on_failure`].
pub struct ShownOnFailure<'a>(&'a Mill);

impl Drop for ShownOnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in self.0.processes() {
                eprintln!("{}", process.tail());
            }
        }
    }
}
