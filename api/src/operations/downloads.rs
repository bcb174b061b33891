//! The bytes of a document: as they came in, and as text.

use std::ops::Range;

use bytes::Bytes;
use database::documents::{self, Document};
use domain::{DocumentId, DocumentKind, DocumentStatus, UserId};
use futures::{Stream, TryStreamExt, future};
use storage::{ByteRange, Object, StorageError, StorageKey};

use crate::context::Api;
use crate::http::accept::TextForm;
use crate::http::page_range::{PageFilter, Pages};

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
    #[error("some pages can be had as plain text only")]
    NoMarkdownOfPages,
    #[error("{0}")]
    NoSuchPages(String),
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

/// The fence under which the document's results are stored, once it has any.
pub(crate) fn fence(document: &Document) -> Result<i64, Nothing> {
    match document.status {
        DocumentStatus::Completed => document.text_fence.ok_or(Nothing::Missing(document.id)),
        DocumentStatus::Failed => {
            let (code, detail) = document.error.clone().unwrap_or_default();
            Err(Nothing::Failed {
                detail: format!("{code}: {}", detail.unwrap_or_default()),
            })
        }
        DocumentStatus::Cancelled => Err(Nothing::Gone),
        status => Err(Nothing::NotReady(status)),
    }
}

/// The document's text.
pub(crate) async fn text(api: &Api, document: &Document, form: TextForm) -> Result<Text, Nothing> {
    let fence = fence(document)?;
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

/// Some pages of the document's text, with a form feed between one and the next.
pub(crate) async fn pages(
    api: &Api,
    document: &Document,
    pages: &str,
    form: TextForm,
) -> Result<impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static + use<>, Nothing> {
    if form == TextForm::Markdown {
        return Err(Nothing::NoMarkdownOfPages);
    }
    let text = text(api, document, TextForm::Plain).await?;
    let Some(count) = document.pages.and_then(|pages| u32::try_from(pages).ok()) else {
        return Err(Nothing::NoSuchPages("the document has no pages".to_owned()));
    };
    let mut filter = PageFilter::new(Pages::parse(pages, count).map_err(Nothing::NoSuchPages)?);
    let pieces = text.object.stream.try_filter_map(move |piece| {
        // What comes behind the last of them is not looked at, but the object is read to its end.
        let passed = (!filter.is_done()).then(|| filter.pass(&piece));
        future::ready(Ok(passed.filter(|passed| !passed.is_empty())))
    });
    Ok(pieces)
}
