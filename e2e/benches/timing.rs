//! Whether the time of an answer tells what the answer does not: who has an account, and which ids exist. Pairs of requests, one
//! about what is there and one about what never was, in an order that chance decides; the mean of their differences, and between
//! which bounds it lies with 95 % certainty. Nothing fails here: figures are for people to judge.
//!
//! ```text
//! cargo build --release --workspace
//! cargo bench -p docmill-e2e --bench timing                                        # the embedded mode
//! script/test --services-only -- cargo bench -p docmill-e2e --bench timing         # a fleet over Postgres too
//! ```
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use domain::{DocumentId, UserId};
use e2e::{Client, Embedded, Fleet, MailServer, Manners, Mill};
use reqwest::Method;
use serde_json::{Value, json};

/// Pairs of requests that are compared.
const PAIRS: usize = 500;
/// Those before them, which warm up what answers.
const WARM_UP: usize = 20;
/// Things of somebody else that are asked for in turn.
const THINGS: usize = 25;

/// A hash of bcrypt (cost 10) that no password has.
const EARLIER_HASH: &str = "$2b$10$abcdefghijklmnopqrstuuujydOTSfIH/d5oUHpsygqV5X9xJLQc6";

fn somebody() -> String {
    format!("{}@example.com", UserId::new())
}

/// Heads or tails.
fn chance() -> bool {
    UserId::new().uuid().as_bytes()[15] & 1 == 0
}

/// Asks and gives how long the answer took. Both kinds of request must be answered with this status.
async fn timed(client: &Client, request: reqwest::RequestBuilder, status: u16) -> Duration {
    let started = Instant::now();
    let answer = client.send(request).await;
    let took = started.elapsed();
    let _ = answer.status(status);
    took
}

/// Times pairs and prints a row. `ask` makes the request with a number about what is there, or about what is not.
async fn compare(
    what: &str,
    client: &Client,
    status: u16,
    mut ask: impl FnMut(usize, bool) -> reqwest::RequestBuilder,
) {
    let mut took = [Vec::new(), Vec::new()];
    for number in 0..WARM_UP + PAIRS {
        let first = chance();
        let mut pair = [0.0; 2];
        for known in [first, !first] {
            let took = timed(client, ask(number, known), status).await;
            pair[usize::from(known)] = took.as_secs_f64() * 1e3;
        }
        if number >= WARM_UP {
            took[0].push(pair[0]);
            took[1].push(pair[1]);
        }
    }
    let [unknown, known] = took;
    let differences: Vec<f64> = known
        .iter()
        .zip(&unknown)
        .map(|(known, unknown)| known - unknown)
        .collect();
    let mean = mean(&differences);
    let variance = differences.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (PAIRS - 1) as f64;
    let bound = 1.96 * (variance / PAIRS as f64).sqrt();
    println!(
        "{what:<38} {:>9.2} {:>9.2}   {mean:>+7.3} ({:>+7.3} to {:>+7.3})",
        self::mean(&known),
        self::mean(&unknown),
        mean - bound,
        mean + bound,
    );
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A `POST` to a route of accounts that names somebody who has an account, or somebody who has none.
async fn name_somebody(what: &str, anybody: &Client, path: &str, known: &str, status: u16, more: &Value) {
    compare(what, anybody, status, |_, is_known| {
        let email = if is_known { known.to_owned() } else { somebody() };
        let mut body = more.clone();
        body["email"] = json!(email);
        anybody
            .request(Method::POST, &format!("/api/v1/auth/{path}"))
            .json(&body)
    })
    .await;
}

/// A request for something that is somebody else's, or that never was.
async fn name_something(what: &str, eve: &Client, method: Method, path: &str, there: &[String]) {
    let (before, after) = path.split_once("{id}").unwrap();
    compare(what, eve, 404, |number, is_there| {
        let id = match is_there {
            true => there[number % there.len()].clone(),
            false => DocumentId::new().to_string(),
        };
        let request = eve.request(method.clone(), &format!("/api/v1{before}{id}{after}"));
        match method {
            Method::POST => request.json(&json!({})),
            _ => request,
        }
    })
    .await;
}

/// Who has an account, and what ids there are.
async fn measure(mill: &Mill, server: &MailServer) {
    println!(
        "{:<38} {:>9} {:>9}   difference (95 % between)",
        "ms, means", "there", "not there"
    );
    let anybody = mill.anybody();
    let ada = server.confirmed(&anybody, &somebody()).await;
    let wrong = json!({ "password": "a wrong password" });
    let password = json!({ "password": "another horse, another battery" });
    let known = ada.email();
    name_somebody("login", &anybody, "login", known, 401, &wrong).await;
    name_somebody("register", &anybody, "register", known, 202, &password).await;
    name_somebody(
        "password/forgot",
        &anybody,
        "password/forgot",
        known,
        202,
        &json!({}),
    )
    .await;
    name_somebody("verify/resend", &anybody, "verify/resend", known, 202, &json!({})).await;

    let eve = server.confirmed(&anybody, &somebody()).await;
    let names: Vec<String> = (0..THINGS).map(|n| format!("note-{n}.txt")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), name.as_bytes()))
        .collect();
    let ids = |things: &[Value]| -> Vec<String> {
        things
            .iter()
            .map(|thing| thing["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let job = ada.upload(&files).await;
    let job = ada.ended(&job).await;
    let documents = ids(&ada.documents(&job).await);
    let mut keys = Vec::new();
    for name in &names {
        let wish = json!({ "name": name, "scopes": ["jobs:read"] });
        let made = ada.post("/api/v1/me/keys", &wish).await;
        // There may be fewer than that.
        if made.status == 201 {
            keys.push(made.json()["api_key"].clone());
        }
    }
    for (what, path) in [
        ("somebody else's document", "/documents/{id}"),
        ("its text", "/documents/{id}/text"),
        ("its parts", "/documents/{id}/parts"),
        ("its versions", "/documents/{id}/versions"),
    ] {
        name_something(what, &eve, Method::GET, path, &documents).await;
    }
    name_something(
        "somebody else's job",
        &eve,
        Method::GET,
        "/jobs/{id}",
        &ids(&[job]),
    )
    .await;
    name_something(
        "somebody else's key",
        &eve,
        Method::POST,
        "/me/keys/{id}/rotate",
        &ids(&keys),
    )
    .await;
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let server = MailServer::start(Manners::default()).await;
    println!("the embedded mode");
    measure(
        &Mill::Embedded(Embedded::start(&server.settings()).await),
        &server,
    )
    .await;
    if std::env::var_os("DOCMILL_TEST_POSTGRES_URL").is_none() {
        return;
    }
    println!("\na fleet");
    let fleet = Fleet::start(1, &server.settings()).await;
    let (anybody, old) = (fleet.apis[0].anybody(), fleet.apis[0].anybody());
    let old = server.confirmed(&old, &somebody()).await;
    let mill = Mill::Fleet(fleet);
    measure(&mill, &server).await;
    let Mill::Fleet(fleet) = &mill else { return };
    let id = old.user_id();
    let change = format!("UPDATE users SET password_hash = '{EARLIER_HASH}' WHERE id = '{id}'");
    fleet.stores.by_hand(&change).await;
    let wrong = json!({ "password": "a wrong password" });
    let what = "login, hash of bcrypt (cost 10)";
    name_somebody(what, &anybody, "login", old.email(), 401, &wrong).await;
}
