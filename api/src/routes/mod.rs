//! JSON adapters, one file per resource: who is asking, do the operation, show the outcome.

mod accounts;
mod addresses;
mod agenda;
mod api_keys;
mod audit;
mod browser;
mod cancelling;
mod conversations;
mod document;
mod documents;
mod done;
mod editing;
mod events;
mod finding;
mod formats;
mod jobs;
mod listing;
mod model_schema;
mod operating;
mod parts;
mod people;
mod problems;
mod profile;
mod refusals;
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
use poem::http::StatusCode;
use poem::web::Html;
use poem::{EndpointExt, IntoEndpoint, IntoResponse, Request};
use poem_openapi::{OpenApiService, Tags};
use serde_json::Value;
use telemetry::Exposition;

use crate::auth::access::{self, Access};
use crate::auth::browser as browser_sessions;
use crate::auth::caller;
use crate::context::Api;
use crate::http::declared_fields::{self, DeclaredFields};
use crate::http::declared_queries::DeclaredQueries;
use crate::http::route_pattern;
use crate::problem::Problem;

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

/// What people do with their accounts.
type Account = (
    accounts::Accounts,
    addresses::Addresses,
    browser::Browser,
    profile::Profile,
    second_factor::SecondFactor,
    api_keys::ApiKeys,
    usage::Usage,
);

/// What people do with what is theirs.
type Own = (
    documents::Documents,
    parts::Parts,
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

type Service = OpenApiService<(Account, Own, Steering), ()>;

fn service() -> Service {
    OpenApiService::new(
        (
            (
                accounts::Accounts,
                addresses::Addresses,
                browser::Browser,
                profile::Profile,
                second_factor::SecondFactor,
                api_keys::ApiKeys,
                usage::Usage,
            ),
            (
                documents::Documents,
                parts::Parts,
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
    document::complete(&mut document);
    access::describe(&mut document, PREFIX);
    refusals::describe(&mut document, PREFIX);
    document
}

/// The page that shows the document to people. The framework writes it with the document as it knows it, which is less.
fn documentation(service: &Service, document: &Value) -> String {
    service
        .swagger_ui_html()
        .replacen(&service.spec(), &document.to_string(), 1)
}

/// Every route of the API; `metrics` too when they have no listener of their own.
pub(crate) fn all(api: Api, probes: runtime::Probes, metrics: Option<Exposition>) -> impl poem::Endpoint {
    let service = service();
    let document = described(&service);
    let queries = Arc::new(DeclaredQueries::of(&document, PREFIX));
    let fields = Arc::new(DeclaredFields::of(&document, PREFIX));
    let methods = Arc::new(route_pattern::AllowedMethods::of(&document, PREFIX));
    let access = Arc::new(Access::of(&document, PREFIX));
    let checked = move |next: Arc<_>, mut request: Request| {
        let refused = queries
            .check(&request)
            .and_then(|()| caller::accept_key_header(&mut request))
            .and_then(|()| declared_fields::storable_path(&request));
        browser_sessions::accept_cookie(&mut request);
        if let Some(needs) = access.needs(&request) {
            let policy = needs.policy(&request);
            request.set_data(needs);
            request.set_data(policy);
        }
        let (fields, allowed) = (fields.clone(), methods.at(request.uri().path()));
        async move {
            refused?;
            caller::count_unknown(&request).await?;
            fields.check(&mut request).await?;
            let outcome: poem::Result<_> = poem::Endpoint::call(&*next, request).await;
            outcome.map_err(|error: poem::Error| match error.status() {
                StatusCode::METHOD_NOT_ALLOWED => Problem::method_not_allowed(&allowed),
                _ => error,
            })
        }
    };
    let text = document.to_string();
    let show_document = move |_| {
        text.clone()
            .with_content_type("application/json; charset=utf-8")
            .into_response()
    };
    let mut routes = runtime::probe_routes(probes);
    let production = api.http.production;
    if !production {
        let page = documentation(&service, &document);
        let show = poem::get(make_sync(move |_| Html(page.clone())));
        routes = routes.nest("/docs", poem::Route::new().at("/", show));
    }
    routes = routes
        .at("/openapi.json", poem::get(make_sync(show_document)))
        .at("/problems", problems::page())
        .nest(PREFIX, service.into_endpoint().around(checked));
    // They tell a lot, and strangers could ask.
    if let Some(metrics) = metrics.filter(|_| !production) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_people_says_who_may_do_what() {
        let service = service();
        let page = documentation(&service, &described(&service));
        for words in ["x-required-scope", "jobs:read", "Needs the role `operator`"] {
            assert!(page.contains(words), "{words}");
        }
        assert!(!page.contains(&service.spec()));
    }
}
