//! Deletes the objects of deleted documents that were not deleted at once.

use std::time::Duration;

use database::discarded::{self, StoredDocument};
use storage::StorageKey;

use super::SweepError;
use crate::scheduler::Parts;

/// Whoever deletes a document deletes its objects too; this sweep comes only after that had its time.
const LEFT_ALONE: Duration = Duration::from_secs(60);
const BATCH: u32 = 200;

/// Returns how many documents are gone for good.
pub(crate) async fn delete(parts: &Parts) -> Result<u64, SweepError> {
    let mut sum = 0;
    loop {
        let before = parts.clock.now() - LEFT_ALONE;
        let documents = discarded::list(&parts.database, before, BATCH).await?;
        delete_objects(parts, &documents).await?;
        sum += documents.len() as u64;
        if documents.len() < BATCH as usize || parts.stopping.is_cancelled() {
            return Ok(sum);
        }
    }
}

/// Deletes the objects of documents that are noted as discarded, and then the notes.
pub(super) async fn delete_objects(parts: &Parts, documents: &[StoredDocument]) -> Result<(), SweepError> {
    let keys: Vec<StorageKey> = documents
        .iter()
        .flat_map(|stored| StorageKey::of_document(stored.user, stored.document, stored.text_fence))
        .collect();
    parts.storage.delete(&keys).await?;
    let ids: Vec<_> = documents.iter().map(|stored| stored.document).collect();
    discarded::forget(&parts.database, &ids).await?;
    Ok(())
}
