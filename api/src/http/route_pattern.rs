//! Finds the operation of the OpenAPI document that a request is for, before its route runs.

use poem::Request;
use poem::http::Method;
use serde_json::Value;

/// A method and a path with parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoutePattern {
    method: Method,
    /// `None` stands for a parameter of the path.
    segments: Vec<Option<String>>,
}

impl RoutePattern {
    /// Every operation of an OpenAPI document whose paths begin with `prefix`, with what the document says of it. Paths with
    /// fewer parameters come first, as `/tasks/requeue` has to be found before `/tasks/{id}`.
    pub(crate) fn of_document(document: &Value, prefix: &str) -> Vec<(Self, Value)> {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let Ok(method) = method.to_ascii_uppercase().parse::<Method>() else {
                    continue;
                };
                let path = path.strip_prefix(prefix).unwrap_or(path);
                operations.push((Self::new(method, path), operation.clone()));
            }
        }
        operations.sort_by_key(|(pattern, _)| pattern.segments.iter().filter(|it| it.is_none()).count());
        operations
    }

    /// A path as the OpenAPI document writes it: `/jobs/{id}`.
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let own = |segment: &str| (!segment.starts_with('{')).then(|| segment.to_owned());
        Self {
            method,
            segments: segments(path).map(own).collect(),
        }
    }

    /// Whether a request is for it.
    pub(crate) fn matches(&self, request: &Request) -> bool {
        // HEAD is answered by the route of GET.
        let method = match request.method() {
            &Method::HEAD => &Method::GET,
            method => method,
        };
        self.method == method && self.is_at(request.uri().path())
    }

    fn is_at(&self, path: &str) -> bool {
        let mut segments = segments(path);
        let alike = |own: &Option<String>| {
            let given = segments.next();
            given.is_some_and(|given| own.as_ref().is_none_or(|own| own == given))
        };
        self.segments.iter().all(alike) && segments.next().is_none()
    }
}

/// Which methods the paths of an OpenAPI document know.
#[derive(Debug)]
pub(crate) struct AllowedMethods(Vec<RoutePattern>);

impl AllowedMethods {
    /// Those of a document whose paths begin with `prefix`.
    pub(crate) fn of(document: &Value, prefix: &str) -> Self {
        let operations = RoutePattern::of_document(document, prefix).into_iter();
        Self(operations.map(|(pattern, _)| pattern).collect())
    }

    /// The value of `Allow` for a path; empty when there is no such path.
    pub(crate) fn at(&self, path: &str) -> String {
        let at = |pattern: &&RoutePattern| pattern.is_at(path);
        // A more exact path hides the others.
        let Some(first) = self.0.iter().find(at) else {
            return String::new();
        };
        let mut methods: Vec<&str> = self
            .0
            .iter()
            .filter(|pattern| pattern.segments == first.segments)
            .map(|pattern| pattern.method.as_str())
            .collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.join(", ")
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
