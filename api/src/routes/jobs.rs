//! `/jobs`.

use database::jobs::{self, Job, JobFilter};
use domain::{JobId, JobKind, JobStatus};
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Section;
use super::listing::{self, Page};
use super::schema::{JobBody, JobKindName, JobPage, JobStatusName, QueueBody};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::admission::Place;
use crate::http::cursor::Position;
use crate::http::patience::Patience;
use crate::http::request_headers;
use crate::operations::waiting::{self, NoWait};
use crate::problem::{Code, Problem};

pub(super) struct Jobs;

const LIST: &str = "jobs";

/// How soon asking again makes sense, in seconds.
pub(super) const RETRY_AFTER_SECONDS: u64 = 2;

#[derive(ApiResponse)]
enum JobAnswer {
    /// The job.
    #[oai(status = 200)]
    Job(
        Json<JobBody>,
        /// The version of the answer.
        #[oai(header = "ETag")]
        String,
        /// Seconds until asking again makes sense; absent once the job has ended.
        #[oai(header = "Retry-After")]
        Option<u64>,
        /// How long was waited, where that was only preferred.
        #[oai(header = "Preference-Applied")]
        Option<String>,
    ),
    /// It is as you know it.
    #[oai(status = 304)]
    NotModified(
        /// The version of the answer.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum JobList {
    /// A page of jobs, the newest first.
    #[oai(status = 200)]
    Page(
        Json<JobPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone, or was never there.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Section::Jobs")]
impl Jobs {
    /// A job
    ///
    /// With `wait` the answer comes as soon as the job has ended, or after that many seconds. With `wait` and
    /// `If-None-Match` it comes as soon as anything has changed, or as 304; a job that has ended changes no more and is
    /// answered at once. `Prefer: wait=N` waits too, 60 seconds at most, where there is no `wait`. `queue` says why a job
    /// waits that does not run.
    #[oai(path = "/jobs/:id", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each part of the request
    async fn job(
        &self,
        api: Data<&Api>,
        caller: Caller,
        place: Data<&Place>,
        request: &Request,
        id: Path<String>,
        /// Seconds to wait, 0 to 60.
        wait: Query<Option<u64>>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<JobAnswer, Problem> {
        let id: JobId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let patience = Patience::read(wait.0, request.headers())?;
        let known = if_none_match.0;
        let changed = |job: &Job| known.is_some() && !request_headers::holds(known.as_deref(), &etag(job));
        let enough = |job: &Job| job.status.is_terminal() || changed(job);
        let job = waiting::for_job(&api, &place, caller.0.user, id, patience.wait(), enough).await?;
        let job = job.ok_or_else(|| Problem::new(Code::NotFound))?;
        let etag = etag(&job);
        if request_headers::holds(known.as_deref(), &etag) {
            return Ok(JobAnswer::NotModified(etag));
        }
        let (open, now) = (!job.status.is_terminal(), api.clock.now());
        let retry_after = open.then_some(RETRY_AFTER_SECONDS);
        let mut body = JobBody::from(job);
        if open {
            let waiting = jobs::waiting(&api.database, caller.0.user, id, now).await?;
            body.queue = waiting.map(QueueBody::from);
        }
        Ok(JobAnswer::Job(Json(body), etag, retry_after, patience.applied()))
    }

    /// Your jobs, the newest first
    #[oai(path = "/jobs", method = "get")]
    async fn jobs(
        &self,
        api: Data<&Api>,
        caller: Caller,
        status: Query<Option<JobStatusName>>,
        kind: Query<Option<JobKindName>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<JobList, Problem> {
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        let filter = JobFilter {
            status: status.0.map(JobStatus::from),
            kind: kind.0.map(JobKind::from),
            before: page.after().map(JobId::from),
        };
        let mut jobs = jobs::list(&api.database, caller.0.user, &filter, page.fetch()).await?;
        let next = page.end(&api, LIST, &mut jobs, |job| Position::After(job.id.uuid()));
        let given = [
            ("status", filter.status.map(|status| status.to_string())),
            ("kind", filter.kind.map(|kind| kind.to_string())),
            ("limit", limit.0.map(|limit| limit.to_string())),
        ];
        let link = listing::links("/api/v1/jobs", &given, next.as_deref());
        let items = jobs.into_iter().map(JobBody::from).collect();
        Ok(JobList::Page(
            Json(JobPage {
                items,
                next_cursor: next,
            }),
            link,
        ))
    }

    /// Delete a job with its documents and everything found in them
    ///
    /// Deleting twice is fine: what is not there, and what is not yours, is answered as if it had just gone.
    #[oai(path = "/jobs/:id", method = "delete")]
    async fn delete(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Deleted, Problem> {
        let id: JobId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let Caller(who) = caller;
        let stored = jobs::delete(&api.database, who.user, id, who.origin, api.clock.now()).await?;
        if let Some(stored) = stored {
            crate::operations::cleanup::discard_in_background(&api, stored);
            api.events.publish(id);
        }
        Ok(Deleted::Done)
    }
}

impl From<NoWait> for Problem {
    fn from(reason: NoWait) -> Self {
        match reason {
            NoWait::TooMany(reason) => reason.into(),
            NoWait::Database(error) => error.into(),
        }
    }
}

/// The version of a job as an entity tag.
pub(super) fn etag(job: &Job) -> String {
    format!("\"{}\"", job.revision())
}
