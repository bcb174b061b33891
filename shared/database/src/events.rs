//! What documents say takes place, and when.

use chrono::{DateTime, Utc};
use domain::{DocumentId, EventId, Moment, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Value};
use serde_json::json;
use uuid::Uuid;

use crate::agenda::{self, After, Source, Span, UNSCHEDULED, first_second};
use crate::{Database, Result, sql};

/// An event as a run found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEvent {
    /// What takes place.
    pub title: String,
    /// When it begins; `None` when that is not known yet.
    pub start: Option<Moment>,
    /// When it ends, if the text says so; a day means its end.
    pub end: Option<Moment>,
    /// Where it was found.
    pub source: Source,
}

/// An event as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event.
    pub id: EventId,
    /// The document that speaks of it.
    pub document: DocumentId,
    /// What takes place.
    pub title: String,
    /// When it begins; `None` when that is not known yet.
    pub start: Option<Moment>,
    /// When it ends, if the text says so; a day means its end.
    pub end: Option<Moment>,
    /// Where it was found.
    pub source: Source,
    /// Which rules found it.
    pub engine: String,
    /// When it was found first.
    pub created_at: DateTime<Utc>,
    /// When a run changed it last.
    pub updated_at: DateTime<Utc>,
    first_second: i64,
}

impl Event {
    /// Where a list goes on behind it.
    #[must_use]
    pub fn position(&self) -> After {
        (self.first_second, self.id.uuid())
    }
}

/// Which events to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFilter {
    /// Only those of this document.
    pub document: Option<DocumentId>,
    /// Only those that are in this stretch of time, wholly or in part.
    pub span: Span,
    /// Only those behind this one.
    pub after: Option<After>,
}

/// An event that began earlier than this before the stretch asked for is taken for over, so that the index finds where to
/// begin: 400 days, in seconds.
const LONGEST: i64 = 400 * 24 * 60 * 60;

const COLUMNS: &str = "id, document_id, title, starts, ends, first_second, page, start_character, end_character, quote, \
    engine, created_at, updated_at";

