//! `/jobs/{id}/cancel`.

use database::jobs::{self, Cancelled};
use domain::JobId;
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Section;
use super::jobs::etag;
use super::schema::JobBody;
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::operations::cleanup;
use crate::problem::{Code, Problem};

pub(super) struct Cancelling;

#[derive(ApiResponse)]
enum CancelAnswer {
    /// The job is cancelled.
    #[oai(status = 202)]
    Cancelled(
        Json<JobBody>,
        /// The version of the answer.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(tag = "Section::Jobs")]
impl Cancelling {
    /// Cancel a job
    ///
    /// Whatever of it waits or runs ends at once, and the content of those documents is deleted. What is completed already
    /// stays. Safe to repeat; a job that has ended otherwise answers with 409.
    #[oai(path = "/jobs/:id/cancel", method = "post")]
    async fn cancel(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<CancelAnswer, Problem> {
        let not_found = || Problem::new(Code::NotFound);
        let id: JobId = id.0.parse().map_err(|_| not_found())?;
        let Caller(who) = caller;
        match jobs::cancel(&api.database, who.user, id, who.origin, api.clock.now()).await? {
            Cancelled::Now(stored) => {
                cleanup::discard_in_background(&api, stored);
                api.events.publish(id);
            }
            Cancelled::Before => {}
            Cancelled::Ended(status) => {
                return Err(Problem::new(Code::JobEnded).detail(format!("the job is {status}")));
            }
            Cancelled::NoSuchJob => return Err(not_found()),
        }
        let job = jobs::find(&api.database, who.user, id).await?;
        let job = job.ok_or_else(not_found)?;
        let etag = etag(&job);
        Ok(CancelAnswer::Cancelled(Json(job.into()), etag))
    }
}
