//! Documents and questions with a language model: a server of ours that speaks like the makers of models, and fails like them.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use e2e::{
    Client, Embedded, Fleet, Mill, ModelServer, Mood, PATIENCE, Settings, StoreGate, Treatment, eventually,
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

const MINUTES: &str = "Minutes of 2 March 2026\nAda will send the figures to Carrick by 13 March 2026.\n\
    The next meeting is on 20 March 2026 at 15:00.\n";
const LEASE: &str = "Lease of the old mill in Dunmore.\nThe rent is 1,250 euros a month and is paid on the third \
    working day.\nDogs are allowed, geese are not.\n";

fn settings(server: &ModelServer) -> Settings {
    Settings::impatient()
        .with("model.provider", "openai")
        .with("model.base_url", format!("{}/v1", server.base))
        .with("model.allow_http", "true")
        .with("model.name", "small")
        .with("model.api_key", "key-of-the-tests")
        .with("model.input_price", "30")
        .with("model.output_price", "100")
        .with("model.timeout", "2s")
        .with("model.patience", "5s")
}

/// The same with other bytes: results of the same serve again.
fn another(text: &str) -> String {
    format!("{text}\nOnce more.\n")
}

async fn speaking() -> ModelServer {
    let server = ModelServer::start().await;
    server.says_of_texts(&json!({
        "summary": "Ada will send the figures to Carrick.",
        "tags": [{"value": "figures", "kind": "topic"}],
        "todos": [{"quote": "Ada will send the figures to Carrick by 13 March 2026.", "text": "Send Carrick the figures",
            "owner": "Ada", "priority": "high", "due": "2026-03-13"}],
        "events": [{"quote": "The next meeting is on 20 March 2026 at 15:00.", "title": "Next meeting",
            "start": "2026-03-20T15:00:00", "end": ""}],
    }));
    server.says_to_questions(&[
        json!({"passage": 1, "quote": "The rent is 1,250 euros a month", "text": "The rent is 1,250 euros each month."}),
        json!({"passage": 1, "quote": "geese are not", "text": "The geese pay 900 euros."}),
        json!({"end": true}),
    ]);
    server
}

/// Both forms with a model of their own each.
async fn mills(more: &[(&str, &str)]) -> Vec<(ModelServer, Mill)> {
    let (one, two) = (speaking().await, speaking().await);
    let with = |server: &ModelServer| {
        more.iter()
            .fold(settings(server), |all, (key, value)| all.with(key, *value))
    };
    let embedded = Mill::Embedded(Embedded::start(&with(&one)).await);
    let fleet = Mill::Fleet(Fleet::start(1, &with(&two)).await);
    vec![(one, embedded), (two, fleet)]
}

async fn todos_of(user: &Client, document: &Value) -> Vec<Value> {
    let path = format!("/api/v1/documents/{}", document["id"].as_str().unwrap());
    user.get(&path).await.status(200).json()["todos"]
        .as_array()
        .unwrap()
        .clone()
}

