//! `POST /documents`: files as a form or one raw body, streamed through to storage.

use std::time::Duration;

use database::jobs::Job;
use domain::{Content, limits};
use futures::StreamExt;
use poem::error::ParseMultipartError;
use poem::web::Multipart;
use poem::{Body, FromRequest, Request, RequestBody};
use poem_openapi::payload::{Binary, Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiRequest, ApiResponse};
use tokio_util::io::ReaderStream;

use super::jobs::{RETRY_AFTER_SECONDS, etag};
use super::schema::{self, ContentName, JobBody};
use crate::auth::caller::Caller;
use crate::context::{Api, DatabaseAway};
use crate::http::admission::Place;
use crate::http::patience::Patience;
use crate::http::request_headers;
use crate::operations::naming;
use crate::operations::reuse::Reuse;
use crate::operations::upload::{Choices, Intake, Refused};
use crate::operations::waiting::{self, NoWait};
use crate::problem::{Code, Problem};

/// Bytes read from a form at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A form with 1 to 100 files, in parts of any name. Every part must have a file name.
pub(super) struct FilesForm(Multipart);

impl Payload for FilesForm {
    const CONTENT_TYPE: &'static str = "multipart/form-data";

    fn check_content_type(content_type: &str) -> bool {
        content_type
            .trim_start()
            .to_ascii_lowercase()
            .starts_with(Self::CONTENT_TYPE)
    }

    fn schema_ref() -> MetaSchemaRef {
        let file = MetaSchema {
            format: Some("binary"),
            ..MetaSchema::new("string")
        };
        let files = MetaSchema {
            items: Some(Box::new(MetaSchemaRef::Inline(Box::new(file)))),
            min_items: Some(1),
            max_items: Some(limits::FILES_PER_UPLOAD_MAX),
            ..MetaSchema::new("array")
        };
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            properties: vec![("file", MetaSchemaRef::Inline(Box::new(files)))],
            required: vec!["file"],
            ..MetaSchema::new("object")
        }))
    }
}

impl ParsePayload for FilesForm {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(Multipart::from_request(request, body).await?))
    }
}

/// Files as a form, or one file as the whole body.
#[derive(ApiRequest)]
pub(super) enum Files {
    /// A form.
    Form(FilesForm),
    /// One file; its name goes into the query.
    Raw(Binary<Body>),
}

#[derive(ApiResponse)]
pub(super) enum Accepted {
    /// The job has ended while the request waited for it, as `Prefer: wait` asked.
    #[oai(status = 200)]
    Ended(
        Json<JobBody>,
        /// Where to find the job.
        #[oai(header = "Location")]
        String,
        /// The version of the job.
        #[oai(header = "ETag")]
        String,
        /// `true` when an earlier request with the same Idempotency-Key did the work.
        #[oai(header = "Idempotency-Replayed")]
        Option<bool>,
        /// How long was waited.
        #[oai(header = "Preference-Applied")]
        Option<String>,
    ),
    /// The documents are stored and will be processed, whatever happens to any machine from here on.
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
        /// How long was waited, in vain.
        #[oai(header = "Preference-Applied")]
        Option<String>,
    ),
}

/// Takes the files in and makes a job of them. The route itself is with the others of its path: a path that two parts of
/// the API share would be in the OpenAPI document twice.
pub(super) async fn receive(
    api: &Api,
    caller: Caller,
    files: Files,
    file_name: Option<&str>,
    choices: Choices,
    (patience, place): (Patience, &Place),
) -> Result<Accepted, Problem> {
    let Caller(who) = caller;
    let mut intake = Intake::new(api, who.user);
    match files {
        Files::Raw(Binary(body)) => {
            intake.add(file_name, Box::pin(body.into_bytes_stream())).await?;
        }
        Files::Form(FilesForm(mut form)) => {
            while let Some(part) = form.next_field().await.map_err(|error| broken_form(&error))? {
                let Some(name) = part.file_name().map(str::to_owned) else {
                    let part = part.name().unwrap_or("unnamed");
                    return Err(Problem::invalid(
                        format!("/{part}"),
                        "is not a file: the part has no file name",
                    ));
                };
                let body = ReaderStream::with_capacity(Box::pin(part.into_async_read()), CHUNK_BYTES);
                intake.add(Some(&name), body.boxed()).await?;
            }
        }
    }
    let accepted = intake.submit(choices, who.origin).await?;
    let replayed = accepted.replayed.then_some(true);
    let (job, waited) = wait_for(api, place, accepted.job, patience).await;
    let (location, etag) = (schema::job_path(job.id), etag(&job));
    if waited.is_some() && job.status.is_terminal() {
        let job = Json(job.into());
        return Ok(Accepted::Ended(job, location, etag, replayed, waited));
    }
    Ok(Accepted::Accepted(
        Json(job.into()),
        location,
        RETRY_AFTER_SECONDS,
        etag,
        replayed,
        waited,
    ))
}

