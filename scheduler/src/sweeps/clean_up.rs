//! Deletes old jobs with their documents, results and objects, as their owners could have done: rows first, in a transaction
//! that notes which objects must go, then the objects.

use chrono::{DateTime, Duration, Utc};
use database::jobs::{self, OldJobs};
use database::schedules::RunClaim;
use domain::schedules::CleanUp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{SweepError, Swept, discarded};
use crate::scheduler::Parts;

/// Jobs of one transaction. A job may have a hundred documents, and each of them many passages.
const BATCH: u32 = 20;

/// What was deleted, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    /// Whether it was only counted.
    pub(crate) dry_run: bool,
    /// Jobs handed in before this were old; absent when everything is kept for ever.
    pub(crate) before: Option<DateTime<Utc>>,
    pub(crate) jobs: u64,
    pub(crate) documents: u64,
    /// Sizes of the originals.
    pub(crate) bytes: u64,
    /// When the oldest of the jobs was handed in.
    pub(crate) oldest: Option<DateTime<Utc>>,
}

impl Report {
    fn plus(self, more: &OldJobs) -> Self {
        Self {
            jobs: self.jobs + more.jobs,
            documents: self.documents + more.documents,
            bytes: self.bytes + more.bytes,
            oldest: [self.oldest, more.oldest].into_iter().flatten().min(),
            ..self
        }
    }
}

/// Deletes every job that is older than the options say and has ended, and adds to the report what it was. The report is
/// written with every batch, in its transaction, so that it is right whoever finishes the run.
pub(crate) async fn delete(
    parts: &Parts,
    claim: &RunClaim,
    options: &CleanUp,
    stop: &CancellationToken,
    report: &mut Report,
) -> Result<Swept, SweepError> {
    report.dry_run = options.dry_run;
    let Some(days) = options.older_than_days else {
        return Ok(Swept::All);
    };
    let before = parts.clock.now() - Duration::days(i64::from(days));
    report.before = Some(before);
    if options.dry_run {
        let counted = jobs::count_old(&parts.database, before).await?;
        *report = Report {
            dry_run: true,
            before: Some(before),
            ..Report::default()
        }
        .plus(&counted);
        return Ok(Swept::All);
    }
    while !stop.is_cancelled() {
        let so_far = *report;
        let told = move |deleted: &OldJobs| serde_json::to_value(so_far.plus(deleted)).unwrap_or_default();
        let now = parts.clock.now();
        let Some((deleted, stored)) =
            jobs::delete_old(&parts.database, claim, before, BATCH, told, now).await?
        else {
            return Ok(Swept::Some); // the run is somebody else's
        };
        *report = so_far.plus(&deleted);
        // What fails here is noted, and done by the sweep of discarded documents.
        if let Err(error) = discarded::delete_objects(parts, &stored).await {
            tracing::warn!(
                "left the objects of {} documents to a later sweep: {}",
                stored.len(),
                telemetry::chain(&error)
            );
        }
        if deleted.jobs < u64::from(BATCH) {
            return Ok(Swept::All);
        }
    }
    Ok(Swept::Some)
}
