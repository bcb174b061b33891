//! What the framework leaves out of the OpenAPI document: how a route refuses a request in which nothing is wrong.
//!
//! What every route may answer is left to the answer of any status: 400 for what is not as the document says, 401, 403 for what the
//! caller may not do, 408, 413, 429 for too many requests, 431, 5xx. That no route refuses otherwise is tested from outside,
//! as in `document.rs`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::problem::Code;

/// By method and path. Where a path names a thing, there may be no such thing; what deletes says so only where it stands here.
const REFUSALS: &[(&str, &[Code])] = &[
    (
        "POST /auth/register",
        &[Code::RegistrationClosed, Code::AccountExists],
    ),
    (
        "POST /auth/login",
        &[
            Code::InvalidCredentials,
            Code::SecondFactorRequired,
            Code::AccountDisabled,
        ],
    ),
    (
        "POST /auth/browser/login",
        &[
            Code::InvalidCredentials,
            Code::SecondFactorRequired,
            Code::AccountDisabled,
            Code::CrossSite,
        ],
    ),
    ("GET /auth/browser/session", &[Code::NotFound]),
    (
        "POST /auth/refresh",
        &[Code::Unauthenticated, Code::AccountDisabled],
    ),
    ("POST /auth/verify", &[Code::LinkNotGood]),
    ("POST /auth/verify/resend", &[Code::MailOff]),
    ("POST /auth/password/forgot", &[Code::MailOff]),
    ("POST /auth/password/reset", &[Code::LinkNotGood]),
    ("PATCH /me", &[Code::AccountExists]),
    ("POST /me/email", &[Code::WrongPassword, Code::MailOff]),
    ("POST /me/password", &[Code::WrongPassword]),
    ("POST /me/close", &[Code::WrongPassword]),
    (
        "POST /me/second-factor",
        &[Code::WrongPassword, Code::SecondFactorState],
    ),
    (
        "POST /me/second-factor/confirm",
        &[Code::WrongCode, Code::SecondFactorState],
    ),
    (
        "POST /me/second-factor/remove",
        &[
            Code::WrongPassword,
            Code::WrongCode,
            Code::SecondFactorRequired,
            Code::SecondFactorState,
        ],
    ),
    ("POST /me/keys", &[Code::TooManyKeys]),
    ("POST /me/keys/{id}/rotate", &[Code::TooManyKeys]),
    (
        "POST /documents",
        &[
            Code::NotFound,
            Code::UnsupportedMediaType,
            Code::IdempotencyKeyReused,
            Code::QueueFull,
            Code::QuotaExceeded,
            Code::StorageQuota,
        ],
    ),
    (
        "PATCH /documents/{id}",
        &[
            Code::NotReady,
            Code::PreconditionFailed,
            Code::PreconditionRequired,
        ],
    ),
    (
        "GET /documents/{id}/text",
        &[
            Code::NotReady,
            Code::DocumentFailed,
            Code::Gone,
            Code::NotAcceptable,
        ],
    ),
    (
        "GET /documents/{id}/parts",
        &[
            Code::NotReady,
            Code::DocumentFailed,
            Code::Gone,
            Code::NotAcceptable,
        ],
    ),
    (
        "GET /documents/{id}/original",
        &[Code::Gone, Code::RangeNotSatisfiable],
    ),
    (
        "POST /documents/{id}/versions",
        &[
            Code::NotReady,
            Code::Gone,
            Code::UnsupportedMediaType,
            Code::IdempotencyKeyReused,
            Code::QueueFull,
            Code::QuotaExceeded,
            Code::StorageQuota,
        ],
    ),
    (
        "POST /documents/{id}/restore",
        &[
            Code::NotReady,
            Code::Gone,
            Code::IdempotencyKeyReused,
            Code::QueueFull,
            Code::QuotaExceeded,
            Code::StorageQuota,
        ],
    ),
    (
        "POST /documents/{id}/reprocess",
        &[
            Code::NotReady,
            Code::Gone,
            Code::IdempotencyKeyReused,
            Code::QueueFull,
            Code::QuotaExceeded,
            Code::StorageQuota,
        ],
    ),
    (
        "GET /documents/{id}/diff",
        &[Code::NotReady, Code::DocumentFailed, Code::Gone],
    ),
    ("POST /jobs/{id}/cancel", &[Code::JobEnded]),
    (
        "POST /chat",
        &[
            Code::NotFound,
            Code::NotReady,
            Code::IdempotencyKeyReused,
            Code::QueueFull,
        ],
    ),
    (
        "POST /searches",
        &[Code::NameTaken, Code::TooManySearches, Code::IdempotencyKeyReused],
    ),
    (
        "PATCH /searches/{id}",
        &[
            Code::NameTaken,
            Code::PreconditionFailed,
            Code::PreconditionRequired,
        ],
    ),
    ("POST /admin/tasks/{id}/requeue", &[Code::NotGivenUp]),
    ("POST /admin/tasks/requeue", &[Code::CountDiffers]),
    ("POST /admin/schedules", &[Code::ScheduleExists]),
    (
        "PATCH /admin/schedules/{name}",
        &[Code::PreconditionFailed, Code::PreconditionRequired],
    ),
    (
        "DELETE /admin/schedules/{name}",
        &[
            Code::BuiltIn,
            Code::PreconditionFailed,
            Code::PreconditionRequired,
        ],
    ),
    ("POST /admin/schedules/{name}/run", &[Code::RunUnderWay]),
    ("POST /admin/users/{id}/disable", &[Code::OwnAccount]),
    ("PUT /admin/users/{id}/role", &[Code::OwnAccount]),
    ("DELETE /admin/users/{id}/second-factor", &[Code::NotFound]),
];

