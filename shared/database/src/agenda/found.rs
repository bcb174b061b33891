//! What a run found in a document, on its way into the database: todos and events go the same way and differ in some columns.

use chrono::{DateTime, Utc};
use domain::{DocumentId, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Source, ids};
use crate::{Result, sql};

/// What runs find.
pub(crate) trait Findable {
    /// The word for one.
    const WHAT: &'static str;
    const TABLE: &'static str;
    /// The columns that nothing else has, with the types that Postgres gives them.
    const OWN: &'static [(&'static str, &'static str)];
    /// Further conditions, each beginning with `AND`, on what is deleted because a run does not find it any more.
    const STALE: &'static str;

    /// The values of [`Self::OWN`], in that order.
    fn own(&self) -> Vec<Json>;
    fn source(&self) -> &Source;
    /// What becomes of a row that another run finds again, beside its place, its source and its engine.
    fn found_again() -> Vec<String>;
}

/// All of a kind that a run found in one document.
pub(crate) struct Found<F> {
    /// In the order of the text.
    pub(crate) ids: Vec<Uuid>,
    found: Vec<F>,
}

/// The columns of the source and the engine, which go with whichever run was last.
const SOURCE: [&str; 5] = ["page", "start_character", "end_character", "quote", "engine"];

impl<F: Findable> Found<F> {
    pub(crate) fn of(document: DocumentId, found: Vec<F>) -> Self {
        let quotes = found.iter().map(|found| found.source().quote.as_str());
        let ids = ids(document, F::WHAT, quotes);
        Self { ids, found }
    }

    /// Postgres: parts of the statement that closes a task, `ended` being the part that ends it. `$first` is the user, and
    /// behind it come the values of [`Self::values`].
    pub(crate) fn parts(first: usize) -> String {
        let [user, found, ids, engine, now] = std::array::from_fn(|n| first + n);
        let (what, table, stale) = (F::WHAT, F::TABLE, F::STALE);
        let own: String = F::OWN.iter().map(|(column, _)| format!("f.{column}, ")).collect();
        let typed: String = F::OWN
            .iter()
            .map(|(column, kind)| format!("{column} {kind}, "))
            .collect();
        format!(
            "{what} AS (INSERT INTO {table} ({}) \
                SELECT f.id, ${user}, ended.document_id, f.position, {own}f.page, f.start_character, f.end_character, \
                    f.quote, ${engine}, ${now}, ${now} \
                FROM ended, jsonb_to_recordset(${found}) AS f (id uuid, position integer, {typed}page integer, \
                    start_character bigint, end_character bigint, quote text) {}), \
             old_{what} AS (DELETE FROM {table} USING ended WHERE {table}.document_id = ended.document_id{stale} \
                AND {table}.id <> ALL (${ids}))",
            columns::<F>().join(", "),
            on_conflict::<F>(),
        )
    }

    /// Five values for [`Self::parts`].
    pub(crate) fn values(self, user: UserId, engine: &str, now: DateTime<Utc>) -> [Value; 5] {
        let row = |(position, (id, found)): (i32, (&Uuid, &F))| -> Json {
            let source = found.source();
            let shared = [
                ("id", id.to_string().into()),
                ("position", position.into()),
                ("page", source.page.into()),
                ("start_character", source.start.into()),
                ("end_character", source.end.into()),
                ("quote", source.quote.as_str().into()),
            ];
            let own = F::OWN.iter().map(|(column, _)| *column).zip(found.own());
            let fields = shared.into_iter().chain(own);
            Json::Object(fields.map(|(column, value)| (column.to_owned(), value)).collect())
        };
        let found: Vec<Json> = (0..).zip(self.ids.iter().zip(&self.found)).map(row).collect();
        [
            user.uuid().into(),
            Json::from(found).into(),
            self.ids.into(),
            engine.into(),
            now.into(),
        ]
    }

    /// Stores them for a document that has none.
    pub(crate) async fn insert(
        self,
        transaction: &DatabaseTransaction,
        (user, document): (UserId, DocumentId),
        engine: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        if transaction.get_database_backend() != DbBackend::Postgres {
            return self.store(transaction, (user, document), engine, now).await;
        }
        let statement = format!(
            "WITH ended AS (SELECT $1::uuid AS document_id), {} SELECT 1",
            Self::parts(2)
        );
        let values = std::iter::once(document.uuid().into()).chain(self.values(user, engine, now));
        sql::execute(transaction, statement, values).await?;
        Ok(())
    }

    /// SQLite: the same in steps, inside of the transaction that closes a task.
    pub(crate) async fn store(
        self,
        transaction: &DatabaseTransaction,
        (user, document): (UserId, DocumentId),
        engine: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let (table, stale) = (F::TABLE, F::STALE);
        let mut values: Vec<Value> = vec![document.uuid().into()];
        values.extend(self.ids.iter().map(|id| Value::from(*id)));
        let found = sql::placeholders(2, self.ids.len());
        let stale = format!("DELETE FROM {table} WHERE document_id = $1{stale} AND id NOT IN ({found})");
        sql::execute(transaction, stale, values).await?;
        let columns = columns::<F>();
        let statement = format!(
            "INSERT INTO {table} ({}) VALUES ({}) {}",
            columns.join(", "),
            sql::placeholders(1, columns.len()),
            on_conflict::<F>()
        );
        for (position, (id, found)) in (0_i32..).zip(self.ids.into_iter().zip(self.found)) {
            let source = found.source();
            let place: [Value; 4] = [
                id.into(),
                user.uuid().into(),
                document.uuid().into(),
                position.into(),
            ];
            let from: [Value; 7] = [
                source.page.into(),
                source.start.into(),
                source.end.into(),
                source.quote.as_str().into(),
                engine.into(),
                now.into(),
                now.into(),
            ];
            let own = found.own().into_iter().map(value);
            let values = place.into_iter().chain(own).chain(from);
            sql::execute(transaction, statement.as_str(), values).await?;
        }
        Ok(())
    }
}

/// Every column, in the order in which rows are inserted.
fn columns<F: Findable>() -> Vec<&'static str> {
    let place = ["id", "user_id", "document_id", "position"];
    let own = F::OWN.iter().map(|(column, _)| *column);
    place
        .into_iter()
        .chain(own)
        .chain(SOURCE)
        .chain(["created_at", "updated_at"])
        .collect()
}

fn on_conflict<F: Findable>() -> String {
    let place = std::iter::once("position").chain(SOURCE).map(replaced);
    let assignments: Vec<String> = place.chain(F::found_again()).collect();
    format!("ON CONFLICT (id) DO UPDATE SET {}", assignments.join(", "))
}

/// The assignment by which what was found now takes the place of what was there.
pub(crate) fn replaced(column: &str) -> String {
    format!("{column} = excluded.{column}")
}

/// A value as SQLite takes it.
fn value(json: Json) -> Value {
    match json {
        Json::Null => None::<String>.into(),
        Json::Bool(truth) => truth.into(),
        Json::Number(number) => number.as_i64().into(),
        Json::String(text) => text.into(),
        nested @ (Json::Array(_) | Json::Object(_)) => nested.into(),
    }
}
