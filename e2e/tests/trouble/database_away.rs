//! A database that does not answer: everybody is told within a second, nobody hangs, and what comes after works.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::{Client, Fleet, Gate, PATIENCE, Service, Settings, eventually, texts, until};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::raw::{Begun, metric};

const SECOND: Duration = Duration::from_secs(1);
/// What is promised is a second. The rest is for a machine that runs other tests besides.
const ANSWER_MAX: Duration = Duration::from_millis(1_500);
const RECOVERY_MAX: Duration = Duration::from_secs(10);

/// An API whose way to the database can be cut. The gate runs in this process, which must not keep it waiting by itself:
/// hence several threads.
async fn gated() -> (Fleet, Gate) {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    let gate = Gate::before(&fleet.stores.database_url).await;
    let gated = Settings::new().with("database.url", gate.through(&fleet.stores.database_url));
    fleet.add_api(&gated).await;
    (fleet, gate)
}

fn upload(user: &Client) -> reqwest::RequestBuilder {
    user.form("", &[("a.txt", texts::LIGHTHOUSE.as_bytes())])
}

/// What happens to the database while others ask.
#[derive(Default)]
struct Absence {
    cut: OnceLock<Instant>,
    over: AtomicBool,
    stop: AtomicBool,
}

/// Asks for everything in turn until it is told to stop, and gives the number of answers during the absence and the longest
/// time that one took since its beginning.
async fn keep_asking(user: &Client, turn: usize, absence: &Absence) -> (u32, Duration) {
    let account = json!({ "email": format!("{turn}@example.com"), "password": Client::password() });
    let mut slowest = Duration::ZERO;
    let (mut answers, mut number) = (0, turn);
    while !absence.stop.load(Ordering::Relaxed) {
        let request = match number % 6 {
            0 => user.request(Method::GET, "/api/v1/jobs"),
            1 => user.request(Method::GET, "/api/v1/documents?q=lighthouse"),
            2 => upload(user),
            3 => user.request(Method::GET, "/api/v1/me"),
            4 => user.request(Method::POST, "/api/v1/auth/login").json(&account),
            _ => user.request(
                Method::DELETE,
                "/api/v1/jobs/0192f1d0-7c5a-7000-8000-000000000000",
            ),
        };
        let asked = Instant::now();
        let answer = user.send(request).await;
        let known = [200, 202, 204, 401];
        if !known.contains(&answer.status) {
            answer.problem(503, "unavailable");
        }
        if let Some(cut) = absence
            .cut
            .get()
            .filter(|_| !absence.over.load(Ordering::Relaxed))
        {
            let took = asked.max(*cut).elapsed();
            assert!(took < ANSWER_MAX, "turn {number} took {took:?}");
            slowest = slowest.max(took);
            answers += 1;
        }
        number += 1;
    }
    (answers, slowest)
}

/// Waits until an upload is being served.
async fn on_its_way(api: &Service) {
    let begun = async || metric(api, "docmill_http_places_taken", "kind=\"upload\"").await > 0.0;
    eventually("the upload is on its way", PATIENCE, begun).await;
}

/// Cuts the database off under load, and looks at what everybody is told meanwhile and afterwards.
async fn cut_off(how: fn(&Gate), what: &str) {
    let (fleet, gate) = gated().await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    let before = ada.send(upload(&ada)).await.status(202);
    let absence = Absence::default();

    let askers = join_all((0..12).map(|turn| keep_asking(&ada, turn, &absence)));
    let path = format!("{}?wait=60", before.header("location").unwrap());
    let waiting = async {
        let answer = ada.get(&path).await;
        answer.problem(503, "unavailable");
        Instant::now()
    };
    let direct = async {
        let asking = async || metric(api, "docmill_http_requests_total", "/jobs").await > 20.0;
        eventually("everybody is asking", PATIENCE, asking).await;
        assert_eq!(
            metric(api, "docmill_database_lost_total", "").await,
            0.0,
            "it was there"
        );
        let at = *absence.cut.get_or_init(Instant::now);
        how(&gate);
        // While it is away: the process lives and says that it is not ready, and refuses before it reads.
        let unready = async || {
            reqwest::get(format!("{}/readyz", api.health))
                .await
                .unwrap()
                .status()
                == 503
        };
        eventually("it is not ready", PATIENCE, unready).await;
        let alive = reqwest::get(format!("{}/livez", api.health)).await.unwrap();
        assert_eq!(alive.status(), 200);
        let noticed = async || metric(api, "docmill_database_lost_total", "").await >= 1.0;
        eventually("the loss is noticed", PATIENCE, noticed).await;
        let mut large = Begun::upload(api, &ada, 64 << 20, 10).await;
        let answer = large.answer().await;
        assert!(
            answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"),
            "{answer}"
        );
        let enough = async || metric(api, "docmill_http_requests_total", "status=\"5xx\"").await > 200.0;
        eventually("many have been told", PATIENCE, enough).await;

        absence.over.store(true, Ordering::Relaxed);
        let opened = Instant::now();
        gate.open();
        let back = async || (ada.get("/api/v1/me").await.status == 200).then(Instant::now);
        let back = until("the API is back", PATIENCE, back).await;
        // From now on nobody meets a connection of before.
        for _ in 0..30 {
            let _ = ada.get("/api/v1/jobs").await.status(200);
        }
        absence.stop.store(true, Ordering::Relaxed);
        (at, back - opened)
    };
    let (asked, told, (at, recovery)) = tokio::join!(askers, waiting, direct);
    let slowest = asked.iter().map(|(_, slowest)| *slowest).max().unwrap();
    let answers: u32 = asked.iter().map(|(answers, _)| answers).sum();
    let waiter = told.saturating_duration_since(at);
    println!(
        "database {what}: {answers} answers, the slowest after {slowest:?}; a waiting request after {waiter:?}; \
         back {recovery:?} after it was"
    );
    assert!(waiter < ANSWER_MAX, "who waited was told after {waiter:?}");
    assert!(recovery < RECOVERY_MAX, "took {recovery:?}");
    assert!(metric(api, "docmill_database_lost_total", "").await >= 1.0);
    every_job_has_its_originals(&ada).await;
}

