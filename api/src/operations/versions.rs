//! New versions of a document out of bytes that are stored already.

use std::time::Duration;

use database::audit::Origin;
use database::discarded::StoredDocument;
use database::documents::Document;
use database::jobs::{self, Job, JobOptions, NewDocument, NewJob};
use database::reuse::Source;
use domain::{DocumentId, DocumentStatus, JobId, VersionOf, VersionOrigin, limits};
use storage::StorageKey;
use tracing::Instrument;

use super::reuse::Reuse;
use super::upload::{self, Refused};
use crate::context::Api;

/// Why there is no new version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoVersion {
    #[error("the document is {0}")]
    NotReady(DocumentStatus),
    #[error("the document was cancelled before it was done; its content is gone")]
    Gone,
    #[error("the object of document {0} is missing")]
    Missing(DocumentId),
    #[error(transparent)]
    Upload(#[from] Refused),
}

impl From<storage::StorageError> for NoVersion {
    fn from(error: storage::StorageError) -> Self {
        Self::Upload(error.into())
    }
}

/// How the next version comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// With the results that the document has.
    Restore,
    /// With results that are made anew, by the release that is running.
    Reprocess,
}

/// Makes the bytes of a document the next version of it, with the options that it was handed in with. The job is stored; it has
/// ended already when the results are those that were there.
pub(crate) async fn again(
    api: &Api,
    document: &Document,
    how: Again,
    origin: Origin,
    trace_parent: Option<String>,
) -> Result<Job, NoVersion> {
    match document.status {
        DocumentStatus::Completed => {}
        DocumentStatus::Failed if how == Again::Reprocess => {}
        DocumentStatus::Cancelled => return Err(NoVersion::Gone),
        status => return Err(NoVersion::NotReady(status)),
    }
    let options = jobs::options(&api.database, document.job)
        .await
        .map_err(Refused::from)?;
    let (user, job, id) = (document.user, JobId::new(), DocumentId::new());
    let stored = vec![StoredDocument {
        user,
        job,
        document: id,
        text_fence: None,
    }];
    let (from, to) = (
        StorageKey::original(user, document.id),
        StorageKey::original(user, id),
    );
    if !api.storage.copy(&from, &to).await? {
        return Err(NoVersion::Missing(document.id));
    }
    let source = document.text_fence.map(|text_fence| Source {
        document: document.id,
        text_fence,
    });
    let (reuse, version_origin) = match (how, source) {
        (Again::Restore, Some(source)) => (Reuse::Of(source), VersionOrigin::Restore),
        (Again::Restore, None) => (Reuse::Same, VersionOrigin::Restore),
        (Again::Reprocess, _) => (Reuse::Never, VersionOrigin::Reprocess),
    };
    let now = api.clock.now();
    let new = NewJob {
        id: job,
        user,
        documents: vec![NewDocument {
            id,
            file_name: document.file_name.clone(),
            kind: document.kind,
            size_bytes: document.size_bytes,
            sha256: document.sha256.as_slice().try_into().unwrap_or_default(),
        }],
        options: JobOptions {
            labels: document.labels.clone(),
            version_of: Some(VersionOf {
                document: document.id,
                origin: version_origin,
            }),
            ..options
        },
        idempotency: None,
        deadline_at: now + DEADLINE,
        trace_parent,
        dispatched: api.handover.is_open(now),
        origin,
    };
    let storing = tokio::spawn(upload::store(api.clone(), new, reuse, stored, now).in_current_span());
    let accepted = api
        .unless_away(storing)
        .await
        .map_err(Refused::from)?
        .unwrap_or(Err(Refused::Unfinished))?;
    Ok(accepted.job)
}

/// As for an upload of which nobody says how long it may take.
const DEADLINE: Duration = limits::DEADLINE_DEFAULT;
