//! Cancelling: prompt whatever the job is doing, repeatable, and nothing stays of what was not done.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use e2e::{Client, Embedded, Fleet, Gate, Mill, PATIENCE, Settings, eventually, texts};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// What the promises say about a job that waits, one that runs, and one whose reader does not listen.
const QUEUED_WITHIN: Duration = Duration::from_secs(1);
const RUNNING_WITHIN: Duration = Duration::from_secs(5);
const STUBBORN_WITHIN: Duration = Duration::from_secs(10);

async fn upload(user: &Client, name: &str) -> Value {
    user.upload(&[(name, texts::LIGHTHOUSE.as_bytes())]).await
}

async fn cancel(user: &Client, job: &Value) -> Value {
    let answer = user
        .post(job["links"]["cancel"].as_str().unwrap(), &json!({}))
        .await;
    let job = answer.status(202).json();
    assert_eq!(job["status"], "cancelled", "{job}");
    assert!(job["finished_at"].is_string(), "{job}");
    assert_eq!(
        job["links"]["cancel"],
        Value::Null,
        "there is nothing left to cancel"
    );
    job
}

async fn begun(user: &Client, job: &Value) {
    let processing = async || user.documents(job).await[0]["status"] == "processing";
    eventually("a worker begins the document", PATIENCE, processing).await;
}

async fn assert_nothing_stored(mill: &Mill, user: &Client, job: &Value) {
    let id = job["id"].as_str().unwrap();
    for document in user.documents(job).await {
        let gone = async || mill.objects_of(document["id"].as_str().unwrap()).await.is_empty();
        eventually("nothing of it is stored", PATIENCE, gone).await;
    }
    let forgotten = async || mill.rows("discarded_documents", "job_id", id).await == 0;
    eventually("nothing of it has to go any more", PATIENCE, forgotten).await;
}

fn told(what: &str, took: Duration, within: Duration) {
    println!("P11 {what}: {took:?} (within {within:?})");
    assert!(took < within, "{what} took {took:?}");
}

