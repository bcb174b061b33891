//! Who may use which route: one table, from which both the check and the OpenAPI document come.
//!
//! A route that is missing here is closed for everybody, and a test names it.

use domain::{Scope, UserRole};
use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use crate::http::rates::Policy;
use crate::http::route_pattern::RoutePattern;

/// What somebody needs for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: it is for everybody, also for those without an account.
    Nothing,
    /// A login of a person. API keys are refused: who has a key must not be able to keep the account.
    Login,
    /// An API key with this scope, or a login.
    Scope(Scope),
    /// A login of somebody with this role or a higher one, or their API key with the scope `admin`.
    Role(UserRole),
}

use Needs::{Login, Nothing, Role, Scope as Key};
use domain::Scope::{AccountRead, DocumentsRead, DocumentsWrite, JobsRead, JobsWrite};

/// Every route of the API.
const TABLE: &[(&str, &str, Needs)] = &[
    ("POST", "/auth/register", Nothing),
    ("POST", "/auth/login", Nothing),
    ("POST", "/auth/refresh", Nothing),
    ("POST", "/auth/logout", Login),
    ("POST", "/auth/browser/login", Nothing),
    ("GET", "/auth/browser/session", Login),
    ("POST", "/auth/verify", Nothing),
    ("POST", "/auth/verify/resend", Nothing),
    ("POST", "/auth/password/forgot", Nothing),
    ("POST", "/auth/password/reset", Nothing),
    ("GET", "/me", Key(AccountRead)),
    ("PATCH", "/me", Login),
    ("POST", "/me/password", Login),
    ("POST", "/me/email", Login),
    ("POST", "/me/close", Login),
    ("POST", "/me/second-factor", Login),
    ("POST", "/me/second-factor/confirm", Login),
    ("POST", "/me/second-factor/remove", Login),
    ("GET", "/me/sessions", Login),
    ("DELETE", "/me/sessions/{id}", Login),
    ("GET", "/me/keys", Login),
    ("POST", "/me/keys", Login),
    ("PATCH", "/me/keys/{id}", Login),
    ("DELETE", "/me/keys/{id}", Login),
    ("POST", "/me/keys/{id}/rotate", Login),
    ("POST", "/documents", Key(DocumentsWrite)),
    ("GET", "/documents", Key(DocumentsRead)),
    ("GET", "/documents/{id}", Key(DocumentsRead)),
    ("GET", "/documents/{id}/text", Key(DocumentsRead)),
    ("GET", "/documents/{id}/parts", Key(DocumentsRead)),
    ("GET", "/documents/{id}/original", Key(DocumentsRead)),
    ("PATCH", "/documents/{id}", Key(DocumentsWrite)),
    ("DELETE", "/documents/{id}", Key(DocumentsWrite)),
    ("GET", "/documents/{id}/versions", Key(DocumentsRead)),
    ("POST", "/documents/{id}/versions", Key(DocumentsWrite)),
    ("POST", "/documents/{id}/restore", Key(DocumentsWrite)),
    ("POST", "/documents/{id}/reprocess", Key(DocumentsWrite)),
    ("GET", "/documents/{id}/diff", Key(DocumentsRead)),
    ("GET", "/searches", Key(DocumentsRead)),
    ("POST", "/searches", Key(DocumentsWrite)),
    ("GET", "/searches/{id}", Key(DocumentsRead)),
    ("PATCH", "/searches/{id}", Key(DocumentsWrite)),
    ("DELETE", "/searches/{id}", Key(DocumentsWrite)),
    ("GET", "/searches/{id}/results", Key(DocumentsRead)),
    ("GET", "/todos", Key(DocumentsRead)),
    ("GET", "/todos/{id}", Key(DocumentsRead)),
    ("PATCH", "/todos/{id}", Key(DocumentsWrite)),
    ("GET", "/events", Key(DocumentsRead)),
    ("GET", "/events.ics", Key(DocumentsRead)),
    ("GET", "/usage", Key(AccountRead)),
    ("GET", "/admin/usage", Role(UserRole::Operator)),
    ("GET", "/admin/users/{id}/quota", Role(UserRole::Operator)),
    ("PATCH", "/admin/users/{id}/quota", Role(UserRole::Admin)),
    ("GET", "/formats", Nothing),
    ("POST", "/chat", Key(DocumentsRead)),
    ("GET", "/conversations", Key(DocumentsRead)),
    ("GET", "/conversations/{id}", Key(DocumentsRead)),
    ("GET", "/conversations/{id}/messages", Key(DocumentsRead)),
    ("PATCH", "/conversations/{id}", Key(DocumentsWrite)),
    ("DELETE", "/conversations/{id}", Key(DocumentsWrite)),
    ("GET", "/jobs", Key(JobsRead)),
    ("GET", "/jobs/{id}", Key(JobsRead)),
    ("DELETE", "/jobs/{id}", Key(JobsWrite)),
    ("POST", "/jobs/{id}/cancel", Key(JobsWrite)),
    ("GET", "/admin/users", Role(UserRole::Admin)),
    ("GET", "/admin/users/{id}", Role(UserRole::Admin)),
    ("POST", "/admin/users/{id}/disable", Role(UserRole::Admin)),
    ("POST", "/admin/users/{id}/enable", Role(UserRole::Admin)),
    ("PUT", "/admin/users/{id}/role", Role(UserRole::Admin)),
    ("POST", "/admin/users/{id}/logout", Role(UserRole::Admin)),
    ("DELETE", "/admin/users/{id}/second-factor", Role(UserRole::Admin)),
    ("GET", "/admin/audit", Role(UserRole::Admin)),
    ("GET", "/admin/audit/export", Role(UserRole::Admin)),
    ("GET", "/admin/tasks", Role(UserRole::Operator)),
    ("GET", "/admin/tasks/{id}", Role(UserRole::Operator)),
    ("POST", "/admin/tasks/{id}/requeue", Role(UserRole::Operator)),
    ("POST", "/admin/tasks/requeue", Role(UserRole::Operator)),
    ("GET", "/admin/queues", Role(UserRole::Operator)),
    ("POST", "/admin/queues/{name}/pause", Role(UserRole::Operator)),
    ("POST", "/admin/queues/{name}/resume", Role(UserRole::Operator)),
    ("GET", "/admin/tenants", Role(UserRole::Operator)),
    ("GET", "/admin/tenants/{user_id}", Role(UserRole::Operator)),
    ("PATCH", "/admin/tenants/{user_id}", Role(UserRole::Operator)),
    ("POST", "/admin/tenants/{user_id}/pause", Role(UserRole::Operator)),
    (
        "POST",
        "/admin/tenants/{user_id}/resume",
        Role(UserRole::Operator),
    ),
    ("GET", "/admin/schedules", Role(UserRole::Operator)),
    ("POST", "/admin/schedules", Role(UserRole::Operator)),
    ("GET", "/admin/schedules/{name}", Role(UserRole::Operator)),
    ("PATCH", "/admin/schedules/{name}", Role(UserRole::Operator)),
    ("DELETE", "/admin/schedules/{name}", Role(UserRole::Operator)),
    ("POST", "/admin/schedules/{name}/pause", Role(UserRole::Operator)),
    ("POST", "/admin/schedules/{name}/resume", Role(UserRole::Operator)),
    ("POST", "/admin/schedules/{name}/run", Role(UserRole::Operator)),
    ("GET", "/admin/schedules/{name}/runs", Role(UserRole::Operator)),
    (
        "GET",
        "/admin/schedules/{name}/runs/{id}",
        Role(UserRole::Operator),
    ),
];

