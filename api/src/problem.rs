//! Outcome → status and problem document (RFC 9457). The one place where statuses are chosen.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use database::quotas::Exceeded;
use domain::RequestId;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

/// Where the kinds of problems are explained; a kind's code is appended.
const TYPES: &str = "/problems#";
/// The kind that the draft on RateLimit fields registers for quotas.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// What went wrong, in a form that programs can act on.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Problem", skip_serializing_if_is_none)]
pub struct ProblemBody {
    /// Where this kind of problem is explained.
    #[oai(rename = "type")]
    pub kind: String,
    /// The kind in words; the same for every problem of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind as one stable word.
    pub code: String,
    /// What happened this time, on what, and what to do.
    pub detail: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Finds this request in the logs.
    pub request_id: Option<String>,
    /// The parts of the request that are wrong.
    pub errors: Option<Vec<FieldError>>,
    /// The quota that has no room for the request.
    pub quota: Option<QuotaProblem>,
    /// Its name, as the draft on RateLimit fields wants it.
    #[oai(rename = "violated-policies")]
    pub violated_policies: Option<Vec<String>>,
}

/// A quota that has no room for a request.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct QuotaProblem {
    /// Which: `documents_per_month`, `pages_per_month`, `bytes_per_month` or `storage_bytes`.
    pub name: String,
    /// How much there is.
    pub limit: u64,
    /// How much is taken, by what was used and by what is accepted and has not ended.
    pub used: u64,
    /// How much the request needs.
    pub requested: u64,
    /// When the quota begins anew: RFC 3339 in UTC. Absent for storage, which is freed by deleting.
    pub renews_at: Option<String>,
}

/// One part of a request that is wrong.
#[derive(Debug, Clone, Object)]
pub struct FieldError {
    /// Which part: a JSON pointer into the body, or `query:name`, `header:name`.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Every answer that is not a success.
#[derive(Debug, ApiResponse)]
pub enum Problem {
    /// Something went wrong; `code` says what.
    #[oai(content_type = "application/problem+json")]
    Answer(
        StatusCode,
        Json<ProblemBody>,
        /// Seconds after which the same request may succeed.
        #[oai(header = "Retry-After")]
        Option<u64>,
        /// How to authenticate.
        #[oai(header = "WWW-Authenticate")]
        Option<String>,
    ),
}

/// Every kind of problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A part of the request cannot be understood.
    InvalidRequest,
    /// Nobody is logged in, or the token is not good any more.
    Unauthenticated,
    /// The login's name or password is wrong.
    InvalidCredentials,
    /// The account may not be used.
    AccountDisabled,
    /// Making accounts is switched off.
    RegistrationClosed,
    /// The address or name is taken.
    AccountExists,
    /// Somebody who is logged in gave another password than theirs.
    WrongPassword,
    /// The account may not do this.
    Forbidden,
    /// The API key may not do this.
    InsufficientScope,
    /// A login needs a good code beside the password.
    SecondFactorRequired,
    /// The code of a second factor is wrong.
    WrongCode,
    /// A browser asked with its cookie, and not from a page of docmill's own.
    CrossSite,
    /// The account has yet to prove its address.
    EmailUnverified,
    /// The link of a message was used, is too old, or never was.
    LinkNotGood,
    /// No messages are sent here.
    MailOff,
    /// The account has a second factor already, or has none.
    SecondFactorState,
    /// Administrators may not do this to themselves.
    OwnAccount,
    /// The account has as many API keys as it may have.
    TooManyKeys,
    /// No such thing, or not yours.
    NotFound,
    /// No such method here.
    MethodNotAllowed,
    /// The document or job has not ended.
    NotReady,
    /// The document has failed and has no text.
    DocumentFailed,
    /// The document was cancelled; its content is gone.
    Gone,
    /// The job has ended otherwise and cannot be cancelled.
    JobEnded,
    /// The task has not been given up, or may not be put back in line.
    NotGivenUp,
    /// Not as many things match as the caller expects.
    CountDiffers,
    /// Something else has this name.
    NameTaken,
    /// There are as many searches as one may keep.
    TooManySearches,
    /// The name of the schedule is taken.
    ScheduleExists,
    /// The schedule came with docmill and cannot be removed.
    BuiltIn,
    /// A run of the schedule is under way.
    RunUnderWay,
    /// A change must say which version it is meant for.
    PreconditionRequired,
    /// Somebody else has changed it meanwhile.
    PreconditionFailed,
    /// The Idempotency-Key was used for another request.
    IdempotencyKeyReused,
    /// The address and the headers are larger than allowed.
    HeadTooLarge,
    /// The body is larger than allowed.
    TooLarge,
    /// The content is not a kind that can be read.
    UnsupportedMediaType,
    /// The document does not exist in any form that the client accepts.
    NotAcceptable,
    /// The range lies outside the document.
    RangeNotSatisfiable,
    /// The body did not come in time.
    RequestTimeout,
    /// The account has not so much left in this month.
    QuotaExceeded,
    /// The account has no room for so much.
    StorageQuota,
    /// Too many documents of the account wait already.
    QueueFull,
    /// More requests than the account, the key or the address may make.
    RateLimited,
    /// Too many requests wait for jobs already.
    TooManyWaits,
    /// There is more to do than can be done soon.
    Overloaded,
    /// A part that docmill needs is away.
    Unavailable,
    /// A fault of docmill's own.
    Internal,
}

