//! `/documents/{id}/versions` and what makes new ones.

use database::versions;
use domain::{DocumentId, VersionOf, VersionOrigin};
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Section;
use super::agenda::{EventBody, TodoBody};
use super::documents::find;
use super::jobs::{RETRY_AFTER_SECONDS, etag};
use super::listing::{self, Page};
use super::schema::{self, ContentName, DocumentBody, DocumentPage, JobBody, PriorityName};
use super::upload::{self, Chosen, Files};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::admission::Place;
use crate::http::cursor::Position;
use crate::http::patience::Patience;
use crate::http::request_headers;
use crate::operations::differences::{self, Difference, Hunk};
use crate::operations::upload::{Accepted, AcceptedBy, Choices};
use crate::operations::versions::{Again, NoVersion, Wish, again};
use crate::problem::{Code, Problem};

pub(super) struct Versions;

const LIST: &str = "versions";

#[derive(ApiResponse)]
enum VersionList {
    /// A page of versions, the newest first.
    #[oai(status = 200)]
    Page(
        Json<DocumentPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(ApiResponse)]
enum NewVersion {
    /// The version is stored; it is done already where no results had to be made.
    #[oai(status = 202)]
    Accepted(
        Json<JobBody>,
        /// Where to follow the job.
        #[oai(header = "Location")]
        String,
        /// Seconds until asking makes sense.
        #[oai(header = "Retry-After")]
        u64,
        /// The version of the job.
        #[oai(header = "ETag")]
        String,
        /// `true` when an earlier request with the same Idempotency-Key did the work.
        #[oai(header = "Idempotency-Replayed")]
        Option<bool>,
    ),
}

/// What changed from one version to another.
#[derive(Debug, Object)]
#[oai(rename = "Difference", skip_serializing_if_is_none)]
struct DifferenceBody {
    from: SideBody,
    to: SideBody,
    tags_added: Vec<String>,
    tags_removed: Vec<String>,
    /// Those whose words, owner, priority or date are other ones are among the added and among the removed.
    todos_added: Vec<TodoBody>,
    todos_removed: Vec<TodoBody>,
    events_added: Vec<EventBody>,
    events_removed: Vec<EventBody>,
    text: TextDifferenceBody,
}

/// One of the versions that are compared.
#[derive(Debug, Object)]
#[oai(rename = "DifferenceSide", skip_serializing_if_is_none)]
struct SideBody {
    version: i32,
    document_id: String,
    title: Option<String>,
    language: Option<String>,
    engine: Option<String>,
    release: Option<String>,
}

/// How the text changed.
#[derive(Debug, Object)]
#[oai(rename = "TextDifference")]
struct TextDifferenceBody {
    lines_added: u64,
    lines_removed: u64,
    /// Where: at most 200 hunks with 4000 lines together.
    hunks: Vec<HunkBody>,
    /// A limit was reached, or only the first 2 MiB of a text were compared: there may be more.
    truncated: bool,
}

/// Lines that changed, with three unchanged ones around them.
#[derive(Debug, Object)]
#[oai(rename = "Hunk")]
struct HunkBody {
    /// First line in the earlier text, from 1.
    from_line: u64,
    /// First line in the later text, from 1.
    to_line: u64,
    /// First and behind-last byte in the earlier text.
    from_bytes: Vec<u64>,
    /// First and behind-last byte in the later text.
    to_bytes: Vec<u64>,
    /// Each begins with `-`, `+` or a space.
    lines: Vec<String>,
}

#[OpenApi(tag = "Section::Documents")]
impl Versions {
    /// The versions of a document, the newest first
    ///
    /// Any version can be named. Each is a document of its own, with its own bytes, results and engine.
    #[oai(path = "/documents/:id/versions", method = "get")]
    async fn versions(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<VersionList, Problem> {
        let document = find(&api, &caller, &id.0).await?;
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        // The position is the version before which the page begins.
        let before = i32::try_from(page.offset()).ok().filter(|before| *before > 0);
        let mut found =
            versions::list(&api.database, document.user, document.id, before, page.fetch()).await?;
        let more = page.cut(&mut found);
        let next = found.last().filter(|_| more).map(|last| {
            api.cursors
                .write(LIST, Position::Offset(u64::from(last.version.unsigned_abs())))
        });
        let given = [("limit", limit.0.map(|limit| limit.to_string()))];
        let path = format!("/api/v1/documents/{}/versions", document.id);
        let link = listing::links(&path, &given, next.as_deref());
        let body = DocumentPage {
            items: found.into_iter().map(DocumentBody::from).collect(),
            next_cursor: next,
            spellings: None,
            facets: None,
        };
        Ok(VersionList::Page(Json(body), link))
    }

    /// Hand in the next version of a document
    ///
    /// One file, as a form or as the raw body; otherwise as handing in a document. The history is a line: of two versions that
    /// come at the same moment, one is the later one.
    #[oai(path = "/documents/:id/versions", method = "post")]
    #[allow(clippy::too_many_arguments)] // one for each parameter
    async fn upload(
        &self,
        api: Data<&Api>,
        caller: Caller,
        place: Data<&Place>,
        request: &Request,
        id: Path<String>,
        files: Files,
        /// The name of a raw body.
        file_name: Query<Option<String>>,
        /// Tags at most, 0 to 50.
        max_tags: Query<Option<u8>>,
        /// Seconds after which the job ends in any case, 1 to 86400.
        deadline_seconds: Query<Option<u64>>,
        /// Which part of a web page is read.
        content: Query<Option<ContentName>>,
        /// The languages that tags are wanted in (ISO 639-1).
        languages: Query<Vec<String>>,
        /// What to call it; the labels of the version that is named when there are none.
        label: Query<Vec<String>>,
        /// How soon it is read: `high` unless said otherwise.
        priority: Query<Option<PriorityName>>,
        /// When it may be read, before the deadline (RFC 3339); at once unless said otherwise.
        run_at: Query<Option<String>>,
    ) -> Result<upload::Accepted, Problem> {
        let document = find(&api, &caller, &id.0).await?;
        let chosen = Chosen {
            max_tags: max_tags.0,
            deadline_seconds: deadline_seconds.0,
            content: content.0,
            priority: priority.0,
            run_at: run_at.0,
            languages: languages.0,
            labels: label.0,
            unique: (None, None),
        };
        let choices = upload::choices(request, chosen, api.clock.now())?;
        let choices = Choices {
            labels: if choices.labels.is_empty() {
                document.labels
            } else {
                choices.labels
            },
            version_of: Some(VersionOf {
                document: document.id,
                origin: VersionOrigin::Upload,
            }),
            ..choices
        };
        let patience = Patience::read(None, request.headers())?;
        let name = file_name.0.unwrap_or(document.file_name);
        upload::receive(&api, caller, files, Some(&name), choices, (patience, &place)).await
    }

    /// Make an older version the newest one
    ///
    /// It becomes one more version, with the same bytes and results. Nothing is lost.
    #[oai(path = "/documents/:id/restore", method = "post")]
    async fn restore(
        &self,
        api: Data<&Api>,
        caller: Caller,
        request: &Request,
        id: Path<String>,
    ) -> Result<NewVersion, Problem> {
        new_version(&api, &caller, request, &id.0, Again::Restore).await
    }

    /// Process the same bytes again
    ///
    /// The results become one more version; those that were there stay with theirs. A document that came with a password needs
    /// it again, in the header `Docmill-Password`.
    #[oai(path = "/documents/:id/reprocess", method = "post")]
    async fn reprocess(
        &self,
        api: Data<&Api>,
        caller: Caller,
        request: &Request,
        id: Path<String>,
    ) -> Result<NewVersion, Problem> {
        new_version(&api, &caller, request, &id.0, Again::Reprocess).await
    }

    /// What changed from one version to another
    #[oai(path = "/documents/:id/diff", method = "get")]
    async fn diff(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        /// The number of the earlier version; the one before the later one when absent.
        from: Query<Option<i32>>,
        /// The number of the later version; that of the document when absent.
        to: Query<Option<i32>>,
    ) -> Result<Json<DifferenceBody>, Problem> {
        let document = find(&api, &caller, &id.0).await?;
        let version = async |name: &str, number: i32| {
            let found = versions::find(&api.database, document.user, document.id, number).await?;
            found.ok_or_else(|| Problem::invalid(format!("query:{name}"), "there is no such version"))
        };
        let to = version("to", to.0.unwrap_or(document.version)).await?;
        let from = version("from", from.0.unwrap_or(to.version - 1)).await?;
        let difference = differences::between(&api, &from, &to).await?;
        Ok(Json(shown(from, to, difference)))
    }
}

async fn new_version(
    api: &Api,
    caller: &Caller,
    request: &Request,
    id: &str,
    how: Again,
) -> Result<NewVersion, Problem> {
    let document = find(api, caller, id).await?;
    let headers = request.headers();
    let wish = Wish {
        origin: caller.0.origin.clone(),
        trace_parent: request_headers::trace_parent(headers),
        idempotency_key: request_headers::idempotency_key(headers)?,
        password: request_headers::document_password(headers)?,
    };
    let Accepted { job, by } = again(api, &document, how, wish).await?;
    let (location, etag) = (schema::job_path(job.id), etag(&job));
    Ok(NewVersion::Accepted(
        Json(job.into()),
        location,
        RETRY_AFTER_SECONDS,
        etag,
        (by == AcceptedBy::Earlier).then_some(true),
    ))
}

fn shown(
    from: database::documents::Document,
    to: database::documents::Document,
    difference: Difference,
) -> DifferenceBody {
    DifferenceBody {
        from: side(from),
        to: side(to),
        tags_added: difference.tags_added,
        tags_removed: difference.tags_removed,
        todos_added: bodies(difference.todos_added),
        todos_removed: bodies(difference.todos_removed),
        events_added: bodies(difference.events_added),
        events_removed: bodies(difference.events_removed),
        text: TextDifferenceBody {
            lines_added: difference.text.lines_added as u64,
            lines_removed: difference.text.lines_removed as u64,
            hunks: bodies(difference.text.hunks),
            truncated: difference.text.truncated,
        },
    }
}

fn bodies<T, B: From<T>>(found: Vec<T>) -> Vec<B> {
    found.into_iter().map(B::from).collect()
}

fn side(document: database::documents::Document) -> SideBody {
    SideBody {
        version: document.version,
        document_id: DocumentId::to_string(&document.id),
        title: document.title,
        language: document.language,
        engine: document.engine,
        release: document.release,
    }
}

impl From<Hunk> for HunkBody {
    fn from(hunk: Hunk) -> Self {
        Self {
            from_line: hunk.from_line as u64,
            to_line: hunk.to_line as u64,
            from_bytes: vec![hunk.from_bytes.start as u64, hunk.from_bytes.end as u64],
            to_bytes: vec![hunk.to_bytes.start as u64, hunk.to_bytes.end as u64],
            lines: hunk.lines,
        }
    }
}

impl From<NoVersion> for Problem {
    fn from(reason: NoVersion) -> Self {
        let detail = reason.to_string();
        match reason {
            NoVersion::NotReady(_) => Self::new(Code::NotReady).detail(detail),
            NoVersion::Gone => Self::new(Code::Gone).detail(detail),
            NoVersion::Locked => Self::invalid("header:Docmill-Password", detail),
            NoVersion::Missing(_) => {
                tracing::error!("{detail}");
                Self::new(Code::Internal).detail("the stored document is missing")
            }
            NoVersion::Upload(refused) => refused.into(),
        }
    }
}