/// The table, for requests.
pub(crate) struct Access(Vec<(RoutePattern, Needs)>);

impl Access {
    /// What the operations of an OpenAPI document need, whose paths begin with `prefix`.
    pub(crate) fn of(document: &Value, prefix: &str) -> Self {
        let operations = RoutePattern::of_document(document, prefix);
        let rows: Vec<(RoutePattern, Needs)> = table().collect();
        Self(
            operations
                .into_iter()
                .filter_map(|(pattern, _)| rows.iter().find(|(row, _)| *row == pattern).cloned())
                .collect(),
        )
    }

    /// What the route of a request needs; `None` when it is no route, or nobody has said what it needs.
    pub(crate) fn needs(&self, request: &Request) -> Option<Needs> {
        self.0
            .iter()
            .find_map(|(pattern, needs)| pattern.matches(request).then_some(*needs))
    }
}

fn table() -> impl Iterator<Item = (RoutePattern, Needs)> {
    TABLE.iter().map(|(method, path, needs)| {
        let method: Method = method.parse().expect("the table names methods of HTTP");
        (RoutePattern::new(method, path), *needs)
    })
}

impl Needs {
    /// Whether a key with these scopes is let in.
    pub(crate) fn allows_key(self, scopes: &[Scope]) -> bool {
        self.scope().is_some_and(|scope| scopes.contains(&scope))
    }

