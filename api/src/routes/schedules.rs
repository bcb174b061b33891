//! `/admin/schedules`: for operators and administrators.

use database::schedules::{RunFilter, Schedule};
use domain::RunId;
use domain::schedules::RunState;
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Section;
use super::listing::{self, Page};
use super::schedule_schema::{
    NewScheduleBody, RunBody, RunPage, RunRequestBody, RunStateName, ScheduleBody, ScheduleChangesBody,
    SchedulePage,
};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::cursor::Position;
use crate::http::request_headers;
use crate::operations::given_up::operator;
use crate::operations::schedules::{self, Refused, Shown, etag};
use crate::problem::{Code, Problem};

pub(super) struct Schedules;

const PATH: &str = "/api/v1/admin/schedules";
const LIST: &str = "schedules";
const RUNS: &str = "schedule_runs";

#[derive(ApiResponse)]
enum ScheduleList {
    /// A page of schedules, by name.
    #[oai(status = 200)]
    Page(
        Json<SchedulePage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(ApiResponse)]
enum RunList {
    /// A page of runs, those noted last first.
    #[oai(status = 200)]
    Page(
        Json<RunPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(ApiResponse)]
enum ScheduleAnswer {
    /// The schedule.
    #[oai(status = 200)]
    Schedule(
        Json<ScheduleBody>,
        /// Its version, for `If-Match`. It grows when a person changes the schedule.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum AddAnswer {
    /// The schedule is there.
    #[oai(status = 201)]
    Added(
        Json<ScheduleBody>,
        /// Its version, for `If-Match`.
        #[oai(header = "ETag")]
        String,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
enum RunAnswer {
    /// A scheduler does it, within a second or so.
    #[oai(status = 202)]
    Noted(
        Json<RunBody>,
        /// Where the run is, with its report once it has ended.
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Removed {
    /// It is gone, or was never there.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Section::Operating")]
impl Schedules {
    /// What happens again and again
    #[oai(path = "/admin/schedules", method = "get")]
    async fn schedules(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<ScheduleList, Problem> {
        operator(&caller.0)?;
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        let mut found = schedules::list(&api, page.offset(), page.fetch()).await?;
        let next = page.cut(&mut found).then(|| {
            api.cursors
                .write(LIST, Position::Offset(page.offset() + page.limit))
        });
        let given = [("limit", limit.0.map(|limit| limit.to_string()))];
        let link = listing::links(PATH, &given, next.as_deref());
        let items = found.into_iter().map(ScheduleBody::from).collect();
        let page = SchedulePage {
            items,
            next_cursor: next,
        };
        Ok(ScheduleList::Page(Json(page), link))
    }

    /// Add a schedule
    #[oai(path = "/admin/schedules", method = "post")]
    async fn add(
        &self,
        api: Data<&Api>,
        caller: Caller,
        body: Json<NewScheduleBody>,
    ) -> Result<AddAnswer, Problem> {
        operator(&caller.0)?;
        let (name, work, parts) = body.0.parts();
        let added = schedules::add(&api, caller.0, &name, &work, parts).await?;
        let (etag, location) = (etag(&added.schedule), format!("{PATH}/{name}"));
        Ok(AddAnswer::Added(Json(added.into()), etag, location))
    }

    /// A schedule with its next five times and its last run
    #[oai(path = "/admin/schedules/:name", method = "get")]
    async fn schedule(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
    ) -> Result<ScheduleAnswer, Problem> {
        operator(&caller.0)?;
        Ok(answer(schedules::find(&api, &name.0).await?))
    }

    /// Change a schedule
    ///
    /// The version that the change is meant for stands in `If-Match`. What the schedule does stays the same.
    #[oai(path = "/admin/schedules/:name", method = "patch")]
    async fn edit(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Json<ScheduleChangesBody>,
    ) -> Result<ScheduleAnswer, Problem> {
        operator(&caller.0)?;
        let wanted = |schedule: &Schedule| is_meant(if_match.0.as_deref(), schedule);
        let edited = schedules::edit(&api, caller.0, &name.0, wanted, body.0.into()).await?;
        Ok(answer(edited))
    }

    /// Remove a schedule with its runs
    ///
    /// Removing twice is fine. What came with docmill can only be paused.
    #[oai(path = "/admin/schedules/:name", method = "delete")]
    async fn remove(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Removed, Problem> {
        operator(&caller.0)?;
        let wanted = |schedule: &Schedule| is_meant(if_match.0.as_deref(), schedule);
        schedules::remove(&api, caller.0, &name.0, wanted).await?;
        Ok(Removed::Done)
    }

    /// Stop a schedule from firing
    ///
    /// What is under way goes on. Pausing twice is fine.
    #[oai(path = "/admin/schedules/:name/pause", method = "post")]
    async fn pause(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
    ) -> Result<ScheduleAnswer, Problem> {
        operator(&caller.0)?;
        Ok(answer(schedules::pause(&api, caller.0, &name.0).await?))
    }

    /// Let a paused schedule fire again
    ///
    /// What came while it was paused was not missed. Resuming twice is fine.
    #[oai(path = "/admin/schedules/:name/resume", method = "post")]
    async fn resume(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
    ) -> Result<ScheduleAnswer, Problem> {
        operator(&caller.0)?;
        Ok(answer(schedules::resume(&api, caller.0, &name.0).await?))
    }

    /// Run a schedule at once
    ///
    /// Its own times stay as they are. While a run is under way, the schedule's `overlap` decides.
    #[oai(path = "/admin/schedules/:name/run", method = "post")]
    async fn run(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
        body: Json<RunRequestBody>,
    ) -> Result<RunAnswer, Problem> {
        operator(&caller.0)?;
        let run = schedules::run(&api, caller.0, &name.0, body.0.options).await?;
        let location = format!("{PATH}/{}/runs/{}", name.0, run.id);
        Ok(RunAnswer::Noted(Json(run.into()), location))
    }

    /// Runs of a schedule with their reports, those noted last first
    #[oai(path = "/admin/schedules/:name/runs", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each part of the request
    async fn runs(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
        state: Query<Option<RunStateName>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<RunList, Problem> {
        operator(&caller.0)?;
        let page = Page::read(&api, RUNS, limit.0, cursor.0.as_deref())?;
        let filter = RunFilter {
            state: state.0.map(RunState::from),
            before: page.after().map(RunId::from),
        };
        let mut found = schedules::runs(&api, &name.0, filter, page.fetch()).await?;
        let next = page.end(&api, RUNS, &mut found, |run| Position::After(run.id.uuid()));
        let given = [
            ("state", filter.state.map(|state| state.to_string())),
            ("limit", limit.0.map(|limit| limit.to_string())),
        ];
        let link = listing::links(&format!("{PATH}/{}/runs", name.0), &given, next.as_deref());
        let items = found.into_iter().map(RunBody::from).collect();
        let page = RunPage {
            items,
            next_cursor: next,
        };
        Ok(RunList::Page(Json(page), link))
    }

    /// A run of a schedule with its report
    #[oai(path = "/admin/schedules/:name/runs/:id", method = "get")]
    async fn one_run(
        &self,
        api: Data<&Api>,
        caller: Caller,
        name: Path<String>,
        id: Path<String>,
    ) -> Result<Json<RunBody>, Problem> {
        operator(&caller.0)?;
        let id: RunId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        Ok(Json(schedules::find_run(&api, &name.0, id).await?.into()))
    }
}

fn answer(shown: Shown) -> ScheduleAnswer {
    let etag = etag(&shown.schedule);
    ScheduleAnswer::Schedule(Json(shown.into()), etag)
}

/// Whether a change is meant for the schedule as it is.
fn is_meant(if_match: Option<&str>, schedule: &Schedule) -> Result<(), Refused> {
    let if_match = if_match.ok_or(Refused::NoVersion)?;
    if request_headers::means(if_match, &etag(schedule)) {
        Ok(())
    } else {
        Err(Refused::Stale)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Fault(fault) => Self::invalid(fault.pointer(), fault),
            Refused::NameTaken => Self::new(Code::ScheduleExists).error("/name", refused),
            Refused::NoSuchSchedule => Self::new(Code::NotFound),
            Refused::NoVersion => Self::new(Code::PreconditionRequired)
                .detail(&refused)
                .error("header:If-Match", refused),
            Refused::Stale => Self::new(Code::PreconditionFailed).detail(refused),
            Refused::BuiltIn => Self::new(Code::BuiltIn).detail(refused),
            Refused::Busy => Self::new(Code::RunUnderWay).detail(refused),
            Refused::Database(error) => error.into(),
        }
    }
}
