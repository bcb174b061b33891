//! Waiting for a job that nobody works on.

use std::time::{Duration, Instant};

use e2e::{Fleet, Settings, texts};
use reqwest::Method;

const SECOND: Duration = Duration::from_secs(1);

/// A wait of a second takes as long, and no more than a busy machine adds.
fn assert_a_second(asked: Instant) {
    let waited = asked.elapsed();
    assert!((SECOND * 9 / 10..15 * SECOND).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn waiting_without_a_change_ends_in_time() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    let ada = fleet.apis[0].user().await;
    let upload = || ada.form("", &[("a.txt", texts::LIGHTHOUSE.as_bytes())]);

    let asked = Instant::now();
    let accepted = ada.send(upload().header("prefer", "wait=1")).await.status(202);
    assert_a_second(asked);
    assert_eq!(accepted.header("preference-applied"), Some("wait=1"));
    assert_eq!(accepted.header("retry-after"), Some("2"));
    assert_eq!(accepted.json()["status"], "pending");

    let (path, etag) = (
        accepted.header("location").unwrap(),
        accepted.header("etag").unwrap(),
    );
    let asked = Instant::now();
    let unchanged = ada
        .get_with(&format!("{path}?wait=1"), "if-none-match", etag)
        .await;
    assert_a_second(asked);
    assert_eq!(unchanged.status(304).header("etag"), Some(etag));

    // A job that is there is 200, whether it was waited for or not.
    let asked = Instant::now();
    let waited = ada.get_with(path, "prefer", "wait=1").await.status(200);
    assert_a_second(asked);
    assert_eq!(waited.header("preference-applied"), Some("wait=1"));
    assert_eq!(waited.header("retry-after"), Some("2"));
    // The parameter wins over the wish.
    let both = ada
        .request(Method::GET, &format!("{path}?wait=0"))
        .header("prefer", "wait=60");
    let asked = Instant::now();
    assert_eq!(
        ada.send(both).await.status(200).header("preference-applied"),
        None
    );
    assert!(asked.elapsed() < 15 * SECOND);
}
