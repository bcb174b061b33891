//! What todos and events look like from outside, and the parameters that their lists share.

use database::agenda::{Source, Span};
use database::events::Event;
use database::todos::Todo;
use domain::{DocumentId, Moment};
use poem_openapi::{Enum, Object};

use super::schema::{Timestamp, mirror};
use crate::problem::Problem;

mirror! {
    /// How pressing a todo is.
    TodoPriorityName = domain::TodoPriority { Low, Medium, High }
}

/// Something that a document asks somebody to do.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Todo", skip_serializing_if_is_none)]
pub(super) struct TodoBody {
    id: String,
    document_id: String,
    /// What has to be done.
    text: String,
    /// Who has to do it, as the text says it; `me` is whoever wrote a text that does not give the name.
    owner: Option<String>,
    priority: TodoPriorityName,
    /// Until when: a date, or a date and time, with a time zone where the text says one.
    due: Option<String>,
    done: bool,
    /// When it was marked as done.
    done_at: Option<Timestamp>,
    /// A person changed something of it, which no later run of the document undoes.
    edited: bool,
    source: SourceBody,
    /// Which rules found it.
    engine: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Todo> for TodoBody {
    fn from(todo: Todo) -> Self {
        Self {
            id: todo.id.to_string(),
            document_id: todo.document.to_string(),
            text: todo.text,
            owner: todo.owner,
            priority: todo.priority.into(),
            due: todo.due.map(|due| due.to_string()),
            done: todo.done,
            done_at: todo.done_at.map(Timestamp::from),
            edited: todo.edited,
            source: SourceBody::of(todo.document, todo.source),
            engine: todo.engine,
            created_at: todo.created_at.into(),
            updated_at: todo.updated_at.into(),
        }
    }
}

/// Something that takes place, says a document.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Event", skip_serializing_if_is_none)]
pub(super) struct EventBody {
    id: String,
    document_id: String,
    title: String,
    /// Whether it has a date.
    scheduled: bool,
    /// Whether it takes whole days.
    all_day: bool,
    /// A date, or a date and time. Absent while it is not known.
    start: Option<String>,
    /// When it ends, if the text says so; a date is its last day.
    end: Option<String>,
    /// The offset from UTC (`+01:00`, `Z`) if the text says one. Without, times are those of wherever it takes place.
    time_zone: Option<String>,
    source: SourceBody,
    /// Which rules found it.
    engine: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        let zone = |start: Moment| {
            let written = start.to_string();
            start
                .offset_seconds
                .and_then(|_| written.get("2026-03-12T15:00:00".len()..).map(str::to_owned))
        };
        Self {
            id: event.id.to_string(),
            document_id: event.document.to_string(),
            title: event.title,
            scheduled: event.start.is_some(),
            all_day: event.start.is_some_and(|start| start.time.is_none()),
            start: event.start.map(|start| start.to_string()),
            end: event.end.map(|end| end.to_string()),
            time_zone: event.start.and_then(zone),
            source: SourceBody::of(event.document, event.source),
            engine: event.engine,
            created_at: event.created_at.into(),
            updated_at: event.updated_at.into(),
        }
    }
}

/// The place in the text of a document that something was found in.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Source", skip_serializing_if_is_none)]
struct SourceBody {
    document_id: String,
    /// From 1; absent where the document has no pages.
    page: Option<i32>,
    /// Its first character in `/documents/{id}/text`, from 0.
    start: i64,
    /// The character behind its last one.
    end: i64,
    /// What stands there.
    quote: String,
}

impl SourceBody {
    fn of(document: DocumentId, source: Source) -> Self {
        Self {
            document_id: document.to_string(),
            page: source.page,
            start: source.start,
            end: source.end,
            quote: source.quote,
        }
    }
}

/// A page of todos.
#[derive(Debug, Clone, Object)]
#[oai(rename = "TodoPage", skip_serializing_if_is_none)]
pub(super) struct TodoPage {
    pub(super) items: Vec<TodoBody>,
    /// Where the list goes on; absent on the last page.
    pub(super) next_cursor: Option<String>,
}

/// A page of events.
#[derive(Debug, Clone, Object)]
#[oai(rename = "EventPage", skip_serializing_if_is_none)]
pub(super) struct EventPage {
    pub(super) items: Vec<EventBody>,
    /// Where the list goes on; absent on the last page.
    pub(super) next_cursor: Option<String>,
}

/// The stretch of time between two parameters.
pub(super) fn span(from: Option<&str>, to: Option<&str>, scheduled: Option<bool>) -> Result<Span, Problem> {
    let read = |name: &str, text: Option<&str>| {
        let moment = text.map(str::parse::<Moment>).transpose();
        moment.map_err(|invalid| Problem::invalid(format!("query:{name}"), invalid))
    };
    Ok(Span {
        from: read("from", from)?.map(|from| from.first_second()),
        to: read("to", to)?.map(|to| to.last_second()),
        scheduled,
    })
}

/// The document that a list is about.
pub(super) fn document(id: Option<&str>) -> Result<Option<DocumentId>, Problem> {
    let id = id.map(str::parse).transpose();
    id.map_err(|_| Problem::invalid("query:document_id", "must be the id of a document"))
}
