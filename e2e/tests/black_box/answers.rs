//! Questions about documents and their answers.

use e2e::{Answer, Client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;

const LEASE: &str = "Lease of the old mill in Dunmore.\nThe rent is 1,250 euros a month and is paid on the third \
    working day. The lease ends on 30 June 2029. It was signed by Brigid Nolan.\n\nPets\nDogs are allowed, geese are not.";
const LETTER: &str = "Dear Ms Nolan,\nthe roof of the mill was repaired in autumn by the Carrick company. The bill is \
    attached.\nKind regards";

fn lines(answer: &Answer) -> Vec<Value> {
    answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn ask(user: &Client, question: Value) -> Vec<Value> {
    let answer = user.post("/api/v1/chat", &question).await.status(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    lines(&answer)
}

async fn patch(user: &Client, path: &str, body: &Value) -> Answer {
    user.send(user.request(Method::PATCH, path).json(body)).await
}

on_both! {
    async fn a_question_is_answered_with_sentences_that_stand_where_they_are_cited(mill: &Mill) {
        let ada = mill.user().await;
        let lease = ada.processed("lease.txt", LEASE.as_bytes()).await;
        ada.processed("letter.txt", LETTER.as_bytes()).await;
        let lines = ask(&ada, json!({"question": "How much is the rent?"})).await;
        assert_eq!(lines[0]["type"], "started");
        assert_eq!((&lines[0]["language"], &lines[0]["intent"]), (&json!("en"), &json!("question")));
        let claim = &lines[1];
        assert!(claim["text"].as_str().unwrap().contains("1,250 euros"), "{claim}");
        let citation = &claim["citations"][0];
        assert_eq!((&citation["document_id"], &citation["file_name"]), (&lease["id"], &json!("lease.txt")));
        let text = ada.get(&format!("/api/v1/documents/{}/text", lease["id"].as_str().unwrap())).await.text();
        let place = |end: &str| usize::try_from(citation[end].as_u64().unwrap()).unwrap();
        assert_eq!(&text[place("start_byte")..place("end_byte")], claim["text"].as_str().unwrap());
        let last = lines.last().unwrap();
        assert_eq!((&last["type"], &last["claims"]), (&json!("done"), &json!(lines.len() - 2)));
    }

    async fn only_the_documents_that_are_named_are_asked(mill: &Mill) {
        let ada = mill.user().await;
        let lease = ada.processed("lease.txt", LEASE.as_bytes()).await;
        let letter = ada.processed("letter.txt", LETTER.as_bytes()).await;
        let lines = ask(&ada, json!({"question": "Who repaired the roof?", "document_id": lease["id"]})).await;
        assert_eq!(lines.last().unwrap()["claims"], 0, "{lines:?}");
        let both = json!([lease["id"], letter["id"]]);
        let lines = ask(&ada, json!({"question": "Who repaired the roof?", "document_ids": both})).await;
        assert!(lines[1]["text"].as_str().unwrap().contains("Carrick company"), "{lines:?}");
        let lines = ask(&ada, json!({"question": "Summarise them", "document_ids": both})).await;
        assert_eq!(lines[0]["intent"], "summary");
        assert!(lines.len() > 3, "{lines:?}");
    }

    async fn a_conversation_is_kept_listed_renamed_and_deleted(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        ada.processed("lease.txt", LEASE.as_bytes()).await;
        let first = ask(&ada, json!({"question": "When does the lease end?"})).await;
        let id = first[0]["conversation_id"].as_str().unwrap().to_owned();
        let next = json!({"question": "Are geese allowed?", "conversation_id": id});
        assert_eq!(ask(&ada, next.clone()).await[0]["conversation_id"], json!(id));
        let path = format!("/api/v1/conversations/{id}");
        let messages = ada.get(&format!("{path}/messages")).await.status(200).json();
        let authors: Vec<_> = messages["items"].as_array().unwrap().iter().map(|m| m["author"].clone()).collect();
        assert_eq!(authors, ["user", "docmill", "user", "docmill"]);
        assert!(messages["items"][3]["text"].as_str().unwrap().contains("geese are not"));
        assert_eq!(messages["items"][3]["citations"][0]["file_name"], "lease.txt");
        let page = ada.get(&format!("{path}/messages?limit=3")).await;
        let rest = ada.get(&page.link("next").unwrap()).await.status(200).json();
        assert_eq!(rest["items"], json!([messages["items"][3]]));
        let list = ada.get("/api/v1/conversations").await.status(200).json();
        assert_eq!(list["items"][0]["title"], "When does the lease end?");
        let _ = patch(&ada, &path, &json!({"title": "The mill"})).await.status(200);
        assert_eq!(ada.get(&path).await.status(200).json()["title"], "The mill");
        patch(&ada, &path, &json!({"title": "  "})).await.refuses("/title");

        // Nobody else's.
        eve.get(&path).await.problem(404, "not_found");
        eve.get(&format!("{path}/messages")).await.problem(404, "not_found");
        patch(&eve, &path, &json!({"title": "mine"})).await.problem(404, "not_found");
        eve.post("/api/v1/chat", &next).await.problem(404, "not_found");
        let _ = eve.delete(&path).await.status(204);
        assert_eq!(eve.get("/api/v1/conversations").await.json()["items"], json!([]));

        for _ in 0..2 {
            let _ = ada.delete(&path).await.status(204);
        }
        ada.get(&path).await.problem(404, "not_found");
    }

    async fn what_cannot_be_answered_is_refused_before_anything_is_stored(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        let hers = eve.processed("lease.txt", LEASE.as_bytes()).await;
        let chat = async |body: Value| ada.post("/api/v1/chat", &body).await;
        chat(json!({"question": "Who signed?", "document_id": hers["id"]})).await.problem(404, "not_found");
        chat(json!({"question": "Who signed?", "document_id": "x"})).await.problem(404, "not_found");
        chat(json!({"question": ""})).await.refuses("/question");
        chat(json!({"question": "?!"})).await.refuses("/question");
        chat(json!({"question": "a".repeat(4001)})).await.refuses("/question");
        chat(json!({"question": "Please summarise"})).await.refuses("/document_ids");
        let many = vec![hers["id"].clone(); 51];
        chat(json!({"question": "Who signed?", "document_ids": many})).await.refuses("/document_ids");
        chat(json!({"question": "a", "document_id": hers["id"], "document_ids": []})).await.refuses("/document_ids");
        let _ = chat(json!({"question": "a", "colour": "red"})).await.status(400);
        assert_eq!(ada.get("/api/v1/conversations").await.json()["items"], json!([]));
    }

    async fn an_answer_never_shows_what_belongs_to_somebody_else(mill: &Mill) {
        let (ada, eve) = (mill.user().await, mill.user().await);
        ada.processed("lease.txt", LEASE.as_bytes()).await;
        let lines = ask(&eve, json!({"question": "How much is the rent?"})).await;
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[1]["claims"], 0);
    }

    async fn a_browser_gets_the_lines_as_events(mill: &Mill) {
        let ada = mill.user().await;
        ada.processed("lease.txt", LEASE.as_bytes()).await;
        let body = json!({"question": "Who signed the lease?"});
        let request = ada.request(Method::POST, "/api/v1/chat").header("accept", "text/event-stream").json(&body);
        let answer = ada.send(request).await.status(200);
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let text = answer.text();
        let events: Vec<&str> = text.trim_end().split("\n\n").collect();
        assert!(events.len() >= 3 && events.iter().all(|event| event.starts_with("data: {")), "{text}");
        assert!(text.contains("Brigid Nolan"), "{text}");
    }
}
