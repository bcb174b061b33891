//! What a JSON body may have in it: the fields that the OpenAPI document declares, and texts that can be stored.
//!
//! The framework refuses unknown fields, but only says which of its types did not like them. Where they stand is found here
//! afterwards, so that a request that is fine is read once.

use bytes::Bytes;
use poem::http::StatusCode;
use poem::{Body, Request};
use serde_json::Value;

use super::route_pattern::RoutePattern;
use crate::problem::{Code, Problem};

/// Fields that an answer names at most; one is enough to find the others.
const NAMED_MAX: usize = 5;
/// Characters of a name that are repeated in an answer.
const NAME_CHARS_MAX: usize = 64;

/// How JSON spells the one character that Postgres cannot store.
const NUL_ESCAPED: &[u8] = b"\\u0000";
/// What is said of a text with it.
pub(crate) const NO_NUL: &str = "must not contain the character U+0000";

/// What the body of every route declares, as the OpenAPI document says.
#[derive(Debug)]
pub(crate) struct DeclaredFields {
    bodies: Vec<(RoutePattern, Value)>,
    /// Schemas that others refer to.
    schemas: Value,
}

/// The body of a request that is on its way into its route.
pub(crate) struct Shown<'a> {
    declared: &'a DeclaredFields,
    schema: &'a Value,
    body: Bytes,
}

impl DeclaredFields {
    /// Reads an OpenAPI document, whose paths begin with `prefix`.
    pub(crate) fn of(document: &Value, prefix: &str) -> Self {
        let operations = RoutePattern::of_document(document, prefix).into_iter();
        let bodies = operations.filter_map(|(pattern, operation)| {
            let content = operation["requestBody"]["content"].as_object()?;
            let (_, json) = content
                .iter()
                .find(|(kind, _)| kind.starts_with("application/json"))?;
            Some((pattern, json["schema"].clone()))
        });
        Self {
            bodies: bodies.collect(),
            schemas: document["components"]["schemas"].clone(),
        }
    }

    /// Looks at the body of a request, if its route takes JSON, and leaves it where it was. It is small: whatever is not an
    /// upload is read before its route runs.
    ///
    /// # Errors
    /// With the problem to answer with, when a text in it cannot be stored.
    pub(crate) async fn look(&self, request: &mut Request) -> Result<Option<Shown<'_>>, Problem> {
        let Some((_, schema)) = self.bodies.iter().find(|(pattern, _)| pattern.matches(request)) else {
            return Ok(None);
        };
        let read = request.take_body().into_bytes().await;
        let body = read.map_err(|_| Problem::new(Code::InvalidRequest).detail("the body ended early"))?;
        request.set_body(Body::from_bytes(body.clone()));
        if body.windows(NUL_ESCAPED.len()).any(|part| part == NUL_ESCAPED) {
            let whole = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(pointer) = nul_in(&whole, String::new()) {
                return Err(Problem::invalid(pointer, NO_NUL));
            }
        }
        Ok(Some(Shown {
            declared: self,
            schema,
            body,
        }))
    }

    /// Collects the places of what is not declared.
    fn unknown(&self, schema: &Value, value: &Value, pointer: &str, unknown: &mut Vec<String>) {
        let parts = self.parts(schema);
        match value {
            Value::Object(fields) => {
                let closed = parts.iter().any(|part| part["additionalProperties"] == false);
                for (name, inner) in fields {
                    let pointer = format!("{pointer}/{}", escaped(name));
                    let declared = parts.iter().find_map(|part| part["properties"].get(name));
                    match declared {
                        Some(schema) => self.unknown(schema, inner, &pointer, unknown),
                        None if closed => unknown.push(pointer),
                        None => {}
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = parts.iter().find_map(|part| part.get("items")) else {
                    return;
                };
                for (index, item) in items.iter().enumerate() {
                    self.unknown(schema, item, &format!("{pointer}/{index}"), unknown);
                }
            }
            _ => {}
        }
    }

    /// A schema and all that it refers to.
    fn parts<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let referred = schema["$ref"]
            .as_str()
            .and_then(|path| self.schemas.get(path.rsplit('/').next()?));
        let all = schema["allOf"].as_array().into_iter().flatten();
        let inner = referred.into_iter().chain(all).flat_map(|part| self.parts(part));
        std::iter::once(schema).chain(inner).collect()
    }
}

