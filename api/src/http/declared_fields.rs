//! What a JSON body may have in it: the fields that the OpenAPI document declares, texts where it says so, and nothing that no
//! database can store.
//!
//! The framework refuses unknown fields without saying where they stand, and makes texts of numbers. So bodies, which are small,
//! are looked at before their routes run.

use poem::{Body, Request};
use serde_json::Value;

use super::route_pattern::RoutePattern;
use crate::problem::{Code, Problem};

/// Faults that an answer names at most; one is enough to find the others.
const NAMED_MAX: usize = 5;
/// Characters of a name that are repeated in an answer.
const NAME_CHARS_MAX: usize = 64;

const NO_FIELD: &str = "is no field of this body";
const NO_TEXT: &str = "must be a text";
/// What is said of a text with the one character that Postgres cannot store.
pub(crate) const NO_NUL: &str = "must not contain the character U+0000";

/// What the body of every route declares, as the OpenAPI document says.
#[derive(Debug)]
pub(crate) struct DeclaredFields {
    bodies: Vec<(RoutePattern, Value)>,
    /// Schemas that others refer to.
    schemas: Value,
}

/// What is wrong, and where.
type Fault = (String, &'static str);

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
    /// upload is read before its route runs. What is no JSON at all is left to the route.
    ///
    /// # Errors
    /// With the problem to answer with, when something in it is not as declared.
    pub(crate) async fn check(&self, request: &mut Request) -> Result<(), Problem> {
        let Some((_, schema)) = self.bodies.iter().find(|(pattern, _)| pattern.matches(request)) else {
            return Ok(());
        };
        let read = request.take_body().into_bytes().await;
        let body = read.map_err(|_| Problem::new(Code::InvalidRequest).detail("the body ended early"))?;
        request.set_body(Body::from_bytes(body.clone()));
        let mut faults = Vec::new();
        if let Ok(whole) = serde_json::from_slice(&body) {
            self.look(schema, &whole, "", &mut faults);
        }
        let Some((first, rule)) = faults.first() else {
            return Ok(());
        };
        let problem = Problem::new(Code::InvalidRequest).detail(format!("{first}: {rule}"));
        Err(faults
            .iter()
            .take(NAMED_MAX)
            .fold(problem, |problem, (pointer, rule)| problem.error(pointer, rule)))
    }

    fn look(&self, schema: &Value, value: &Value, pointer: &str, faults: &mut Vec<Fault>) {
        let parts = self.parts(schema);
        let is_text = parts.iter().any(|part| part["type"] == "string");
        match value {
            Value::Object(fields) => {
                let closed = parts.iter().any(|part| part["additionalProperties"] == false);
                for (name, inner) in fields {
                    let pointer = format!("{pointer}/{}", escaped(name));
                    let declared = parts.iter().find_map(|part| part["properties"].get(name));
                    match declared {
                        None if closed => faults.push((pointer, NO_FIELD)),
                        None if name.contains('\0') => faults.push((pointer, NO_NUL)),
                        declared => self.look(declared.unwrap_or(&Value::Null), inner, &pointer, faults),
                    }
                }
            }
            Value::Array(items) => {
                let schema = parts
                    .iter()
                    .find_map(|part| part.get("items"))
                    .unwrap_or(&Value::Null);
                for (index, item) in items.iter().enumerate() {
                    self.look(schema, item, &format!("{pointer}/{index}"), faults);
                }
            }
            Value::String(text) if text.contains('\0') => faults.push((pointer.to_owned(), NO_NUL)),
            Value::Number(_) | Value::Bool(_) if is_text => faults.push((pointer.to_owned(), NO_TEXT)),
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

/// Refuses a path with U+0000 in it, which no thing has in its name.
pub(crate) fn storable_path(request: &Request) -> Result<(), Problem> {
    match request.uri().path().contains("%00") {
        true => Err(Problem::new(Code::NotFound)),
        false => Ok(()),
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

    /// What is refused of a body, and why.
    async fn faults(method: Method, path: &str, body: &Value) -> Vec<(String, String)> {
        let mut request = request(method, path, body);
        let refused = declared().check(&mut request).await;
        let left = request.take_body().into_bytes().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), *body);
        let Err(Problem::Answer(status, body, ..)) = refused else {
            return Vec::new();
        };
        assert_eq!(status.as_u16(), 400);
        let errors = body.0.errors.unwrap().into_iter();
        errors.map(|error| (error.pointer, error.detail)).collect()
    }

    #[tokio::test]
    async fn what_is_not_as_declared_is_pointed_at_wherever_it_stands() {
        let requeue = json!({ "filter": { "state": "dead", "owner": {} }, "expected_count": 1 });
        for (method, path, body, pointer, rule) in [
            (
                Method::PATCH,
                "/me",
                json!({ "role": "admin" }),
                "/role",
                NO_FIELD,
            ),
            (Method::PATCH, "/me", json!({ "a/b~c": 1 }), "/a~1b~0c", NO_FIELD),
            (
                Method::POST,
                "/admin/tasks/requeue",
                requeue,
                "/filter/owner",
                NO_FIELD,
            ),
            (
                Method::PATCH,
                "/me",
                json!({ "full_name": 1 }),
                "/full_name",
                NO_TEXT,
            ),
            (
                Method::POST,
                "/chat",
                json!({ "question": true }),
                "/question",
                NO_TEXT,
            ),
            (
                Method::POST,
                "/chat",
                json!({ "question": "a\0b" }),
                "/question",
                NO_NUL,
            ),
            (
                Method::POST,
                "/chat",
                json!({ "question": "x", "document_ids": ["1", "\0"] }),
                "/document_ids/1",
                NO_NUL,
            ),
            (
                Method::POST,
                "/admin/schedules/x/run",
                json!({ "options": { "\0": 1 } }),
                "/options/\0",
                NO_NUL,
            ),
        ] {
            let expected = (pointer.to_owned(), rule.to_owned());
            assert_eq!(faults(method, path, &body).await, [expected], "{body}");
        }
        let many: serde_json::Map<String, Value> = (0..50)
            .map(|number| (format!("{}{number}", "n".repeat(500)), json!(1)))
            .collect();
        let named = faults(Method::PATCH, "/me", &Value::Object(many)).await;
        assert_eq!(named.len(), NAMED_MAX);
        assert!(
            named
                .iter()
                .all(|(pointer, _)| pointer.len() <= NAME_CHARS_MAX + 1)
        );
    }

    #[tokio::test]
    async fn what_is_declared_or_free_is_let_through() {
        for (method, path, body) in [
            (
                Method::POST,
                "/admin/schedules/x/run",
                json!({ "options": { "whatever": { "is": 1 } } }),
            ),
            (
                Method::PATCH,
                "/me",
                json!({ "full_name": null, "username": "ada" }),
            ),
            (
                Method::POST,
                "/chat",
                json!({ "question": "written \\u0000 by hand" }),
            ),
            // What is wrong with these is for the route to say.
            (Method::PATCH, "/me", json!(["full_name"])),
            (Method::POST, "/admin/tasks/requeue", json!({ "filter": 1 })),
            // Takes no body.
            (Method::POST, "/auth/logout", json!({ "anything": 1 })),
        ] {
            assert!(faults(method, path, &body).await.is_empty(), "{path} {body}");
        }
    }
}