    /// Which rate limits count for a request that needs this.
    pub(crate) fn policy(self, request: &Request) -> Policy {
        let path = request.uri().path();
        if self == Nothing && path.starts_with("/auth/") {
            return Policy::Login;
        }
        match (self, request.method()) {
            (Key(DocumentsWrite), &Method::POST) => Policy::Submit,
            _ => Policy::Read,
        }
    }

    /// The scope that a key must have; `None` when no key is let in.
    pub(crate) const fn scope(self) -> Option<Scope> {
        match self {
            Nothing | Login => None,
            Key(scope) => Some(scope),
            Role(_) => Some(Scope::Admin),
        }
    }

    /// Whether somebody with this role is let in.
    pub(crate) fn allows_role(self, role: UserRole) -> bool {
        match self {
            Role(least) => role >= least,
            Nothing | Login | Key(_) => true,
        }
    }

    /// In words, for the document.
    fn described(self) -> String {
        match self {
            Nothing => "For everybody.".to_owned(),
            Login => "Needs a login; API keys are refused.".to_owned(),
            Key(scope) => format!("Needs a login, or an API key with the scope `{scope}`."),
            Role(role) => format!(
                "Needs the role `{role}`, and of an API key the scope `{}`.",
                Scope::Admin
            ),
        }
    }
}

/// Writes into an OpenAPI document what each operation needs: in words, as `security`, and as `x-required-scope` and
/// `x-required-role` for programs.
pub(crate) fn describe(document: &mut Value, prefix: &str) {
    let schemes = &mut document["components"]["securitySchemes"];
    schemes["apiKey"] = json!({
        "type": "http", "scheme": "bearer", "bearerFormat": "dmk_…",
        "description": "An API key, made with `POST /me/keys`.",
    });
    schemes["apiKeyHeader"] = json!({
        "type": "apiKey", "in": "header", "name": "X-API-Key",
        "description": "The same key in a header of its own. A key in an address is refused.",
    });
    schemes["browserSession"] = json!({
        "type": "apiKey", "in": "cookie", "name": super::browser::COOKIE,
        "description": "The session of a browser, from `POST /auth/browser/login`. Whatever is not GET needs its token in \
                        `X-CSRF-Token` too, and the `Origin` of docmill.",
    });
    let rows: Vec<(RoutePattern, Needs)> = table().collect();
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    for (path, methods) in paths {
        let path = path.strip_prefix(prefix).unwrap_or(path).to_owned();
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let Ok(method) = method.to_ascii_uppercase().parse::<Method>() else {
                continue;
            };
            let pattern = RoutePattern::new(method, &path);
            if let Some((_, needs)) = rows.iter().find(|(row, _)| *row == pattern) {
                describe_operation(operation, *needs);
            }
        }
    }
}

