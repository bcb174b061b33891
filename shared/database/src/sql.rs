//! Small help for statements written by hand. Both databases understand `$1`, and both return rows of a change.

use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use crate::error::Result;

/// Runs a statement and tells how many rows it changed.
pub(crate) async fn execute(
    db: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.execute_raw(statement).await?.rows_affected())
}

/// All rows of a statement.
pub(crate) async fn all<R: FromQueryResult>(
    db: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<R>> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await?;
    Ok(rows
        .iter()
        .map(|row| R::from_query_result(row, ""))
        .collect::<Result<_, _>>()?)
}

/// The first row of a statement, if there is one.
pub(crate) async fn first<R: FromQueryResult>(
    db: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<R>> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let row = db.query_one_raw(statement).await?;
    Ok(row.map(|row| R::from_query_result(&row, "")).transpose()?)
}

/// `$first, $first+1, …` for `count` values.
pub(crate) fn placeholders(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|n| format!("${n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `column IN (…)` for ids of which there may be any number, with its values. With Postgres they are one value, so that the
/// statement is prepared once and not for each number of them.
pub(crate) fn one_of(
    db: &impl ConnectionTrait,
    column: &str,
    first: usize,
    ids: &[uuid::Uuid],
) -> (String, Vec<Value>) {
    match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => (format!("{column} = ANY(${first})"), vec![ids.to_vec().into()]),
        _ => (
            format!("{column} IN ({})", placeholders(first, ids.len())),
            ids.iter().map(|id| Value::from(*id)).collect(),
        ),
    }
}

/// `($first, $first+1), …` for `count` pairs of values.
pub(crate) fn pairs(first: usize, count: usize) -> String {
    (0..count)
        .map(|n| format!("(${}, ${})", first + 2 * n, first + 2 * n + 1))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What makes a sub-select on `id` wait for rows that another process is changing, one after the other in an order that is
/// the same everywhere, so that two of them cannot wait for each other. SQLite has one writer anyway.
pub(crate) fn locked_in_order(db: &impl ConnectionTrait) -> &'static str {
    match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => " ORDER BY id FOR UPDATE",
        _ => "",
    }
}

/// What makes a select lock the rows that it finds until the transaction ends. SQLite has one writer anyway.
pub(crate) fn locked(db: &impl ConnectionTrait) -> &'static str {
    match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    }
}

/// What makes a sub-select pass over rows that another process is changing right now. SQLite has one writer anyway.
pub(crate) fn skip_locked(db: &impl ConnectionTrait) -> &'static str {
    match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => " FOR UPDATE SKIP LOCKED",
        _ => "",
    }
}
