//! More than can be served is refused, at once, and costs the others nothing.

use std::time::{Duration, Instant};

use e2e::{Fleet, PATIENCE, Service, Settings, eventually, texts};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use reqwest::Method;

use crate::raw::{Begun, metric};

const SECOND: Duration = Duration::from_secs(1);
const REFUSED: &str = "docmill_http_requests_refused_total";

/// What an upload holds at most while it is stored.
const UPLOAD_MEMORY_MAX: u64 = 16 << 20;

async fn api(settings: &Settings) -> Fleet {
    let mut fleet = Fleet::prepared(settings).await;
    fleet.add_api(&Settings::new()).await;
    fleet
}

/// Waits until so many places of a kind are taken.
async fn taken(api: &Service, kind: &str, count: f64) {
    let label = format!("kind=\"{kind}\"");
    let taken = async || metric(api, "docmill_http_places_taken", &label).await == count;
    eventually(
        &format!("{count} places of kind {kind} are taken"),
        PATIENCE,
        taken,
    )
    .await;
}

#[tokio::test]
async fn an_upload_too_many_is_refused_before_its_body_is_read() {
    let fleet = api(&Settings::new().with("http.uploads_max", "2")).await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    let bytes = 100_000;
    let mut begun = [
        Begun::upload(api, &ada, bytes, 10).await,
        Begun::upload(api, &ada, bytes, 10).await,
    ];
    taken(api, "upload", 2.0).await;
    let one_more = ada.form("", &[("a.txt", texts::LIGHTHOUSE.as_bytes())]);
    ada.send(one_more).await.problem(503, "overloaded");

    let asked = Instant::now();
    let mut late = Begun::upload(api, &ada, 64 << 20, 10).await;
    let answer = late.answer().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("\"code\":\"overloaded\"") && answer.contains("retry-after: 1"),
        "{answer}"
    );
    println!("an upload too many was refused after {:?}", asked.elapsed());
    assert!(asked.elapsed() < SECOND, "took {:?}", asked.elapsed());

    // Who asks before sending is told not to send.
    let headers = [
        "content-type: text/plain",
        "content-length: 100000",
        "expect: 100-continue",
    ];
    let mut polite = Begun::send(api, &ada, "POST /api/v1/documents", &headers, b"").await;
    let answer = polite.answer().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");

    // Everybody else is served, and the probes too.
    for path in ["/api/v1/jobs", "/api/v1/me", "/livez", "/readyz"] {
        let _ = ada.get(path).await.status(200);
    }
    assert!(metric(api, REFUSED, "kind=\"upload\"").await >= 3.0);

    for upload in &mut begun {
        upload.more(&vec![b'a'; bytes - 10]).await;
        let answer = upload.answer().await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    }
    let _ = ada.upload(&[("a.txt", texts::LIGHTHOUSE.as_bytes())]).await;
}

#[tokio::test]
async fn a_request_too_many_is_refused_and_probes_never_are() {
    let fleet = api(&Settings::new().with("http.requests_max", "2")).await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    let line = "POST /api/v1/auth/login";
    let headers = ["content-type: application/json", "content-length: 1000"];
    let begun = [
        Begun::send(api, &ada, line, &headers, b"{").await,
        Begun::send(api, &ada, line, &headers, b"{").await,
    ];
    taken(api, "request", 2.0).await;
    ada.get("/api/v1/me").await.problem(503, "overloaded");
    ada.get("/api/v1/jobs").await.problem(503, "overloaded");
    for path in ["/livez", "/readyz", "/health", "/openapi.json", "/problems"] {
        let _ = ada.get(path).await.status(200);
    }
    assert!(metric(api, REFUSED, "kind=\"request\"").await >= 2.0);
    // Uploads have places of their own, and a body that does not come keeps none for ever.
    let job = ada.upload(&[("a.txt", texts::LIGHTHOUSE.as_bytes())]).await;
    assert_eq!(job["status"], "pending");
    for mut request in begun {
        let answer = request.answer().await;
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("retry-after: "),
            "{answer}"
        );
    }
    let _ = ada.get("/api/v1/me").await.status(200);
}

