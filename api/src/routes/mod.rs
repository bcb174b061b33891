//! JSON adapters, one file per resource: who is asking, do the operation, show the outcome.

mod accounts;
mod agenda;
mod api_keys;
mod audit;
mod cancelling;
mod conversations;
mod documents;
mod editing;
mod events;
mod finding;
mod formats;
mod jobs;
mod listing;
mod model_schema;
mod operating;
mod people;
mod problems;
mod profile;
mod schedule_schema;
mod schedules;
mod scheduling;
mod schema;
mod searches;
mod second_factor;
mod task_schema;
mod todos;
mod upload;
mod usage;
mod versions;

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::{EndpointExt, IntoEndpoint, IntoResponse, Request};
use poem_openapi::{OpenApiService, Tags};
use serde_json::Value;
use telemetry::Exposition;

use crate::auth::access::{self, Access};
use crate::auth::caller;
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
    /// What documents ask for, and what takes place.
    Agenda,
    /// Asking about documents.
    Answers,
    /// Seeing and steering the work of everyone.
    Operating,
}

/// What people do with what is theirs.
type Own = (
    accounts::Accounts,
    profile::Profile,
    second_factor::SecondFactor,
    api_keys::ApiKeys,
    usage::Usage,
    documents::Documents,
    versions::Versions,
    searches::Searches,
    formats::Formats,
    jobs::Jobs,
    cancelling::Cancelling,
    todos::Todos,
    events::Events,
    conversations::Conversations,
);

/// What operators and administrators do with everything.
type Steering = (
    operating::Operating,
    scheduling::Scheduling,
    schedules::Schedules,
    people::People,
    audit::Audit,
);

type Service = OpenApiService<(Own, Steering), ()>;

fn service() -> Service {
    OpenApiService::new(
        (
            (
                accounts::Accounts,
                profile::Profile,
                second_factor::SecondFactor,
                api_keys::ApiKeys,
                usage::Usage,
                documents::Documents,
                versions::Versions,
                searches::Searches,
                formats::Formats,
                jobs::Jobs,
                cancelling::Cancelling,
                todos::Todos,
                events::Events,
                conversations::Conversations,
            ),
            (
                operating::Operating,
                scheduling::Scheduling,
                schedules::Schedules,
                people::People,
                audit::Audit,
            ),
        ),
        "docmill",
        env!("CARGO_PKG_VERSION"),
    )
    .description(
        "Turns documents into text, language, tags, todos and events through a queue that never loses a job. \
         Hand documents in, poll the job, read the results.",
    )
    .url_prefix(PREFIX)
}

/// The OpenAPI document, as `/openapi.json` shows it.
#[must_use]
pub fn openapi_document() -> String {
    described(&service()).to_string()
}

fn described(service: &Service) -> Value {
    let mut document = serde_json::from_str(&service.spec()).expect("the OpenAPI document is JSON");
    access::describe(&mut document, PREFIX);
    document
}

/// Every route of the API; `metrics` too when they have no listener of their own.
pub(crate) fn all(api: Api, probes: runtime::Probes, metrics: Option<Exposition>) -> impl poem::Endpoint {
    let service = service();
    let document = described(&service);
    let queries = Arc::new(DeclaredQueries::of(&document, PREFIX));
    let access = Arc::new(Access::of(&document, PREFIX));
    let checked = move |next: Arc<_>, mut request: Request| {
        let refused = queries
            .check(&request)
            .and_then(|()| caller::accept_key_header(&mut request));
        if let Some(needs) = access.needs(&request) {
            let policy = needs.policy(&request);
            request.set_data(needs);
            request.set_data(policy);
        }
        async move {
            refused?;
            caller::count_unknown(&request).await?;
            poem::Endpoint::call(&*next, request).await
        }
    };
    let document = document.to_string();
    let show_document = move |_| {
        document
            .clone()
            .with_content_type("application/json; charset=utf-8")
            .into_response()
    };
    let mut routes = runtime::probe_routes(probes);
    if !api.http.production {
        routes = routes.nest("/docs", service.swagger_ui());
    }
    routes = routes
        .at("/openapi.json", poem::get(make_sync(show_document)))
        .at("/problems", problems::page())
        .nest(PREFIX, service.into_endpoint().around(checked));
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