/// Events of a user in the order of their beginning, those without one last; at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn list(db: &Database, user: UserId, filter: &EventFilter, limit: u64) -> Result<Vec<Event>> {
    let mut values: Vec<Value> = vec![user.uuid().into()];
    let mut statement = format!("SELECT {COLUMNS} FROM events WHERE user_id = $1");
    let mut condition = |condition: &str, value: Value| {
        values.push(value);
        statement += &format!(" AND {}", condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(document) = filter.document {
        condition("document_id = ?", document.uuid().into());
    }
    if let Some(from) = filter.span.from {
        condition("last_second >= ?", from.into());
        condition("first_second >= ?", from.saturating_sub(LONGEST).into());
    }
    if let Some(to) = filter.span.to {
        condition("first_second <= ?", to.min(UNSCHEDULED - 1).into());
    }
    match filter
        .span
        .scheduled
        .or(filter.span.from.is_some().then_some(true))
    {
        Some(true) => condition("first_second < ?", UNSCHEDULED.into()),
        Some(false) => condition("first_second >= ?", UNSCHEDULED.into()),
        None => {}
    }
    if let Some((second, id)) = filter.after {
        condition("first_second >= ?", second.into());
        values.push(second.into());
        values.push(id.into());
        let (second, id) = (values.len() - 1, values.len());
        statement += &format!(" AND (first_second > ${second} OR id > ${id})");
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    statement += &format!(" ORDER BY first_second, id LIMIT ${}", values.len());
    let rows: Vec<Row> = sql::all(db.connection(), statement, values).await?;
    Ok(rows.into_iter().map(Event::from).collect())
}

/// The events of a document of a user, in the order of its text.
///
/// # Errors
/// When the database is away.
pub async fn of_document(db: &Database, user: UserId, document: DocumentId) -> Result<Vec<Event>> {
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!("SELECT {COLUMNS} FROM events WHERE document_id = $1 AND user_id = $2 ORDER BY position, id"),
        [document.uuid().into(), user.uuid().into()],
    )
    .await?;
    Ok(rows.into_iter().map(Event::from).collect())
}

const INSERTED: &str = "id, user_id, document_id, position, title, starts, ends, first_second, last_second, page, \
    start_character, end_character, quote, engine, created_at, updated_at";

const ON_CONFLICT: &str = "ON CONFLICT (id) DO UPDATE SET position = excluded.position, title = excluded.title, \
    starts = excluded.starts, ends = excluded.ends, first_second = excluded.first_second, \
    last_second = excluded.last_second, page = excluded.page, start_character = excluded.start_character, \
    end_character = excluded.end_character, quote = excluded.quote, engine = excluded.engine, \
    updated_at = excluded.updated_at";

/// Events on their way into the database.
pub(crate) struct Found {
    ids: Vec<Uuid>,
    events: Vec<FoundEvent>,
}

impl FoundEvent {
    fn last_second(&self) -> i64 {
        let last = self.end.or(self.start);
        last.map_or(UNSCHEDULED, |moment| moment.last_second())
    }
}

impl Found {
    pub(crate) fn of(document: DocumentId, events: Vec<FoundEvent>) -> Self {
        let ids = agenda::ids(
            document,
            "event",
            events.iter().map(|event| event.source.quote.as_str()),
        );
        Self { ids, events }
    }

    /// Postgres: parts of the statement that closes a task, `ended` being the part that ends it. `$first` is the user, and
    /// behind it come the values of [`Self::values`].
    pub(crate) fn parts(first: usize) -> String {
        let [user, found, ids, engine, now] = std::array::from_fn(|n| first + n);
        format!(
            "event AS (INSERT INTO events ({INSERTED}) \
                SELECT f.id, ${user}, ended.document_id, f.position, f.title, f.starts, f.ends, f.first_second, f.last_second, \
                    f.page, f.start_character, f.end_character, f.quote, ${engine}, ${now}, ${now} \
                FROM ended, jsonb_to_recordset(${found}) AS f (id uuid, position integer, title text, starts text, \
                    ends text, first_second bigint, last_second bigint, page integer, start_character bigint, \
                    end_character bigint, quote text) {ON_CONFLICT}), \
             old_event AS (DELETE FROM events USING ended WHERE events.document_id = ended.document_id \
                AND events.id <> ALL (${ids}))"
        )
    }

    /// Five values for [`Self::parts`].
    pub(crate) fn values(self, user: UserId, engine: &str, now: DateTime<Utc>) -> [Value; 5] {
        let found: Vec<serde_json::Value> = (0_i32..)
            .zip(self.ids.iter().zip(&self.events))
            .map(|(position, (id, event))| {
                json!({
                    "id": id,
                    "position": position,
                    "title": event.title,
                    "starts": event.start,
                    "ends": event.end,
                    "first_second": first_second(event.start.as_ref()),
                    "last_second": event.last_second(),
                    "page": event.source.page,
                    "start_character": event.source.start,
                    "end_character": event.source.end,
                    "quote": event.source.quote,
                })
            })
            .collect();
        [
            user.uuid().into(),
            serde_json::Value::from(found).into(),
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
        let mut values: Vec<Value> = vec![document.uuid().into()];
        values.extend(self.ids.iter().map(|id| Value::from(*id)));
        let found = sql::placeholders(2, self.ids.len());
        let stale = format!("DELETE FROM events WHERE document_id = $1 AND id NOT IN ({found})");
        sql::execute(transaction, stale, values).await?;
        let statement = format!(
            "INSERT INTO events ({INSERTED}) VALUES ({}) {ON_CONFLICT}",
            sql::placeholders(1, 16)
        );
        for (position, (id, event)) in (0_i32..).zip(self.ids.into_iter().zip(self.events)) {
            let last_second = event.last_second();
            let values: [Value; 16] = [
                id.into(),
                user.uuid().into(),
                document.uuid().into(),
                position.into(),
                event.title.into(),
                event.start.map(|start| start.to_string()).into(),
                event.end.map(|end| end.to_string()).into(),
                first_second(event.start.as_ref()).into(),
                last_second.into(),
                event.source.page.into(),
                event.source.start.into(),
                event.source.end.into(),
                event.source.quote.into(),
                engine.into(),
                now.into(),
                now.into(),
            ];
            sql::execute(transaction, statement.as_str(), values).await?;
        }
        Ok(())
    }
}

/// Gives a document that has no events those of another one of the same user.
pub(crate) async fn copy(
    transaction: &DatabaseTransaction,
    (user, document): (UserId, DocumentId),
    from: DocumentId,
    engine: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let rows: Vec<Row> = sql::all(
        transaction,
        format!("SELECT {COLUMNS} FROM events WHERE document_id = $1 ORDER BY position, id"),
        [from.uuid().into()],
    )
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let events = rows.into_iter().map(Event::from).map(|event| FoundEvent {
        title: event.title,
        start: event.start,
        end: event.end,
        source: event.source,
    });
    Found::of(document, events.collect())
        .insert(transaction, (user, document), engine, now)
        .await
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    document_id: Uuid,
    title: String,
    starts: Option<String>,
    ends: Option<String>,
    first_second: i64,
    page: Option<i32>,
    start_character: i64,
    end_character: i64,
    quote: String,
    engine: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Event {
    fn from(row: Row) -> Self {
        // What cannot be read is better shown without a date than not at all.
        let moment = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Self {
            id: row.id.into(),
            document: row.document_id.into(),
            title: row.title,
            start: moment(row.starts),
            end: moment(row.ends),
            source: Source {
                page: row.page,
                start: row.start_character,
                end: row.end_character,
                quote: row.quote,
            },
            engine: row.engine,
            created_at: row.created_at,
            updated_at: row.updated_at,
            first_second: row.first_second,
        }
    }
}
