//! A client of the HTTP API, as anybody could write it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::UserId;
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};

use crate::Answer;

/// A job must have ended by then, on a slow machine with a program that is not optimised.
const JOB_PATIENCE: Duration = Duration::from_secs(120);

/// Somebody who uses the API, usually with an account. Asks each replica in turn, as behind a load balancer.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    bases: Vec<String>,
    next: AtomicUsize,
    token: Option<String>,
    /// What registering or logging in answered; null before.
    pub session: Value,
}

/// The password of everybody.
const PASSWORD: &str = "correct horse battery staple";

impl Client {
    /// Nobody in particular, for the API behind these addresses.
    ///
    /// # Panics
    /// When there is no HTTP client to be had.
    #[must_use]
    pub fn anonymous(bases: &[String]) -> Self {
        // An error means that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirects = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirects)
            .build()
            .unwrap();
        Self {
            http,
            bases: bases.to_vec(),
            next: AtomicUsize::new(0),
            token: None,
            session: Value::Null,
        }
    }

    /// Somebody with a new account, at the same addresses.
    ///
    /// # Panics
    /// When the account is refused.
    pub async fn registered(&self) -> Self {
        let email = format!("{}@example.com", UserId::new());
        let account = json!({ "email": email, "password": PASSWORD });
        let session = self
            .post("/api/v1/auth/register", &account)
            .await
            .status(201)
            .json();
        self.with_session(session)
    }

    /// The password of everybody who is [`Client::registered`].
    #[must_use]
    pub const fn password() -> &'static str {
        PASSWORD
    }

    /// The same client with what registering or logging in answered.
    #[must_use]
    pub fn with_session(&self, session: Value) -> Self {
        let token = session["access_token"].as_str().map(str::to_owned);
        Self {
            token,
            session,
            http: self.http.clone(),
            bases: self.bases.clone(),
            next: AtomicUsize::new(0),
        }
    }

    /// The same client with another access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.with_session(self.session.clone())
        }
    }

    /// `PATCH` of a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// The site that its first address belongs to, as a browser writes it.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.bases.first().map_or("", String::as_str)
    }

    /// The access token.
    ///
    /// # Panics
    /// When nobody is logged in.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a token")
    }

    /// The id of the account.
    ///
    /// # Panics
    /// When nobody is logged in.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.session["user"]["id"].as_str().expect("an id")
    }

    /// The address of the account.
    ///
    /// # Panics
    /// When nobody is logged in.
    #[must_use]
    pub fn email(&self) -> &str {
        self.session["user"]["email"].as_str().expect("an address")
    }

    /// A request with the token, if there is one. `path` begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let base = &self.bases[self.next.fetch_add(1, Ordering::Relaxed) % self.bases.len()];
        let request = self.http.request(method, format!("{base}{path}"));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When there is no answer, or one that breaks a rule that all of them keep.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request)
            .await
            .unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// As [`Client::send`], where nobody answering is an outcome too.
    ///
    /// # Errors
    /// When there is no answer, or it breaks off.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let request = request.build()?;
        let asked = format!("{} {}", request.method(), request.url());
        Answer::read(asked, self.http.execute(request).await?).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `GET` with one more header.
    pub async fn get_with(&self, path: &str, header: &str, value: &str) -> Answer {
        self.send(self.request(Method::GET, path).header(header, value))
            .await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// The request that hands in files as a form, to be changed before it is sent. `query` is empty or begins with `?`. Every
    /// file is processed, whatever was handed in before: most tests are about that.
    pub fn form(&self, query: &str, files: &[(&str, &[u8])]) -> RequestBuilder {
        let part =
            |name: &str, content: &[u8]| multipart::Part::bytes(content.to_vec()).file_name(name.to_owned());
        let form = files
            .iter()
            .fold(multipart::Form::new(), |form, (name, content)| {
                form.part("file", part(name, content))
            });
        self.request(Method::POST, &format!("/api/v1/documents{query}"))
            .header("cache-control", "no-cache")
            .multipart(form)
    }

    /// `PATCH` of a JSON body, for whatever version of the thing there is.
    pub async fn edit(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::PATCH, path).header("if-match", "*");
        self.send(request.json(body)).await
    }

    /// Hands files in as a form and gives the accepted job.
    ///
    /// # Panics
    /// When they are not accepted.
    pub async fn upload(&self, files: &[(&str, &[u8])]) -> Value {
        self.send(self.form("", files)).await.status(202).json()
    }

    /// The job when it has ended.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(&self, job: &Value) -> Value {
        let path = format!("/api/v1/jobs/{}?wait=30", id(job));
        let started = Instant::now();
        loop {
            let job = self.get(&path).await.status(200).json();
            if !job["finished_at"].is_null() {
                return job;
            }
            assert!(started.elapsed() < JOB_PATIENCE, "the job does not end: {job}");
        }
    }

    /// The documents of a job, in the order in which they were handed in.
    pub async fn documents(&self, job: &Value) -> Vec<Value> {
        let page = self
            .get(&format!("/api/v1/documents?limit=100&job_id={}", id(job)))
            .await
            .status(200)
            .json();
        let mut documents = page["items"].as_array().cloned().unwrap_or_default();
        documents.reverse(); // the newest comes first
        documents
    }

    /// Hands one file in and gives its document when it is processed.
    ///
    /// # Panics
    /// When it does not succeed.
    pub async fn processed(&self, name: &str, content: &[u8]) -> Value {
        let job = self.upload(&[(name, content)]).await;
        let job = self.ended(&job).await;
        assert_eq!(job["status"], "completed", "{job}");
        self.documents(&job).await.remove(0)
    }

    /// Every job of the account, the newest first.
    pub async fn jobs(&self) -> Vec<Value> {
        let page = self.get("/api/v1/jobs?limit=100").await.status(200).json();
        page["items"].as_array().cloned().unwrap_or_default()
    }
}

/// The id of something that the API showed.
fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}
