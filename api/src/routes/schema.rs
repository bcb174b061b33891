//! What answers are made of: times, words and reasons, and the jobs, documents and accounts that several routes show.

mod document;
mod job;
mod user;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{DocumentStatus, JobKind, JobStatus, ReasonCode};
use poem_openapi::{Enum, NewType, Object};

pub(super) use document::{DocumentBody, DocumentPage, FacetValueBody, FacetsBody, SpellingBody};
pub(super) use job::{JobBody, JobPage, QueueBody, job_path};
pub(super) use user::UserBody;

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
    /// One document, several, or a question about some.
    JobKindName = JobKind { Single, Batch, Question }
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
