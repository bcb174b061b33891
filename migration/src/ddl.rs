//! Steps are written as SQL, which everyone can read; the few type names that differ are filled in here.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Runs statements separated by `;` at line ends, with `{uuid}`, `{time}`, `{json}`, `{bytes}`, `{real}` and `{bool}`
/// replaced by the type names of the database at hand.
pub(crate) async fn run(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    let types: &[(&str, &str)] = match manager.get_database_backend() {
        DbBackend::Postgres => &[
            ("{uuid}", "uuid"),
            ("{time}", "timestamptz"),
            ("{json}", "jsonb"),
            ("{bytes}", "bytea"),
            ("{real}", "real"),
            ("{bool}", "boolean"),
        ],
        // sqlx reads these declared names to decide how to decode a column.
        _ => &[
            ("{uuid}", "blob"),
            ("{time}", "datetime"),
            ("{json}", "text"),
            ("{bytes}", "blob"),
            ("{real}", "real"),
            ("{bool}", "boolean"),
        ],
    };
    let sql = types
        .iter()
        .fold(sql.to_owned(), |sql, (name, kind)| sql.replace(name, kind));
    for statement in sql
        .split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

/// Drops tables in the order given; those that are not there are passed over.
pub(crate) async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    for table in tables {
        manager
            .get_connection()
            .execute_unprepared(&format!("DROP TABLE IF EXISTS {table}"))
            .await?;
    }
    Ok(())
}
