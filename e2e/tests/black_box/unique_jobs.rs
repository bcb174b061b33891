//! A key that only one job of an account has at a time.

use e2e::{Client, PATIENCE, eventually, texts};
use futures::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::on_both;

const LIGHTHOUSE: [(&str, &[u8]); 1] = [("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())];
const BAKERY: [(&str, &[u8]); 1] = [("bakery.txt", texts::BAKERY.as_bytes())];
const BROKEN: [(&str, &[u8]); 1] = [("broken.pdf", b"%PDF-1.7\nand then nothing of a PDF")];

fn form(user: &Client, key: &str, files: &[(&str, &[u8])]) -> RequestBuilder {
    user.form(&format!("?unique_key={key}"), files)
}

async fn fresh(user: &Client, request: RequestBuilder) -> Value {
    let answer = user.send(request).await.status(202);
    assert_eq!(answer.header("unique-replayed"), None);
    answer.json()
}

on_both! {
    async fn a_second_upload_with_the_key_is_answered_with_the_first_job(mill: &Mill) {
        let ada = mill.user().await;
        let first = fresh(&ada, form(&ada, "report", &LIGHTHOUSE)).await;
        ada.ended(&first).await;
        // Whatever it holds: the key counts.
        for files in [&LIGHTHOUSE, &BAKERY] {
            let second = ada.send(form(&ada, "report", files)).await.status(202);
            assert_eq!((second.header("unique-replayed"), second.header("idempotency-replayed")), (Some("true"), None));
            assert_eq!(second.json()["id"], first["id"]);
            assert!(second.header("location").unwrap().ends_with(first["id"].as_str().unwrap()));
        }
        let waited = ada.send(form(&ada, "report", &BAKERY).header("prefer", "wait=5")).await.status(200);
        assert_eq!((waited.header("unique-replayed"), waited.json()["status"].as_str()), (Some("true"), Some("completed")));
        assert_eq!(ada.jobs().await.len(), 1);
        fresh(&ada, form(&ada, "other", &LIGHTHOUSE)).await;
        let eve = mill.user().await;
        fresh(&eve, form(&eve, "report", &LIGHTHOUSE)).await;
    }

    async fn what_is_not_taken_is_not_kept(mill: &Mill) {
        let ada = mill.user().await;
        let first = fresh(&ada, form(&ada, "report", &LIGHTHOUSE)).await;
        ada.ended(&first).await;
        let _ = ada.send(form(&ada, "report", &BAKERY)).await.status(202);
        let once = async || mill.objects_of(ada.user_id()).await.len() == 2;
        eventually("what was sent second is not kept", PATIENCE, once).await;
    }

    async fn of_twenty_uploads_at_once_one_is_a_job(mill: &Mill) {
        let ada = mill.user().await;
        let answers = join_all((0..20).map(|_| ada.send(form(&ada, "at-once", &LIGHTHOUSE)))).await;
        let first = answers[0].json();
        for answer in &answers {
            assert_eq!((answer.status, &answer.json()["id"]), (202, &first["id"]), "{}", answer.text());
        }
        let fresh = answers.iter().filter(|answer| answer.header("unique-replayed").is_none()).count();
        assert_eq!((fresh, ada.jobs().await.len()), (1, 1));
    }

    async fn a_job_without_results_leaves_its_key_to_the_next(mill: &Mill) {
        let ada = mill.user().await;
        let failed = fresh(&ada, form(&ada, "report", &BROKEN)).await;
        assert_eq!(ada.ended(&failed).await["status"], "failed");
        let second = fresh(&ada, form(&ada, "report", &LIGHTHOUSE)).await;
        ada.ended(&second).await;
        let _ = ada.delete(second["links"]["self"].as_str().unwrap()).await.status(204);
        fresh(&ada, form(&ada, "report", &LIGHTHOUSE)).await;
    }

    async fn the_same_request_again_is_no_rival(mill: &Mill) {
        let ada = mill.user().await;
        let request = || form(&ada, "report", &LIGHTHOUSE).header("idempotency-key", "upload-1");
        let first = fresh(&ada, request()).await;
        let again = ada.send(request()).await.status(202);
        assert_eq!((again.header("idempotency-replayed"), again.header("unique-replayed")), (Some("true"), None));
        assert_eq!(again.json()["id"], first["id"]);
        let other = ada.form("?unique_key=other", &LIGHTHOUSE).header("idempotency-key", "upload-1");
        ada.send(other).await.problem(422, "idempotency_key_reused");
    }

    async fn a_key_has_a_form_and_a_time(mill: &Mill) {
        let ada = mill.user().await;
        let long = "k".repeat(256);
        for (query, part) in [
            ("unique_key=", "query:unique_key"),
            ("unique_key=a%0Ab", "query:unique_key"),
            (&format!("unique_key={long}"), "query:unique_key"),
            ("unique_key=a&unique_for=0", "query:unique_for"),
            ("unique_key=a&unique_for=2592001", "query:unique_for"),
            ("unique_for=60", "query:unique_for"),
        ] {
            ada.send(ada.form(&format!("?{query}"), &LIGHTHOUSE)).await.refuses(part);
        }
        let widest = format!("?unique_key={}&unique_for=2592000", "k".repeat(255));
        let job = ada.send(ada.form(&widest, &LIGHTHOUSE)).await.status(202).json();
        assert_eq!(ada.jobs().await[0]["id"], job["id"]);
        assert_eq!(job["progress"]["total"], json!(1));
    }
}
