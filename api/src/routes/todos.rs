//! `/todos`: what documents ask for, and what became of it.

use database::todos::{self, TodoChange, TodoFilter};
use domain::{Moment, TodoId};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Section;
use super::agenda::{self, TodoBody, TodoPage, TodoPriorityName};
use super::listing::{self, Page};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::cursor::Position;
use crate::problem::{Code, Problem};

pub(super) struct Todos;

const LIST: &str = "todos";

/// Characters of a text or an owner at most.
pub(super) const TEXT_CHARACTERS_MAX: usize = 2_000;
pub(super) const OWNER_CHARACTERS_MAX: usize = 200;

#[derive(ApiResponse)]
enum TodoList {
    /// A page of todos in the order of their dates; those without a date come last.
    #[oai(status = 200)]
    Page(
        Json<TodoPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

/// What is changed of a todo. What is absent stays as it is.
#[derive(Debug, Object)]
#[oai(rename = "TodoChange", deny_unknown_fields)]
struct TodoChangeBody {
    /// What has to be done, 1 to 2000 characters.
    text: Option<String>,
    /// Who has to do it, 1 to 200 characters; `null` for nobody.
    owner: MaybeUndefined<String>,
    priority: Option<TodoPriorityName>,
    /// Until when: `2026-03-12`, `2026-03-12T15:00:00` or `2026-03-12T15:00:00+01:00`; `null` for no date.
    due: MaybeUndefined<String>,
    done: Option<bool>,
}

#[OpenApi(tag = "Section::Agenda")]
impl Todos {
    /// What your documents ask for, in the order of when it is due
    #[oai(path = "/todos", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn todos(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Only those of this document.
        document_id: Query<Option<String>>,
        /// Only those due from here on: a date, or a date and time.
        from: Query<Option<String>>,
        /// Only those due up to here: a date with all of its day, or a date and time.
        to: Query<Option<String>>,
        /// Only those with a date, or only those without.
        scheduled: Query<Option<bool>>,
        /// Only those that are done, or only those that are not.
        done: Query<Option<bool>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<TodoList, Problem> {
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        let filter = TodoFilter {
            document: agenda::document(document_id.0.as_deref())?,
            span: agenda::span(from.0.as_deref(), to.0.as_deref(), scheduled.0)?,
            done: done.0,
            after: page.behind(),
        };
        let mut found = todos::list(&api.database, caller.0.user, &filter, page.fetch()).await?;
        let next = page.end(&api, LIST, &mut found, |todo| {
            let (second, id) = todo.position();
            Position::Behind(second, id)
        });
        let given = [
            ("document_id", document_id.0),
            ("from", from.0),
            ("to", to.0),
            ("scheduled", scheduled.0.map(|it| it.to_string())),
            ("done", done.0.map(|it| it.to_string())),
            ("limit", limit.0.map(|limit| limit.to_string())),
        ];
        let link = listing::links("/api/v1/todos", &given, next.as_deref());
        let items = found.into_iter().map(TodoBody::from).collect();
        Ok(TodoList::Page(
            Json(TodoPage {
                items,
                next_cursor: next,
            }),
            link,
        ))
    }

    /// A todo
    #[oai(path = "/todos/:id", method = "get")]
    async fn todo(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<TodoBody>, Problem> {
        let todo = todos::find(&api.database, caller.0.user, id_of(&id.0)?).await?;
        Ok(Json(todo.ok_or_else(|| Problem::new(Code::NotFound))?.into()))
    }

    /// Change a todo, or mark it as done
    ///
    /// What is changed stays so when the document is read again. Changing the same twice is fine.
    #[oai(path = "/todos/:id", method = "patch")]
    async fn change(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        change: Json<TodoChangeBody>,
    ) -> Result<Json<TodoBody>, Problem> {
        let change = TodoChange::try_from(change.0)?;
        let (Caller(who), now) = (caller, api.clock.now());
        let todo = todos::change(&api.database, who.user, id_of(&id.0)?, change, who.origin, now).await?;
        Ok(Json(todo.ok_or_else(|| Problem::new(Code::NotFound))?.into()))
    }
}

fn id_of(id: &str) -> Result<TodoId, Problem> {
    id.parse().map_err(|_| Problem::new(Code::NotFound))
}

impl TryFrom<TodoChangeBody> for TodoChange {
    type Error = Problem;

    fn try_from(body: TodoChangeBody) -> Result<Self, Problem> {
        let due = |text: String| {
            text.parse::<Moment>()
                .map_err(|invalid| Problem::invalid("/due", invalid))
        };
        Ok(Self {
            text: body
                .text
                .map(|text| line("/text", &text, TEXT_CHARACTERS_MAX))
                .transpose()?,
            owner: match body.owner {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(owner) => Some(Some(line("/owner", &owner, OWNER_CHARACTERS_MAX)?)),
            },
            priority: body.priority.map(Into::into),
            due: match body.due {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(text) => Some(Some(due(text)?)),
            },
            done: body.done,
        })
    }
}

/// A text on one line, without control characters.
fn line(pointer: &str, text: &str, characters_max: usize) -> Result<String, Problem> {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if !(1..=characters_max).contains(&line.chars().count()) {
        return Err(Problem::invalid(
            pointer,
            format!("must have 1 to {characters_max} characters"),
        ));
    }
    Ok(line)
}
