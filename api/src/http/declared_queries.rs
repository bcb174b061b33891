//! Query parameters that a route does not declare are refused. Most often they are misspelt, and a list without the filter
//! that somebody meant is worse than an error.

use poem::Request;
use serde_json::Value;

use super::declared_fields::NO_NUL;
use super::route_pattern::RoutePattern;
use crate::problem::{Code, Problem};

/// Parameters that an answer names at most; one is enough to find the others.
const NAMED_MAX: usize = 5;
/// Characters of a name that are repeated in an answer.
const NAME_CHARS_MAX: usize = 64;

/// What every route declares, as the OpenAPI document says.
#[derive(Debug)]
pub(crate) struct DeclaredQueries(Vec<Operation>);

#[derive(Debug)]
struct Operation {
    pattern: RoutePattern,
    names: Vec<String>,
}

impl DeclaredQueries {
    /// Reads an OpenAPI document, whose paths begin with `prefix`.
    pub(crate) fn of(document: &Value, prefix: &str) -> Self {
        let operations = RoutePattern::of_document(document, prefix).into_iter();
        let operations = operations.map(|(pattern, operation)| {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let queries = parameters.filter(|parameter| parameter["in"] == "query");
            let names = queries.filter_map(|query| query["name"].as_str());
            Operation {
                pattern,
                names: names.map(str::to_owned).collect(),
            }
        });
        Self(operations.collect())
    }

    /// Refuses a request with parameters that its route does not declare. A request without a route is somebody else's.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Problem> {
        let Some(operation) = self
            .operation(request)
            .filter(|_| request.uri().query().is_some())
        else {
            return Ok(());
        };
        let given: Vec<(String, String)> = request.params().map_err(|_| {
            Problem::new(Code::InvalidRequest).detail("the query is not a list of names and values")
        })?;
        if let Some((name, _)) = given.iter().find(|(_, value)| value.contains('\0')) {
            let name: String = name.chars().take(NAME_CHARS_MAX).collect();
            return Err(Problem::invalid(format!("query:{name}"), NO_NUL));
        }
        let unknown = given.iter().filter(|(name, _)| !operation.names.contains(name));
        let unknown: Vec<String> = unknown
            .map(|(name, _)| name.chars().take(NAME_CHARS_MAX).collect())
            .collect();
        let Some(first) = unknown.first() else {
            return Ok(());
        };
        let known = match operation.names.as_slice() {
            [] => "it takes none".to_owned(),
            names => format!("it takes {}", names.join(", ")),
        };
        let problem = Problem::new(Code::InvalidRequest)
            .detail(format!("query:{first}: is no parameter of this route; {known}"));
        Err(unknown.iter().take(NAMED_MAX).fold(problem, |problem, name| {
            problem.error(format!("query:{name}"), "is no parameter of this route")
        }))
    }

    fn operation(&self, request: &Request) -> Option<&Operation> {
        self.0.iter().find(|operation| operation.pattern.matches(request))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use poem::http::Method;

    use super::*;

    fn check(method: Method, uri: &str) -> Result<(), Problem> {
        let document = serde_json::from_str(&crate::routes::openapi_document()).unwrap();
        let declared = DeclaredQueries::of(&document, "/api/v1");
        let request = Request::builder()
            .method(method)
            .uri(uri.parse().unwrap())
            .finish();
        declared.check(&request)
    }

    #[test]
    fn declared_parameters_are_let_through() {
        for (method, uri) in [
            (Method::GET, "/jobs"),
            (Method::GET, "/jobs?"),
            (Method::GET, "/jobs?limit=5&cursor=x"),
            (Method::HEAD, "/jobs?limit=5"),
            (Method::GET, "/jobs/0192?wait=5"),
            (Method::GET, "/documents?q=a%20b&job_id=1"),
            (
                Method::POST,
                "/documents?file_name=a.txt&max_tags=3&deadline_seconds=9",
            ),
            (Method::POST, "/auth/logout?all=true"),
        ] {
            assert!(check(method.clone(), uri).is_ok(), "{method} {uri}");
        }
    }

    #[test]
    fn what_a_route_does_not_declare_is_refused_by_name() {
        for (method, uri, pointer) in [
            (Method::GET, "/jobs?limits=5", "query:limits"),
            (Method::GET, "/jobs?limit=5&Limit=5", "query:Limit"),
            (Method::GET, "/jobs?wait=5", "query:wait"),
            (Method::GET, "/jobs/0192?%77ait5", "query:wait5"),
            (Method::DELETE, "/jobs/0192?wait=5", "query:wait"),
            (Method::POST, "/documents?q=a", "query:q"),
            (Method::GET, "/me?verbose", "query:verbose"),
            (Method::HEAD, "/me?verbose", "query:verbose"),
        ] {
            let Err(Problem::Answer(status, body, ..)) = check(method.clone(), uri) else {
                panic!("{method} {uri} is let through");
            };
            assert_eq!((status.as_u16(), body.0.code.as_str()), (400, "invalid_request"));
            assert_eq!(body.0.errors.unwrap()[0].pointer, pointer);
        }
    }

    #[test]
    fn an_answer_does_not_grow_with_the_names() {
        let names: Vec<String> = (0..100)
            .map(|number| format!("{}{number}", "n".repeat(500)))
            .collect();
        let Err(Problem::Answer(_, body, ..)) = check(Method::GET, &format!("/me?{}", names.join("&")))
        else {
            panic!("it is let through");
        };
        assert_eq!(body.0.errors.unwrap().len(), NAMED_MAX);
        assert!(body.0.detail.unwrap().len() < 200);
    }

    #[test]
    fn what_is_no_route_is_somebody_elses() {
        assert!(check(Method::GET, "/nothing?x=1").is_ok());
        assert!(check(Method::PUT, "/jobs?x=1").is_ok());
    }
}