/// Whatever was answered: a job that is there has its bytes.
async fn every_job_has_its_originals(user: &Client) {
    let page = user.get("/api/v1/documents?limit=100").await.status(200).json();
    let documents = page["items"].as_array().unwrap();
    assert!(!documents.is_empty());
    for document in documents {
        let original = user.get(document["links"]["original"].as_str().unwrap()).await;
        assert_eq!(original.status(200).text(), texts::LIGHTHOUSE, "{document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stalls_hangs_nobody() {
    cut_off(Gate::stall, "stalled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_closed_hangs_nobody() {
    cut_off(Gate::close, "closed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_on_its_way_outlives_a_short_absence() {
    let (fleet, gate) = gated().await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    // A session that was just looked up is believed for some seconds.
    let _ = ada.get("/api/v1/me").await.status(200);
    let bytes = 1 << 20;
    let mut begun = Begun::upload(api, &ada, bytes, bytes / 2).await;
    on_its_way(api).await;
    gate.stall();
    let refused = async || ada.send(upload(&ada)).await.status == 503;
    eventually("the database is missed", PATIENCE, refused).await;
    gate.open();
    let served = async || ada.get("/api/v1/me").await.status == 200;
    eventually("the database is back", PATIENCE, served).await;
    begun.more(&vec![b'a'; bytes - bytes / 2]).await;
    let answer = begun.answer().await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
}

/// The statement that makes a job durable is on its way when the database falls silent: nobody can know what becomes of
/// it, so nothing may be thrown away.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_doubt_keeps_its_objects() {
    let (fleet, gate) = gated().await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    let bytes = 1 << 20;
    let mut begun = Begun::upload(api, &ada, bytes, bytes - 1).await;
    on_its_way(api).await;
    // Whoever holds the table lets everybody read it. Only the statement that stores the job waits.
    let mut holder = PgConnection::connect(&fleet.stores.database_url).await.unwrap();
    holder
        .execute("BEGIN; LOCK TABLE jobs IN EXCLUSIVE MODE")
        .await
        .unwrap();
    begun.more(b"a").await;
    let waits = async || {
        let waiting = "SELECT 1::bigint FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
             WHERE c.relname = 'jobs' AND NOT l.granted";
        let waiting: Option<i64> = sqlx::query_scalar(waiting)
            .fetch_optional(&mut holder)
            .await
            .unwrap();
        waiting.is_some()
    };
    eventually("the statement waits", PATIENCE, waits).await;
    let asked = Instant::now();
    gate.stall();
    let answer = begun.answer().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(asked.elapsed() < ANSWER_MAX, "took {:?}", asked.elapsed());

    // Nobody waits for the statement any more, and it is carried out now.
    holder.execute("COMMIT").await.unwrap();
    gate.open();
    let served = async || ada.get("/api/v1/me").await.status == 200;
    eventually("the database is back", PATIENCE, served).await;
    let stored = async || Some(ada.jobs().await).filter(|jobs| jobs.len() == 1);
    let jobs: Vec<Value> = until("the job is stored after all", PATIENCE, stored).await;
    let document = ada.documents(&jobs[0]).await.remove(0);
    let original = ada
        .get(document["links"]["original"].as_str().unwrap())
        .await
        .status(200);
    assert_eq!(original.bytes().len(), bytes);
    assert!(asked.elapsed() < 60 * SECOND);
}
