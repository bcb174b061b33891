//! Guesses at codes of a second factor.

use e2e::{Client, Embedded, Settings};
use futures::StreamExt;
use futures::stream;
use serde_json::json;

use crate::totp;

#[tokio::test]
async fn of_a_thousand_guesses_at_a_code_few_are_looked_at_and_none_is_right() {
    const LIMIT: usize = 10;
    let mill = Embedded::start(&Settings::new().with("http.rate.login_per_account", LIMIT.to_string())).await;
    let ada = mill.user().await;
    let begin = json!({ "password": Client::password() });
    let made = ada
        .post("/api/v1/me/second-factor", &begin)
        .await
        .status(200)
        .json();
    let confirm = json!({ "code": totp::code(&made, 0) });
    let _ = ada
        .post("/api/v1/me/second-factor/confirm", &confirm)
        .await
        .status(200);
    // Whoever knows the password counts up, and leaves out what would be right by chance.
    let right: Vec<String> = (-3..=40).map(|step| totp::code(&made, step)).collect();
    let started = std::time::Instant::now();
    let statuses: Vec<u16> = stream::iter((0..).map(|guess| format!("{guess:06}")))
        .filter(|guess| futures::future::ready(!right.contains(guess)))
        .take(1000)
        .map(|guess| {
            let ada = &ada;
            async move {
                let login = json!({ "email": ada.email(), "password": Client::password(), "code": guess });
                ada.post("/api/v1/auth/login", &login).await.status
            }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    println!("{looked_at} of 1,000 guesses were looked at, {refused} were not");
    assert_eq!(looked_at + refused, 1000, "{statuses:?}");
    // The bucket fills by one in six seconds.
    let refilled = usize::try_from(started.elapsed().as_secs() / 6).unwrap() + 1;
    assert!(looked_at <= LIMIT + refilled, "{looked_at}");
}
