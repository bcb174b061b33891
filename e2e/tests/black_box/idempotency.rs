//! The same request sent again makes no second job.

use domain::JobId;
use e2e::{Client, PATIENCE, eventually, texts};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

const LIGHTHOUSE: [(&str, &[u8]); 1] = [("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())];
const BAKERY: [(&str, &[u8]); 1] = [("lighthouse.txt", texts::BAKERY.as_bytes())];

/// Asks for an answer later.
async fn ask_later(user: &Client, key: &str, question: &Value) -> e2e::Answer {
    let request = user.request(Method::POST, "/api/v1/chat").json(question);
    user.send(
        request
            .header("prefer", "respond-async")
            .header("idempotency-key", key),
    )
    .await
}

async fn keep_search(user: &Client, key: &str, search: &Value) -> e2e::Answer {
    let request = user.request(Method::POST, "/api/v1/searches").json(search);
    user.send(request.header("idempotency-key", key)).await
}

on_both! {
    async fn the_same_request_is_answered_with_the_same_job(mill: &Mill) {
        let ada = mill.user().await;
        let key = format!("\"{}\"", JobId::new());
        let first = ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", &key)).await.status(202);
        assert_eq!(first.header("idempotency-replayed"), None);
        let job = ada.ended(&first.json()).await;

        // With or without quotes it is the same key.
        for key in [key.as_str(), key.trim_matches('"')] {
            let again = ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", key)).await.status(202);
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.json()["id"], job["id"]);
        }
        assert_eq!(ada.jobs().await.len(), 1);
        let once = async || mill.objects_of(ada.user_id()).await.len() == 2;
        eventually("what was sent again is not kept", PATIENCE, once).await;

        // A key belongs to one account.
        let eve = mill.user().await;
        let other = eve.send(eve.form("", &LIGHTHOUSE).header("idempotency-key", &key)).await.status(202);
        assert_ne!(other.json()["id"], job["id"]);
    }

    async fn a_key_is_for_one_request_only(mill: &Mill) {
        let ada = mill.user().await;
        let job = ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", "upload-1")).await.status(202).json();
        ada.ended(&job).await;
        let renamed = [("other.txt", LIGHTHOUSE[0].1)];
        let more = [LIGHTHOUSE[0], BAKERY[0]];
        for (query, files) in [("", &BAKERY[..]), ("", &renamed[..]), ("", &more[..]), ("?max_tags=1", &LIGHTHOUSE[..])] {
            let other = ada.form(query, files).header("idempotency-key", "upload-1");
            ada.send(other).await.problem(422, "idempotency_key_reused");
        }
        assert_eq!(ada.jobs().await.len(), 1);
        let once = async || mill.objects_of(ada.user_id()).await.len() == 2;
        eventually("what was refused is not kept", PATIENCE, once).await;
    }

    async fn fifty_at_once_make_one_job(mill: &Mill) {
        let ada = mill.user().await;
        let uploads = (0..50).map(|_| async {
            loop {
                let answer = ada.send(ada.form("", &LIGHTHOUSE).header("idempotency-key", "at-once")).await;
                // There is room for so many only; the others come again.
                if answer.status != 503 {
                    break answer;
                }
                tokio::task::yield_now().await;
            }
        });
        let answers = join_all(uploads).await;
        let first = answers[0].json();
        for answer in &answers {
            assert_eq!((answer.status, &answer.json()["id"]), (202, &first["id"]), "{}", answer.text());
        }
        let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
        assert_eq!(fresh, 1);
        assert_eq!(ada.jobs().await.len(), 1);
        assert_eq!(ada.ended(&first).await["status"], "completed");
        let once = async || mill.objects_of(ada.user_id()).await.len() == 2;
        eventually("the others are not kept", PATIENCE, once).await;
    }

    async fn a_key_must_have_a_form(mill: &Mill) {
        let ada = mill.user().await;
        let long = "k".repeat(256);
        for key in ["", "\"\"", "\"open", "two words", &long] {
            let upload = ada.form("", &LIGHTHOUSE).header("idempotency-key", key);
            ada.send(upload).await.refuses("header:Idempotency-Key");
        }
    }

    async fn the_same_question_is_answered_with_the_same_job(mill: &Mill) {
        let ada = mill.user().await;
        let document = ada.processed(LIGHTHOUSE[0].0, LIGHTHOUSE[0].1).await;
        let question = json!({"question": "Who keeps the lamp?", "document_id": document["id"]});
        let first = ask_later(&ada, "question-1", &question).await.status(202);
        assert_eq!(first.header("idempotency-replayed"), None);
        let job = ada.ended(&first.json()).await;
        // The document may be gone by now; the answer is there.
        let _ = ada.delete(document["links"]["self"].as_str().unwrap()).await.status(204);
        let again = ask_later(&ada, "question-1", &question).await.status(202);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!((&again.json()["id"], &again.json()["question"]), (&job["id"], &job["question"]));
        let messages = ada.get(job["links"]["messages"].as_str().unwrap()).await.status(200).json();
        assert_eq!(messages["items"].as_array().unwrap().len(), 2, "one question and one answer");

        for other in [
            json!({"question": "Who keeps the lamps?", "document_id": document["id"]}),
            json!({"question": "Who keeps the lamp?"}),
            json!({"question": "Who keeps the lamp?", "document_id": document["id"],
                "conversation_id": job["question"]["conversation_id"]}),
        ] {
            ask_later(&ada, "question-1", &other).await.problem(422, "idempotency_key_reused");
        }
        let upload = ada.form("", &LIGHTHOUSE).header("idempotency-key", "question-1");
        ada.send(upload).await.problem(422, "idempotency_key_reused");
        ask_later(&ada, "two words", &question).await.refuses("header:Idempotency-Key");
        let questions = ada.get("/api/v1/jobs?kind=question").await.status(200).json();
        assert_eq!(questions["items"].as_array().unwrap().len(), 1);
        // A key belongs to one account.
        let eve = mill.user().await;
        ask_later(&eve, "question-1", &question).await.problem(404, "not_found");
    }

    async fn ten_questions_at_once_make_one_job(mill: &Mill) {
        let ada = mill.user().await;
        let question = json!({"question": "Who keeps the lamp?"});
        let answers = join_all((0..10).map(|_| ask_later(&ada, "at-once", &question))).await;
        let first = answers[0].json();
        for answer in &answers {
            assert_eq!((answer.status, &answer.json()["id"]), (202, &first["id"]), "{}", answer.text());
        }
        let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
        assert_eq!(fresh, 1);
        let conversations = ada.get("/api/v1/conversations").await.status(200).json();
        assert_eq!(conversations["items"].as_array().unwrap().len(), 1);
    }

    async fn the_same_search_is_kept_once(mill: &Mill) {
        let ada = mill.user().await;
        let search = json!({"name": "Keepers", "q": "keeper", "filters": {"kind": "text"}});
        let answers = join_all((0..10).map(|_| keep_search(&ada, "search-1", &search))).await;
        let first = answers[0].json();
        for answer in &answers {
            assert_eq!((answer.status, answer.json()), (201, first.clone()), "{}", answer.text());
            assert_eq!(answer.header("location"), answers[0].header("location"));
        }
        let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
        assert_eq!(fresh, 1);
        for (field, value) in [("name", json!("Lamps")), ("q", json!("lamp")), ("filters", json!({}))] {
            let mut other = search.clone();
            other[field] = value;
            keep_search(&ada, "search-1", &other).await.problem(422, "idempotency_key_reused");
        }
        keep_search(&ada, "search-2", &search).await.problem(409, "name_taken");
        keep_search(&ada, "\"open", &search).await.refuses("header:Idempotency-Key");
        let eve = mill.user().await;
        let hers = keep_search(&eve, "search-1", &search).await.status(201);
        assert_ne!(hers.json()["id"], first["id"]);
        // What was deleted is not given again.
        let _ = ada.delete(first["links"]["self"].as_str().unwrap()).await.status(204);
        assert_ne!(keep_search(&ada, "search-1", &search).await.status(201).json()["id"], first["id"]);
    }
}