#[tokio::test]
async fn an_account_waits_only_so_often_and_takes_no_place_meanwhile() {
    let settings = Settings::new()
        .with("http.requests_max", "2")
        .with("http.waits_per_account_max", "3");
    let fleet = api(&settings).await;
    let api = &fleet.apis[0];
    let (ada, eve) = (api.user().await, api.user().await);
    let upload = || ada.form("", &[("a.txt", texts::LIGHTHOUSE.as_bytes())]);
    let accepted = ada.send(upload()).await.status(202);
    let path = format!("GET {}?wait=60", accepted.header("location").unwrap());
    let mut waiting = Vec::new();
    for count in [1.0, 2.0, 3.0] {
        waiting.push(Begun::send(api, &ada, &path, &[], b"").await);
        taken(api, "wait", count).await;
    }
    let path = format!("{}?wait=60", accepted.header("location").unwrap());
    let problem = ada.get(&path).await.problem(429, "too_many_waits");
    assert!(
        problem["detail"].as_str().unwrap().contains("3 requests"),
        "{problem}"
    );
    assert!(metric(api, REFUSED, "kind=\"wait\"").await >= 1.0);

    // A wish to wait is not granted, and nothing else changes.
    let asked = Instant::now();
    let answer = ada.send(upload().header("prefer", "wait=60")).await.status(202);
    assert_eq!(answer.header("preference-applied"), None);
    assert!(asked.elapsed() < 15 * SECOND);
    // Waiting takes no place among those who are served, and other accounts may wait.
    let _ = ada.get("/api/v1/jobs").await.status(200);
    let theirs = eve
        .form("", &[("a.txt", texts::LIGHTHOUSE.as_bytes())])
        .header("prefer", "wait=1");
    assert_eq!(
        eve.send(theirs).await.status(202).header("preference-applied"),
        Some("wait=1")
    );

    // Whose job changes waits no more.
    let _ = ada.delete(accepted.header("location").unwrap()).await.status(204);
    taken(api, "wait", 0.0).await;
    for mut request in waiting {
        assert!(request.answer().await.starts_with("HTTP/1.1 404 "));
    }
}

/// Ten times as many at once as there is room for, until all of them have been let in.
#[tokio::test]
async fn a_flood_of_uploads_is_refused_in_part_and_what_was_accepted_is_there() {
    const ROOM: usize = 8;
    const CLIENTS: usize = 10 * ROOM;
    const UPLOADS: usize = 900;
    let fleet = api(&Settings::new().with("http.uploads_max", ROOM.to_string())).await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    let _ = ada.upload(&[("warm.txt", texts::LIGHTHOUSE.as_bytes())]).await;
    api.process.reset_memory_peak();
    let before = api.process.memory_peak();
    let content = texts::LIGHTHOUSE.repeat(10);

    let started = Instant::now();
    let (user, content) = (&ada, &content);
    let floods = stream::iter(0..UPLOADS).map(|number| async move {
        let (mut refusals, mut slowest_refusal) = (0, Duration::ZERO);
        loop {
            let asked = Instant::now();
            let name = format!("{number}.txt");
            let answer = user.send(user.form("", &[(&name, content.as_bytes())])).await;
            if answer.status == 202 {
                return (asked.elapsed(), refusals, slowest_refusal);
            }
            answer.problem(503, "overloaded");
            refusals += 1;
            slowest_refusal = slowest_refusal.max(asked.elapsed());
        }
    });
    let done: Vec<_> = floods.buffer_unordered(CLIENTS).collect().await;
    let took = started.elapsed();
    let added = api.process.memory_peak().saturating_sub(before);

    let refusals: u64 = done.iter().map(|(_, refusals, _)| refusals).sum();
    let slowest_refusal = done.iter().map(|(_, _, slowest)| *slowest).max().unwrap();
    let mut accepted: Vec<Duration> = done.iter().map(|(took, ..)| *took).collect();
    accepted.sort_unstable();
    println!(
        "{UPLOADS} uploads by {CLIENTS} clients into {ROOM} places in {took:.1?}: {refusals} refusals (slowest {slowest_refusal:?}), \
         accepted p50 {:?}, p99 {:?}, {} KiB more memory",
        accepted[UPLOADS / 2],
        accepted[UPLOADS * 99 / 100],
        added / 1024
    );
    assert!(refusals > 0, "there was room for everybody");
    assert!(added <= ROOM as u64 * UPLOAD_MEMORY_MAX, "{added} bytes more");
    let counted = metric(api, "docmill_documents_accepted_total", "").await;
    assert_eq!(counted, (UPLOADS + 1) as f64);
    let lost = metric(api, "docmill_database_lost_total", "").await;
    assert_eq!(lost, 0.0, "a database that is only busy is not away");
    // Other tests use the same bucket.
    let mut stored = fleet.stores.bucket.keys().await;
    stored.retain(|key| key.contains(ada.user_id()));
    assert_eq!(
        stored.len(),
        UPLOADS + 1,
        "what was accepted is there, and nothing else"
    );
}

#[tokio::test]
async fn many_who_log_in_at_once_are_served_or_told_to_come_back() {
    let fleet = api(&Settings::new().with("auth.password.parallel_hashes", "1")).await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    let login = serde_json::json!({ "email": ada.email(), "password": e2e::Client::password() });
    let logins = join_all((0..150).map(|_| ada.post("/api/v1/auth/login", &login)));
    let elsewhere = async {
        let asked = Instant::now();
        let _ = ada
            .send(ada.request(Method::GET, "/api/v1/jobs"))
            .await
            .status(200);
        asked.elapsed()
    };
    let (answers, other) = tokio::join!(logins, elsewhere);
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(503, "overloaded");
    }
    println!("150 logins at once: {served} served; another request took {other:?}");
    assert!((64..150).contains(&served), "{served} served");
    assert!(metric(api, REFUSED, "kind=\"password\"").await >= 1.0);
    assert!(other < 5 * SECOND, "took {other:?}");
}
