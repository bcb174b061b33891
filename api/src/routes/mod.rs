//! JSON adapters, one file per resource: who is asking, do the operation, show the outcome.

mod accounts;
mod cancelling;
mod conversations;
mod documents;
mod editing;
mod finding;
mod formats;
mod jobs;
mod listing;
mod operating;
mod problems;
mod schema;
mod searches;
mod task_schema;
mod upload;
mod versions;

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::{EndpointExt, IntoEndpoint, IntoResponse, Request};
use poem_openapi::{OpenApiService, Tags};
use telemetry::Exposition;

use crate::context::Api;
use crate::http::declared_queries::DeclaredQueries;

/// What every route of the API begins with.
pub(crate) const PREFIX: &str = "/api/v1";

/// Where uploads go: the one path whose body may be large.
pub(crate) const UPLOAD_PATH: &str = "/api/v1/documents";

#[derive(Tags)]
enum Section {
    /// Making an account and logging in.
    Accounts,
    /// Handing in documents and reading what was found in them.
    Documents,
    /// Following what was handed in.
    Jobs,
    /// Asking about documents.
    Answers,
    /// Seeing and steering the work of everyone.
    Operating,
}

type Service = OpenApiService<
    (
        accounts::Accounts,
        documents::Documents,
        versions::Versions,
        searches::Searches,
        formats::Formats,
        jobs::Jobs,
        cancelling::Cancelling,
        conversations::Conversations,
        operating::Operating,
    ),
    (),
>;

fn service() -> Service {
    OpenApiService::new(
        (
            accounts::Accounts,
            documents::Documents,
            versions::Versions,
            searches::Searches,
            formats::Formats,
            jobs::Jobs,
            cancelling::Cancelling,
            conversations::Conversations,
            operating::Operating,
        ),
        "docmill",
        env!("CARGO_PKG_VERSION"),
    )
    .description(
        "Turns documents into text, language and tags through a queue that never loses a job. \
         Hand documents in, poll the job, read the results.",
    )
    .url_prefix(PREFIX)
}

/// The OpenAPI document, as `/openapi.json` shows it.
#[must_use]
pub fn openapi_document() -> String {
    service().spec()
}

/// Every route of the API; `metrics` too when they have no listener of their own.
pub(crate) fn all(api: Api, probes: runtime::Probes, metrics: Option<Exposition>) -> impl poem::Endpoint {
    let service = service();
    let queries = Arc::new(DeclaredQueries::of(&service.spec(), PREFIX));
    let declared_queries_only = move |next: Arc<_>, request: Request| {
        let refused = queries.check(&request);
        async move {
            refused?;
            poem::Endpoint::call(&*next, request).await
        }
    };
    let mut routes = runtime::probe_routes(probes)
        .nest("/docs", service.swagger_ui())
        .at("/openapi.json", service.spec_endpoint())
        .at("/problems", problems::page())
        .nest(PREFIX, service.into_endpoint().around(declared_queries_only));
    if let Some(metrics) = metrics {
        let show = move |_| {
            metrics
                .render()
                .with_content_type(Exposition::CONTENT_TYPE)
                .into_response()
        };
        routes = routes.at("/metrics", poem::get(make_sync(show)));
    }
    routes.data(api)
}
