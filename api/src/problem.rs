//! Outcome → problem document (RFC 9457). Its status is the one of its kind ([`Code`]).

mod code;

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use database::quotas::Exceeded;
use domain::RequestId;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

pub use code::Code;

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
