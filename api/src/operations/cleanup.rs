//! Takes the objects of deleted documents out of storage at once. What fails here is done by the nightly clean-up.

use database::discarded::{self, StoredDocument};
use storage::StorageKey;

use crate::context::Api;

/// Deletes objects and then the notes about them, in the background: the answer does not wait for the object store.
pub(crate) fn discard_in_background(api: &Api, documents: Vec<StoredDocument>) {
    let api = api.clone();
    tokio::spawn(async move {
        let keys: Vec<StorageKey> = documents
            .iter()
            .flat_map(|stored| StorageKey::of_document(stored.user, stored.document, stored.text_fence))
            .collect();
        if let Err(error) = api.storage.delete(&keys).await {
            tracing::warn!(
                "left {} objects to the clean-up: {}",
                keys.len(),
                telemetry::chain(&error)
            );
            return;
        }
        let ids: Vec<_> = documents.iter().map(|stored| stored.document).collect();
        if let Err(error) = discarded::forget(&api.database, &ids).await {
            tracing::warn!(
                "left {} notes to the clean-up: {}",
                ids.len(),
                telemetry::chain(&error)
            );
        }
    });
}
