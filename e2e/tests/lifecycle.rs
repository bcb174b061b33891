//! Starting, stopping and dying: whatever happens to a process or to what it stands on, every accepted job ends.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use domain::UserId;
use e2e::{Client, Embedded, Fleet, Gate, PATIENCE, Process, Settings, eventually, texts};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

/// A worker counts as dead after 30 seconds of silence; its tasks are taken back within a few more.
const RECOVERY: Duration = Duration::from_secs(45);

const SECOND: Duration = Duration::from_secs(1);

async fn upload(user: &Client, name: &str) -> Value {
    user.upload(&[(name, texts::LIGHTHOUSE.as_bytes())]).await
}

async fn job(user: &Client, job: &Value) -> Value {
    user.get(job["links"]["self"].as_str().unwrap())
        .await
        .status(200)
        .json()
}

/// Where the only document of a job stands.
async fn document_status(user: &Client, accepted: &Value) -> Value {
    user.documents(accepted).await[0]["status"].clone()
}

/// Waits until a worker has begun the only document of a job.
async fn begun(user: &Client, accepted: &Value) {
    let processing = async || document_status(user, accepted).await == "processing";
    eventually("a worker begins the document", PATIENCE, processing).await;
}

async fn assert_completes(user: &Client, accepted: &Value, attempts: i64) {
    let job = user.ended(accepted).await;
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("completed"), &json!(attempts)),
        "{job}"
    );
}

/// A fleet with one API and one scheduler, and no worker yet.
async fn without_workers() -> Fleet {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    fleet.add_scheduler(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    fleet
}

/// A gate before the object store, and settings of a process that goes through it. Closed, it holds a worker in the middle
/// of a task, where nothing else is locked or open.
async fn gated_storage(fleet: &Fleet) -> (Gate, Settings) {
    let endpoint = &fleet.stores.bucket.endpoint;
    let gate = Gate::before(endpoint).await;
    let settings = Settings::new().with("storage.endpoint", gate.through(endpoint));
    (gate, settings)
}

async fn is_ready(health: &str) -> bool {
    reqwest::get(format!("{health}/readyz"))
        .await
        .is_ok_and(|answer| answer.status().is_success())
}

#[tokio::test]
async fn everything_may_start_before_the_database() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    let gate = Gate::before(&fleet.stores.database_url).await;
    let gated = Settings::new().with("database.url", gate.through(&fleet.stores.database_url));
    gate.close();
    fleet.add_worker(&gated).await;
    fleet.add_api(&gated).await;
    fleet.add_scheduler(&gated).await;
    for service in fleet.services() {
        assert!(
            !is_ready(&service.health).await,
            "nothing is ready without its database"
        );
    }
    let anybody = fleet.apis[0].anybody();
    let account = json!({ "email": "ada@example.com", "password": Client::password() });
    anybody
        .post("/api/v1/auth/register", &account)
        .await
        .problem(503, "unavailable");

    gate.open();
    for service in fleet.services() {
        eventually("it becomes ready", PATIENCE, async || {
            is_ready(&service.health).await
        })
        .await;
    }
    let ada = fleet.apis[0].user().await;
    assert_completes(&ada, &upload(&ada, "a.txt").await, 1).await;
}

#[tokio::test]
async fn a_database_that_goes_away_and_comes_back_costs_nothing() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    let gate = Gate::before(&fleet.stores.database_url).await;
    let gated = Settings::new().with("database.url", gate.through(&fleet.stores.database_url));
    fleet.add_worker(&gated).await;
    fleet.add_api(&gated).await;
    fleet.add_scheduler(&gated).await;
    let ada = fleet.apis[0].user().await;
    assert_completes(&ada, &upload(&ada, "before.txt").await, 1).await;

    gate.close();
    ada.send(ada.form("", &[("lost.txt", texts::LIGHTHOUSE.as_bytes())]))
        .await
        .problem(503, "unavailable");
    gate.open();
    let answers = async || ada.get("/api/v1/me").await.status == 200;
    eventually("the API is back", PATIENCE, answers).await;
    assert_completes(&ada, &upload(&ada, "after.txt").await, 1).await;
}