/// Completes a document.
pub(super) fn describe(document: &mut Value, prefix: &str) {
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        let path = path.strip_prefix(prefix).unwrap_or(path);
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let any = operation["responses"]["default"].clone();
            for (status, description) in refusals(method, path) {
                let mut refusal = any.clone();
                refusal["description"] = json!(description);
                operation["responses"][status.to_string()] = refusal;
            }
        }
    }
}

/// Statuses, each with the words and the meanings of the problems that have it.
fn refusals(method: &str, path: &str) -> BTreeMap<u16, String> {
    let route = format!("{} {path}", method.to_uppercase());
    let named = (path.contains('{') && method != "delete").then_some(&Code::NotFound);
    let listed = REFUSALS.iter().filter(|(listed, _)| *listed == route);
    let codes = named.into_iter().chain(listed.flat_map(|(_, codes)| *codes));
    let mut refusals: BTreeMap<u16, String> = BTreeMap::new();
    for code in codes {
        let (status, word, title) = code.meaning();
        let description = refusals.entry(status.as_u16()).or_default();
        if !description.is_empty() {
            description.push_str("; ");
        }
        description.push_str(&format!("{title} (`{word}`)"));
    }
    refusals
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_about_a_route_that_is_there_and_says_how_it_refuses() {
        let document: Value = serde_json::from_str(&crate::routes::openapi_document()).unwrap();
        for (route, codes) in REFUSALS {
            let (method, path) = route.split_once(' ').unwrap();
            let path = format!("{}{path}", crate::routes::PREFIX);
            let operation = &document["paths"][&path][method.to_lowercase()];
            for code in *codes {
                let (status, word, _) = code.meaning();
                let refusal = &operation["responses"][status.as_str()];
                let description = refusal["description"].as_str().unwrap_or_default();
                assert!(description.contains(word), "{route}: {word}: {refusal}");
                assert!(
                    refusal["content"]["application/problem+json"].is_object(),
                    "{route}"
                );
            }
        }
    }

    #[test]
    fn a_thing_that_is_named_may_not_be_there_but_deleting_it_is_fine() {
        let not_found = |method, path| refusals(method, path).contains_key(&404);
        assert!(not_found("get", "/jobs/{id}"));
        assert!(!not_found("delete", "/jobs/{id}"));
        assert!(!not_found("get", "/jobs"));
    }
}
