//! Deletes objects that no row points at: uploads that never became a job, texts of runs that lost their race.

use std::collections::HashMap;

use chrono::Duration;
use database::discarded::StoredDocument;
use database::documents;
use domain::DocumentId;
use domain::schedules::LeftoverObjects;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use storage::StorageKey;
use tokio_util::sync::CancellationToken;

use super::{SweepError, Swept};
use crate::scheduler::Parts;

const BATCH: usize = 200;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    /// Objects, and parts of uploads that were never finished.
    pub(crate) objects: u64,
}

/// Deletes what nothing points at and is older than the options say, and adds to the report how much it was.
pub(crate) async fn delete(
    parts: &Parts,
    options: &LeftoverObjects,
    stop: &CancellationToken,
    report: &mut Report,
) -> Result<Swept, SweepError> {
    let before = parts.clock.now() - Duration::hours(i64::from(options.older_than_hours));
    let keys = parts
        .storage
        .list("users", before)
        .try_filter_map(|listed| async move {
            // What does not look like ours is not ours to delete.
            Ok(StorageKey::try_from(listed.key.as_str()).ok())
        });
    let batches = keys.try_chunks(BATCH);
    futures::pin_mut!(batches);
    while let Some(keys) = batches.try_next().await.map_err(|error| error.1)? {
        report.objects += delete_unknown(parts, keys).await?;
        if stop.is_cancelled() {
            return Ok(Swept::Some);
        }
    }
    report.objects += parts.storage.remove_unfinished(before).await?;
    if report.objects > 0 {
        tracing::info!("deleted {} objects that no row points at", report.objects);
    }
    Ok(Swept::All)
}

async fn delete_unknown(parts: &Parts, keys: Vec<StorageKey>) -> Result<u64, SweepError> {
    let mut ids: Vec<DocumentId> = keys.iter().map(StorageKey::document).collect();
    ids.sort_unstable();
    ids.dedup();
    let known: HashMap<DocumentId, StoredDocument> = documents::existing(&parts.database, &ids)
        .await?
        .into_iter()
        .map(|stored| (stored.document, stored))
        .collect();
    let is_wanted = |key: &StorageKey| {
        known.get(&key.document()).is_some_and(|stored| {
            StorageKey::of_document(stored.user, stored.document, stored.text_fence).contains(key)
        })
    };
    let unknown: Vec<StorageKey> = keys.into_iter().filter(|key| !is_wanted(key)).collect();
    parts.storage.delete(&unknown).await?;
    Ok(unknown.len() as u64)
}
