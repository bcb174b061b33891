//! Waits for a job to change, without asking the database all the time.

use std::time::{Duration, Instant};

use database::DatabaseError;
use database::jobs::{self, Job};
use domain::{JobId, UserId};

use crate::context::Api;
use crate::http::admission::{Place, TooManyWaits};

/// Events may be lost; then the change is seen this much later.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Why nobody could wait.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoWait {
    #[error(transparent)]
    TooMany(#[from] TooManyWaits),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The job as soon as `enough` says so, or as it is after `patience`. `None` when there is no such job. Whoever has to wait
/// leaves its place among those who are served.
///
/// # Errors
/// When too many wait already, or the database is away.
pub(crate) async fn for_job(
    api: &Api,
    place: &Place,
    user: UserId,
    id: JobId,
    patience: Duration,
    enough: impl Fn(&Job) -> bool,
) -> Result<Option<Job>, NoWait> {
    let deadline = Instant::now() + patience;
    if patience.is_zero() {
        return Ok(jobs::find(&api.database, user, id).await?);
    }
    // Listening begins before the first look, so that no change falls between the two.
    let mut changes = api.events.watch(id);
    let mut waiting = None;
    loop {
        let job = jobs::find(&api.database, user, id).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        match &job {
            Some(job) if !enough(job) && !left.is_zero() && !api.stopping.is_cancelled() => {}
            _ => return Ok(job),
        }
        if waiting.is_none() {
            waiting = Some(api.admission.wait(user)?);
            place.leave();
        }
        tokio::select! {
            _ = changes.changed(left.min(LOOK_AGAIN)) => {}
            () = api.stopping.cancelled() => {}
        }
    }
}
