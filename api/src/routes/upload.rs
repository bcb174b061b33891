//! `POST /documents`: files as a form or one raw body, streamed through to storage.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use database::jobs::Job;
use domain::{Content, Priority, limits};
use futures::StreamExt;
use poem::error::ParseMultipartError;
use poem::web::{Field, Multipart};
use poem::{Body, FromRequest, Request, RequestBody};
use poem_openapi::payload::{Binary, Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiRequest, ApiResponse};
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::jobs::{RETRY_AFTER_SECONDS, etag};
use super::schema::{self, ContentName, JobBody, PriorityName};
use crate::auth::caller::Caller;
use crate::context::{Api, DatabaseAway};
use crate::http::admission::Place;
use crate::http::patience::Patience;
use crate::http::request_headers;
use crate::operations::naming;
use crate::operations::reuse::Reuse;
use crate::operations::upload::{AcceptedBy, Choices, Intake, Refused};
use crate::operations::waiting::{self, NoWait};
use crate::problem::{Code, Problem};

/// When a full queue has room again nobody knows; asking more often would only be more to do.
const QUEUE_FULL_SECONDS: u64 = 10;
/// Bytes read from a form at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The part of a form that is no file: what opens the files.
const PASSWORD_FIELD: &str = "password";

/// A form with 1 to 100 files, in parts of any name. Every part must have a file name, but for the password.
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
        let password = MetaSchema {
            format: Some("password"),
            description: Some("What opens the documents that are locked."),
            min_length: Some(1),
            max_length: Some(limits::DOCUMENT_PASSWORD_BYTES_MAX),
            ..MetaSchema::new("string")
        };
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            properties: vec![
                ("file", MetaSchemaRef::Inline(Box::new(files))),
                (PASSWORD_FIELD, MetaSchemaRef::Inline(Box::new(password))),
            ],
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
        /// `true` when another job has the unique key: this is that job.
        #[oai(header = "Unique-Replayed")]
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
        /// `true` when another job has the unique key: this is that job.
        #[oai(header = "Unique-Replayed")]
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
    mut choices: Choices,
    (patience, place): (Patience, &Place),
) -> Result<Accepted, Problem> {
    let Caller(who) = caller;
    let mut intake = Intake::new(api, who.user, who.role);
    match files {
        Files::Raw(Binary(body)) => {
            intake.add(file_name, Box::pin(body.into_bytes_stream())).await?;
        }
        Files::Form(FilesForm(mut form)) => {
            while let Some(part) = form.next_field().await.map_err(|error| broken_form(&error))? {
                let Some(name) = part.file_name().map(str::to_owned) else {
                    if part.name() == Some(PASSWORD_FIELD) {
                        choices.password = Some(read_password(part).await?);
                        continue;
                    }
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
    let replayed = (accepted.by == AcceptedBy::Earlier).then_some(true);
    let unique = (accepted.by == AcceptedBy::Rival).then_some(true);
    let (job, waited) = wait_for(api, place, accepted.job, patience).await;
    let (location, etag) = (schema::job_path(job.id), etag(&job));
    if waited.is_some() && job.status.is_terminal() {
        let job = Json(job.into());
        return Ok(Accepted::Ended(job, location, etag, replayed, unique, waited));
    }
    Ok(Accepted::Accepted(
        Json(job.into()),
        location,
        RETRY_AFTER_SECONDS,
        etag,
        replayed,
        unique,
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

/// What the query chooses for a job.
pub(super) struct Chosen {
    pub(super) max_tags: Option<u8>,
    pub(super) deadline_seconds: Option<u64>,
    pub(super) content: Option<ContentName>,
    pub(super) priority: Option<PriorityName>,
    pub(super) run_at: Option<String>,
    pub(super) languages: Vec<String>,
    pub(super) labels: Vec<String>,
    /// A key that no other job of the account may have, and seconds for which it has it.
    pub(super) unique: (Option<String>, Option<u64>),
}

/// What the request chooses for its job.
pub(super) fn choices(request: &Request, chosen: Chosen, now: DateTime<Utc>) -> Result<Choices, Problem> {
    let Chosen {
        max_tags: tags,
        deadline_seconds,
        content,
        priority,
        run_at,
        languages,
        labels,
        unique,
    } = chosen;
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
    let run_at = run_at.map(|time| run_at_of(&time, now + deadline)).transpose()?;
    Ok(Choices {
        tags_max,
        content: content.map_or_else(Content::default, Content::from),
        languages: languages_of(&languages)?,
        deadline,
        password: request_headers::document_password(request.headers())?,
        unique: unique_key(unique)?,
        priority: priority.map(Priority::from),
        run_at,
        labels: labels_of(&labels)?,
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

/// Codes of languages, each once; several may stand in one parameter with commas between them.
fn languages_of(given: &[String]) -> Result<Vec<String>, Problem> {
    const LANGUAGES_MAX: usize = 10;
    let mut languages: Vec<String> = Vec::new();
    for code in given.iter().flat_map(|list| list.split(',')).map(str::trim) {
        if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(Problem::invalid(
                "query:languages",
                "must be codes of two letters (ISO 639-1), such as en",
            ));
        }
        if !languages.iter().any(|known| known == code) {
            languages.push(code.to_owned());
        }
    }
    if languages.len() > LANGUAGES_MAX {
        return Err(Problem::invalid(
            "query:languages",
            format!("must be at most {LANGUAGES_MAX}"),
        ));
    }
    Ok(languages)
}

/// One byte more than a password may have is enough to know that it is too long.
async fn read_password(part: Field) -> Result<SecretString, Problem> {
    let bytes_max = u64::try_from(limits::DOCUMENT_PASSWORD_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    let read = part
        .into_async_read()
        .take(bytes_max)
        .read_to_end(&mut bytes)
        .await;
    let password = read.ok().and_then(|_| request_headers::password(bytes));
    password.ok_or_else(|| Problem::invalid("/password", request_headers::PASSWORD_RULE))
}

/// The key that no other job may have, and for how long.
fn unique_key((key, seconds): (Option<String>, Option<u64>)) -> Result<Option<(String, Duration)>, Problem> {
    let Some(key) = key else {
        return match seconds {
            None => Ok(None),
            Some(_) => Err(Problem::invalid("query:unique_for", "needs a unique_key")),
        };
    };
    if key.is_empty()
        || key.chars().count() > limits::UNIQUE_KEY_CHARS_MAX
        || key.chars().any(char::is_control)
    {
        let rule = format!(
            "must have 1 to {} characters that can be seen",
            limits::UNIQUE_KEY_CHARS_MAX
        );
        return Err(Problem::invalid("query:unique_key", rule));
    }
    let time = seconds.map_or(limits::UNIQUE_FOR_DEFAULT, Duration::from_secs);
    if time.is_zero() || time > limits::UNIQUE_FOR_MAX {
        let rule = format!("must be between 1 and {}", limits::UNIQUE_FOR_MAX.as_secs());
        return Err(Problem::invalid("query:unique_for", rule));
    }
    Ok(Some((key, time)))
}

/// Reads when the work may begin. A time that has passed is now.
fn run_at_of(time: &str, deadline_at: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    let invalid = |rule: String| Problem::invalid("query:run_at", rule);
    let time = DateTime::parse_from_rfc3339(time)
        .map_err(|_| invalid("must be a time as in 2026-03-04T09:00:00Z (RFC 3339)".to_owned()))?;
    let run_at = time.with_timezone(&Utc).trunc_subsecs(3);
    if run_at >= deadline_at {
        let rule = format!(
            "must lie before the deadline; see deadline_seconds, which may be {} at most",
            limits::DEADLINE_MAX.as_secs()
        );
        return Err(invalid(rule));
    }
    Ok(run_at)
}

/// The labels of an upload, from its query.
fn labels_of(given: &[String]) -> Result<Vec<String>, Problem> {
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
            | Refused::NoSealing
            | Refused::Incomplete { .. } => Self::new(Code::InvalidRequest).detail(detail),
            Refused::Kind { .. } => {
                let readable: Vec<_> = domain::DocumentKind::ALL
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                Self::new(Code::UnsupportedMediaType)
                    .detail(format!("{detail}; what can be read is {}", readable.join(", ")))
            }
            Refused::TooLarge { .. } => Self::new(Code::TooLarge).detail(detail),
            Refused::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Refused::UrgentForbidden => Self::new(Code::Forbidden).detail(detail),
            Refused::QueueFull(_) => Self::new(Code::QueueFull)
                .detail(detail)
                .retry_after(QUEUE_FULL_SECONDS),
            Refused::Gone => Self::new(Code::NotFound).detail(detail),
            Refused::Quota { exceeded, now } => Self::quota(&exceeded, now),
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