impl Code {
    /// Whether the same request may succeed later.
    const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::RequestTimeout
                | Self::QueueFull
                | Self::RateLimited
                | Self::TooManyWaits
                | Self::Overloaded
                | Self::Unavailable
        )
    }

    /// Every kind, for the page that explains them.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::InvalidCredentials,
        Self::AccountDisabled,
        Self::RegistrationClosed,
        Self::AccountExists,
        Self::WrongPassword,
        Self::Forbidden,
        Self::InsufficientScope,
        Self::SecondFactorRequired,
        Self::WrongCode,
        Self::CrossSite,
        Self::EmailUnverified,
        Self::LinkNotGood,
        Self::MailOff,
        Self::SecondFactorState,
        Self::OwnAccount,
        Self::TooManyKeys,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotReady,
        Self::DocumentFailed,
        Self::Gone,
        Self::JobEnded,
        Self::NotGivenUp,
        Self::CountDiffers,
        Self::NameTaken,
        Self::TooManySearches,
        Self::ScheduleExists,
        Self::BuiltIn,
        Self::RunUnderWay,
        Self::PreconditionRequired,
        Self::PreconditionFailed,
        Self::IdempotencyKeyReused,
        Self::HeadTooLarge,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::NotAcceptable,
        Self::RangeNotSatisfiable,
        Self::RequestTimeout,
        Self::QuotaExceeded,
        Self::StorageQuota,
        Self::QueueFull,
        Self::RateLimited,
        Self::TooManyWaits,
        Self::Overloaded,
        Self::Unavailable,
        Self::Internal,
    ];

    /// What a problem of this kind has as its `type`.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::QuotaExceeded => QUOTA_EXCEEDED.to_owned(),
            other => format!("{TYPES}{}", other.meaning().1),
        }
    }

    /// Status, stable word and title.
    #[must_use]
    pub const fn meaning(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "The request is not valid",
            ),
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "A valid access token is needed",
            ),
            Self::InvalidCredentials => (
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "The name or the password is wrong",
            ),
            Self::AccountDisabled => (
                StatusCode::FORBIDDEN,
                "account_disabled",
                "The account may not be used",
            ),
            Self::RegistrationClosed => (
                StatusCode::FORBIDDEN,
                "registration_closed",
                "Accounts are made by the operator",
            ),
            Self::AccountExists => (
                StatusCode::CONFLICT,
                "account_exists",
                "The address or the name is taken",
            ),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The account may not do this"),
            Self::WrongPassword => (StatusCode::FORBIDDEN, "wrong_password", "The password is wrong"),
            Self::InsufficientScope => (
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                "The API key may not do this",
            ),
            Self::SecondFactorRequired => (
                StatusCode::UNAUTHORIZED,
                "second_factor_required",
                "A code of the second factor is needed",
            ),
            Self::WrongCode => (StatusCode::FORBIDDEN, "wrong_code", "The code is wrong"),
            Self::CrossSite => (
                StatusCode::FORBIDDEN,
                "cross_site",
                "The request did not come from a page of docmill",
            ),
            Self::EmailUnverified => (
                StatusCode::FORBIDDEN,
                "email_unverified",
                "The address of the account has to be confirmed first",
            ),
            Self::LinkNotGood => (
                StatusCode::FORBIDDEN,
                "link_not_good",
                "The link is not good any more",
            ),
            Self::MailOff => (StatusCode::CONFLICT, "mail_off", "No messages are sent here"),
            Self::SecondFactorState => (
                StatusCode::CONFLICT,
                "second_factor_state",
                "The second factor is not in the state for this",
            ),
            Self::OwnAccount => (
                StatusCode::CONFLICT,
                "own_account",
                "Administrators cannot do this to themselves",
            ),
            Self::TooManyKeys => (
                StatusCode::CONFLICT,
                "too_many_keys",
                "The account has as many API keys as it may have",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is no such thing"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method is not allowed here",
            ),
            Self::NotReady => (
                StatusCode::CONFLICT,
                "not_ready",
                "The document is still being processed",
            ),
            Self::DocumentFailed => (
                StatusCode::CONFLICT,
                "document_failed",
                "The document could not be processed",
            ),
            Self::Gone => (StatusCode::GONE, "gone", "The content is gone"),
            Self::JobEnded => (StatusCode::CONFLICT, "job_ended", "The job has ended already"),
            Self::NotGivenUp => (
                StatusCode::CONFLICT,
                "not_given_up",
                "The task cannot be put back in line",
            ),
            Self::CountDiffers => (
                StatusCode::CONFLICT,
                "count_differs",
                "Another number of things matches than expected",
            ),
            Self::NameTaken => (StatusCode::CONFLICT, "name_taken", "The name is taken"),
            Self::TooManySearches => (
                StatusCode::CONFLICT,
                "too_many_searches",
                "There are as many searches as one may keep",
            ),
            Self::ScheduleExists => (
                StatusCode::CONFLICT,
                "schedule_exists",
                "The name of the schedule is taken",
            ),
            Self::BuiltIn => (
                StatusCode::CONFLICT,
                "built_in",
                "What comes with docmill cannot be removed",
            ),
            Self::RunUnderWay => (
                StatusCode::CONFLICT,
                "run_under_way",
                "A run of the schedule has not ended",
            ),
            Self::PreconditionRequired => (
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                "The change must say which version it is meant for",
            ),
            Self::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "It has been changed meanwhile",
            ),
            Self::IdempotencyKeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key was used for another request",
            ),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head_too_large",
                "The address and the headers are too large",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "This kind of content cannot be read",
            ),
            Self::NotAcceptable => (
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "The document has no such form",
            ),
            Self::RangeNotSatisfiable => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range_not_satisfiable",
                "The range lies outside the document",
            ),
            Self::RequestTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The request did not come in time",
            ),
            Self::QuotaExceeded => (
                StatusCode::TOO_MANY_REQUESTS,
                "quota_exceeded",
                "The quota of this month is used up",
            ),
            Self::StorageQuota => (
                StatusCode::INSUFFICIENT_STORAGE,
                "storage_quota",
                "The storage of the account is full",
            ),
            Self::QueueFull => (
                StatusCode::TOO_MANY_REQUESTS,
                "queue_full",
                "Too many documents are waiting already",
            ),
            Self::RateLimited => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "Too many requests in too short a time",
            ),
            Self::TooManyWaits => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_waits",
                "Too many requests are waiting already",
            ),
            Self::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "There is too much to do at the moment",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "A part of docmill is away",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "A fault of docmill's own",
            ),
        }
    }
}