/// The lines of an answer.
async fn ask(user: &Client, question: Value) -> Vec<Value> {
    let answer = user.post("/api/v1/chat", &question).await.status(200);
    answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn later(user: &Client, question: Value) -> Value {
    let request = user
        .request(Method::POST, "/api/v1/chat")
        .header("prefer", "respond-async")
        .json(&question);
    let answer = user.send(request).await.status(202);
    assert_eq!(answer.header("preference-applied"), Some("respond-async"));
    let job = answer.json();
    assert_eq!(answer.header("location").unwrap(), job["links"]["self"]);
    assert_eq!(
        (&job["kind"], &job["progress"]["unit"]),
        (&json!("question"), &json!("questions"))
    );
    job
}

async fn messages(user: &Client, job: &Value) -> Vec<Value> {
    let path = job["links"]["messages"].as_str().unwrap();
    user.get(path).await.status(200).json()["items"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_document_has_what_the_model_found_and_the_job_says_what_it_took() {
    for (server, mill) in mills(&[]).await {
        let ada = mill.user().await;
        let document = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        assert_eq!(
            document["made_by"],
            json!({"provider": "openai", "model": "small"})
        );
        assert_eq!(document["summary"], "Ada will send the figures to Carrick.");
        assert_eq!(document["tags"][0]["value"], "figures");
        let todos = todos_of(&ada, &document).await;
        assert_eq!(
            (&todos[0]["text"], &todos[0]["priority"]),
            (&json!("Send Carrick the figures"), &json!("high"))
        );
        let job = ada
            .get(&format!("/api/v1/jobs/{}", document["job_id"].as_str().unwrap()))
            .await
            .status(200)
            .json();
        // 1,000 tokens at 30 and 100 at 100 for a million are 0.04 of the smallest unit.
        assert_eq!(
            job["model_usage"],
            json!({"calls": 1, "input_tokens": 1_000, "output_tokens": 100, "cost": 1})
        );
        assert_eq!(server.calls(), 1);
        assert!(
            server.asked()[0]
                .to_string()
                .contains("Ada will send the figures")
        );
        for process in mill.processes() {
            let log = process.log();
            assert!(
                !log.contains("key-of-the-tests") && !log.contains("figures"),
                "the log is silent"
            );
        }
    }
}

#[tokio::test]
async fn whatever_the_model_does_the_document_ends_with_what_the_rules_found() {
    let faults = [
        (Mood::Status(429, None), "model_rate_limited", 3),
        (Mood::Status(429, Some("3600")), "model_rate_limited", 1),
        (Mood::Status(500, None), "model_unavailable", 3),
        (Mood::Status(401, None), "model_refused", 1),
        (Mood::Stall, "model_timed_out", 1),
        (Mood::Garbage, "model_answer_unusable", 1),
        (Mood::Truncated, "model_answer_truncated", 1),
    ];
    let server = speaking().await;
    let mill = Mill::Embedded(Embedded::start(&settings(&server).with("model.pause", "1ms")).await);
    let ada = mill.user().await;
    for (mood, reason, calls) in faults {
        let before = server.calls();
        server.always(mood.clone());
        let document = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        assert_eq!(
            document["made_by"],
            json!({"provider": "local", "fallback_reason": reason}),
            "{mood:?}"
        );
        assert_eq!(server.calls() - before, calls, "{mood:?}");
        assert!(!todos_of(&ada, &document).await.is_empty(), "{mood:?}");
    }
    // It was asked to come back in an instant, and did.
    server.always(Mood::Right);
    server.next([Mood::Status(429, Some("0"))]);
    let document = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
    assert_eq!(document["made_by"]["provider"], "openai");
}

#[tokio::test]
async fn a_model_that_fails_five_times_in_a_row_is_left_alone() {
    let server = speaking().await;
    server.always(Mood::Garbage);
    let mill = Mill::Embedded(Embedded::start(&settings(&server)).await);
    let ada = mill.user().await;
    for _ in 0..5 {
        let _ = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
    }
    let document = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
    assert_eq!(document["made_by"]["fallback_reason"], "model_left_alone");
    assert_eq!(server.calls(), 5);
}

/// With this price a call takes more than half of the smallest unit at most, and a twentieth of it in the end.
const DEAR: (&str, &str) = ("model.output_price", "130");

#[tokio::test]
async fn over_the_budget_of_its_account_nobody_asks_the_model() {
    let exceeded = json!({"provider": "local", "fallback_reason": "budget_exceeded"});
    for (server, mill) in mills(&[("model.month_budget", "1"), DEAR]).await {
        let ada = mill.user().await;
        let first = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        assert_eq!(first["made_by"]["provider"], "openai");
        // Nobody knows whether this was paid, so it stays counted.
        server.next([Mood::Garbage]);
        let _ = ada.processed("more.txt", another(MINUTES).as_bytes()).await;
        assert_eq!(server.calls(), 2);
        let third = ada.processed("more.txt", another(MINUTES).as_bytes()).await;
        assert_eq!(third["made_by"], exceeded);
        assert!(!todos_of(&ada, &third).await.is_empty());
        let _ = ada.processed("lease.txt", LEASE.as_bytes()).await;
        let lines = ask(&ada, json!({"question": "How much is the rent?"})).await;
        assert!(
            lines[1]["text"].as_str().unwrap().contains("1,250 euros"),
            "{lines:?}"
        );
        assert_eq!(lines.last().unwrap()["made_by"], exceeded);
        assert_eq!(server.calls(), 2, "no further call");
        // Somebody else has a budget of his own.
        let hers = mill
            .user()
            .await
            .processed("minutes.txt", MINUTES.as_bytes())
            .await;
        assert_eq!(hers["made_by"]["provider"], "openai");
    }
}

#[tokio::test]
async fn over_the_budget_of_their_job_documents_do_without_the_model() {
    for (server, mill) in mills(&[("model.job_budget", "1"), DEAR]).await {
        let ada = mill.user().await;
        server.next([Mood::Garbage]);
        let files: [(&str, &[u8]); 2] = [("one.txt", MINUTES.as_bytes()), ("two.txt", MINUTES.as_bytes())];
        let job = ada.upload(&files).await;
        let job = ada.ended(&job).await;
        assert_eq!(
            (&job["status"], &job["model_usage"]["calls"]),
            (&json!("completed"), &json!(1))
        );
        let documents = ada.documents(&job).await;
        let mut reasons: Vec<&str> = documents
            .iter()
            .map(|it| it["made_by"]["fallback_reason"].as_str().unwrap())
            .collect();
        reasons.sort_unstable();
        assert_eq!(reasons, ["budget_exceeded", "model_answer_unusable"]);
        let other = ada.processed("minutes.txt", MINUTES.as_bytes()).await;
        assert_eq!(
            other["made_by"]["provider"], "openai",
            "another job has a budget of its own"
        );
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_after_the_model_answered_costs_no_second_call() {
    let server = speaking().await;
    let mut fleet = Fleet::prepared(&settings(&server)).await;
    let gate = StoreGate::before(&fleet.stores.bucket.endpoint).await;
    fleet
        .add_worker(&Settings::new().with("storage.endpoint", gate.endpoint()))
        .await;
    fleet.add_scheduler(&Settings::new()).await;
    let ada = fleet.add_api(&Settings::new()).await.user().await;
    // The answer of the model is kept before the text is stored, and the text cannot be stored.
    let held = gate.treat("PUT", "text-", Treatment::Hold);
    let job = ada.upload(&[("minutes.txt", MINUTES.as_bytes())]).await;
    let path = job["links"]["self"].as_str().unwrap().to_owned();
    eventually("the answer of the model is kept", PATIENCE, async || {
        ada.get(&path).await.json()["model_usage"]["output_tokens"] == 100
    })
    .await;
    fleet.workers[0].process.kill();
    drop(held);
    server.always(Mood::Status(500, None));
    fleet.add_worker(&Settings::new()).await;
    let job = ada.ended(&job).await;
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("completed"), &json!(2))
    );
    let document = &ada.documents(&job).await[0];
    assert_eq!(
        document["made_by"],
        json!({"provider": "openai", "model": "small"})
    );
    assert_eq!(document["summary"], "Ada will send the figures to Carrick.");
    assert_eq!(server.calls(), 1);
    assert_eq!(job["model_usage"]["calls"], 1);
}

#[tokio::test]
async fn an_answer_of_the_model_cites_what_says_so_and_loses_what_nothing_says() {
    for (server, mill) in mills(&[]).await {
        let ada = mill.user().await;
        let lease = ada.processed("lease.txt", LEASE.as_bytes()).await;
        let lines = ask(&ada, json!({"question": "How much is the rent?"})).await;
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[1]["text"], "The rent is 1,250 euros each month.");
        let citation = &lines[1]["citations"][0];
        assert_eq!(citation["document_id"], lease["id"]);
        let text = ada
            .get(&format!(
                "/api/v1/documents/{}/text",
                lease["id"].as_str().unwrap()
            ))
            .await
            .text();
        let place = |end: &str| usize::try_from(citation[end].as_u64().unwrap()).unwrap();
        assert_eq!(
            &text[place("start_byte")..place("end_byte")],
            "The rent is 1,250 euros a month"
        );
        let done = lines.last().unwrap();
        assert_eq!((&done["type"], &done["claims"]), (&json!("done"), &json!(1)));
        assert_eq!(done["made_by"], json!({"provider": "openai", "model": "small"}));
        let path = format!(
            "/api/v1/conversations/{}/messages",
            lines[0]["conversation_id"].as_str().unwrap()
        );
        let stored = ada.get(&path).await.status(200).json();
        assert_eq!(stored["items"][1]["text"], "The rent is 1,250 euros each month.");
        assert_eq!(stored["items"][1]["made_by"]["provider"], "openai");

        for (mood, reason) in [
            (Mood::Status(401, None), "model_refused"),
            (Mood::Garbage, "model_answer_unusable"),
            (Mood::Stall, "model_timed_out"),
        ] {
            server.next([mood.clone()]);
            let lines = ask(&ada, json!({"question": "How much is the rent?"})).await;
            assert!(
                lines[1]["text"].as_str().unwrap().contains("1,250 euros"),
                "{mood:?}: {lines:?}"
            );
            let made_by = json!({"provider": "local", "fallback_reason": reason});
            assert_eq!(lines.last().unwrap()["made_by"], made_by, "{mood:?}");
        }
        // Nobody is asked about nothing.
        let calls = server.calls();
        let lines = ask(&mill.user().await, json!({"question": "How much is the rent?"})).await;
        assert_eq!(
            (lines.len(), &lines[1]["made_by"]["provider"]),
            (2, &json!("local"))
        );
        assert_eq!(server.calls(), calls);
    }
}

#[tokio::test]
async fn a_long_question_is_a_job_whose_answer_appears_in_its_conversation() {
    for (_server, mill) in mills(&[]).await {
        let (ada, eve) = (mill.user().await, mill.user().await);
        ada.processed("lease.txt", LEASE.as_bytes()).await;
        let job = later(&ada, json!({"question": "How much is the rent?"})).await;
        let path = job["links"]["self"].as_str().unwrap();
        // The same long-poll as for every job.
        let ended = ada.get(&format!("{path}?wait=30")).await.status(200).json();
        assert_eq!(
            (&ended["status"], &ended["completed"]),
            (&json!("completed"), &json!(1))
        );
        assert_eq!(ended["model_usage"]["calls"], 1);
        let messages = messages(&ada, &ended).await;
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[1]["id"], ended["question"]["message_id"]);
        assert_eq!(messages[1]["text"], "The rent is 1,250 euros each month.");
        assert_eq!(messages[1]["citations"][0]["file_name"], "lease.txt");

        // It goes on in the same conversation; what cannot be answered is refused before there is a job.
        let again = json!({"question": "Are geese allowed?", "conversation_id": ended["question"]["conversation_id"]});
        let second = ada.ended(&later(&ada, again.clone()).await).await;
        assert_eq!(
            second["question"]["conversation_id"],
            ended["question"]["conversation_id"]
        );
        assert_eq!(
            ada.get(second["links"]["messages"].as_str().unwrap())
                .await
                .json()["items"]
                .as_array()
                .unwrap()
                .len(),
            4
        );
        let refused = eve
            .request(Method::POST, "/api/v1/chat")
            .header("prefer", "respond-async")
            .json(&again);
        eve.send(refused).await.problem(404, "not_found");
        eve.get(path).await.problem(404, "not_found");
        let empty = ada
            .request(Method::POST, "/api/v1/chat")
            .header("prefer", "respond-async")
            .json(&json!({"question": "?!"}));
        ada.send(empty).await.refuses("/question");
        assert_eq!(
            ada.get("/api/v1/jobs?kind=question").await.json()["items"]
                .as_array()
                .unwrap()
                .len(),
            2
        );

        // It goes with a delete, and the conversation stays.
        let _ = ada.delete(path).await.status(204);
        ada.get(path).await.problem(404, "not_found");
        assert_eq!(
            ada.get(second["links"]["messages"].as_str().unwrap())
                .await
                .json()["items"]
                .as_array()
                .unwrap()
                .len(),
            4
        );
    }
}

#[tokio::test]
async fn a_long_question_can_be_cancelled_while_the_model_thinks() {
    for (server, mill) in mills(&[("model.timeout", "60s"), ("model.patience", "60s")]).await {
        let ada = mill.user().await;
        ada.processed("lease.txt", LEASE.as_bytes()).await;
        server.next([Mood::Wait]);
        let calls = server.calls();
        let job = later(&ada, json!({"question": "How much is the rent?"})).await;
        eventually("the model is asked", PATIENCE, async || server.calls() > calls).await;
        let cancelled = ada
            .post(job["links"]["cancel"].as_str().unwrap(), &json!({}))
            .await
            .json();
        assert_eq!(
            (&cancelled["status"], &cancelled["cancelled"]),
            (&json!("cancelled"), &json!(1))
        );
        eventually("the call is stopped", PATIENCE, async || server.left() == 1).await;
        assert_eq!(messages(&ada, &job).await.len(), 1, "only the question");
    }
}

#[tokio::test]
async fn a_question_whose_conversation_is_deleted_fails_with_the_reason() {
    for (server, mill) in mills(&[("model.timeout", "60s"), ("model.patience", "60s")]).await {
        let ada = mill.user().await;
        ada.processed("lease.txt", LEASE.as_bytes()).await;
        server.next([Mood::Wait]);
        let calls = server.calls();
        let job = later(&ada, json!({"question": "How much is the rent?"})).await;
        eventually("the model is asked", PATIENCE, async || server.calls() > calls).await;
        let conversation = job["question"]["conversation_id"].as_str().unwrap();
        let _ = ada
            .delete(&format!("/api/v1/conversations/{conversation}"))
            .await
            .status(204);
        server.go_on();
        let job = ada.ended(&job).await;
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("failed"), &json!("conversation_deleted"))
        );
    }
}

