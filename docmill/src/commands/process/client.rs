//! A client of the HTTP API, like any other.

use std::net::SocketAddr;

use reqwest::header;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::files::File;
use super::report::{Found, Row};

/// Uploads files and waits for their results.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    /// What opens locked documents.
    password: Option<SecretString>,
}

/// Seconds for which one request waits for a job.
const WAIT_SECONDS: u32 = 30;

#[derive(Deserialize)]
struct Job {
    id: String,
    finished_at: Option<String>,
    started_at: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
}

#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: Option<String>,
}

impl Client {
    pub(super) fn new(
        address: SocketAddr,
        token: String,
        password: Option<SecretString>,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self {
            http,
            base: format!("http://{address}/api/v1"),
            token,
            password,
        })
    }

    /// Hands one file in and waits for what becomes of it.
    pub(super) async fn process(&self, file: File, max_tags: u8, languages: &[String]) -> Row {
        let found = self.try_process(&file, max_tags, languages).await;
        Row {
            path: file.path,
            label: file.label,
            found,
            written: Vec::new(),
        }
    }

    async fn try_process(&self, file: &File, max_tags: u8, languages: &[String]) -> Result<Found, String> {
        let failed = |error: &dyn std::error::Error| telemetry::chain(error).to_string();
        let bytes = tokio::fs::File::open(&file.path)
            .await
            .map_err(|error| failed(&error))?;
        let name = file
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut upload = self
            .http
            .post(format!("{}/documents", self.base))
            .query(&[("file_name", name.as_str()), ("max_tags", &max_tags.to_string())])
            .query(
                &languages
                    .iter()
                    .map(|code| ("languages", code))
                    .collect::<Vec<_>>(),
            )
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(bytes);
        if let Some(password) = &self.password {
            let password = password.expose_secret().as_bytes();
            let mut value = header::HeaderValue::from_bytes(password).map_err(|error| failed(&error))?;
            value.set_sensitive(true);
            upload = upload.header("docmill-password", value);
        }
        let mut job: Job = self.answer(upload).await?;
        while job.finished_at.is_none() {
            let poll = self
                .http
                .get(format!("{}/jobs/{}?wait={WAIT_SECONDS}", self.base, job.id));
            job = self.answer(poll).await?;
        }
        let list = self
            .http
            .get(format!("{}/documents?job_id={}", self.base, job.id));
        let page: Page = self.answer(list).await?;
        let document = page.items.into_iter().next().ok_or("the job has no document")?;
        if let Some(error) = document.get("error") {
            let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
            return Err(format!("{}: {}", text("code"), text("detail")));
        }
        let id = document["id"].as_str().unwrap_or_default();
        // The list leaves todos and events out.
        let whole = self.http.get(format!("{}/documents/{id}", self.base));
        let whole: Value = self.answer(whole).await?;
        let text = self
            .http
            .get(format!("{}/documents/{id}/text", self.base))
            .bearer_auth(&self.token);
        let text = text.send().await.map_err(|error| failed(&error))?;
        let text = text.text().await.map_err(|error| failed(&error))?;
        Ok(Found {
            document: whole,
            text,
            started_at: job.started_at,
            finished_at: job.finished_at,
        })
    }

    async fn answer<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, String> {
        let failed = |error: reqwest::Error| telemetry::chain(&error).to_string();
        let response = request.bearer_auth(&self.token).send().await.map_err(failed)?;
        if response.status().is_success() {
            return response.json().await.map_err(failed);
        }
        let problem: Problem = response.json().await.map_err(failed)?;
        Err(problem.detail.unwrap_or(problem.title))
    }
}
