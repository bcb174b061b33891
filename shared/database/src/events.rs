//! What documents say takes place, and when.

use chrono::{DateTime, Utc};
use domain::{DocumentId, EventId, Moment, UserId};
use sea_orm::{DatabaseTransaction, FromQueryResult};
use uuid::Uuid;

use crate::agenda::{self, After, Findable, Listing, Source, Span, UNSCHEDULED, first_second, replaced};
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
    let mut listing = Listing::of(user, &format!("SELECT {COLUMNS} FROM events"), "first_second");
    if let Some(document) = filter.document {
        listing.only("document_id = ?", document.uuid());
    }
    if let Some(from) = filter.span.from {
        listing.only("last_second >= ?", from);
        listing.only("first_second >= ?", from.saturating_sub(LONGEST));
    }
    listing.only_until_the_end_of(&filter.span);
    listing.only_behind(filter.after);
    let rows: Vec<Row> = listing.rows(db, limit).await?;
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

/// Events on their way into the database.
pub(crate) type Found = agenda::Found<FoundEvent>;

impl FoundEvent {
    fn last_second(&self) -> i64 {
        let last = self.end.or(self.start);
        last.map_or(UNSCHEDULED, |moment| moment.last_second())
    }
}

impl Findable for FoundEvent {
    const WHAT: &'static str = "event";
    const TABLE: &'static str = "events";
    const OWN: &'static [(&'static str, &'static str)] = &[
        ("title", "text"),
        ("starts", "text"),
        ("ends", "text"),
        ("first_second", "bigint"),
        ("last_second", "bigint"),
    ];
    const STALE: &'static str = "";

    fn own(&self) -> Vec<serde_json::Value> {
        vec![
            self.title.as_str().into(),
            self.start.map(|start| start.to_string()).into(),
            self.end.map(|end| end.to_string()).into(),
            first_second(self.start.as_ref()).into(),
            self.last_second().into(),
        ]
    }

    fn source(&self) -> &Source {
        &self.source
    }

    fn found_again() -> Vec<String> {
        let own = Self::OWN.iter().map(|(column, _)| *column);
        own.chain(["updated_at"]).map(replaced).collect()
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
