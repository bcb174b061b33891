//! What jobs, documents and accounts look like from outside.

use chrono::{DateTime, SecondsFormat, Utc};
use database::documents::Document;
use database::events::Event;
use database::jobs::{Job, Waiting};
use database::search::Hit;
use database::todos::Todo;
use database::users::User;
use domain::{DocumentStatus, JobKind, JobStatus, ReasonCode};
use poem_openapi::{Enum, NewType, Object};

use super::agenda::{EventBody, TodoBody};

/// A point in time: RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, NewType)]
pub(super) struct Timestamp(String);

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

macro_rules! mirror {
    ($(#[$doc:meta])* @words $name:ident = $domain:ty { $($variant:ident = $word:literal),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        pub(super) enum $name { $(#[allow(missing_docs)] #[oai(rename = $word)] $variant),+ }

        $crate::routes::schema::mirror!(@both $name = $domain { $($variant),+ });
    };
    ($(#[$doc:meta])* $name:ident = $domain:ty { $($variant:ident),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        #[oai(rename_all = "snake_case")]
        pub(super) enum $name { $(#[allow(missing_docs)] $variant),+ }

        $crate::routes::schema::mirror!(@both $name = $domain { $($variant),+ });
    };
    (@both $name:ident = $domain:ty { $($variant:ident),+ }) => {
        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

pub(super) use mirror;

mirror! {
    /// Where a job stands. More words may come.
    JobStatusName = JobStatus { Pending, Processing, Completed, Partial, Failed, Cancelled, Expired }
}
mirror! {
    /// One document or several.
    JobKindName = JobKind { Single, Batch }
}
mirror! {
    /// Where a document stands. More words may come.
    DocumentStatusName = DocumentStatus { Pending, Processing, Completed, Failed, Cancelled }
}
mirror! {
    /// What a document is. More words may come.
    DocumentKindName = domain::DocumentKind {
        Text, Markdown, Csv, Html, Pdf, Docx, Pptx, Xlsx, Xls, Xlsb, Doc, Ppt, Odt, Odp, Ods, Rtf, Epub, Eml, Mbox, Msg,
        Chat,
        Png, Jpeg, Tiff, Webp, Bmp, Gif
    }
}
mirror! {
    /// Which part of a web page is read.
    ContentName = domain::Content { Full, Main }
}

mirror! {
    /// How soon documents are read, the most urgent first.
    PriorityName = domain::Priority { Urgent, High, Normal, Low }
}
mirror! {
    /// Why a job waits: workers are busy with what comes before it (`workers_busy`) or none is alive (`no_workers`); as many
    /// tasks of the account (`tenant_limit`) or of this kind (`kind_limit`) are under way as may be; an operator has paused the
    /// queue (`queue_paused`) or the account's work (`tenant_paused`); an attempt failed and the next one is not due
    /// (`backoff`); it was handed in for later (`scheduled`); no living worker knows how to do it (`no_capable_worker`); no
    /// scheduler is alive (`dispatcher`). More words may come.
    WaitingOnName = domain::WaitingOn {
        WorkersBusy, NoWorkers, TenantLimit, KindLimit, QueuePaused, TenantPaused, Backoff, Scheduled, NoCapableWorker,
        Dispatcher
    }
}

/// Why a job does not run.
#[derive(Debug, Clone, Object)]
#[oai(rename = "JobQueue", skip_serializing_if_is_none)]
pub(super) struct QueueBody {
    waiting_on: WaitingOnName,
    /// Until when, where that is known.
    until: Option<Timestamp>,
    /// Its place in line, from 1. An estimate; with hundreds before it the place is at least this one.
    position: Option<u64>,
    /// Seconds until it begins at the present pace; absent when there is nothing to estimate from.
    eta_seconds: Option<u64>,
}

impl From<Waiting> for QueueBody {
    fn from(waiting: Waiting) -> Self {
        Self {
            waiting_on: waiting.on.into(),
            until: waiting.until.map(Timestamp::from),
            position: waiting.position,
            eta_seconds: waiting.eta_seconds,
        }
    }
}

/// What a client asked for, and where it stands.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Job", skip_serializing_if_is_none)]
pub(super) struct JobBody {
    id: String,
    kind: JobKindName,
    status: JobStatusName,
    /// Why, where the word alone does not tell.
    status_reason: Option<String>,
    progress: Progress,
    /// Why nothing of it runs; only in the answer to `GET /jobs/{id}`, and not part of the version that its ETag names.
    pub(super) queue: Option<QueueBody>,
    /// Documents with results.
    completed: i32,
    /// Documents with a reason instead.
    failed: i32,
    /// Documents that were not done when the job was cancelled.
    cancelled: i32,
    /// The highest attempt of any document so far.
    attempt: i16,
    max_attempts: i16,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// When it ends at the latest.
    deadline_at: Timestamp,
    /// The reason of the first document that failed.
    error: Option<Failure>,
    links: JobLinks,
}

/// How far it is.
#[derive(Debug, Clone, Object)]
struct Progress {
    done: i32,
    total: i32,
    unit: String,
}

/// Why something failed.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct Failure {
    /// One stable word.
    code: String,
    /// Whether the same document may succeed when it is handed in again.
    retryable: bool,
    /// What happened, and what to do.
    detail: Option<String>,
}

impl From<(String, Option<String>)> for Failure {
    fn from((code, detail): (String, Option<String>)) -> Self {
        let retryable = ReasonCode::is_retryable(&code);
        Self {
            code,
            retryable,
            detail,
        }
    }
}

/// Where to go from a job.
#[derive(Debug, Clone, Object)]
#[oai(rename = "JobLinks", skip_serializing_if_is_none)]
struct JobLinks {
    #[oai(rename = "self")]
    itself: String,
    documents: String,
    /// Absent once the job has ended.
    cancel: Option<String>,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        let itself = job_path(job.id);
        Self {
            id: job.id.to_string(),
            kind: job.kind.into(),
            status: job.status.into(),
            status_reason: job.status_reason,
            progress: Progress {
                done: job.completed + job.failed + job.cancelled,
                total: job.total,
                unit: "documents".to_owned(),
            },
            queue: None,
            completed: job.completed,
            failed: job.failed,
            cancelled: job.cancelled,
            attempt: job.attempt,
            max_attempts: job.attempts_max,
            created_at: job.created_at.into(),
            started_at: job.started_at.map(Timestamp::from),
            finished_at: job.finished_at.map(Timestamp::from),
            deadline_at: job.deadline_at.into(),
            error: job.error.map(Failure::from),
            links: JobLinks {
                cancel: (!job.status.is_terminal()).then(|| format!("{itself}/cancel")),
                itself,
                documents: format!("/api/v1/documents?job_id={}", job.id),
            },
        }
    }
}

/// Where a job is found.
pub(super) fn job_path(id: domain::JobId) -> String {
    format!("/api/v1/jobs/{id}")
}

/// A page of jobs.
#[derive(Debug, Clone, Object)]
#[oai(rename = "JobPage", skip_serializing_if_is_none)]
pub(super) struct JobPage {
    pub(super) items: Vec<JobBody>,
    /// Where the list goes on; absent on the last page.
    pub(super) next_cursor: Option<String>,
}

/// A document and what was found in it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Document", skip_serializing_if_is_none)]
pub(super) struct DocumentBody {
    id: String,
    job_id: String,
    status: DocumentStatusName,
    file_name: String,
    kind: DocumentKindName,
    media_type: String,
    size_bytes: u64,
    /// SHA-256 of the content, hexadecimal.
    sha256: String,
    title: Option<String>,
    /// ISO 639-1; `unknown` when it could not be told. Absent until the document is completed.
    language: Option<String>,
    language_confidence: Option<f32>,
    /// All its languages, the largest share first; several when it is mixed.
    languages: Vec<LanguageShareBody>,
    /// What the document is about, the best first.
    tags: Vec<TagBody>,
    /// How many todos were found in it.
    todo_count: i64,
    /// How many events were found in it.
    event_count: i64,
    /// Its todos in the order of its text; only in the answer about one document.
    todos: Option<Vec<TodoBody>>,
    /// Its events in the order of its text; only in the answer about one document.
    events: Option<Vec<EventBody>>,
    /// Absent where the kind has no pages.
    pages: Option<i32>,
    words: Option<i64>,
    characters: Option<i64>,
    /// What the file says about itself.
    metadata: serde_json::Value,
    /// It has pages and no usable text on them.
    needs_ocr: bool,
    /// A limit was reached; the text is only its beginning.
    truncated: bool,
    /// Which engine read it, and its version.
    engine: Option<String>,
    /// Which rules found its language, tags, todos and events.
    enriched_by: Option<String>,
    /// Which release of docmill made the results.
    release: Option<String>,
    /// The document of yours with the same bytes and options whose results these are.
    reused_from: Option<String>,
    /// What you call it.
    labels: Vec<String>,
    /// Which version it is, from 1.
    version: i32,
    /// The first version, if this is a later one.
    root_id: Option<String>,
    /// The version before it.
    parent_id: Option<String>,
    error: Option<Failure>,
    created_at: Timestamp,
    processed_at: Option<Timestamp>,
    links: DocumentLinks,
    /// Only in the answer to a search: why this document was found.
    matched: Option<Match>,
}

/// What a document is about.
#[derive(Debug, Clone, serde::Deserialize, Object)]
#[oai(rename = "Tag", skip_serializing_if_is_none)]
struct TagBody {
    value: String,
    /// 0 to 1, higher is better.
    score: f32,
    /// ISO 639-1.
    lang: Option<String>,
    /// `topic`, `person`, `organisation` or `place`. More words may come.
    kind: String,
    /// Where the text has it first: its first and its behind-last character.
    #[serde(default)]
    span: Option<Vec<u64>>,
}

/// How much of a document is in a language.
#[derive(Debug, Clone, serde::Deserialize, Object)]
#[oai(rename = "LanguageShare")]
struct LanguageShareBody {
    /// ISO 639-1.
    code: String,
    /// 0 to 1; the shares of a document are 1 together.
    share: f32,
}

/// Where to go from a document.
#[derive(Debug, Clone, Object)]
#[oai(rename = "DocumentLinks")]
struct DocumentLinks {
    #[oai(rename = "self")]
    itself: String,
    text: String,
    parts: String,
    original: String,
    job: String,
    todos: String,
    events: String,
    versions: String,
}

/// Why a search found a document.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
struct Match {
    /// Higher is better; comparable within one answer only.
    score: f64,
    /// The page, where the kind has pages.
    page: Option<i32>,
    /// The place in the text that answers best; absent when only the title, the name or a tag does.
    passage: Option<String>,
    /// The words found, as pairs of first and behind-last character of `passage`.
    highlights: Vec<Vec<u64>>,
}

impl From<Document> for DocumentBody {
    fn from(document: Document) -> Self {
        let itself = format!("/api/v1/documents/{}", document.id);
        let completed = document.status == DocumentStatus::Completed;
        Self {
            id: document.id.to_string(),
            job_id: document.job.to_string(),
            status: document.status.into(),
            file_name: document.file_name,
            kind: document.kind.into(),
            media_type: document.kind.media_type().to_owned(),
            size_bytes: document.size_bytes,
            sha256: hex::encode(document.sha256),
            title: document.title,
            language: document
                .language
                .or_else(|| completed.then(|| UNKNOWN_LANGUAGE.to_owned())),
            languages: serde_json::from_value(document.languages).unwrap_or_default(),
            todo_count: document.todos,
            event_count: document.events,
            todos: None,
            events: None,
            enriched_by: document.enriched_by,
            language_confidence: document.language_confidence,
            tags: serde_json::from_value(document.tags).unwrap_or_default(),
            pages: document.pages,
            words: document.words,
            characters: document.characters,
            metadata: document.metadata,
            needs_ocr: document.needs_ocr,
            truncated: document.truncated,
            engine: document.engine,
            release: document.release,
            reused_from: document.reused_from.map(|id| id.to_string()),
            labels: document.labels,
            version: document.version,
            root_id: document.root.map(|id| id.to_string()),
            parent_id: document.parent.map(|id| id.to_string()),
            error: document.error.map(Failure::from),
            created_at: document.created_at.into(),
            processed_at: document.processed_at.map(Timestamp::from),
            links: DocumentLinks {
                text: format!("{itself}/text"),
                parts: format!("{itself}/parts"),
                original: format!("{itself}/original"),
                versions: format!("{itself}/versions"),
                job: job_path(document.job),
                todos: format!("/api/v1/todos?document_id={}", document.id),
                events: format!("/api/v1/events?document_id={}", document.id),
                itself,
            },
            matched: None,
        }
    }
}

/// The language of a document of which nobody can tell.
const UNKNOWN_LANGUAGE: &str = "unknown";

impl DocumentBody {
    /// With everything that it asks for and announces.
    pub(super) fn with_agenda(self, todos: Vec<Todo>, events: Vec<Event>) -> Self {
        Self {
            todos: Some(todos.into_iter().map(TodoBody::from).collect()),
            events: Some(events.into_iter().map(EventBody::from).collect()),
            ..self
        }
    }
}

impl From<Hit> for DocumentBody {
    fn from(hit: Hit) -> Self {
        let (passage, highlights) = hit.excerpt.map_or((None, Vec::new()), |excerpt| {
            let ranges = excerpt
                .highlights
                .iter()
                .map(|range| vec![range.start as u64, range.end as u64])
                .collect();
            (Some(excerpt.text), ranges)
        });
        let matched = Match {
            score: hit.score,
            page: hit.page,
            passage,
            highlights,
        };
        Self {
            matched: Some(matched),
            ..Self::from(hit.document)
        }
    }
}

/// A page of documents.
#[derive(Debug, Clone, Object)]
#[oai(rename = "DocumentPage", skip_serializing_if_is_none)]
pub(super) struct DocumentPage {
    pub(super) items: Vec<DocumentBody>,
    /// Where the list goes on; absent on the last page.
    pub(super) next_cursor: Option<String>,
    /// Other spellings that were looked up too, because hardly any document has the words as they were typed.
    pub(super) spellings: Option<Vec<SpellingBody>>,
    /// How everything that matches is spread, if that was asked for.
    pub(super) facets: Option<FacetsBody>,
}

/// Other spellings of a word.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Spelling")]
pub(super) struct SpellingBody {
    pub(super) word: String,
    pub(super) others: Vec<String>,
}

/// How documents are spread: the 20 most frequent values of each facet that was asked for.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Facets", skip_serializing_if_is_none)]
pub(super) struct FacetsBody {
    /// Documents that were counted: those that match, or the newest 2000 of them.
    pub(super) counted: u64,
    pub(super) kind: Option<Vec<FacetValueBody>>,
    pub(super) language: Option<Vec<FacetValueBody>>,
    pub(super) tag: Option<Vec<FacetValueBody>>,
    pub(super) label: Option<Vec<FacetValueBody>>,
}

/// A value and how many documents have it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "FacetValue")]
pub(super) struct FacetValueBody {
    pub(super) value: String,
    pub(super) count: i64,
}

/// An account, as its owner sees it.
#[derive(Debug, Clone, Object)]
#[oai(rename = "User", skip_serializing_if_is_none)]
pub(super) struct UserBody {
    id: String,
    email: String,
    username: Option<String>,
    full_name: Option<String>,
    organization: Option<String>,
    role: String,
    is_active: bool,
    /// Whether a code is asked for beside the password.
    second_factor: bool,
    /// Whether the address has yet to be confirmed; until then nothing can be handed in.
    email_unverified: bool,
    created_at: Timestamp,
    last_login_at: Option<Timestamp>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            username: user.username,
            full_name: user.full_name,
            organization: user.organization,
            role: user.role.to_string(),
            is_active: user.status == domain::UserStatus::Active,
            second_factor: user.second_factor,
            email_unverified: user.unverified,
            created_at: user.created_at.into(),
            last_login_at: user.last_login_at.map(Timestamp::from),
        }
    }
}