/// The job after the client's patience, and whether the wish to wait was granted. It was accepted before, and stays so
/// whatever becomes of the waiting.
async fn wait_for(api: &Api, place: &Place, accepted: Job, patience: Patience) -> (Job, Option<String>) {
    if patience.wait().is_zero() {
        return (accepted, patience.applied());
    }
    let (user, id) = (accepted.user, accepted.id);
    let waiting = waiting::for_job(api, place, user, id, patience.wait(), |job| {
        job.status.is_terminal()
    });
    match api.unless_away(waiting).await {
        Ok(Ok(job)) => (job.unwrap_or(accepted), patience.applied()),
        Ok(Err(NoWait::Database(error))) => {
            tracing::warn!(job.id = %id, "could not wait for job {id}: {}", telemetry::chain(&error));
            (accepted, None)
        }
        Ok(Err(NoWait::TooMany(_))) | Err(DatabaseAway) => (accepted, None),
    }
}

/// What the request chooses for its job.
pub(super) fn choices(
    request: &Request,
    tags: Option<u8>,
    deadline_seconds: Option<u64>,
    content: Option<ContentName>,
) -> Result<Choices, Problem> {
    let tags_max = tags.unwrap_or(limits::TAGS_DEFAULT);
    if tags_max > limits::TAGS_MAX {
        return Err(Problem::invalid(
            "query:max_tags",
            format!("must be at most {}", limits::TAGS_MAX),
        ));
    }
    let deadline = deadline_seconds.map_or(limits::DEADLINE_DEFAULT, Duration::from_secs);
    if deadline.is_zero() || deadline > limits::DEADLINE_MAX {
        let rule = format!("must be between 1 and {}", limits::DEADLINE_MAX.as_secs());
        return Err(Problem::invalid("query:deadline_seconds", rule));
    }
    Ok(Choices {
        tags_max,
        content: content.map_or_else(Content::default, Content::from),
        deadline,
        labels: Vec::new(),
        version_of: None,
        reuse: if request_headers::refuses_stored(request.headers()) {
            Reuse::Never
        } else {
            Reuse::Same
        },
        idempotency_key: request_headers::idempotency_key(request.headers())?,
        trace_parent: request_headers::trace_parent(request.headers()),
    })
}

/// The labels of an upload, from its query.
pub(super) fn labels(given: &[String]) -> Result<Vec<String>, Problem> {
    naming::labels(given).map_err(|rule| Problem::invalid("query:label", rule))
}

fn broken_form(error: &ParseMultipartError) -> Problem {
    Problem::new(Code::InvalidRequest).detail(format!("the form cannot be read: {error}"))
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::NoFile
            | Refused::TooManyFiles
            | Refused::VersionOfSeveral
            | Refused::Incomplete { .. } => Self::new(Code::InvalidRequest).detail(detail),
            Refused::Kind { .. } => {
                let readable: Vec<_> = domain::DocumentKind::ALL
                    .iter()
                    .map(|kind| kind.media_type())
                    .collect();
                Self::new(Code::UnsupportedMediaType)
                    .detail(format!("{detail}; supported are {}", readable.join(", ")))
            }
            Refused::TooLarge { .. } => Self::new(Code::TooLarge).detail(detail),
            Refused::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Refused::Gone => Self::new(Code::NotFound).detail(detail),
            Refused::Away(away) => away.into(),
            Refused::Unfinished => {
                tracing::error!("{detail}");
                Self::new(Code::Internal)
            }
            Refused::Storage(error) => error.into(),
            Refused::Database(error) => error.into(),
        }
    }
}