tokio::task_local! {
    /// The request that is being answered.
    pub(crate) static REQUEST_ID: RequestId;
}

impl Problem {
    /// A problem of a kind.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let (status, word, title) = code.meaning();
        let body = ProblemBody {
            kind: code.kind(),
            title: title.to_owned(),
            status: status.as_u16(),
            code: word.to_owned(),
            detail: None,
            retryable: code.may_pass(),
            request_id: REQUEST_ID.try_with(ToString::to_string).ok(),
            errors: None,
            quota: None,
            violated_policies: None,
        };
        let retry_after = code.may_pass().then_some(1);
        let challenge = (status == StatusCode::UNAUTHORIZED).then(|| "Bearer realm=\"docmill\"".to_owned());
        Self::Answer(status, Json(body), retry_after, challenge)
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(self, detail: impl fmt::Display) -> Self {
        let Self::Answer(status, Json(mut body), retry_after, challenge) = self;
        body.detail = Some(detail.to_string());
        Self::Answer(status, Json(body), retry_after, challenge)
    }

    /// Says after how many seconds the same request may succeed.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        let Self::Answer(status, body, _, challenge) = self;
        Self::Answer(status, body, Some(seconds), challenge)
    }

    /// Says which part of the request is wrong.
    #[must_use]
    pub fn error(self, pointer: impl Into<String>, detail: impl fmt::Display) -> Self {
        let Self::Answer(status, Json(mut body), retry_after, challenge) = self;
        let error = FieldError {
            pointer: pointer.into(),
            detail: detail.to_string(),
        };
        body.errors.get_or_insert_default().push(error);
        Self::Answer(status, Json(body), retry_after, challenge)
    }

    /// A part of the request that cannot be understood.
    #[must_use]
    pub fn invalid(pointer: impl Into<String>, detail: impl fmt::Display) -> Self {
        let pointer = pointer.into();
        Self::new(Code::InvalidRequest)
            .detail(format!("{pointer}: {detail}"))
            .error(pointer, detail)
    }

    /// A quota that has no room for what is asked. Coming back makes sense once it begins anew, if the request fits at all.
    #[must_use]
    pub fn quota(exceeded: &Exceeded, now: DateTime<Utc>) -> Self {
        let Exceeded {
            quota,
            limit,
            used,
            requested,
            renews_at,
        } = *exceeded;
        let code = if quota.is_monthly() {
            Code::QuotaExceeded
        } else {
            Code::StorageQuota
        };
        let what = format!("{quota}: the request needs {requested}, and {used} of {limit} are taken");
        let detail = match renews_at {
            _ if requested > limit => format!("{what}; it never fits"),
            Some(renews_at) => format!("{what} until {}", renews_at.format("%Y-%m-%d")),
            None => format!("{what}; delete documents to make room"),
        };
        let Self::Answer(status, Json(mut body), _, challenge) = Self::new(code).detail(detail);
        let retry_after = renews_at
            .filter(|_| requested <= limit)
            .map(|renews_at| (renews_at - now).num_seconds().max(1).unsigned_abs());
        body.retryable = retry_after.is_some();
        body.violated_policies = Some(vec![quota.to_string()]);
        body.quota = Some(QuotaProblem {
            name: quota.to_string(),
            limit,
            used,
            requested,
            renews_at: renews_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)),
        });
        Self::Answer(status, Json(body), retry_after, challenge)
    }

    /// The answer itself.
    #[must_use]
    pub fn into_answer(self) -> Response {
        let Self::Answer(status, Json(body), retry_after, challenge) = self;
        let json = serde_json::to_vec(&poem_openapi::types::ToJSON::to_json(&body)).unwrap_or_default();
        let mut response = Response::builder()
            .status(status)
            .content_type("application/problem+json")
            .body(json)
            .into_response();
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// A method that a path does not know, with those that it does (RFC 9110, section 15.5.6).
    #[must_use]
    pub fn method_not_allowed(allowed: &str) -> poem::Error {
        let mut answer = Self::new(Code::MethodNotAllowed).into_answer();
        if let Ok(allowed) = HeaderValue::from_str(allowed) {
            answer.headers_mut().insert(header::ALLOW, allowed);
        }
        poem::Error::from_response(answer)
    }

    /// What the framework refused: unknown routes, unreadable bodies and parameters.
    #[must_use]
    pub fn from_framework(error: &poem::Error) -> Self {
        match error.status() {
            StatusCode::NOT_FOUND => Self::new(Code::NotFound),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(Code::MethodNotAllowed),
            StatusCode::UNAUTHORIZED => Self::new(Code::Unauthenticated),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Code::TooLarge),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(Code::UnsupportedMediaType).detail(error),
            status if status.is_client_error() => Self::new(Code::InvalidRequest).detail(error),
            _ => {
                tracing::error!("the request failed: {error:?}");
                Self::new(Code::Internal)
            }
        }
    }
}

