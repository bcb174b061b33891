//! What really happened to every task, written down by the database itself: docmill's own account of attempts cannot be
//! the witness for it.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::Scratch;

const SCHEMA: &str = include_str!("../../sql/journal.sql");

/// Reads the journal of a fleet.
pub(super) struct Journal(PgConnection);

impl Journal {
    /// Begins to write down what happens. Call it once, before anything does.
    pub(super) async fn begin(scratch: &Scratch) {
        let mut connection = scratch.servers.postgres.connect().await;
        connection.execute(SCHEMA).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Opens it.
    pub(super) async fn open(scratch: &Scratch) -> Self {
        Self(scratch.servers.postgres.connect().await)
    }

    /// One number that a query gives.
    pub(super) async fn number(&mut self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut self.0)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// One number for each text that a query gives.
    pub(super) async fn numbers(&mut self, query: &str) -> HashMap<String, i64> {
        let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut self.0)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().collect()
    }

    /// The texts that a query gives.
    pub(super) async fn texts(&mut self, query: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut self.0)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) async fn change(&mut self, statement: &str) -> u64 {
        self.0
            .execute(AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
            .rows_affected()
    }

    /// Jobs that have not ended.
    pub(super) async fn unfinished(&mut self) -> i64 {
        self.number("SELECT count(*) FROM jobs WHERE finished_at IS NULL")
            .await
    }

    /// Tasks that a worker has and that belong to a user.
    pub(super) async fn running_of(&mut self, user: &str) -> i64 {
        let query = format!("SELECT count(*) FROM tasks WHERE state = 'running' AND user_id = '{user}'");
        self.number(&query).await
    }

    /// The longest time in which no task was begun, between the first and the last beginning.
    pub(super) async fn longest_pause(&mut self) -> Duration {
        let milliseconds = self
            .number(
                "SELECT COALESCE(max(pause), 0)::bigint FROM (SELECT extract(epoch FROM at - lag(at) OVER (ORDER BY at)) \
                 * 1000 AS pause FROM journal.steps WHERE became = 'running') AS pauses",
            )
            .await;
        Duration::from_millis(milliseconds.unsigned_abs())
    }
}
