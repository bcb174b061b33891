//! `/admin/tasks`: for operators and administrators.

use database::tasks::{self, REQUEUED_MAX, Task, TaskFilter};
use domain::{TaskId, TaskKind, TaskState, UserId};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Section;
use super::listing::{self, Page};
use super::task_schema::{TaskBody, TaskPage, TaskStateName};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::cursor::Position;
use crate::operations::given_up::{self, Refused};
use crate::problem::{Code, Problem};

pub(super) struct Operating;

const LIST: &str = "tasks";

#[derive(ApiResponse)]
enum TaskList {
    /// A page of tasks, the newest first.
    #[oai(status = 200)]
    Page(
        Json<TaskPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

/// Which given-up tasks are put back in line, and how many the caller expects them to be.
#[derive(Debug, Object)]
#[oai(rename = "Requeue", deny_unknown_fields)]
struct RequeueBody {
    /// Only those that match all of it.
    filter: RequeueFilter,
    /// Another number means that something has changed meanwhile: then nothing is done. At most 1000.
    expected_count: u64,
}

/// Words as in the list of tasks. What is absent matches everything.
#[derive(Debug, Object)]
#[oai(rename = "RequeueFilter", deny_unknown_fields)]
struct RequeueFilter {
    state: Option<TaskStateName>,
    code: Option<String>,
    kind: Option<String>,
    user_id: Option<String>,
}

/// What was done.
#[derive(Debug, Object)]
#[oai(rename = "Requeued")]
struct RequeuedBody {
    /// Tasks that wait again.
    requeued: u64,
}

#[OpenApi(tag = "Section::Operating")]
impl Operating {
    /// Tasks of everybody, the newest first; `state=dead` are those that were given up
    #[oai(path = "/admin/tasks", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn tasks(
        &self,
        api: Data<&Api>,
        caller: Caller,
        state: Query<Option<TaskStateName>>,
        /// The reason of the last failure.
        code: Query<Option<String>>,
        kind: Query<Option<String>>,
        /// Only the tasks of this account.
        user_id: Query<Option<String>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<TaskList, Problem> {
        given_up::operator(&caller.0)?;
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        let mut filter = filter("query:", state.0, code.0, kind.0.as_deref(), user_id.0.as_deref())?;
        filter.before = page.after().map(TaskId::from);
        let mut found = tasks::list(&api.database, &filter, page.fetch()).await?;
        let next = page.end(&api, LIST, &mut found, |task| Position::After(task.id.uuid()));
        let given = [
            ("state", filter.state.map(|state| state.to_string())),
            ("code", filter.code),
            ("kind", filter.kind.map(|kind| kind.to_string())),
            ("user_id", filter.user.map(|user| user.to_string())),
            ("limit", limit.0.map(|limit| limit.to_string())),
        ];
        let link = listing::links("/api/v1/admin/tasks", &given, next.as_deref());
        let items = found.into_iter().map(TaskBody::from).collect();
        let page = TaskPage {
            items,
            next_cursor: next,
        };
        Ok(TaskList::Page(Json(page), link))
    }

    /// A task with every attempt: when, which worker, how it ended
    #[oai(path = "/admin/tasks/:id", method = "get")]
    async fn task(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<TaskBody>, Problem> {
        given_up::operator(&caller.0)?;
        let task: Task = given_up::find(&api, task_id(&id.0)?).await?;
        Ok(Json(task.into()))
    }

    /// Put a failed or dead task back in line
    ///
    /// It gets as many attempts as a new one; its document is pending and its job open again.
    #[oai(path = "/admin/tasks/:id/requeue", method = "post")]
    async fn requeue(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<TaskBody>, Problem> {
        given_up::operator(&caller.0)?;
        let task = given_up::requeue(&api, caller.0, task_id(&id.0)?).await?;
        Ok(Json(task.into()))
    }

    /// Put every failed or dead task back in line that matches
    ///
    /// All of them or none: when their number is not the expected one, nothing is done. Tasks of cancelled jobs stay.
    #[oai(path = "/admin/tasks/requeue", method = "post")]
    async fn requeue_all(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<RequeueBody>,
    ) -> Result<Json<RequeuedBody>, Problem> {
        given_up::operator(&caller.0)?;
        let RequeueBody {
            filter: wanted,
            expected_count,
        } = body.0;
        if expected_count > REQUEUED_MAX {
            return Err(Problem::invalid(
                "/expected_count",
                format!("must be at most {REQUEUED_MAX}"),
            ));
        }
        let RequeueFilter {
            state,
            code,
            kind,
            user_id,
        } = wanted;
        let filter = filter("/filter/", state, code, kind.as_deref(), user_id.as_deref())?;
        let requeued = given_up::requeue_all(&api, caller.0, &filter, expected_count).await?;
        Ok(Json(RequeuedBody { requeued }))
    }
}

fn task_id(id: &str) -> Result<TaskId, Problem> {
    id.parse().map_err(|_| Problem::new(Code::NotFound))
}

/// Reads a filter; `place` is where its parts stand in the request.
fn filter(
    place: &str,
    state: Option<TaskStateName>,
    code: Option<String>,
    kind: Option<&str>,
    user: Option<&str>,
) -> Result<TaskFilter, Problem> {
    let kind = kind.map(str::parse::<TaskKind>).transpose();
    let user = user.map(str::parse::<UserId>).transpose();
    Ok(TaskFilter {
        state: state.map(TaskState::from),
        code,
        kind: kind.map_err(|error| Problem::invalid(format!("{place}kind"), error))?,
        user: user
            .map_err(|_| Problem::invalid(format!("{place}user_id"), "must be the id of an account"))?,
        before: None,
    })
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotAnOperator => Self::new(Code::Forbidden).detail(refused),
            Refused::NoSuchTask => Self::new(Code::NotFound),
            Refused::NotGivenUp(_) => Self::new(Code::NotGivenUp).detail(refused),
            Refused::CountDiffers { .. } => Self::new(Code::CountDiffers).detail(refused),
            Refused::Database(error) => error.into(),
        }
    }
}