impl Shown<'_> {
    /// Says of a body that its route could not read which of its fields nobody declared; any other error stays what it was.
    pub(crate) fn explain(&self, error: poem::Error) -> poem::Error {
        if error.is_from_response() || error.status() != StatusCode::BAD_REQUEST {
            return error;
        }
        let mut unknown = Vec::new();
        if let Ok(whole) = serde_json::from_slice(&self.body) {
            self.declared.unknown(self.schema, &whole, "", &mut unknown);
        }
        let Some(first) = unknown.first() else {
            return error;
        };
        const RULE: &str = "is no field of this body";
        let problem = Problem::new(Code::InvalidRequest).detail(format!("{first}: {RULE}"));
        unknown
            .iter()
            .take(NAMED_MAX)
            .fold(problem, |problem, pointer| problem.error(pointer, RULE))
            .into()
    }
}

/// Refuses a path with U+0000 in it, which no thing has in its name.
pub(crate) fn storable_path(request: &Request) -> Result<(), Problem> {
    match request.uri().path().contains("%00") {
        true => Err(Problem::new(Code::NotFound)),
        false => Ok(()),
    }
}

/// Where the first text or name with U+0000 stands.
fn nul_in(value: &Value, pointer: String) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then_some(pointer),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| nul_in(item, format!("{pointer}/{index}"))),
        Value::Object(fields) => fields.iter().find_map(|(name, inner)| {
            let inside = format!("{pointer}/{}", escaped(name));
            if name.contains('\0') {
                return Some(inside);
            }
            nul_in(inner, inside)
        }),
        _ => None,
    }
}

/// A name as a part of a pointer, which escapes two characters (RFC 6901).
fn escaped(name: &str) -> String {
    let short: String = name.chars().take(NAME_CHARS_MAX).collect();
    short.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use poem::http::Method;
    use serde_json::json;

    use super::*;

    fn declared() -> DeclaredFields {
        let document = serde_json::from_str(&crate::routes::openapi_document()).unwrap();
        DeclaredFields::of(&document, "/api/v1")
    }

    fn request(method: Method, path: &str, body: &Value) -> Request {
        let request = Request::builder().method(method).uri(path.parse().unwrap());
        request.body(Body::from_json(body).unwrap())
    }

    /// What is said of a body that its route could not read.
    async fn pointers(method: Method, path: &str, body: &Value) -> Vec<String> {
        let declared = declared();
        let shown = declared
            .look(&mut request(method, path, body))
            .await
            .unwrap()
            .unwrap();
        let error = shown.explain(poem::Error::from_status(StatusCode::BAD_REQUEST));
        if !error.is_from_response() {
            return Vec::new();
        }
        let answer = error.into_response().into_body().into_bytes().await.unwrap();
        let problem: Value = serde_json::from_slice(&answer).unwrap();
        let errors = problem["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_field_that_nobody_declared_is_pointed_at_wherever_it_stands() {
        for (method, path, body, expected) in [
            (Method::PATCH, "/me", json!({ "role": "admin" }), "/role"),
            (Method::PATCH, "/me", json!({ "a/b~c": 1 }), "/a~1b~0c"),
            (
                Method::POST,
                "/admin/tasks/requeue",
                json!({ "filter": { "state": "dead", "owner": {} }, "expected_count": 1 }),
                "/filter/owner",
            ),
        ] {
            assert_eq!(pointers(method, path, &body).await, [expected], "{body}");
        }
        let many: serde_json::Map<String, Value> = (0..50)
            .map(|number| (format!("{}{number}", "n".repeat(500)), json!(1)))
            .collect();
        assert_eq!(
            pointers(Method::PATCH, "/me", &Value::Object(many)).await.len(),
            NAMED_MAX
        );
    }

    #[tokio::test]
    async fn what_is_free_or_wrong_otherwise_is_left_alone() {
        let free = json!({ "options": { "whatever": { "is": "meant" } } });
        assert_eq!(
            pointers(Method::POST, "/admin/schedules/x/run", &free).await,
            [""; 0]
        );
        assert_eq!(
            pointers(Method::PATCH, "/me", &json!({ "full_name": 1 })).await,
            [""; 0]
        );
    }

    #[tokio::test]
    async fn a_text_that_cannot_be_stored_is_refused_before_its_route_runs() {
        let declared = declared();
        for (body, expected) in [
            (json!({ "question": "a\0b" }), Some("/question")),
            (
                json!({ "question": "x", "document_ids": ["1", "\0"] }),
                Some("/document_ids/1"),
            ),
            (json!({ "question": "written \\u0000 by hand" }), None),
        ] {
            let mut request = request(Method::POST, "/chat", &body);
            let refused = declared.look(&mut request).await.err().map(|problem| {
                let Problem::Answer(status, body, ..) = problem;
                assert_eq!(status, StatusCode::BAD_REQUEST);
                body.0.errors.unwrap()[0].pointer.clone()
            });
            assert_eq!(refused.as_deref(), expected, "{body}");
            if expected.is_none() {
                let left = request.take_body().into_bytes().await.unwrap();
                assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), body);
            }
        }
    }
}
