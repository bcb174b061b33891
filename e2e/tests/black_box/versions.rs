//! Versions of a document.

use domain::JobId;
use e2e::{Client, PATIENCE, eventually, texts};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

async fn version(user: &Client, document: &Value, content: &str) -> Value {
    let path = document["links"]["versions"].as_str().unwrap();
    let request = user
        .request(Method::POST, path)
        .header("content-type", "application/octet-stream")
        .body(content.to_owned());
    let job = user.ended(&user.send(request).await.status(202).json()).await;
    assert_eq!(job["status"], "completed", "{job}");
    user.documents(&job).await.remove(0)
}

async fn history(user: &Client, document: &Value) -> Vec<Value> {
    let page = user
        .get(document["links"]["versions"].as_str().unwrap())
        .await
        .status(200)
        .json();
    page["items"].as_array().unwrap().clone()
}

async fn made_again(user: &Client, document: &Value, how: &str) -> Value {
    let path = format!("{}/{how}", document["links"]["self"].as_str().unwrap());
    let answer = user.post(&path, &json!({})).await.status(202);
    let job = user.ended(&answer.json()).await;
    assert_eq!(job["status"], "completed", "{job}");
    user.documents(&job).await.remove(0)
}

fn numbers(history: &[Value]) -> Vec<i64> {
    history
        .iter()
        .map(|version| version["version"].as_i64().unwrap())
        .collect()
}

