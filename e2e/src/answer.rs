//! An answer over HTTP, read whole, with the promises that every answer keeps.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// What the API answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What was asked, for the message when it is not what was expected.
    asked: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Reads an answer and checks what every answer has.
    ///
    /// # Errors
    /// When it breaks off.
    pub(crate) async fn read(asked: String, response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await?;
        let answer = Self {
            status,
            asked,
            headers,
            body,
        };
        answer.check();
        Ok(answer)
    }

    fn check(&self) {
        let id = self
            .header("x-request-id")
            .unwrap_or_else(|| panic!("no X-Request-Id in {self:?}"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        let is_probe = self
            .header("content-type")
            .is_some_and(|it| it.starts_with("application/json"));
        if self.status < 400 || (self.status == 503 && is_probe) {
            return;
        }
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(problem["request_id"], id, "{self:?}");
        let code = problem["code"].as_str().unwrap_or_default();
        assert!(!code.is_empty(), "{self:?}");
        let kind = match code {
            // The one kind that is registered for everybody.
            "quota_exceeded" => "https://iana.org/assignments/http-problem-types#quota-exceeded".to_owned(),
            _ => format!("/problems#{code}"),
        };
        assert_eq!(problem["type"], kind, "{self:?}");
        assert!(
            problem["title"].as_str().is_some_and(|title| !title.is_empty()),
            "{self:?}"
        );
        let retryable = problem["retryable"]
            .as_bool()
            .expect("a problem says whether it may pass");
        assert_eq!(retryable, self.header("retry-after").is_some(), "{self:?}");
        assert_eq!(
            self.status == 401,
            self.header("www-authenticate").is_some(),
            "{self:?}"
        );
    }

    /// The same answer, if it has this status.
    ///
    /// # Panics
    /// When it has another one.
    #[must_use]
    #[track_caller]
    pub fn status(self, expected: u16) -> Self {
        assert_eq!(self.status, expected, "{} answered {}", self.asked, self.text());
        self
    }

    /// The problem document, if the answer is this problem.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{} answered {}", self.asked, self.text());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{} answered {problem}", self.asked);
        problem
    }

    /// Checks that the request was refused because of this part of it.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn refuses(&self, pointer: &str) {
        let problem = self.problem(400, "invalid_request");
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        assert!(
            errors.iter().any(|error| error["pointer"] == pointer),
            "{} answered {problem}",
            self.asked
        );
    }

    /// A header, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("(not text)"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The target of a relation in the `Link` header (RFC 8288), if it is there.
    #[must_use]
    pub fn link(&self, relation: &str) -> Option<String> {
        let wanted = format!("rel=\"{relation}\"");
        self.header("link")?.split(", ").find_map(|link| {
            let (target, parameters) = link.split_once("; ")?;
            (parameters == wanted).then(|| target.trim_matches(['<', '>']).to_owned())
        })
    }
}