impl From<database::DatabaseError> for Problem {
    fn from(error: database::DatabaseError) -> Self {
        from_inside("database", error.is_transient(), &error)
    }
}

impl From<crate::context::DatabaseAway> for Problem {
    /// The watch over the database has told the log already, once.
    fn from(_: crate::context::DatabaseAway) -> Self {
        Self::new(Code::Unavailable).detail("the database is away; try again")
    }
}

impl From<storage::StorageError> for Problem {
    fn from(error: storage::StorageError) -> Self {
        from_inside("object store", error.is_transient(), &error)
    }
}

/// Logged once, here, as a chain; the client learns only that it happened.
fn from_inside(part: &'static str, transient: bool, error: &dyn std::error::Error) -> Problem {
    if transient {
        tracing::warn!("the {part} is away: {}", telemetry::chain(error));
        return Problem::new(Code::Unavailable).detail(format!("the {part} is away; try again"));
    }
    tracing::error!("the {part} failed: {}", telemetry::chain(error));
    Problem::new(Code::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_word() {
        let words: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.meaning().1).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }

    #[test]
    fn what_never_fits_is_not_to_be_asked_again() {
        let now: DateTime<Utc> = "2026-03-31T23:00:00Z".parse().expect("a time");
        let exceeded = |limit| Exceeded {
            quota: domain::Quota::Documents,
            limit,
            used: 4,
            requested: 3,
            renews_at: Some(domain::Month::of(now).ends_at()),
        };
        for (limit, expected) in [(5, Some(3_600)), (2, None)] {
            let Problem::Answer(status, Json(body), retry_after, _) = Problem::quota(&exceeded(limit), now);
            assert_eq!((status.as_u16(), body.code.as_str()), (429, "quota_exceeded"));
            assert_eq!((retry_after, body.retryable), (expected, expected.is_some()));
        }
    }

    #[test]
    fn only_what_may_pass_says_when_to_come_back() {
        for code in Code::ALL {
            let Problem::Answer(_, Json(body), retry_after, _) = Problem::new(code.clone());
            assert_eq!(body.retryable, retry_after.is_some());
        }
    }
}