#[tokio::test]
async fn a_missing_schema_is_named_and_then_made() {
    let mut fleet = Fleet::without_schema(&Settings::new()).await;
    let worker = Process::start("docmill-worker", &[], &fleet.settings);
    assert_eq!(worker.ended(PATIENCE).await.code(), Some(1));
    assert!(worker.log().contains("docmill migrate up"), "{}", worker.log());

    fleet.add_scheduler(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    fleet.migrate().await;
    fleet.add_worker(&Settings::new()).await;
    let ada = fleet.apis[0].user().await;
    assert_completes(&ada, &upload(&ada, "a.txt").await, 1).await;
}

#[tokio::test]
async fn a_worker_that_is_stopped_finishes_what_it_has_begun() {
    let mut fleet = without_workers().await;
    let (storage, gated) = gated_storage(&fleet).await;
    fleet.add_worker(&gated).await;
    let ada = fleet.apis[0].user().await;
    storage.stall();
    let running = upload(&ada, "running.txt").await;
    begun(&ada, &running).await;

    let worker = &fleet.workers[0].process;
    worker.terminate();
    worker.line("stopping").await;
    let waiting = upload(&ada, "waiting.txt").await;
    storage.open();
    assert_eq!(worker.ended(PATIENCE).await.code(), Some(0));
    assert_completes(&ada, &running, 1).await;
    assert_eq!(
        job(&ada, &waiting).await["status"],
        "pending",
        "a worker that stops takes nothing new"
    );

    fleet.add_worker(&Settings::new()).await;
    assert_completes(&ada, &waiting, 1).await;
}

#[tokio::test]
async fn a_worker_out_of_time_gives_its_tasks_back() {
    let mut fleet = without_workers().await;
    let (storage, gated) = gated_storage(&fleet).await;
    fleet.add_worker(&gated.with("worker.grace", "1s")).await;
    let ada = fleet.apis[0].user().await;
    storage.stall();
    let running = upload(&ada, "running.txt").await;
    begun(&ada, &running).await;

    let worker = &fleet.workers[0].process;
    worker.terminate();
    assert_eq!(worker.ended(PATIENCE).await.code(), Some(0));
    // It goes on as soon as there is somebody; it does not go back.
    assert_eq!(document_status(&ada, &running).await, "processing");
    assert_eq!(job(&ada, &running).await["status"], "processing");
    fleet.add_worker(&Settings::new()).await;
    // What it had begun cost no attempt, and nobody waited for its silence.
    assert_completes(&ada, &running, 1).await;
}

#[tokio::test]
async fn a_killed_worker_costs_no_job() {
    let mut fleet = without_workers().await;
    let (storage, gated) = gated_storage(&fleet).await;
    fleet.add_worker(&gated).await;
    let ada = fleet.apis[0].user().await;
    // Readers are started for documents; this one leaves at least one behind.
    ada.processed("first.txt", texts::LIGHTHOUSE.as_bytes()).await;
    storage.stall();
    let running = [upload(&ada, "a.txt").await, upload(&ada, "b.txt").await];
    for job in &running {
        begun(&ada, job).await;
    }

    let worker = &fleet.workers[0].process;
    let children = worker.children();
    worker.kill();
    let alone = async || {
        children
            .iter()
            .all(|child| !std::path::Path::new(&format!("/proc/{}", child.as_raw_nonzero())).exists())
    };
    eventually("readers do not outlive their worker", PATIENCE, alone).await;
    fleet.add_worker(&Settings::new()).await;
    let killed = Instant::now();
    for job in &running {
        assert_completes(&ada, job, 2).await;
    }
    assert!(killed.elapsed() < RECOVERY, "took {:?}", killed.elapsed());
}

#[tokio::test]
async fn a_killed_api_costs_no_accepted_job() {
    let mut fleet = without_workers().await;
    fleet.add_api(&Settings::new()).await;
    let ada = fleet.apis[0].user().await;
    let accepted = upload(&ada, "a.txt").await;
    fleet.apis[0].process.kill();
    fleet.add_worker(&Settings::new()).await;
    let elsewhere = fleet.apis[1].anybody().with_session(ada.session.clone());
    assert_completes(&elsewhere, &accepted, 1).await;
}

#[tokio::test]
async fn a_redis_that_loses_everything_costs_no_job() {
    let mut fleet = without_workers().await;
    let ada = fleet.apis[0].user().await;
    let mut jobs = Vec::new();
    for number in 0..20 {
        jobs.push(upload(&ada, &format!("{number}.txt")).await);
    }
    assert!(fleet.stores.hints.lose().await > 0, "there was something to lose");
    fleet.add_worker(&Settings::new()).await;
    for job in &jobs {
        assert_completes(&ada, job, 1).await;
    }
}

#[tokio::test]
async fn a_stalled_redis_refuses_no_upload() {
    let mut fleet = without_workers().await;
    let gate = Gate::before(&fleet.stores.hints.url).await;
    let gated = Settings::new().with("queue.url", gate.through(&fleet.stores.hints.url));
    fleet.add_api(&gated).await;
    fleet.add_worker(&gated).await;
    let ada = fleet.apis[1].user().await;
    for close in [Gate::stall, Gate::close] {
        close(&gate);
        let asked = Instant::now();
        let jobs = [upload(&ada, "a.txt").await, upload(&ada, "b.txt").await];
        assert!(asked.elapsed() < 10 * SECOND, "took {:?}", asked.elapsed());
        gate.open();
        for job in &jobs {
            assert_completes(&ada, job, 1).await;
        }
    }
}

#[tokio::test]
async fn a_job_that_nobody_works_on_ends_at_its_deadline() {
    let fleet = without_workers().await;
    let ada = fleet.apis[0].user().await;
    let upload = ada.form("?deadline_seconds=1", &[("a.txt", texts::LIGHTHOUSE.as_bytes())]);
    let accepted = ada.send(upload).await.status(202).json();
    let job = ada.ended(&accepted).await;
    assert_eq!(job["status"], "expired", "{job}");
    let document = ada.documents(&job).await.remove(0);
    assert_eq!(
        (&document["status"], &document["error"]["code"]),
        (&json!("failed"), &json!("deadline")),
        "{document}"
    );
}

#[tokio::test]
async fn an_api_that_is_stopped_answers_those_who_wait() {
    let fleet = without_workers().await;
    let ada = fleet.apis[0].user().await;
    let accepted = upload(&ada, "a.txt").await;
    let path = format!("{}?wait=60", accepted["links"]["self"].as_str().unwrap());
    let api = &fleet.apis[0].process;
    let stop = async {
        // Once it answers this, it has taken the waiting request before it.
        let _ = ada.get("/livez").await.status(200);
        api.stop().await;
    };
    let asked = Instant::now();
    let (answer, ()) = tokio::join!(ada.get(&path), stop);
    assert_eq!(answer.status(200).json()["status"], "pending");
    assert!(asked.elapsed() < 15 * SECOND, "took {:?}", asked.elapsed());
    fleet.schedulers[0].process.stop().await;
}

#[tokio::test]
async fn an_embedded_mill_goes_on_where_it_was_killed() {
    let mut mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    let text = texts::LIGHTHOUSE.repeat(100);
    let mut jobs = Vec::new();
    for number in 0..20 {
        jobs.push(ada.upload(&[(&format!("{number}.txt"), text.as_bytes())]).await);
    }
    mill.process.kill();
    mill = mill.again().await;
    let ada = mill.anybody().with_session(ada.session.clone());
    for job in &jobs {
        let job = ada.ended(job).await;
        assert_eq!(job["status"], "completed", "{job}");
    }
}

#[tokio::test]
async fn a_killed_embedded_mill_does_not_wait_for_its_own_dead_worker() {
    let mut mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    ada.processed("first.txt", texts::LIGHTHOUSE.as_bytes()).await;
    // Readers that do nothing hold the worker in the middle of its task.
    let children = mill.process.children();
    for child in &children {
        kill_process(*child, Signal::STOP).unwrap();
    }
    let accepted = upload(&ada, "stuck.txt").await;
    begun(&ada, &accepted).await;
    mill.process.kill();
    for child in children {
        // Held up like this it would not even notice that its parent is gone.
        let _ = kill_process(child, Signal::KILL);
    }
    mill = mill.again().await;
    let started = Instant::now();
    let ada = mill.anybody().with_session(ada.session.clone());
    // The attempt that died with the process counts.
    assert_completes(&ada, &accepted, 2).await;
    assert!(started.elapsed() < 15 * SECOND, "took {:?}", started.elapsed());
}

#[tokio::test]
async fn an_embedded_mill_goes_on_where_it_was_stopped() {
    let mut mill = Embedded::start(&Settings::new()).await;
    let email = format!("{}@example.com", UserId::new());
    let account = json!({ "email": email, "password": Client::password() });
    let anybody = mill.anybody();
    let session = anybody
        .post("/api/v1/auth/register", &account)
        .await
        .status(201)
        .json();
    let ada = anybody.with_session(session);
    let names: Vec<String> = (0..20).map(|number| format!("{number}.txt")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), texts::LIGHTHOUSE.as_bytes()))
        .collect();
    let accepted = ada.upload(&files).await;
    mill.process.stop().await;

    mill = mill.again().await;
    // Key, account and session are those of before.
    let ada = mill.anybody().with_session(ada.session.clone());
    assert_completes(&ada, &accepted, 1).await;
}
