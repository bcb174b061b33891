//! `/jobs`.

use std::time::Duration;

use database::jobs::{self, Job, JobFilter};
use domain::{JobId, JobKind, JobStatus, limits};
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Section;
use super::listing::{self, Page};
use super::schema::{JobBody, JobKindName, JobPage, JobStatusName};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::cursor::Position;
use crate::http::request_headers;
use crate::operations::waiting;
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
    /// It is gone.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Section::Jobs")]
impl Jobs {
    /// A job
    ///
    /// With `wait` the answer comes as soon as the job has ended, or after that many seconds. With `wait` and
    /// `If-None-Match` it comes as soon as anything has changed, or as 304.
    #[oai(path = "/jobs/:id", method = "get")]
    async fn job(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        /// Seconds to wait, 0 to 60.
        wait: Query<Option<u64>>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<JobAnswer, Problem> {
        let id: JobId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let patience = Duration::from_secs(wait.0.unwrap_or(0));
        if patience > limits::WAIT_MAX {
            let rule = format!("must be at most {}", limits::WAIT_MAX.as_secs());
            return Err(Problem::invalid("query:wait", rule));
        }
        let known = if_none_match.0;
        let enough = |job: &Job| match &known {
            Some(_) => !request_headers::holds(known.as_deref(), &etag(job)),
            None => job.status.is_terminal(),
        };
        let job = waiting::for_job(&api, caller.0.user, id, patience, enough).await?;
        let job = job.ok_or_else(|| Problem::new(Code::NotFound))?;
        let etag = etag(&job);
        if request_headers::holds(known.as_deref(), &etag) {
            return Ok(JobAnswer::NotModified(etag));
        }
        let retry_after = (!job.status.is_terminal()).then_some(RETRY_AFTER_SECONDS);
        Ok(JobAnswer::Job(Json(job.into()), etag, retry_after))
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
        let more = page.cut(&mut jobs);
        let next = jobs
            .last()
            .filter(|_| more)
            .map(|job| api.cursors.write(LIST, Position::After(job.id.uuid())));
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
    #[oai(path = "/jobs/:id", method = "delete")]
    async fn delete(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Deleted, Problem> {
        let id: JobId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let Caller(who) = caller;
        let stored = jobs::delete(&api.database, who.user, id, who.origin, api.clock.now()).await?;
        let stored = stored.ok_or_else(|| Problem::new(Code::NotFound))?;
        crate::operations::cleanup::discard_in_background(&api, stored);
        api.events.publish(id);
        Ok(Deleted::Done)
    }
}

/// The version of a job as an entity tag.
pub(super) fn etag(job: &Job) -> String {
    format!("\"{}\"", job.revision())
}
