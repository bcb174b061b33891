//! Whether somebody can find out who has an account.

use domain::UserId;
use e2e::{Client, Embedded, Settings};
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};

/// Pairs of a known and an unknown account.
const PAIRS: usize = 500;

/// How many passwords have gone through the hash.
async fn hashed(mill: &Embedded) -> u64 {
    let page = mill.anybody().get("/metrics").await.status(200).text();
    let line = page
        .lines()
        .find(|line| line.starts_with("docmill_passwords_hashed_total"));
    line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

/// Everything that is answered but the id of the request.
async fn answer(client: &Client, login: &Value) -> (u16, Value, Option<String>) {
    loop {
        let answer = client.post("/api/v1/auth/login", login).await;
        if answer.status != 503 {
            let mut body = answer.json();
            body["request_id"] = Value::Null;
            return (
                answer.status,
                body,
                answer.header("www-authenticate").map(str::to_owned),
            );
        }
        // There is room for so many only.
        tokio::task::yield_now().await;
    }
}

// That the two take as long is shown by what they do, not by a clock: one hash each, which is all that takes time.
#[tokio::test]
async fn a_login_of_nobody_is_answered_and_worked_on_like_a_wrong_one_of_somebody() {
    let mill = Embedded::start(&Settings::new()).await;
    let (ada, anybody) = (mill.user().await, mill.anybody());
    let before = hashed(&mill).await;
    let known = json!({ "email": ada.email(), "password": "a wrong password" });
    let expected = answer(&anybody, &known).await;
    assert_eq!(expected.0, 401);
    let after_known = hashed(&mill).await;
    assert_eq!(after_known - before, 1);
    let differing: Vec<_> = stream::iter(0..PAIRS)
        .flat_map(|_| {
            let unknown =
                json!({ "email": format!("{}@example.com", UserId::new()), "password": "a wrong password" });
            stream::iter([known.clone(), unknown])
        })
        .map(|login| {
            let anybody = &anybody;
            async move { answer(anybody, &login).await }
        })
        .buffer_unordered(32)
        .filter(|answer| futures::future::ready(*answer != expected))
        .collect()
        .await;
    assert!(
        differing.is_empty(),
        "{} answers differ: {:?}",
        differing.len(),
        differing.first()
    );
    assert_eq!(
        hashed(&mill).await - after_known,
        2 * PAIRS as u64,
        "one hash for each login"
    );
}

// An address that is taken is told to whoever wants to register it. But only after the same hash as for one that is not, and no
// more often than logins may be tried.
#[tokio::test]
async fn registering_a_taken_address_costs_the_hash_of_a_new_one() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    for (email, status) in [
        (ada.email().to_owned(), 409),
        (format!("{}@example.com", UserId::new()), 201),
    ] {
        let before = hashed(&mill).await;
        let account = json!({ "email": email, "password": Client::password() });
        let _ = mill
            .anybody()
            .post("/api/v1/auth/register", &account)
            .await
            .status(status);
        assert_eq!(hashed(&mill).await - before, 1, "{status}");
    }
}
