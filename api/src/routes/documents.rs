//! `/documents`: lists, search, results, downloads.

use bytes::Bytes;
use database::documents::{self, Document};
use database::labels::{self, Edited};
use domain::DocumentId;
use futures::{Stream, TryStreamExt};
use poem::web::Data;
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, Json, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiResponse, OpenApi};
use storage::StorageError;

use super::Section;
use super::editing::{self, EditBody};
use super::finding::{self, Asked, Filters, Versions};
use super::schema::{
    ContentName, DocumentBody, DocumentKindName, DocumentPage, DocumentStatusName, PriorityName,
};
use super::upload::{self, Accepted, Chosen, Files};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::accept;
use crate::http::admission::Place;
use crate::http::patience::Patience;
use crate::http::range::{self, Wanted};
use crate::http::request_headers;
use crate::operations::cleanup;
use crate::operations::downloads::{self, Nothing};
use crate::problem::{Code, Problem};

pub(super) struct Documents;

/// What a page of a document's own content may do in a browser: nothing.
const SANDBOX: &str = "sandbox; default-src 'none'";

#[derive(ApiResponse)]
enum DocumentList {
    /// A page of documents: the newest first, or the best first when searching.
    #[oai(status = 200)]
    Page(
        Json<DocumentPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

/// A text in the form that was chosen.
struct TextBody {
    body: Body,
    is_markdown: bool,
}

impl Payload for TextBody {
    const CONTENT_TYPE: &'static str = "text/plain; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
    }
}

impl IntoResponse for TextBody {
    fn into_response(self) -> Response {
        let content_type = if self.is_markdown {
            "text/markdown; charset=utf-8"
        } else {
            Self::CONTENT_TYPE
        };
        self.body.with_content_type(content_type).into_response()
    }
}

#[derive(ApiResponse)]
enum TextAnswer {
    /// The text, as Markdown (`text/markdown`) if that was asked for. Pages are separated by form feeds, in Markdown by
    /// rules.
    #[oai(status = 200)]
    Text(
        TextBody,
        /// The form depends on the request.
        #[oai(header = "Vary")]
        String,
    ),
}

#[derive(ApiResponse)]
enum OriginalAnswer {
    /// The document as it came in.
    #[oai(status = 200)]
    Whole(
        Binary<Body>,
        #[oai(header = "Content-Type")] String,
        #[oai(header = "Content-Disposition")] String,
        #[oai(header = "Content-Length")] u64,
        #[oai(header = "Accept-Ranges")] String,
        #[oai(header = "Content-Security-Policy")] String,
    ),
    /// The part that was asked for.
    #[oai(status = 206)]
    Part(
        Binary<Body>,
        #[oai(header = "Content-Type")] String,
        #[oai(header = "Content-Disposition")] String,
        #[oai(header = "Content-Length")] u64,
        #[oai(header = "Content-Range")] String,
        #[oai(header = "Content-Security-Policy")] String,
    ),
}

#[derive(ApiResponse)]
enum DocumentAnswer {
    /// The document.
    #[oai(status = 200)]
    Document(
        Json<DocumentBody>,
        /// Its version, for `If-Match`. It is another one when a person has changed what it is called, and when it has ended.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone, or was never there.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(tag = "Section::Documents")]
impl Documents {
    /// Hand documents in
    ///
    /// As `multipart/form-data` with 1 to 100 files, or one file as the raw body with its name in `file_name`. With an
    /// `Idempotency-Key` the same request can be sent again without making a second job. With `Prefer: wait=N` the answer
    /// waits for the job, 60 seconds at most, and is 200 when it has ended by then. With a `unique_key`
    /// that another job of the account has, the answer is that job, with `Unique-Replayed: true`.
    ///
    /// A password that opens the documents comes in the header `Docmill-Password`, or as the field `password` of the form;
    /// never in the address. It is sealed until a worker needs it, and forgotten when the documents are done.
    ///
    /// Bytes that you handed in before with the same options are not read again: the document says so in `reused_from`.
    /// `Cache-Control: no-cache` has them read all the same, and so have a password and a `run_at`.
    #[oai(path = "/documents", method = "post")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn upload(
        &self,
        api: Data<&Api>,
        caller: Caller,
        place: Data<&Place>,
        request: &Request,
        files: Files,
        /// The name of a raw body.
        file_name: Query<Option<String>>,
        /// Tags per document at most, 0 to 50.
        max_tags: Query<Option<u8>>,
        /// Seconds after which the job ends in any case, 1 to 86400.
        deadline_seconds: Query<Option<u64>>,
        /// Which part of a web page is read: all of it, or only its main content without navigation and the like.
        content: Query<Option<ContentName>>,
        /// The languages that tags are wanted in (ISO 639-1), where the text has parts in them; without, or where it has none,
        /// tags are in the main language of the document.
        languages: Query<Vec<String>>,
        /// What to call the documents: 20 labels at most, of 50 characters at most. Give the parameter once for each.
        label: Query<Vec<String>>,
        /// A name, 1 to 255 characters, that only one job of the account has at a time. It is free again after `unique_for`,
        /// and when its job is deleted, or has ended without any result.
        unique_key: Query<Option<String>>,
        /// Seconds for which the job has its `unique_key`, 1 to 2592000; a day when absent.
        unique_for: Query<Option<u64>>,
        /// How soon it is read: `high` for one document and `normal` for several unless said otherwise. Only operators and
        /// administrators may say `urgent`.
        priority: Query<Option<PriorityName>>,
        /// When it may be read, before the deadline (RFC 3339); at once unless said otherwise.
        run_at: Query<Option<String>>,
    ) -> Result<Accepted, Problem> {
        let chosen = Chosen {
            max_tags: max_tags.0,
            deadline_seconds: deadline_seconds.0,
            content: content.0,
            priority: priority.0,
            run_at: run_at.0,
            languages: languages.0,
            labels: label.0,
            unique: (unique_key.0, unique_for.0),
        };
        let choices = upload::choices(request, chosen, api.clock.now())?;
        let patience = Patience::read(None, request.headers())?;
        upload::receive(
            &api,
            caller,
            files,
            file_name.0.as_deref(),
            choices,
            (patience, &place),
        )
        .await
    }

    /// Your documents, the newest first; with `q` those that match, the best first
    ///
    /// A query is words, "phrases", -exclusions and beginnings*. Words are found inflected, as beginnings and, where hardly any
    /// document has them, with one letter wrong. There is no query that is not valid.
    #[oai(path = "/documents", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn documents(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// What the title, the file name, the tags or the text must have.
        q: Query<Option<String>>,
        status: Query<Option<DocumentStatusName>>,
        kind: Query<Option<DocumentKindName>>,
        /// Only documents in this language (ISO 639-1).
        language: Query<Option<String>>,
        /// Only documents with this tag; case and signs do not matter.
        tag: Query<Option<String>>,
        /// Only documents with this label.
        label: Query<Option<String>>,
        /// Accepted on this day (UTC) or at this time, or later.
        from: Query<Option<String>>,
        /// Accepted on this day or before it, or before this time.
        to: Query<Option<String>>,
        /// Which versions: a search shows the current ones unless told otherwise, a list shows all.
        versions: Query<Option<Versions>>,
        /// Only the documents of this job.
        job_id: Query<Option<String>>,
        /// What to count over everything that matches: some of kind, language, tag, label, with commas between them.
        facets: Query<Option<String>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<DocumentList, Problem> {
        let wanted = Asked {
            path: "/api/v1/documents",
            query: q.0,
            is_typed: true,
            filters: Filters {
                status: status.0,
                kind: kind.0,
                language: language.0,
                tag: tag.0,
                label: label.0,
                from: from.0,
                to: to.0,
                versions: versions.0,
            },
            job: job_id.0,
            facets: facets.0,
            limit: limit.0,
            cursor: cursor.0,
        };
        let (page, link) = finding::page(&api, caller.0.user, wanted).await?;
        Ok(DocumentList::Page(Json(page), link))
    }

    /// Change what a document is called
    ///
    /// The version that the change is meant for stands in `If-Match`.
    #[oai(path = "/documents/:id", method = "patch")]
    async fn edit(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Json<EditBody>,
    ) -> Result<DocumentAnswer, Problem> {
        let document = find(&api, &caller, &id.0).await?;
        request_headers::check_version(if_match.0.as_deref(), &etag(&document))?;
        let edit = editing::read(body.0)?;
        let who = caller.0.clone();
        match labels::edit(
            &api.database,
            who.user,
            (document.id, document.edits),
            &edit,
            who.origin,
            api.clock.now(),
        )
        .await?
        {
            Edited::Done => answer(&api, find(&api, &caller, &id.0).await?).await,
            Edited::ChangedMeanwhile => Err(request_headers::changed_meanwhile()),
            Edited::NotCompleted(status) => {
                Err(Problem::new(Code::NotReady)
                    .detail(format!("the document is {status}; it has no title yet")))
            }
            Edited::NoSuchDocument => Err(Problem::new(Code::NotFound)),
        }
    }

    /// A document and what was found in it
    #[oai(path = "/documents/:id", method = "get")]
    async fn document(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<DocumentAnswer, Problem> {
        answer(&api, find(&api, &caller, &id.0).await?).await
    }

    /// The text of a document
    ///
    /// Plain text, or with `Accept: text/markdown` Markdown, for kinds of documents whose structure is known. Some `pages` come as
    /// plain text only.
    #[oai(path = "/documents/:id/text", method = "get")]
    async fn text(
        &self,
        api: Data<&Api>,
        caller: Caller,
        place: Data<&Place>,
        id: Path<String>,
        /// Some pages, such as `1-3,7` or `5-`: of a document with pages, slides, sheets, chapters or messages.
        pages: Query<Option<String>>,
        #[oai(name = "Accept")] accept: Header<Option<String>>,
    ) -> Result<TextAnswer, Problem> {
        let document = find(&api, &caller, &id.0).await?;
        let form = accept::text_form(accept.0.as_deref());
        if let Some(pages) = pages.0 {
            let text = downloads::pages(&api, &document, &pages, form).await?;
            let body = TextBody {
                body: body_of(text, &place),
                is_markdown: false,
            };
            return Ok(TextAnswer::Text(body, "Accept".to_owned()));
        }
        let text = downloads::text(&api, &document, form).await?;
        let body = TextBody {
            body: body_of(text.object.stream, &place),
            is_markdown: text.is_markdown,
        };
        Ok(TextAnswer::Text(body, "Accept".to_owned()))
    }

    /// A document as it came in, whole or a `Range` of it
    #[oai(path = "/documents/:id/original", method = "get")]
    async fn original(
        &self,
        api: Data<&Api>,
        caller: Caller,
        place: Data<&Place>,
        id: Path<String>,
        #[oai(name = "Range")] range: Header<Option<String>>,
    ) -> Result<OriginalAnswer, Problem> {
        let document = find(&api, &caller, &id.0).await?;
        let size = document.size_bytes;
        let content_type = document.kind.media_type().to_owned();
        let disposition = attachment(&document.file_name);
        match range::parse(range.0.as_deref(), size) {
            Wanted::Outside => {
                Err(Problem::new(Code::RangeNotSatisfiable).detail(format!("it has {size} bytes")))
            }
            Wanted::Everything => {
                let object = downloads::original(&api, &document, None).await?;
                let body = Binary(body_of(object.stream, &place));
                let (ranges, sandbox) = ("bytes".to_owned(), SANDBOX.to_owned());
                Ok(OriginalAnswer::Whole(
                    body,
                    content_type,
                    disposition,
                    size,
                    ranges,
                    sandbox,
                ))
            }
            Wanted::Part(part) => {
                let object = downloads::original(&api, &document, Some(part.clone())).await?;
                let body = Binary(body_of(object.stream, &place));
                let shown = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                let length = part.end - part.start;
                Ok(OriginalAnswer::Part(
                    body,
                    content_type,
                    disposition,
                    length,
                    shown,
                    SANDBOX.to_owned(),
                ))
            }
        }
    }

    /// Delete a document with everything found in it, in every version
    ///
    /// Deleting twice is fine: what is not there, and what is not yours, is answered as if it had just gone.
    #[oai(path = "/documents/:id", method = "delete")]
    async fn delete(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Deleted, Problem> {
        let id: DocumentId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let Caller(who) = caller;
        let stored = documents::delete(&api.database, who.user, id, who.origin, api.clock.now()).await?;
        for stored in &stored {
            api.events.publish(stored.job);
        }
        if !stored.is_empty() {
            cleanup::discard_in_background(&api, stored);
        }
        Ok(Deleted::Done)
    }
}

/// What breaks off half-way can only be cut: the status has been sent. The place is kept until the last byte is.
fn body_of(bytes: impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static, place: &Place) -> Body {
    let place = place.clone();
    Body::from_bytes_stream(bytes.map_err(move |error| {
        let _kept = &place;
        tracing::warn!("a download broke off: {}", telemetry::chain(&error));
        std::io::Error::other(error)
    }))
}

/// A document with what it asks for and announces.
async fn answer(api: &Api, document: Document) -> Result<DocumentAnswer, Problem> {
    let (user, id, etag) = (document.user, document.id, etag(&document));
    let (mut todos, mut events) = (Vec::new(), Vec::new());
    if document.todos > 0 {
        todos = database::todos::of_document(&api.database, user, id).await?;
    }
    if document.events > 0 {
        events = database::events::of_document(&api.database, user, id).await?;
    }
    let body = DocumentBody::from(document).with_agenda(todos, events);
    Ok(DocumentAnswer::Document(Json(body), etag))
}

/// The version of a document that a person may change.
fn etag(document: &Document) -> String {
    format!("\"{}-{}\"", document.edits, document.status)
}

pub(super) async fn find(api: &Api, caller: &Caller, id: &str) -> Result<Document, Problem> {
    let id: DocumentId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    Ok(downloads::document(api, caller.0.user, id).await?)
}

/// `Content-Disposition` that makes a browser save instead of show (RFC 6266), with the name in both its forms (RFC 8187).
fn attachment(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !"\"\\%;".contains(c) || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let encoded: String = file_name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

impl From<Nothing> for Problem {
    fn from(nothing: Nothing) -> Self {
        match nothing {
            Nothing::NotFound => Self::new(Code::NotFound),
            Nothing::NotReady(_) => Self::new(Code::NotReady).detail(nothing),
            Nothing::Failed { .. } => Self::new(Code::DocumentFailed).detail(nothing),
            Nothing::Gone => Self::new(Code::Gone).detail(nothing),
            Nothing::NoSuchPages(detail) => Self::invalid("query:pages", detail),
            Nothing::NoMarkdownOfPages => Self::new(Code::NotAcceptable).detail(nothing),
            Nothing::NoMarkdown(_) => Self::new(Code::NotAcceptable).detail(nothing),
            Nothing::Missing(_) => {
                tracing::error!("{nothing}");
                Self::new(Code::Internal).detail("the stored document is missing")
            }
            Nothing::Storage(error) => error.into(),
            Nothing::Database(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        assert_eq!(
            attachment("Müller \"Q1\"; x.pdf"),
            "attachment; filename=\"M_ller _Q1__ x.pdf\"; filename*=UTF-8''M%C3%BCller%20%22Q1%22%3B%20x.pdf"
        );
    }
}
