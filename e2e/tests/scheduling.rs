//! Who is served, when, and how much: pauses, shares, limits, levels and times, over HTTP and from the command line; and every
//! job that waits says why.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::UserId;
use e2e::{Client, Embedded, Fleet, PATIENCE, Settings, eventually, texts};
use reqwest::Method;
use serde_json::{Value, json};

/// What is resumed begins within a second; tests run on machines that others use as well.
const RESUMED_WITHIN: Duration = Duration::from_secs(3);

/// `docmill` beside the running mill, which must succeed; what it printed.
async fn command(mill: &Embedded, arguments: &[&str]) -> String {
    mill.command(arguments).await.success().stdout
}

async fn upload(user: &Client, query: &str) -> Value {
    let files = [("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())];
    user.send(user.form(query, &files)).await.status(202).json()
}

async fn seen(user: &Client, job: &Value) -> Value {
    user.get(job["links"]["self"].as_str().unwrap())
        .await
        .status(200)
        .json()
}

/// Waits until a job waits for this.
async fn waits_on(user: &Client, job: &Value, word: &str) -> Value {
    let found = async || seen(user, job).await["queue"]["waiting_on"] == word;
    eventually(&format!("the job waits on {word}"), PATIENCE, found).await;
    seen(user, job).await
}

fn time(value: &Value) -> DateTime<Utc> {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no time: {value}"))
        .parse()
        .unwrap()
}

/// How long after a point in time the job was begun.
fn begun_after(job: &Value, since: DateTime<Utc>) -> Duration {
    (time(&job["started_at"]) - since).to_std().unwrap_or_default()
}

#[tokio::test]
async fn a_paused_queue_begins_nothing_until_it_is_resumed_even_after_a_restart() {
    let mill = Embedded::start(&Settings::new()).await;
    let operator = mill.with_role("operator").await;
    let ada = mill.user().await;
    let pause = "/api/v1/admin/queues/documents/pause";
    ada.post(pause, &json!({})).await.problem(403, "forbidden");
    let paused = operator.post(pause, &json!({})).await.status(200).json();
    assert!(paused["paused_at"].is_string(), "{paused}");
    let job = upload(&ada, "").await;
    let waits = waits_on(&ada, &job, "queue_paused").await;
    assert_eq!(waits["status"], "pending", "{waits}");
    operator
        .post("/api/v1/admin/queues/knitting/pause", &json!({}))
        .await
        .problem(404, "not_found");

    let (operator, ada) = (operator.session.clone(), ada.session.clone());
    let mill = mill.again().await;
    let (operator, ada) = (
        mill.anybody().with_session(operator),
        mill.anybody().with_session(ada),
    );
    waits_on(&ada, &job, "queue_paused").await;
    let list = operator.get("/api/v1/admin/queues").await.status(200).json();
    assert_eq!(
        (&list["items"][0]["name"], &list["items"][0]["waiting"]),
        (&json!("documents"), &json!(1)),
        "{list}"
    );
    let shown = command(&mill, &["queue", "list"]).await;
    assert!(
        shown.contains("documents  1 wait") && shown.contains("paused since"),
        "{shown}"
    );

    let resumed_at = Utc::now();
    let resume = "/api/v1/admin/queues/documents/resume";
    let resumed = operator.post(resume, &json!({})).await.status(200).json();
    assert!(resumed["paused_at"].is_null(), "{resumed}");
    let ended = ada.ended(&job).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(ended["queue"].is_null(), "{ended}");
    let after = begun_after(&ended, resumed_at);
    println!("begun {after:?} after the queue was resumed");
    assert!(after < RESUMED_WITHIN, "{after:?}");
}

#[tokio::test]
async fn the_work_of_one_account_is_paused_and_the_others_go_on() {
    let mill = Embedded::start(&Settings::new()).await;
    let (ada, ben) = (mill.user().await, mill.user().await);
    let id = ada.user_id().to_owned();
    let shown = command(&mill, &["tenant", "pause", &id]).await;
    assert!(
        shown.starts_with(&id) && shown.contains("paused since"),
        "{shown}"
    );
    let job = upload(&ada, "").await;
    assert_eq!(ben.ended(&upload(&ben, "").await).await["status"], "completed");
    waits_on(&ada, &job, "tenant_paused").await;
    assert!(command(&mill, &["tenant", "list"]).await.starts_with(&id));
    let resumed_at = Utc::now();
    let shown = command(&mill, &["tenant", "resume", &id]).await;
    assert!(!shown.contains("paused"), "{shown}");
    let ended = ada.ended(&job).await;
    assert!(
        begun_after(&ended, resumed_at) < RESUMED_WITHIN + Duration::from_secs(2),
        "{ended}"
    );
    assert_eq!(command(&mill, &["tenant", "list"]).await, "");
}

#[tokio::test]
async fn shares_and_limits_of_an_account_are_for_operators_to_change() {
    let mill = Embedded::start(&Settings::new()).await;
    let operator = mill.with_role("operator").await;
    let ada = mill.user().await;
    let path = format!("/api/v1/admin/tenants/{}", ada.user_id());
    ada.get(&path).await.problem(403, "forbidden");
    ada.get("/api/v1/admin/tenants").await.problem(403, "forbidden");
    let usual = operator.get(&path).await.status(200).json();
    assert_eq!(usual, json!({ "user_id": ada.user_id() }), "as the settings say");
    let patch = async |body: Value| {
        operator
            .send(operator.request(Method::PATCH, &path).json(&body))
            .await
    };
    let changed = patch(json!({ "weight": 3, "running_max": 2 }))
        .await
        .status(200)
        .json();
    assert_eq!(
        changed,
        json!({ "user_id": ada.user_id(), "weight": 3, "running_max": 2 })
    );
    let changed = patch(json!({ "weight": null, "queued_max": 10 }))
        .await
        .status(200)
        .json();
    assert_eq!(
        changed,
        json!({ "user_id": ada.user_id(), "running_max": 2, "queued_max": 10 })
    );
    assert_eq!(operator.get(&path).await.status(200).json(), changed);
    let list = operator.get("/api/v1/admin/tenants").await.status(200).json();
    assert_eq!(list["items"], json!([changed]));
    for (body, pointer) in [
        (json!({ "weight": 0 }), "/weight"),
        (json!({ "weight": 101 }), "/weight"),
        (json!({ "running_max": 0 }), "/running_max"),
    ] {
        patch(body).await.refuses(pointer);
    }
    patch(json!({ "height": 1 }))
        .await
        .problem(400, "invalid_request");
    let nobody = format!("/api/v1/admin/tenants/{}", UserId::new());
    operator.get(&nobody).await.problem(404, "not_found");
    operator
        .post(&format!("{nobody}/pause"), &json!({}))
        .await
        .problem(404, "not_found");
    let shown = command(
        &mill,
        &[
            "tenant",
            "set",
            ada.user_id(),
            "--weight",
            "7",
            "--queued-max",
            "default",
        ],
    )
    .await;
    assert!(
        shown.contains("weight 7  running_max 2  queued_max default"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_job_for_later_begins_at_its_time() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    let run_at = Utc::now() + Duration::from_secs(4);
    let query = format!("?run_at={}", run_at.to_rfc3339_opts(SecondsFormat::Millis, true));
    let job = upload(&ada, &query).await;
    let waits = seen(&ada, &job).await;
    assert_eq!(waits["queue"]["waiting_on"], "scheduled", "{waits}");
    assert!(time(&waits["queue"]["until"]) <= run_at, "{waits}");
    let now = ada
        .ended(&upload(&ada, "?run_at=2020-01-01T00:00:00%2B02:00").await)
        .await;
    assert_eq!(now["status"], "completed", "a time that has passed is now");
    let ended = ada.ended(&job).await;
    assert!(
        time(&ended["started_at"]) + Duration::from_millis(1) >= run_at,
        "{ended}"
    );
    let after = begun_after(&ended, run_at);
    println!("begun {after:?} after its time");
    assert!(after < RESUMED_WITHIN, "{after:?}");
    let files = [("a.txt", texts::LIGHTHOUSE.as_bytes())];
    for time in ["2999-01-01T00:00:00Z", "tomorrow", ""] {
        ada.send(ada.form(&format!("?run_at={time}"), &files))
            .await
            .refuses("query:run_at");
    }
}

#[tokio::test]
async fn only_operators_hand_in_what_is_urgent() {
    let mill = Embedded::start(&Settings::new()).await;
    let (operator, ada) = (mill.with_role("operator").await, mill.user().await);
    let files = [("a.txt", texts::LIGHTHOUSE.as_bytes())];
    ada.send(ada.form("?priority=urgent", &files))
        .await
        .problem(403, "forbidden");
    ada.send(ada.form("?priority=hasty", &files))
        .await
        .problem(400, "invalid_request");
    for (user, priority) in [
        (&operator, "urgent"),
        (&ada, "high"),
        (&ada, "normal"),
        (&ada, "low"),
    ] {
        let job = user
            .ended(&upload(user, &format!("?priority={priority}")).await)
            .await;
        assert_eq!(job["status"], "completed", "{priority}: {job}");
    }
}

#[tokio::test]
async fn no_more_is_taken_of_an_account_than_may_wait() {
    let mill = Embedded::start(&Settings::new().with("scheduling.queued_max", "3")).await;
    let (ada, ben) = (mill.user().await, mill.user().await);
    command(&mill, &["queue", "pause", "documents"]).await;
    let files: Vec<(&str, &[u8])> = (0..3).map(|_| ("a.txt", texts::LIGHTHOUSE.as_bytes())).collect();
    // A moment ago the queue was open, and the first upload may have gone that way.
    let full = async || ada.send(ada.form("", &files)).await.status == 429;
    eventually("no more is taken", PATIENCE, full).await;
    let refused = ada.send(ada.form("", &files[..1])).await;
    let problem = refused.problem(429, "queue_full");
    assert!(
        problem["detail"].as_str().unwrap().contains("queued_max"),
        "{problem}"
    );
    assert_eq!(refused.header("retry-after"), Some("10"));
    let his = ben.upload(&files).await;
    command(&mill, &["queue", "resume", "documents"]).await;
    assert_eq!(ben.ended(&his).await["status"], "completed");
    for job in ada.jobs().await {
        assert_eq!(ada.ended(&job).await["status"], "completed");
    }
    assert_eq!(ada.ended(&ada.upload(&files).await).await["status"], "completed");
}

#[tokio::test]
async fn a_job_says_that_nobody_is_there_to_do_it() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    let ada = fleet.apis[0].user().await;
    let job = upload(&ada, "").await;
    let waits = waits_on(&ada, &job, "no_workers").await;
    assert_eq!(waits["queue"]["position"], 1, "{waits}");
    fleet.add_worker(&Settings::new()).await;
    assert_eq!(
        ada.ended(&job).await["status"],
        "completed",
        "without a scheduler uploads push hints themselves"
    );
}
