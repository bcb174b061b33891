//! Deletes objects that no row points at: uploads that never became a job, texts of runs that lost their race.

use std::collections::HashMap;

use chrono::Duration;
use database::discarded::StoredDocument;
use database::documents;
use domain::DocumentId;
use futures::TryStreamExt;
use storage::StorageKey;

use super::SweepError;
use crate::scheduler::Parts;

/// An upload may take long before its row is written; nothing younger is touched.
const LEFT_ALONE: Duration = Duration::hours(24);
const BATCH: usize = 200;

/// Returns how many objects were deleted.
pub(crate) async fn delete(parts: &Parts) -> Result<u64, SweepError> {
    let before = parts.clock.now() - LEFT_ALONE;
    let keys = parts
        .storage
        .list("users", before)
        .try_filter_map(|listed| async move {
            // What does not look like ours is not ours to delete.
            Ok(StorageKey::try_from(listed.key.as_str()).ok())
        });
    let batches = keys.try_chunks(BATCH);
    futures::pin_mut!(batches);
    let mut sum = 0;
    while let Some(keys) = batches.try_next().await.map_err(|error| error.1)? {
        sum += delete_unknown(parts, keys).await?;
        if parts.stopping.is_cancelled() {
            break;
        }
    }
    sum += parts.storage.remove_unfinished(before).await?;
    if sum > 0 {
        tracing::info!("deleted {sum} objects that no row points at");
    }
    Ok(sum)
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
