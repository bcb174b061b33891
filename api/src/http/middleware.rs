//! Around every route: an id, a span, a figure, headers that keep browsers careful, and a problem for whatever fails.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use domain::RequestId;
use futures::FutureExt;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Endpoint, IntoResponse, PathPattern, Request, Response};
use tracing::Instrument;

use super::request_body::RequestBody;
use crate::problem::{Code, Problem, REQUEST_ID};

/// Bytes of a body that is not an upload.
const BODY_BYTES_MAX: usize = 64 * 1024;

const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Runs an endpoint with everything around it.
pub(crate) async fn around<E: Endpoint>(next: std::sync::Arc<E>, request: Request) -> poem::Result<Response> {
    let id = RequestId::new();
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.path = %path);
    let mut response = REQUEST_ID
        .scope(id, answer(next, request))
        .instrument(span.clone())
        .await;
    let route = response
        .data::<PathPattern>()
        .map(|pattern| pattern.0.to_string());
    let status = response.status().as_u16();
    telemetry::metrics::http_request(method.as_str(), route.as_deref(), status, started.elapsed());
    span.in_scope(|| {
        tracing::debug!(
            http.status = status,
            duration_ms = started.elapsed().as_secs_f64() * 1e3,
            "answered {status}"
        );
    });
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID_HEADER, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-store"));
    Ok(response)
}

async fn answer<E: Endpoint>(next: std::sync::Arc<E>, mut request: Request) -> Response {
    let body = RequestBody::of(&mut request);
    let response = try_answer(next, request, body.is_some()).await;
    if let Some(body) = body.filter(|_| !response.status().is_success()) {
        body.discard_rest().await;
    }
    response
}

async fn try_answer<E: Endpoint>(next: std::sync::Arc<E>, request: Request, has_body: bool) -> Response {
    let request = match limit_body(request, has_body).await {
        Ok(request) => request,
        Err(problem) => return problem.into_answer(),
    };
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => response.into_response(),
        Ok(Err(error)) if error.is_from_response() => error.into_response(),
        Ok(Err(error)) => Problem::from_framework(&error).into_answer(),
        Err(_panic) => {
            tracing::error!("a route panicked");
            Problem::new(Code::Internal).into_answer()
        }
    }
}

/// Uploads count their own bytes while they stream; every other body is small, whatever it says of its length.
async fn limit_body(mut request: Request, has_body: bool) -> Result<Request, Problem> {
    let is_upload = request.uri().path().trim_end_matches('/') == crate::routes::UPLOAD_PATH;
    if is_upload || !has_body {
        return Ok(request);
    }
    let bytes = request
        .take_body()
        .into_bytes_limit(BODY_BYTES_MAX)
        .await
        .map_err(|error| match error {
            poem::error::ReadBodyError::PayloadTooLarge => {
                Problem::new(Code::TooLarge).detail(format!("the body may have {BODY_BYTES_MAX} bytes"))
            }
            _ => Problem::new(Code::InvalidRequest).detail("the body ended early"),
        })?;
    request.set_body(Body::from_bytes(bytes));
    Ok(request)
}
