//! Around every route: an id, a span, a figure, headers that keep browsers careful, and a problem for whatever fails.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use domain::RequestId;
use futures::{FutureExt, StreamExt};
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Endpoint, IntoResponse, PathPattern, Request, Response};
use tracing::Instrument;

use crate::problem::{Code, Problem, REQUEST_ID};

/// Bytes of a body that is not an upload.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of such a body that are read when it is too large.
const BODY_BYTES_READ_MAX: usize = 1024 * 1024;

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

async fn answer<E: Endpoint>(next: std::sync::Arc<E>, request: Request) -> Response {
    let request = match limit_body(request).await {
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
async fn limit_body(mut request: Request) -> Result<Request, Problem> {
    if request.uri().path().trim_end_matches('/') == crate::routes::UPLOAD_PATH {
        return Ok(request);
    }
    if request.header(header::CONTENT_LENGTH).is_none() && request.header(header::TRANSFER_ENCODING).is_none()
    {
        return Ok(request);
    }
    let bytes = small_body(request.take_body()).await?;
    request.set_body(Body::from_bytes(bytes));
    Ok(request)
}

/// Reads a body whole. One that is too large is read on for a while and thrown away: whoever is still sending when the
/// connection closes sees it break and not the answer.
async fn small_body(body: Body) -> Result<Bytes, Problem> {
    let mut chunks = body.into_bytes_stream();
    let mut bytes = BytesMut::new();
    let mut read = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::InvalidRequest).detail("the body ended early"))?;
        read += chunk.len();
        if read > BODY_BYTES_READ_MAX {
            break;
        }
        if read <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        }
    }
    if read > BODY_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge).detail(format!("the body may have {BODY_BYTES_MAX} bytes")));
    }
    Ok(bytes.freeze())
}