/// A fleet with an API and a scheduler; the worker's storage lies behind a gate, and it runs one task at a time.
async fn with_gated_worker() -> (Mill, Gate, Client) {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    fleet.add_scheduler(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    let endpoint = fleet.stores.bucket.endpoint.clone();
    let gate = Gate::before(&endpoint).await;
    let gated = Settings::new()
        .with("storage.endpoint", gate.through(&endpoint))
        .with("worker.slots", "1");
    fleet.add_worker(&gated).await;
    let user = fleet.apis[0].user().await;
    (Mill::Fleet(fleet), gate, user)
}

fn fleet(mill: &Mill) -> &Fleet {
    match mill {
        Mill::Fleet(fleet) => fleet,
        Mill::Embedded(_) => unreachable!("these tests start fleets"),
    }
}

/// Waits until the only worker of a fleet runs nothing.
async fn worker_is_free(fleet: &Fleet) {
    let metrics = format!("{}/metrics", fleet.workers[0].health);
    let free = async || {
        let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        text.lines().any(|line| line == "docmill_worker_slots_used 0")
    };
    eventually("the worker is free", PATIENCE, free).await;
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_leaves_nothing() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    fleet.add_scheduler(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    let mill = Mill::Fleet(fleet);
    let (ada, eve) = (mill.user().await, mill.user().await);
    let files = [
        ("a.txt", texts::LIGHTHOUSE.as_bytes()),
        ("b.txt", texts::BAKERY.as_bytes()),
    ];
    let accepted = ada.upload(&files).await;
    let path = accepted["links"]["cancel"].as_str().unwrap();
    eve.post(path, &json!({})).await.problem(404, "not_found");
    mill.anybody()
        .post(path, &json!({}))
        .await
        .problem(401, "unauthenticated");

    let asked = Instant::now();
    let job = cancel(&ada, &accepted).await;
    told("a waiting job", asked.elapsed(), QUEUED_WITHIN);
    assert_eq!(
        (&job["cancelled"], &job["progress"]["done"]),
        (&json!(2), &json!(2)),
        "{job}"
    );
    for document in ada.documents(&job).await {
        assert_eq!(document["status"], "cancelled", "{document}");
        for link in ["original", "text"] {
            let path = document["links"][link].as_str().unwrap();
            ada.get(path).await.problem(410, "gone");
        }
    }
    assert_nothing_stored(&mill, &ada, &job).await;
    // Saying it again changes nothing, and is no mistake.
    let again = ada.post(path, &json!({})).await.status(202).json();
    assert_eq!(again, job);
    assert_eq!(
        mill.rows("audit_log", "resource_id", job["id"].as_str().unwrap())
            .await,
        2
    );
}

#[tokio::test]
async fn a_job_that_runs_is_stopped_within_seconds() {
    let (mill, gate, ada) = with_gated_worker().await;
    gate.stall();
    let accepted = upload(&ada, "running.txt").await;
    begun(&ada, &accepted).await;
    let asked = Instant::now();
    let job = cancel(&ada, &accepted).await;
    worker_is_free(fleet(&mill)).await;
    told("a running job", asked.elapsed(), RUNNING_WITHIN);
    gate.open();
    assert_nothing_stored(&mill, &ada, &job).await;
    // The worker is as good as before.
    let next = ada.ended(&upload(&ada, "next.txt").await).await;
    assert_eq!(
        (&next["status"], &next["attempt"]),
        (&json!("completed"), &json!(1)),
        "{next}"
    );
}

#[tokio::test]
async fn a_reader_that_does_not_listen_is_killed() {
    let (mill, _gate, ada) = with_gated_worker().await;
    ada.processed("first.txt", texts::LIGHTHOUSE.as_bytes()).await;
    let worker = fleet(&mill).workers[0].process.pid();
    let children = children_of(worker);
    assert!(!children.is_empty(), "a worker keeps a reader ready");
    for child in &children {
        let child = Pid::from_raw(i32::try_from(*child).unwrap()).unwrap();
        kill_process(child, Signal::STOP).unwrap();
    }
    let accepted = upload(&ada, "stuck.txt").await;
    begun(&ada, &accepted).await;
    let asked = Instant::now();
    let job = cancel(&ada, &accepted).await;
    worker_is_free(fleet(&mill)).await;
    let gone = async || children_of(worker).iter().all(|child| !children.contains(child));
    eventually("the reader is killed", PATIENCE, gone).await;
    told("a stubborn reader", asked.elapsed(), STUBBORN_WITHIN);
    assert_nothing_stored(&mill, &ada, &job).await;
    let next = ada.ended(&upload(&ada, "next.txt").await).await;
    assert_eq!(
        (&next["status"], &next["attempt"]),
        (&json!("completed"), &json!(1)),
        "{next}"
    );
}

/// The processes that a process has started and that still run.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |process: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let is = |name: &str, value: &str| {
            let mut lines = status.lines().filter_map(|line| line.split_once(':'));
            lines.any(|(key, it)| key == name && it.trim().starts_with(value))
        };
        is("PPid", &parent.to_string()) && !is("State", "Z")
    };
    numbers.filter(is_child).collect()
}

#[tokio::test]
async fn what_is_completed_stays_and_cannot_be_cancelled() {
    let mill = Mill::Embedded(Embedded::start(&Settings::new()).await);
    let ada = mill.user().await;
    let accepted = upload(&ada, "done.txt").await;
    let cancel = accepted["links"]["cancel"].as_str().unwrap().to_owned();
    let job = ada.ended(&accepted).await;
    assert_eq!(job["status"], "completed");
    ada.post(&cancel, &json!({})).await.problem(409, "job_ended");
    let document = ada.documents(&job).await.remove(0);
    let text = ada.get(document["links"]["text"].as_str().unwrap()).await;
    assert_eq!(text.status(200).text(), texts::LIGHTHOUSE);
}

#[tokio::test]
async fn cancelling_right_after_the_upload_ends_every_job_one_way_or_the_other() {
    const JOBS: usize = 40;
    let mill = Mill::Embedded(Embedded::start(&Settings::new()).await);
    let ada = mill.user().await;
    let mut cancelled = 0;
    for number in 0..JOBS {
        let accepted = upload(&ada, &format!("{number}.txt")).await;
        let path = accepted["links"]["cancel"].as_str().unwrap();
        let answer = ada.post(path, &json!({})).await;
        let job = ada.ended(&accepted).await;
        match answer.status {
            202 => {
                cancelled += 1;
                assert_eq!(job["status"], "cancelled", "{job}");
                assert_nothing_stored(&mill, &ada, &job).await;
            }
            409 => assert_eq!(job["status"], "completed", "{job}"),
            other => panic!("answered with {other}"),
        }
    }
    println!("P11 cancelled {cancelled} of {JOBS} jobs right after their upload");
    assert!(cancelled > 0, "none was quick enough to show anything");
}
