//! `/events`: what takes place, as a list and as a calendar.

use database::events::{self, EventFilter};
use poem::web::Data;
use poem::{IntoResponse, Response};
use poem_openapi::param::Query;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiResponse, OpenApi};

use super::Section;
use super::agenda::{self, EventBody, EventPage};
use super::listing::{self, Page};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::cursor::Position;
use crate::operations::calendar::{self, Wanted};
use crate::problem::Problem;

pub(super) struct Events;

const LIST: &str = "events";

#[derive(ApiResponse)]
enum EventList {
    /// A page of events in the order of their beginning; those without a date come last.
    #[oai(status = 200)]
    Page(
        Json<EventPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

/// A calendar as a file.
struct Calendar(String);

impl Payload for Calendar {
    const CONTENT_TYPE: &'static str = "text/calendar; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
    }
}

impl IntoResponse for Calendar {
    fn into_response(self) -> Response {
        self.0.with_content_type(Self::CONTENT_TYPE).into_response()
    }
}

#[derive(ApiResponse)]
enum CalendarAnswer {
    /// The calendar (RFC 5545).
    #[oai(status = 200)]
    Calendar(
        Calendar,
        /// A name for the file.
        #[oai(header = "Content-Disposition")]
        String,
    ),
}

#[OpenApi(tag = "Section::Agenda")]
impl Events {
    /// What takes place, say your documents, in the order of when it begins
    #[oai(path = "/events", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn events(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Only those of this document.
        document_id: Query<Option<String>>,
        /// Only those that have not ended before: a date, or a date and time.
        from: Query<Option<String>>,
        /// Only those that begin up to here: a date with all of its day, or a date and time.
        to: Query<Option<String>>,
        /// Only those with a date, or only those without.
        scheduled: Query<Option<bool>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<EventList, Problem> {
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        let filter = EventFilter {
            document: agenda::document(document_id.0.as_deref())?,
            span: agenda::span(from.0.as_deref(), to.0.as_deref(), scheduled.0)?,
            after: page.behind(),
        };
        let mut found = events::list(&api.database, caller.0.user, &filter, page.fetch()).await?;
        let next = page.end(&api, LIST, &mut found, |event| {
            let (second, id) = event.position();
            Position::Behind(second, id)
        });
        let given = [
            ("document_id", document_id.0),
            ("from", from.0),
            ("to", to.0),
            ("scheduled", scheduled.0.map(|it| it.to_string())),
            ("limit", limit.0.map(|limit| limit.to_string())),
        ];
        let link = listing::links("/api/v1/events", &given, next.as_deref());
        let items = found.into_iter().map(EventBody::from).collect();
        Ok(EventList::Page(
            Json(EventPage {
                items,
                next_cursor: next,
            }),
            link,
        ))
    }

    /// Your events as a calendar
    ///
    /// In the form that calendar programs read (iCalendar, RFC 5545), with the events that have a date, and with `todos=true`
    /// the todos too: at most 5,000 of each, from `from` on.
    #[oai(path = "/events.ics", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn calendar(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Only those of this document.
        document_id: Query<Option<String>>,
        /// Only those that have not ended before: a date, or a date and time.
        from: Query<Option<String>>,
        /// Only those that begin or are due up to here.
        to: Query<Option<String>>,
        /// Whether todos are part of it.
        todos: Query<Option<bool>>,
    ) -> Result<CalendarAnswer, Problem> {
        let wanted = Wanted {
            document: agenda::document(document_id.0.as_deref())?,
            span: agenda::span(from.0.as_deref(), to.0.as_deref(), None)?,
            todos: todos.0.unwrap_or(false),
        };
        let calendar = calendar::write(&api.database, caller.0.user, &wanted).await?;
        Ok(CalendarAnswer::Calendar(
            Calendar(calendar),
            "attachment; filename=\"docmill.ics\"".to_owned(),
        ))
    }
}
