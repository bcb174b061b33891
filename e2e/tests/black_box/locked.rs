//! Documents that open only with a password, and where that password is to be found: nowhere.

use e2e::Mill;
use reqwest::{Method, multipart};

use crate::support::on_both;

const LEASE: &[u8] =
    include_bytes!("../../../shared/extraction/tests/fixtures/with-password/orchard-agile.docx");
const BEES: &[u8] = include_bytes!("../../../shared/extraction/tests/fixtures/with-password/bees.odt");
const PASSWORD: &str = "Obstgarten 7ü";

/// In which of the things that docmill writes these words stand.
async fn places_of(mill: &Mill, words: &str) -> Vec<String> {
    let has = |bytes: &[u8]| bytes.windows(words.len()).any(|part| part == words.as_bytes());
    let mut places = Vec::new();
    for process in mill.processes() {
        if has(process.log().as_bytes()) {
            places.push(format!("a log of process {}", process.pid()));
        }
    }
    for (place, content) in mill.everything_stored().await {
        if has(&content) {
            places.push(place);
        }
    }
    places
}

on_both! {
    async fn a_locked_document_is_opened_with_the_password_of_its_job(mill: &Mill) {
        let ada = mill.user().await;
        let form = multipart::Form::new()
            .text("password", PASSWORD)
            .part("file", multipart::Part::bytes(LEASE).file_name("lease.docx"))
            .part("file", multipart::Part::bytes(BEES).file_name("bees.odt"));
        let upload = ada.request(Method::POST, "/api/v1/documents").multipart(form);
        let job = ada.send(upload).await.status(202).json();
        let job = ada.ended(&job).await;
        assert_eq!((&job["status"], &job["completed"]), (&"completed".into(), &2.into()), "{job}");
        assert!(!job.to_string().contains("password"), "{job}");

        let upload = ada
            .request(Method::POST, "/api/v1/documents?file_name=lease.docx")
            .header("content-type", "application/octet-stream")
            .header("docmill-password", reqwest::header::HeaderValue::from_bytes(PASSWORD.as_bytes()).unwrap())
            .body(LEASE);
        let job = ada.send(upload).await.status(202).json();
        assert_eq!(ada.ended(&job).await["status"], "completed");
        assert_eq!(places_of(mill, PASSWORD).await, [""; 0]);
    }

    async fn a_document_without_the_right_password_says_which_it_is(mill: &Mill) {
        let ada = mill.user().await;
        let failed = async |password: Option<&str>| {
            let upload = ada.request(Method::POST, "/api/v1/documents?file_name=lease.docx");
            let mut upload = upload.header("content-type", "application/octet-stream").body(LEASE);
            if let Some(password) = password {
                upload = upload.header("docmill-password", password);
            }
            let job = ada.send(upload).await.status(202).json();
            ada.ended(&job).await;
            let error = ada.documents(&job).await.remove(0)["error"].take();
            assert_eq!((&error["code"], &error["retryable"]), (&"encrypted".into(), &false.into()), "{error}");
            error["detail"].as_str().unwrap().to_owned()
        };
        assert!(failed(None).await.contains("opens only with a password"));
        assert!(failed(Some("wrong-and-secret")).await.contains("does not open it"));
        assert_eq!(places_of(mill, "wrong-and-secret").await, [""; 0]);
    }

    async fn a_password_that_is_none_is_refused_without_being_repeated(mill: &Mill) {
        let ada = mill.user().await;
        let long = "x".repeat(1025);
        for password in ["", &long] {
            let upload = ada.request(Method::POST, "/api/v1/documents").header("content-type", "text/plain");
            let upload = upload.header("docmill-password", password).body("words");
            let problem = ada.send(upload).await.problem(400, "invalid_request");
            assert!(!problem.to_string().contains("xxx"), "{problem}");
            let form = multipart::Form::new()
                .text("password", password.to_owned())
                .part("file", multipart::Part::bytes(b"words".as_slice()).file_name("a.txt"));
            ada.send(ada.request(Method::POST, "/api/v1/documents").multipart(form)).await.refuses("/password");
        }
        // Addresses end up in logs, so nobody gets used to it.
        let upload = ada.request(Method::POST, "/api/v1/documents?password=secret").body("words");
        ada.send(upload).await.problem(400, "invalid_request");
    }
}