#[tokio::test]
async fn a_long_question_survives_the_death_of_its_worker() {
    let server = speaking().await;
    let settings = settings(&server)
        .with("model.timeout", "60s")
        .with("model.patience", "60s");
    let mut fleet = Fleet::start(1, &settings).await;
    let ada = fleet.apis[0].user().await;
    ada.processed("lease.txt", LEASE.as_bytes()).await;
    server.next([Mood::Wait]);
    let calls = server.calls();
    let job = later(&ada, json!({"question": "How much is the rent?"})).await;
    eventually("the model is asked", PATIENCE, async || server.calls() > calls).await;
    fleet.workers[0].process.kill();
    fleet.add_worker(&Settings::new()).await;
    let job = ada.ended(&job).await;
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("completed"), &json!(2))
    );
    assert_eq!(messages(&ada, &job).await.len(), 2, "one answer");
}

#[tokio::test]
async fn a_worker_that_is_killed_after_the_model_answered_a_question_costs_no_second_call() {
    let server = speaking().await;
    let settings = settings(&server)
        .with("model.timeout", "60s")
        .with("model.patience", "60s");
    let mut fleet = Fleet::start(1, &settings).await;
    let ada = fleet.apis[0].user().await;
    ada.processed("lease.txt", LEASE.as_bytes()).await;
    server.next([Mood::Wait]);
    let calls = server.calls();
    let job = later(&ada, json!({"question": "How much is the rent?"})).await;
    eventually("the model is asked", PATIENCE, async || server.calls() > calls).await;
    // The answer of the model is kept before it becomes a message, and nobody can add one to this conversation.
    let mut holder = PgConnection::connect(&fleet.stores.database_url).await.unwrap();
    let conversation = job["question"]["conversation_id"].as_str().unwrap();
    let hold = format!("BEGIN; SELECT 1 FROM conversations WHERE id = '{conversation}' FOR UPDATE");
    holder.execute(sqlx::AssertSqlSafe(hold)).await.unwrap();
    server.go_on();
    let path = job["links"]["self"].as_str().unwrap().to_owned();
    eventually("the answer of the model is kept", PATIENCE, async || {
        ada.get(&path).await.json()["model_usage"]["output_tokens"] == 100
    })
    .await;
    fleet.workers[0].process.kill();
    holder.execute("ROLLBACK").await.unwrap();
    server.always(Mood::Status(500, None));
    fleet.add_worker(&Settings::new()).await;
    let job = ada.ended(&job).await;
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("completed"), &json!(2))
    );
    let messages = messages(&ada, &job).await;
    assert_eq!(messages.len(), 2, "one answer");
    assert_eq!(messages[1]["text"], "The rent is 1,250 euros each month.");
    assert_eq!(
        messages[1]["made_by"],
        json!({"provider": "openai", "model": "small"})
    );
    assert_eq!(server.calls(), calls + 1);
    assert_eq!(job["model_usage"]["calls"], 1);
}

