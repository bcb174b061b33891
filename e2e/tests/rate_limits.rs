//! How often somebody may ask, over three replicas of the API.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use e2e::{Client, Embedded, Fleet, Settings};
use futures::StreamExt;
use futures::stream;
use reqwest::Method;
use serde_json::json;

/// How many of so many requests, sixteen at a time, were let through; checks what the others were told.
async fn allowed(client: &Client, path: &str, requests: usize) -> usize {
    let answers: Vec<bool> = stream::iter(0..requests)
        .map(|_| async {
            let answer = client.get(path).await;
            assert!(answer.header("ratelimit-policy").unwrap().contains(";w=60"));
            assert!(answer.header("ratelimit").is_some());
            if answer.status == 200 {
                return true;
            }
            answer.problem(429, "rate_limited");
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            false
        })
        .buffer_unordered(16)
        .collect()
        .await;
    answers.into_iter().filter(|allowed| *allowed).count()
}

#[tokio::test]
async fn three_replicas_let_through_what_one_would() {
    const LIMIT: u32 = 300;
    let settings = Settings::new().with("http.rate.read_per_account", LIMIT.to_string());
    let mut fleet = Fleet::prepared(&settings).await;
    for _ in 0..3 {
        fleet.add_api(&Settings::new()).await;
    }
    let bases: Vec<String> = fleet.apis.iter().map(|api| api.base.clone()).collect();
    let ada = Client::anonymous(&bases).registered().await;
    let started = Instant::now();
    let through = allowed(&ada, "/api/v1/jobs", 600).await;
    let refilled = started.elapsed().as_secs_f64() / 60.0 * f64::from(LIMIT);
    println!(
        "{through} of 600 requests were let through, {refilled:.1} of them by what filled again meanwhile"
    );
    #[allow(clippy::cast_precision_loss)]
    let through = through as f64;
    assert!(through >= f64::from(LIMIT), "{through}");
    assert!(through <= (f64::from(LIMIT) + refilled) * 1.01 + 1.0, "{through}");
    // Somebody else is not touched by it.
    let eve = Client::anonymous(&bases).registered().await;
    let answer = eve.get("/api/v1/jobs").await.status(200);
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"read-account\";q=300;w=60")
    );
    assert!(
        answer
            .header("ratelimit")
            .unwrap()
            .starts_with("\"read-account\";r=299;t=")
    );
}

#[tokio::test]
async fn without_redis_every_replica_counts_for_itself() {
    let settings = Settings::new().with("http.rate.read_per_account", "5");
    let mut fleet = Fleet::prepared(&settings).await;
    fleet.add_api(&Settings::new()).await;
    fleet
        .add_api(&Settings::new().with("queue.url", "redis://127.0.0.1:1"))
        .await;
    let ada = fleet.apis[0].user().await;
    let alone =
        Client::anonymous(std::slice::from_ref(&fleet.apis[1].base)).with_session(ada.session.clone());
    for client in [&ada, &alone] {
        let through = allowed(client, "/api/v1/jobs", 10).await;
        assert!((5..=6).contains(&through), "{through}");
    }
}

#[tokio::test]
async fn guesses_at_a_password_end_before_they_reach_the_hash() {
    let settings = Settings::new()
        .with("http.rate.login_per_account", "10")
        .with("http.trusted_proxies", "127.0.0.0/8");
    let mut fleet = Fleet::prepared(&settings).await;
    for _ in 0..3 {
        fleet.add_api(&Settings::new()).await;
    }
    let bases: Vec<String> = fleet.apis.iter().map(|api| api.base.clone()).collect();
    let ada = Client::anonymous(&bases).registered().await;
    let nobody = Client::anonymous(&bases);
    let started = Instant::now();
    for email in [ada.email().to_owned(), "nobody@example.com".to_owned()] {
        let guesses: Vec<u16> = stream::iter(0..500)
            .map(|guess| {
                let (client, email) = (&nobody, &email);
                async move {
                    let request = client
                        .request(Method::POST, "/api/v1/auth/login")
                        .header("x-forwarded-for", format!("203.0.113.{}", guess % 50))
                        .json(&json!({ "email": email, "password": format!("guess number {guess}") }));
                    client.send(request).await.status
                }
            })
            .buffer_unordered(16)
            .collect()
            .await;
        let hashed = guesses.iter().filter(|status| **status == 401).count();
        let refused = guesses.iter().filter(|status| **status == 429).count();
        println!("{hashed} of 500 guesses from 50 addresses reached the hash");
        assert_eq!(hashed + refused, 500, "{guesses:?}");
        let refilled = started.elapsed().as_secs() / 6 + 1;
        assert!(hashed >= 10 && hashed as u64 <= 10 + refilled, "{hashed}");
    }
}

#[tokio::test]
async fn logins_from_one_address_are_bounded_and_only_a_trusted_proxy_names_another_one() {
    let limits = Settings::new().with("http.rate.login_per_address", "5");
    let log_in = async |client: &Client, from: &str| {
        let request = client
            .request(Method::POST, "/api/v1/auth/login")
            .header("x-forwarded-for", from)
            .json(&json!({ "email": "nobody@example.com", "password": "a wrong password" }));
        client.send(request).await.status
    };
    let mill = Embedded::start(&limits).await;
    let statuses: Vec<u16> = {
        let anybody = mill.anybody();
        let mut statuses = Vec::new();
        for number in 0..8 {
            statuses.push(log_in(&anybody, &format!("203.0.113.{number}")).await);
        }
        statuses
    };
    assert!(
        statuses.iter().filter(|status| **status == 401).count() <= 6,
        "a stranger was believed: {statuses:?}"
    );
    assert!(statuses.contains(&429), "{statuses:?}");

    let mill = Embedded::start(&limits.with("http.trusted_proxies", "127.0.0.1,10.0.0.0/8")).await;
    let anybody = mill.anybody();
    for number in 0..8 {
        assert_eq!(
            log_in(&anybody, &format!("203.0.113.{number}, 10.1.1.1")).await,
            401
        );
    }
    let mut again = Vec::new();
    for _ in 0..8 {
        again.push(log_in(&anybody, "198.51.100.1, 203.0.113.200").await);
    }
    assert!(again.contains(&429), "{again:?}");
}
