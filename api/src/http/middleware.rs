//! Around every route: an id, a span, a figure, headers that keep browsers careful, and a problem for whatever fails.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::RequestId;
use futures::FutureExt;
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Endpoint, IntoResponse, PathPattern, Request, Response};
use tracing::Instrument;

use super::admission::{Kind, Place};
use super::client_address::ClientAddress;
use super::cross_origin::{self, AllowedOrigin};
use super::framing;
use super::rates::READING;
use super::request_body::{RequestBody, RestBytes};
use crate::context::{Api, DatabaseAway};
use crate::problem::{Code, Problem, REQUEST_ID};

/// Bytes of a body that is not an upload.
const BODY_BYTES_MAX: usize = 64 * 1024;

const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The time for such a body: it arrives in one piece, or its sender only wants to keep a place.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Runs an endpoint with everything around it.
pub(crate) async fn around<E: Endpoint>(
    api: Api,
    next: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let id = RequestId::new();
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let address = ClientAddress(api.proxies.client(&request));
    request.set_data(address);
    let origin = AllowedOrigin::of(&api.http, &request);
    let secure = api.proxies.is_secure(&request);
    let preflight = cross_origin::preflight(&request, origin.as_ref());
    let mut last_of_connection = framing::is_chunked(request.headers());
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.path = %path);
    let answering = async {
        let response = match (framing::check(&request), preflight) {
            (Err(problem), _) => {
                last_of_connection = true;
                problem.into_answer()
            }
            (Ok(()), Some(response)) => response,
            (Ok(()), None) => answer(&api, next, request).await,
        };
        let reading = READING.with(|noted| noted.lock().unwrap_or_else(PoisonError::into_inner).take());
        (response, reading)
    };
    let (mut response, reading) = REQUEST_ID
        .scope(id, READING.scope(Mutex::default(), answering))
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
    if last_of_connection {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if status == 405 {
        // Outside of the API, where nobody has said it, everything is only read.
        headers
            .entry(header::ALLOW)
            .or_insert(HeaderValue::from_static("GET, HEAD"));
    }
    if let Some(reading) = reading {
        reading.write(headers);
    }
    if let Some(origin) = origin {
        origin.write(headers);
    }
    cross_origin::write_careful(headers, &path, secure);
    Ok(response)
}

async fn answer<E: Endpoint>(api: &Api, next: Arc<E>, mut request: Request) -> Response {
    let body = RequestBody::of(&mut request);
    let kind = Kind::of(&request);
    let place = match let_in(api, kind) {
        Ok(place) => place,
        Err(problem) => {
            // The answer goes out now; what is on its way already is thrown away beside it.
            if let Some(body) = body {
                tokio::spawn(body.discard_rest(RestBytes::TURNED_AWAY));
            }
            return problem.into_answer();
        }
    };
    if let Some(place) = &place {
        request.set_data(place.clone());
    }
    let serving = try_answer(next, request, kind, body.is_some());
    let response = match kind {
        // Bytes may come for hours without the database. An upload looks itself where it needs it.
        None | Some(Kind::Upload) => serving.await,
        Some(_) => api
            .unless_away(serving)
            .await
            .unwrap_or_else(|away| Problem::from(away).into_answer()),
    };
    drop(place);
    if let Some(body) = body.filter(|_| !response.status().is_success()) {
        body.discard_rest(RestBytes::SEEN).await;
    }
    response
}

/// A place for a request of the API, if it can be served now.
fn let_in(api: &Api, kind: Option<Kind>) -> Result<Option<Place>, Problem> {
    let Some(kind) = kind else { return Ok(None) };
    if api.pulse.is_gone() {
        return Err(DatabaseAway.into());
    }
    api.admission.enter(kind).map(Some)
}

async fn try_answer<E: Endpoint>(
    next: Arc<E>,
    request: Request,
    kind: Option<Kind>,
    has_body: bool,
) -> Response {
    let request = match limit_body(request, kind, has_body).await {
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
async fn limit_body(mut request: Request, kind: Option<Kind>, has_body: bool) -> Result<Request, Problem> {
    if kind == Some(Kind::Upload) || !has_body {
        return Ok(request);
    }
    let reading = request.take_body().into_bytes_limit(BODY_BYTES_MAX);
    let bytes = tokio::time::timeout(BODY_PATIENCE, reading)
        .await
        .map_err(|_| {
            Problem::new(Code::RequestTimeout).detail(format!("the body may take {BODY_PATIENCE:?}"))
        })?
        .map_err(|error| match error {
            poem::error::ReadBodyError::PayloadTooLarge => {
                Problem::new(Code::TooLarge).detail(format!("the body may have {BODY_BYTES_MAX} bytes"))
            }
            _ => Problem::new(Code::InvalidRequest).detail("the body ended early"),
        })?;
    request.set_body(Body::from_bytes(bytes));
    Ok(request)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use poem::endpoint::make_sync;
    use poem::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn a_route_that_panics_is_a_problem_that_tells_nothing() {
        let route = make_sync(|_| -> Response { panic!("the secret path /var/lib/somewhere") });
        let answer = try_answer(Arc::new(route), Request::default(), None, false).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = answer.into_body().into_string().await.unwrap();
        assert!(
            body.contains("\"code\":\"internal\"") && !body.contains("somewhere"),
            "{body}"
        );
    }
}