/// Asks, and reads the first line of the answer.
async fn begun(user: &Client, question: &Value) -> Response {
    let request = user.request(Method::POST, "/api/v1/chat").json(question);
    let mut answer = request.send().await.unwrap();
    let mut text = String::new();
    while !text.contains('\n') {
        let chunk = answer.chunk().await.unwrap().unwrap();
        text += std::str::from_utf8(&chunk).unwrap();
    }
    assert!(text.contains(r#""type":"started""#), "{text}");
    answer
}

#[tokio::test]
async fn who_hangs_up_while_the_model_thinks_stops_it_in_moments() {
    // Much shorter than the model may take.
    const MOMENTS: Duration = Duration::from_secs(10);
    let patient = [("model.timeout", "5m"), ("model.patience", "5m")];
    let question = json!({"question": "How much is the rent?"});
    for (server, mill) in mills(&[patient[0], patient[1], ("model.month_budget", "1"), DEAR]).await {
        for mood in [Mood::Wait, Mood::Stall] {
            let ada = mill.user().await;
            ada.processed("lease.txt", LEASE.as_bytes()).await;
            let (calls, left) = (server.calls(), server.left());
            server.next([mood.clone()]);
            let answer = begun(&ada, &question).await;
            eventually("the model is asked", PATIENCE, async || server.calls() > calls).await;
            assert_eq!(server.left(), left, "{mood:?}: nobody has hung up yet");
            drop(answer);
            let hung_up = async || server.left() == left + 1;
            eventually("the call is stopped", MOMENTS, hung_up).await;
            // Nobody knows whether it was paid, so it stays counted.
            let lines = ask(&ada, question.clone()).await;
            assert_eq!(
                lines.last().unwrap()["made_by"],
                json!({"provider": "local", "fallback_reason": "budget_exceeded"}),
                "{mood:?}"
            );
            assert_eq!(server.calls(), calls + 1, "{mood:?}");
        }
    }
}

#[tokio::test]
async fn what_is_sent_while_the_model_thinks_is_part_of_no_line() {
    let server = speaking().await;
    let patient = settings(&server)
        .with("model.timeout", "5m")
        .with("model.patience", "5m");
    let mill = Embedded::start(&patient).await;
    let ada = mill.user().await;
    ada.processed("lease.txt", LEASE.as_bytes()).await;
    for (accept, silence, start) in [
        ("application/x-ndjson", " ", ""),
        ("text/event-stream", ":\n\n", "data: "),
    ] {
        server.next([Mood::Wait]);
        let question = json!({"question": "How much is the rent?"});
        let request = ada.request(Method::POST, "/api/v1/chat").header("accept", accept);
        let mut answer = request.json(&question).send().await.unwrap();
        let mut text = String::new();
        while !text.ends_with(&format!("\n{silence}{silence}")) {
            let chunk = answer.chunk().await.unwrap().unwrap();
            text += std::str::from_utf8(&chunk).unwrap();
        }
        server.go_on();
        text += &answer.text().await.unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && *line != ":");
        let types: Vec<String> = lines
            .map(|line| {
                let line: Value = serde_json::from_str(line.strip_prefix(start).unwrap()).unwrap();
                line["type"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(types, ["started", "claim", "done"], "{text}");
    }
}

/// Over those of a model. A setting without a value is none.
fn rules() -> Settings {
    ["base_url", "name", "api_key"]
        .iter()
        .fold(Settings::new().with("model.provider", "local"), |all, key| {
            all.with(&format!("model.{key}"), "")
        })
}

/// As anybody hands in a file who says nothing about earlier results. The document that came of it.
async fn handed_in(user: &Client, text: &str) -> Value {
    let request = user
        .request(Method::POST, "/api/v1/documents?file_name=minutes.txt")
        .header("content-type", "application/octet-stream")
        .body(text.to_owned());
    let job = user.ended(&user.send(request).await.status(202).json()).await;
    assert_eq!(job["status"], "completed");
    user.documents(&job).await.remove(0)
}

#[tokio::test]
async fn what_another_provider_or_model_made_does_not_serve_for_the_same_bytes() {
    let server = speaking().await;
    let mut mill = Embedded::start(&settings(&server)).await;
    let ada = mill.user().await;
    let first = handed_in(&ada, MINUTES).await;
    assert_eq!(handed_in(&ada, MINUTES).await["reused_from"], first["id"]);
    assert_eq!(server.calls(), 1);
    for (changed, made_by) in [
        (
            Settings::new().with("model.name", "large"),
            json!({"provider": "openai", "model": "large"}),
        ),
        (
            Settings::new().with("model.provider", "mistral"),
            json!({"provider": "mistral", "model": "large"}),
        ),
        (rules(), json!({"provider": "local"})),
    ] {
        let calls = server.calls();
        mill = mill.again_with(&changed).await;
        let ada = mill.anybody().with_session(ada.session.clone());
        let fresh = handed_in(&ada, MINUTES).await;
        assert_eq!((fresh.get("reused_from"), &fresh["made_by"]), (None, &made_by));
        assert_eq!(
            server.calls() - calls,
            usize::from(made_by.get("model").is_some()),
            "{made_by}"
        );
        let again = handed_in(&ada, MINUTES).await;
        assert_eq!(
            (&again["reused_from"], &again["made_by"]),
            (&fresh["id"], &made_by)
        );
    }
}

#[tokio::test]
async fn what_the_rules_found_because_a_model_failed_serves_for_nobody() {
    let server = speaking().await;
    let mill = Embedded::start(&settings(&server)).await;
    let ada = mill.user().await;
    server.next([Mood::Status(401, None)]);
    let fallback = handed_in(&ada, MINUTES).await;
    let refused = json!({"provider": "local", "fallback_reason": "model_refused"});
    assert_eq!(fallback["made_by"], refused);
    // Not while the model fails, not when it works, and not for the rules when they are all that is asked for.
    server.next([Mood::Status(401, None)]);
    let again = handed_in(&ada, MINUTES).await;
    assert_eq!((again.get("reused_from"), &again["made_by"]), (None, &refused));
    let mill = mill.again_with(&rules()).await;
    let ada = mill.anybody().with_session(ada.session.clone());
    let rules = handed_in(&ada, MINUTES).await;
    assert_eq!(
        (rules.get("reused_from"), &rules["made_by"]),
        (None, &json!({"provider": "local"}))
    );
    let mill = mill.again_with(&settings(&server)).await;
    let ada = mill.anybody().with_session(ada.session.clone());
    let made = handed_in(&ada, MINUTES).await;
    assert_eq!(
        (made.get("reused_from"), &made["made_by"]["provider"]),
        (None, &json!("openai"))
    );
}

#[tokio::test]
async fn questions_are_answered_later_without_a_model_too() {
    let mill = Mill::Embedded(Embedded::start(&Settings::impatient()).await);
    let ada = mill.user().await;
    let lease = ada.processed("lease.txt", LEASE.as_bytes()).await;
    assert_eq!(lease["made_by"], json!({"provider": "local"}));
    let job = ada
        .ended(&later(&ada, json!({"question": "How much is the rent?"})).await)
        .await;
    assert_eq!(job["status"], "completed");
    assert_eq!(job.get("model_usage"), None);
    let messages = messages(&ada, &job).await;
    assert!(messages[1]["text"].as_str().unwrap().contains("1,250 euros"));
    assert_eq!(messages[1]["made_by"], json!({"provider": "local"}));
}

#[tokio::test]
async fn the_first_line_of_an_answer_comes_at_once() {
    const ASKED: usize = 60;
    let server = speaking().await;
    for (name, settings) in [
        ("the rules", Settings::impatient()),
        ("a model that answers at once", settings(&server)),
    ] {
        let mill = Mill::Embedded(Embedded::start(&settings).await);
        let ada = mill.user().await;
        for n in 0..20 {
            let lease = format!("{LEASE}Number {n}.\n");
            ada.processed(&format!("lease-{n}.txt"), lease.as_bytes()).await;
        }
        let (mut first, mut claim) = (Vec::new(), Vec::new());
        for _ in 0..ASKED {
            let question = json!({"question": "How much is the rent?"});
            let request = ada.request(Method::POST, "/api/v1/chat").json(&question);
            let asked = Instant::now();
            let mut answer = request.send().await.unwrap();
            let (mut text, mut lines) = (String::new(), 0);
            while let Some(chunk) = answer.chunk().await.unwrap() {
                text += std::str::from_utf8(&chunk).unwrap();
                let now = text.matches('\n').count();
                if lines == 0 && now > 0 {
                    first.push(asked.elapsed());
                }
                if lines < 2 && now >= 2 {
                    claim.push(asked.elapsed());
                }
                lines = now;
            }
            assert!(text.contains(r#""type":"done""#), "{text}");
        }
        let p = |times: &mut Vec<Duration>, share: usize| {
            times.sort_unstable();
            times[times.len() * share / 100]
        };
        println!(
            "{name}: first line p50 {:.1?}, p95 {:.1?}; first sentence p50 {:.1?}, p95 {:.1?}",
            p(&mut first, 50),
            p(&mut first, 95),
            p(&mut claim, 50),
            p(&mut claim, 95),
        );
        assert!(p(&mut first, 95) < Duration::from_millis(500), "{name}");
    }
}
