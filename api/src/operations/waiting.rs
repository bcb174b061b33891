//! Waits for a job to change, without asking the database all the time.

use std::time::{Duration, Instant};

use database::jobs::{self, Job};
use database::{DatabaseError, Result};
use domain::{JobId, UserId};

use crate::context::Api;

/// Events may be lost; then the change is seen this much later.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The job as soon as `enough` says so, or as it is after `patience`. `None` when there is no such job.
///
/// # Errors
/// When the database is away.
pub(crate) async fn for_job(
    api: &Api,
    user: UserId,
    id: JobId,
    patience: Duration,
    enough: impl Fn(&Job) -> bool,
) -> Result<Option<Job>, DatabaseError> {
    let deadline = Instant::now() + patience;
    if patience.is_zero() {
        return jobs::find(&api.database, user, id).await;
    }
    // Listening begins before the first look, so that no change falls between the two.
    let mut changes = api.events.watch(id);
    loop {
        let job = jobs::find(&api.database, user, id).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        match &job {
            Some(job) if !enough(job) && !left.is_zero() && !api.stopping.is_cancelled() => {}
            _ => return Ok(job),
        }
        tokio::select! {
            _ = changes.changed(left.min(LOOK_AGAIN)) => {}
            () = api.stopping.cancelled() => {}
        }
    }
}
