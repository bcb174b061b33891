//! The bytes of a document: as they came in, and as text.

use std::ops::Range;

use database::documents::{self, Document};
use domain::{DocumentId, DocumentKind, DocumentStatus, UserId};
use storage::{ByteRange, Object, StorageKey};

use crate::context::Api;
use crate::http::accept::TextForm;

/// Why there is nothing to download.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Nothing {
    #[error("there is no such document")]
    NotFound,
    #[error("the document is {0}")]
    NotReady(DocumentStatus),
    #[error("{detail}")]
    Failed { detail: String },
    #[error("the document was cancelled before it was done; its content is gone")]
    Gone,
    #[error("nothing is known of the structure of a document of kind {0}, so there is no Markdown of it")]
    NoMarkdown(DocumentKind),
    #[error("the object of document {0} is missing")]
    Missing(DocumentId),
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
    #[error(transparent)]
    Database(#[from] database::DatabaseError),
}

/// A document, if it is the user's.
pub(crate) async fn document(api: &Api, user: UserId, id: DocumentId) -> Result<Document, Nothing> {
    documents::find(&api.database, user, id)
        .await?
        .ok_or(Nothing::NotFound)
}

/// The document's bytes as they came in, or a part of them.
pub(crate) async fn original(
    api: &Api,
    document: &Document,
    part: Option<Range<u64>>,
) -> Result<Object, Nothing> {
    if document.status == DocumentStatus::Cancelled {
        return Err(Nothing::Gone);
    }
    let key = StorageKey::original(document.user, document.id);
    let object = match part {
        None => api.storage.get(&key).await?,
        Some(part) => api.storage.get_range(&key, ByteRange::Within(part)).await?,
    };
    object.ok_or(Nothing::Missing(document.id))
}

/// A text, and whether it is Markdown.
pub(crate) struct Text {
    pub(crate) object: Object,
    pub(crate) is_markdown: bool,
}

/// The document's text.
pub(crate) async fn text(api: &Api, document: &Document, form: TextForm) -> Result<Text, Nothing> {
    match document.status {
        DocumentStatus::Completed => {}
        DocumentStatus::Failed => {
            let (code, detail) = document.error.clone().unwrap_or_default();
            return Err(Nothing::Failed {
                detail: format!("{code}: {}", detail.unwrap_or_default()),
            });
        }
        DocumentStatus::Cancelled => return Err(Nothing::Gone),
        status => return Err(Nothing::NotReady(status)),
    }
    let fence = document.text_fence.ok_or(Nothing::Missing(document.id))?;
    if form != TextForm::Plain && document.kind != DocumentKind::Markdown {
        let key = StorageKey::markdown(document.user, document.id, fence);
        match api.storage.get(&key).await? {
            Some(object) => {
                return Ok(Text {
                    object,
                    is_markdown: true,
                });
            }
            None if form == TextForm::Markdown => return Err(Nothing::NoMarkdown(document.kind)),
            None => {}
        }
    }
    let key = StorageKey::text(document.user, document.id, fence);
    let object = api
        .storage
        .get(&key)
        .await?
        .ok_or(Nothing::Missing(document.id))?;
    Ok(Text {
        object,
        // The text of a document that is Markdown is its source.
        is_markdown: form != TextForm::Plain && document.kind == DocumentKind::Markdown,
    })
}