fn describe_operation(operation: &mut Value, needs: Needs) {
    let words = needs.described();
    let description = match operation["description"].as_str() {
        Some(text) if !text.is_empty() => format!("{text}\n\n{words}"),
        _ => words,
    };
    operation["description"] = description.into();
    let mut security = Vec::new();
    if needs != Nothing {
        security.extend([json!({ "accessToken": [] }), json!({ "browserSession": [] })]);
    }
    if let Some(scope) = needs.scope() {
        security.extend([json!({ "apiKey": [] }), json!({ "apiKeyHeader": [] })]);
        operation["x-required-scope"] = scope.as_str().into();
    }
    if let Role(role) = needs {
        operation["x-required-role"] = role.as_str().into();
    }
    operation["security"] = security.into();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::from_str(&crate::routes::openapi_document()).unwrap()
    }

    #[test]
    fn the_table_has_every_route_and_no_other() {
        let rows: Vec<RoutePattern> = table().map(|(row, _)| row).collect();
        let routes: Vec<RoutePattern> = RoutePattern::of_document(&document(), "/api/v1")
            .into_iter()
            .map(|(route, _)| route)
            .collect();
        for route in &routes {
            assert!(rows.contains(route), "nobody has said who may use {route:?}");
        }
        for (index, row) in rows.iter().enumerate() {
            assert!(routes.contains(row), "there is no route {row:?}");
            assert!(!rows[..index].contains(row), "{row:?} is there twice");
        }
    }

    #[test]
    fn every_operation_says_what_it_needs() {
        let document = document();
        let mut closed = 0;
        for (route, operation) in RoutePattern::of_document(&document, "/api/v1") {
            let words = operation["description"].as_str().unwrap();
            assert!(
                words.contains("Needs ") || words.contains("For everybody."),
                "{route:?}: {words}"
            );
            let security = operation["security"].as_array().unwrap();
            assert_eq!(
                security.len() == 4,
                operation.get("x-required-scope").is_some(),
                "{route:?}"
            );
            closed += usize::from(!security.is_empty());
        }
        assert!(closed > 20, "{closed}");
        assert_eq!(
            document["paths"]["/api/v1/jobs"]["get"]["x-required-scope"],
            "jobs:read"
        );
        assert_eq!(
            document["paths"]["/api/v1/admin/tasks"]["get"]["x-required-role"],
            "operator"
        );
    }

    #[test]
    fn a_more_exact_path_is_found_first() {
        let access = Access::of(&document(), "/api/v1");
        let needs = |method: Method, uri: &str| {
            let request = Request::builder()
                .method(method)
                .uri(uri.parse().unwrap())
                .finish();
            access.needs(&request)
        };
        assert_eq!(needs(Method::HEAD, "/jobs/1"), Some(Key(JobsRead)));
        assert_eq!(
            needs(Method::POST, "/admin/tasks/requeue"),
            Some(Role(UserRole::Operator))
        );
        assert_eq!(needs(Method::PUT, "/jobs/1"), None);
        assert_eq!(needs(Method::GET, "/nothing"), None);
    }

    #[test]
    fn roles_include_the_lower_ones_and_keys_only_their_scopes() {
        let needs = Role(UserRole::Operator);
        assert!(needs.allows_role(UserRole::Admin) && needs.allows_role(UserRole::Operator));
        assert!(!needs.allows_role(UserRole::User));
        assert!(needs.allows_key(&[Scope::Admin]) && !needs.allows_key(&[JobsRead, JobsWrite]));
        assert!(
            Key(JobsRead).allows_key(&[AccountRead, JobsRead]) && !Key(JobsRead).allows_key(&[Scope::Admin])
        );
        assert!(!Login.allows_key(Scope::ALL) && !Nothing.allows_key(Scope::ALL));
    }
}
