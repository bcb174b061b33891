//! New versions of a document out of bytes that are stored already.

use std::time::Duration;

use database::audit::Origin;
use database::discarded::StoredDocument;
use database::documents::Document;
use database::jobs::{self, JobOptions, NewDocument, NewJob, Terms};
use database::reuse::Source;
use domain::{DocumentId, DocumentStatus, JobId, VersionOf, VersionOrigin, limits};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use storage::StorageKey;
use tracing::Instrument;

use super::reuse::Reuse;
use super::upload::{self, Accepted, Refused};
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
    #[error("the document came with a password, which is forgotten: send it again in Docmill-Password")]
    Locked,
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

impl Again {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Reprocess => "reprocess",
        }
    }
}

/// What else the request said.
pub(crate) struct Wish {
    pub(crate) origin: Origin,
    pub(crate) trace_parent: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// What opens the document, where it has to be read again.
    pub(crate) password: Option<SecretString>,
}

/// Makes the bytes of a document the next version of it, with the options that it was handed in with. The job is stored; it has
/// ended already when the results are those that were there.
pub(crate) async fn again(
    api: &Api,
    document: &Document,
    how: Again,
    wish: Wish,
) -> Result<Accepted, NoVersion> {
    match document.status {
        DocumentStatus::Completed => {}
        DocumentStatus::Failed if how == Again::Reprocess => {}
        DocumentStatus::Cancelled => return Err(NoVersion::Gone),
        status => return Err(NoVersion::NotReady(status)),
    }
    let options = jobs::options(&api.database, document.job)
        .await
        .map_err(Refused::from)?;
    if options.locked && how == Again::Reprocess && wish.password.is_none() {
        return Err(NoVersion::Locked);
    }
    let (user, job, id) = (document.user, JobId::new(), DocumentId::new());
    let seal = |password| api.sealing.seal(job, password).ok_or(Refused::NoSealing);
    let password = wish.password.as_ref().map(seal).transpose()?;
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
    let asking = api.handover.room_for(&api.database, 1, now);
    let room = api.unless_away(asking).await.map_err(Refused::from)?;
    let terms = Terms {
        quotas: api.quotas.limits(),
        unique: None,
    };
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
            locked: options.locked || password.is_some(),
            password,
            priority: None,
            run_at: None,
            labels: document.labels.clone(),
            version_of: Some(VersionOf {
                document: document.id,
                origin: version_origin,
            }),
            ..options
        },
        idempotency: wish.idempotency_key.map(|key| (key, fingerprint(document, how))),
        deadline_at: now + DEADLINE,
        trace_parent: wish.trace_parent,
        dispatched: room.is_some(),
        origin: wish.origin,
    };
    let storing = upload::store(api.clone(), terms, (new, reuse), stored, room, now);
    let accepted = api
        .unless_away(tokio::spawn(storing.in_current_span()))
        .await
        .map_err(Refused::from)?
        .unwrap_or(Err(Refused::Unfinished))?;
    Ok(accepted)
}

/// The same request is the same wish about the same document.
fn fingerprint(document: &Document, how: Again) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(how.as_str());
    digest.update(document.id.uuid());
    digest.finalize().into()
}

/// As for an upload of which nobody says how long it may take.
const DEADLINE: Duration = limits::DEADLINE_DEFAULT;