on_both! {
    async fn a_document_has_a_line_of_versions(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.processed("plan.txt", texts::LIGHTHOUSE.as_bytes()).await;
        assert_eq!((&first["version"], first.get("parent_id")), (&1.into(), None));
        let second = version(&ada, &first, &texts::LIGHTHOUSE.replace("foghorn", "bell buoy")).await;
        let third = version(&ada, &second, texts::BAKERY).await;
        assert_eq!((&second["version"], &second["parent_id"], &second["file_name"]), (&2.into(), &first["id"], &"plan.txt".into()));
        assert_eq!((&third["version"], &third["parent_id"], &third["root_id"]), (&3.into(), &second["id"], &first["id"]));
        for document in [&first, &second, &third] {
            assert_eq!(numbers(&history(&ada, document).await), [3, 2, 1]);
        }
        let path = first["links"]["versions"].as_str().unwrap();
        let page = ada.get(&format!("{path}?limit=2")).await.status(200);
        let rest = ada.get(&page.link("next").unwrap()).await.status(200);
        assert_eq!(numbers(rest.json()["items"].as_array().unwrap()), [1]);
        assert_eq!(rest.link("next"), None);

        // A search shows what is true now, a list everything.
        let found = async |query: &str| {
            let page = ada.get(&format!("/api/v1/documents?{query}")).await.status(200).json();
            page["items"].as_array().unwrap().len()
        };
        assert_eq!(found("q=granite").await, 0);
        assert_eq!(found("q=granite&versions=all").await, 2);
        assert_eq!(found("q=sauerteig").await, 1);
        assert_eq!(found("limit=100").await, 3);
        assert_eq!(found("versions=current").await, 1);
    }

    async fn what_changed_is_told_line_by_line(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.processed("plan.txt", b"one\ntwo\nthree\n").await;
        let second = version(&ada, &first, "one\nTWO\nthree\nfour\n").await;
        let path = format!("{}/diff?from=1&to=2", second["links"]["self"].as_str().unwrap());
        let difference = ada.get(&path).await.status(200).json();
        assert_eq!((&difference["from"]["document_id"], &difference["to"]["document_id"]), (&first["id"], &second["id"]));
        let engines = [&difference["from"]["engine"], &difference["to"]["release"]];
        assert!(engines.iter().all(|engine| engine.is_string()), "{difference}");
        let text = &difference["text"];
        assert_eq!((&text["lines_added"], &text["lines_removed"], &text["truncated"]), (&2.into(), &1.into(), &false.into()));
        let hunk = &text["hunks"][0];
        assert_eq!(hunk["lines"], json!([" one", "-two", "+TWO", " three", "+four"]));
        assert_eq!((&hunk["from_line"], &hunk["from_bytes"][0]), (&1.into(), &0.into()));
        assert_eq!(ada.get(&path.replace("?from=1&to=2", "")).await.status(200).json(), difference, "the last change");
        for (from, to, wrong) in [(1, 3, "query:to"), (0, 1, "query:from")] {
            let path = format!("{}/diff?from={from}&to={to}", first["links"]["self"].as_str().unwrap());
            ada.get(&path).await.refuses(wrong);
        }
    }

    async fn what_is_asked_for_and_announced_otherwise_is_told(mill: &Mill) {
        let ada = mill.user().await;
        let rent = "TODO: Ben pays the rent by 2027-03-12.\n";
        let first = ada.processed("plan.txt", format!("{rent}TODO: Ada calls the bank.\n").as_bytes()).await;
        let second = version(&ada, &first, &format!("{rent}TODO: Ada writes to the bank.\nThe meeting is on 2027-06-05 at 15:00.\n")).await;
        let difference = ada.get(&format!("{}/diff", second["links"]["self"].as_str().unwrap())).await.status(200).json();
        let only = |side: &str| {
            let items = difference[side].as_array().unwrap();
            assert_eq!(items.len(), 1, "{side}: {difference}");
            items[0].clone()
        };
        assert!(only("todos_removed")["text"].as_str().unwrap().contains("calls"));
        let added = only("todos_added");
        assert!(added["text"].as_str().unwrap().contains("writes") && added["document_id"] == second["id"], "{added}");
        assert!(only("events_added")["start"].as_str().unwrap().starts_with("2027-06-05"));
        assert_eq!(difference["events_removed"], json!([]));
    }

    async fn a_locked_document_needs_its_password_again(mill: &Mill) {
        let ada = mill.user().await;
        let lease = include_bytes!("../../../shared/extraction/tests/fixtures/with-password/orchard-agile.docx");
        let password = reqwest::header::HeaderValue::from_bytes("Obstgarten 7ü".as_bytes()).unwrap();
        let upload = || {
            ada.request(Method::POST, "/api/v1/documents?file_name=lease.docx")
                .header("content-type", "application/octet-stream")
                .body(lease.as_slice())
        };
        let job = ada.send(upload().header("docmill-password", &password)).await.status(202).json();
        let first = ada.documents(&ada.ended(&job).await).await.remove(0);
        assert_eq!(first["status"], "completed");
        // What it opened is not shown to somebody who has the bytes only.
        let job = ada.send(upload()).await.status(202).json();
        assert_eq!(ada.ended(&job).await["status"], "failed");
        let path = format!("{}/reprocess", first["links"]["self"].as_str().unwrap());
        ada.post(&path, &json!({})).await.refuses("header:Docmill-Password");
        let request = ada.request(Method::POST, &path).header("docmill-password", &password).json(&json!({}));
        let job = ada.ended(&ada.send(request).await.status(202).json()).await;
        assert_eq!((&job["status"], &ada.documents(&job).await[0]["version"]), (&"completed".into(), &2.into()));
        assert_eq!(made_again(&ada, &first, "restore").await["reused_from"], first["id"]);
    }

    async fn a_version_is_made_again_once_per_request(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.processed("plan.txt", texts::LIGHTHOUSE.as_bytes()).await;
        let path = first["links"]["self"].as_str().unwrap();
        let again = async |how: &str| {
            let request = ada.request(Method::POST, &format!("{path}/{how}")).header("idempotency-key", "once");
            ada.send(request.json(&json!({}))).await
        };
        let made = again("reprocess").await.status(202);
        let replayed = again("reprocess").await.status(202);
        assert_eq!((made.header("idempotency-replayed"), replayed.header("idempotency-replayed")), (None, Some("true")));
        assert_eq!(made.json()["id"], replayed.json()["id"]);
        again("restore").await.problem(422, "idempotency_key_reused");
        assert_eq!(numbers(&history(&ada, &first).await), [2, 1]);
    }

    async fn an_older_version_can_be_brought_back(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.processed("plan.txt", texts::LIGHTHOUSE.as_bytes()).await;
        version(&ada, &first, texts::BAKERY).await;
        let back = made_again(&ada, &first, "restore").await;
        assert_eq!((&back["version"], &back["reused_from"], &back["sha256"]), (&3.into(), &first["id"], &first["sha256"]));
        let original = ada.get(back["links"]["original"].as_str().unwrap()).await.status(200);
        assert_eq!(original.text(), texts::LIGHTHOUSE);
        let found = ada.get("/api/v1/documents?q=granite").await.status(200).json();
        assert_eq!(found["items"][0]["id"], back["id"]);
    }

    async fn processing_again_keeps_the_results_that_were_there(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.processed("plan.txt", texts::LIGHTHOUSE.as_bytes()).await;
        let again = made_again(&ada, &first, "reprocess").await;
        assert_eq!((&again["version"], again.get("reused_from")), (&2.into(), None));
        assert_eq!((&again["engine"], &again["tags"]), (&first["engine"], &first["tags"]));
        let _ = ada.get(first["links"]["text"].as_str().unwrap()).await.status(200);
        // What could not be read may be readable one day.
        let (name, content) = crate::samples::broken();
        let job = ada.ended(&ada.upload(&[(&name, &content)]).await).await;
        let broken = ada.documents(&job).await.remove(0);
        let path = format!("{}/reprocess", broken["links"]["self"].as_str().unwrap());
        let job = ada.ended(&ada.post(&path, &json!({})).await.status(202).json()).await;
        assert_eq!(job["status"], "failed");
        let path = format!("{}/restore", broken["links"]["self"].as_str().unwrap());
        ada.post(&path, &json!({})).await.problem(409, "not_ready");
    }

    async fn a_document_is_deleted_in_every_version(mill: &Mill) {
        let ada = mill.user().await;
        let first = ada.processed("plan.txt", texts::LIGHTHOUSE.as_bytes()).await;
        let second = version(&ada, &first, texts::BAKERY).await;
        let third = made_again(&ada, &first, "restore").await;
        let _ = ada.delete(second["links"]["self"].as_str().unwrap()).await.status(204);
        for document in [&first, &second, &third] {
            ada.get(document["links"]["self"].as_str().unwrap()).await.problem(404, "not_found");
        }
        let gone = async || mill.objects_of(ada.user_id()).await.is_empty();
        eventually("the objects of every version are deleted", PATIENCE, gone).await;
    }

    async fn versions_are_nobody_elses(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        let first = ada.processed("plan.txt", texts::LIGHTHOUSE.as_bytes()).await;
        let path = first["links"]["self"].as_str().unwrap().to_owned();
        eve.get(&format!("{path}/versions")).await.problem(404, "not_found");
        eve.get(&format!("{path}/diff?from=1&to=1")).await.problem(404, "not_found");
        for what in ["restore", "reprocess"] {
            eve.post(&format!("{path}/{what}"), &json!({})).await.problem(404, "not_found");
        }
        let upload = eve.request(Method::POST, &format!("{path}/versions")).header("content-type", "application/octet-stream");
        eve.send(upload.body("mine")).await.problem(404, "not_found");
        let gone = format!("/api/v1/documents/{}/versions", JobId::new());
        ada.get(&gone).await.problem(404, "not_found");
    }
}
