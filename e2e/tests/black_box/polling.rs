//! Following a job: versions, conditions, and waiting for what changes.

use std::time::{Duration, Instant};

use domain::JobId;
use e2e::texts;
use reqwest::Method;

use crate::support::on_both;

on_both! {
    async fn an_unchanged_job_is_not_sent_again(mill: &Mill) {
        let ada = mill.user().await;
        let job = ada.ended(&ada.upload(&[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]).await).await;
        let path = job["links"]["self"].as_str().unwrap();
        let answer = ada.get(path).await.status(200);
        assert_eq!(answer.json(), job);
        assert_eq!(answer.header("retry-after"), None);
        let etag = answer.header("etag").unwrap();
        for held in [etag.to_owned(), format!("\"other\", W/{etag}"), "*".to_owned()] {
            let unchanged = ada.get_with(path, "if-none-match", &held).await.status(304);
            assert_eq!(unchanged.header("etag"), Some(etag), "{held}");
            assert_eq!(unchanged.bytes(), b"", "{held}");
        }
        assert_eq!(ada.get_with(path, "if-none-match", "\"other\"").await.status(200).json(), job);
    }

    async fn waiting_ends_with_the_job(mill: &Mill) {
        let ada = mill.user().await;
        let accepted = ada.send(ada.form("", &[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())])).await.status(202);
        let path = accepted.header("location").unwrap();
        let job = ada.get(&format!("{path}?wait=60")).await.status(200).json();
        assert_eq!(job["status"], "completed", "{job}");

        let asked = Instant::now();
        assert_eq!(ada.get(&format!("{path}?wait=60")).await.status(200).json(), job);
        assert!(asked.elapsed() < Duration::from_secs(10), "a job that has ended is not waited for");
    }

    async fn waiting_ends_with_a_change(mill: &Mill) {
        let ada = mill.user().await;
        let files = [("a.txt", texts::LIGHTHOUSE.as_bytes()), ("b.txt", texts::BAKERY.as_bytes())];
        let accepted = ada.send(ada.form("", &files)).await.status(202);
        let path = format!("{}?wait=60", accepted.header("location").unwrap());
        let mut etag = accepted.header("etag").unwrap().to_owned();
        let asked = Instant::now();
        loop {
            let changed = ada.get_with(&path, "if-none-match", &etag).await.status(200);
            assert_ne!(changed.header("etag").unwrap(), etag);
            etag = changed.header("etag").unwrap().to_owned();
            if changed.json()["status"] == "completed" {
                break;
            }
        }
        assert!(asked.elapsed() < Duration::from_secs(50), "each change is answered when it comes");
    }

    async fn a_job_that_has_ended_changes_no_more(mill: &Mill) {
        let ada = mill.user().await;
        let job = ada.ended(&ada.upload(&[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]).await).await;
        let path = job["links"]["self"].as_str().unwrap();
        let etag = ada.get(path).await.header("etag").unwrap().to_owned();
        let asked = Instant::now();
        let _ = ada.get_with(&format!("{path}?wait=60"), "if-none-match", &etag).await.status(304);
        let asked_kindly = ada.request(Method::GET, path).header("if-none-match", &etag).header("prefer", "wait=60");
        let _ = ada.send(asked_kindly).await.status(304);
        assert!(asked.elapsed() < Duration::from_secs(10), "took {:?}", asked.elapsed());
    }

    async fn an_upload_may_wait_for_its_job(mill: &Mill) {
        let ada = mill.user().await;
        let upload = || ada.form("", &[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]).header("idempotency-key", "waits");
        for replayed in [None, Some("true")] {
            let answer = ada.send(upload().header("prefer", "respond-async, wait=600")).await.status(200);
            assert_eq!(answer.header("preference-applied"), Some("wait=60"), "no more than a request may wait");
            assert_eq!(answer.header("idempotency-replayed"), replayed);
            assert_eq!(answer.header("retry-after"), None);
            let job = answer.json();
            assert_eq!(job["status"], "completed", "{job}");
            let path = answer.header("location").unwrap();
            let again = ada.get_with(path, "prefer", "wait=60").await.status(200);
            assert_eq!((again.header("preference-applied"), again.json()), (Some("wait=60"), job));
            assert_eq!(again.header("etag"), answer.header("etag"));
        }
        // Without the wish, and with one that makes no sense, the answer is the usual one.
        let _ = ada.send(upload()).await.status(202);
        let answer = ada.send(upload().header("prefer", "wait=soon")).await.status(202);
        assert_eq!(answer.header("preference-applied"), None);
    }

    async fn nobody_waits_for_long_or_for_nothing(mill: &Mill) {
        let ada = mill.user().await;
        let job = ada.upload(&[("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())]).await;
        let path = job["links"]["self"].as_str().unwrap();
        ada.get(&format!("{path}?wait=61")).await.refuses("query:wait");
        for refused in ["-1", "long", "1.5"] {
            ada.get(&format!("{path}?wait={refused}")).await.problem(400, "invalid_request");
        }
        let asked = Instant::now();
        let unknown = format!("/api/v1/jobs/{}?wait=60", JobId::new());
        ada.get(&unknown).await.problem(404, "not_found");
        assert!(asked.elapsed() < Duration::from_secs(10));
    }
}
