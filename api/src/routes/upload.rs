//! `POST /documents`: files as a form or one raw body, streamed through to storage.

use std::time::Duration;

use domain::limits;
use futures::StreamExt;
use poem::error::ParseMultipartError;
use poem::web::{Data, Multipart};
use poem::{Body, FromRequest, Request, RequestBody};
use poem_openapi::param::Query;
use poem_openapi::payload::{Binary, Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiRequest, ApiResponse, OpenApi};
use tokio_util::io::ReaderStream;

use super::Section;
use super::jobs::{RETRY_AFTER_SECONDS, etag};
use super::schema::{self, JobBody};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::request_headers;
use crate::operations::upload::{Choices, Intake, Refused};
use crate::problem::{Code, Problem};

pub(super) struct Uploads;

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
enum Files {
    /// A form.
    Form(FilesForm),
    /// One file; its name goes into the query.
    Raw(Binary<Body>),
}

#[derive(ApiResponse)]
enum Accepted {
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
    ),
}

#[OpenApi(tag = "Section::Documents")]
impl Uploads {
    /// Hand documents in
    ///
    /// As `multipart/form-data` with 1 to 100 files, or one file as the raw body with its name in `file_name`. With an
    /// `Idempotency-Key` the same request can be sent again without making a second job.
    #[oai(path = "/documents", method = "post")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn upload(
        &self,
        api: Data<&Api>,
        caller: Caller,
        request: &Request,
        files: Files,
        /// The name of a raw body.
        file_name: Query<Option<String>>,
        /// Tags per document at most, 0 to 50.
        max_tags: Query<Option<u8>>,
        /// Seconds after which the job ends in any case, 1 to 86400.
        deadline_seconds: Query<Option<u64>>,
    ) -> Result<Accepted, Problem> {
        let choices = choices(request, max_tags.0, deadline_seconds.0)?;
        let Caller(who) = caller;
        let mut intake = Intake::new(&api, who.user);
        match files {
            Files::Raw(Binary(body)) => {
                intake
                    .add(file_name.0.as_deref(), Box::pin(body.into_bytes_stream()))
                    .await?;
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
        let job = database::jobs::find(&api.database, who.user, accepted.job).await?;
        // Deleted by its owner in this very moment.
        let job = job.ok_or_else(|| Problem::new(Code::NotFound))?;
        let (location, etag) = (schema::job_path(job.id), etag(&job));
        let replayed = accepted.replayed.then_some(true);
        Ok(Accepted::Accepted(
            Json(job.into()),
            location,
            RETRY_AFTER_SECONDS,
            etag,
            replayed,
        ))
    }
}

fn choices(request: &Request, tags: Option<u8>, deadline_seconds: Option<u64>) -> Result<Choices, Problem> {
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
        deadline,
        idempotency_key: request_headers::idempotency_key(request.headers())?,
        trace_parent: request_headers::trace_parent(request.headers()),
    })
}

fn broken_form(error: &ParseMultipartError) -> Problem {
    Problem::new(Code::InvalidRequest).detail(format!("the form cannot be read: {error}"))
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::NoFile | Refused::TooManyFiles | Refused::Incomplete { .. } => {
                Self::new(Code::InvalidRequest).detail(detail)
            }
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
            Refused::Storage(error) => error.into(),
            Refused::Database(error) => error.into(),
        }
    }
}
