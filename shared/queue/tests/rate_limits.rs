//! What rate limits must do, run over memory and over a real Redis.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use domain::TaskId;
use futures::future::join_all;
use queue::{Bucket, MemoryRateLimits, QueueSettings, RedisRateLimits, SharedRateLimits};

/// So long that nothing fills again while a test runs.
const FOREVER: Duration = Duration::from_secs(1_000_000);

/// The same buckets, seen from three processes.
struct Fixture([SharedRateLimits; 3]);

fn memory() -> Fixture {
    let limits: SharedRateLimits = Arc::new(MemoryRateLimits::default());
    Fixture([Arc::clone(&limits), Arc::clone(&limits), limits])
}

fn redis() -> Fixture {
    let settings = support::redis_settings();
    Fixture(std::array::from_fn(|_| {
        let limits: SharedRateLimits = Arc::new(RedisRateLimits::connect(&settings).unwrap());
        limits
    }))
}

macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod in_memory { $(#[tokio::test] async fn $test() { super::$test(super::memory()).await; })+ }
        mod over_redis { $(#[tokio::test] async fn $test() { super::$test(super::redis()).await; })+ }
    };
}

on_every_backend! {
    of_many_at_once_exactly_as_many_pass_as_there_are_tokens,
    what_one_bucket_refuses_is_taken_from_none,
    the_tightest_bucket_speaks_for_all,
    a_refused_one_may_come_back_when_it_was_told,
    buckets_do_not_touch_each_other,
}

fn bucket(capacity: u32, window: Duration) -> Bucket {
    Bucket {
        key: TaskId::new().to_string(),
        capacity,
        window,
    }
}

async fn of_many_at_once_exactly_as_many_pass_as_there_are_tokens(fixture: Fixture) {
    let buckets = [bucket(100, FOREVER)];
    let asking = (0..300).map(|number| fixture.0[number % 3].take(&buckets));
    let taken = join_all(asking).await;
    assert_eq!(
        taken.iter().filter(|it| it.as_ref().unwrap().allowed).count(),
        100
    );
}

async fn what_one_bucket_refuses_is_taken_from_none(fixture: Fixture) {
    let (small, large) = (bucket(1, FOREVER), bucket(10, FOREVER));
    let both = [large.clone(), small.clone()];
    assert!(fixture.0[0].take(&both).await.unwrap().allowed);
    for limits in &fixture.0 {
        let refused = limits.take(&both).await.unwrap();
        assert!(!refused.allowed);
        assert_eq!((refused.tightest, refused.remaining), (1, 0));
    }
    assert_eq!(fixture.0[1].take(&[large]).await.unwrap().remaining, 8);
}

async fn the_tightest_bucket_speaks_for_all(fixture: Fixture) {
    let (small, large) = (bucket(4, FOREVER), bucket(1000, FOREVER));
    let taken = fixture.0[0].take(&[large.clone(), small.clone()]).await.unwrap();
    assert_eq!((taken.allowed, taken.tightest, taken.remaining), (true, 1, 3));
    assert_eq!(taken.retry_after, Duration::ZERO);
    let quarter = FOREVER / 4;
    assert!(
        taken.full_after > quarter - Duration::from_secs(1)
            && taken.full_after <= quarter + Duration::from_secs(1)
    );
    let taken = fixture.0[0].take(&[large]).await.unwrap();
    assert_eq!((taken.tightest, taken.remaining), (0, 998));
}

async fn a_refused_one_may_come_back_when_it_was_told(fixture: Fixture) {
    let window = Duration::from_millis(200);
    let buckets = [bucket(1, window)];
    assert!(fixture.0[0].take(&buckets).await.unwrap().allowed);
    let mut before = window;
    loop {
        let taken = fixture.0[1].take(&buckets).await.unwrap();
        if taken.allowed {
            break;
        }
        assert!(
            taken.retry_after <= before && taken.retry_after > Duration::ZERO,
            "{taken:?}"
        );
        before = taken.retry_after;
        tokio::task::yield_now().await;
    }
    assert!(
        before < window / 2,
        "the end of the wait was not told: {before:?}"
    );
}

async fn buckets_do_not_touch_each_other(fixture: Fixture) {
    for _ in 0..5 {
        assert!(fixture.0[0].take(&[bucket(1, FOREVER)]).await.unwrap().allowed);
    }
}

#[tokio::test]
async fn without_redis_nobody_is_kept_waiting() {
    let nowhere = QueueSettings {
        url: Some("redis://127.0.0.1:1".into()),
        ..support::redis_settings()
    };
    let limits: SharedRateLimits = Arc::new(RedisRateLimits::connect(&nowhere).unwrap());
    assert!(limits.take(&[bucket(1, FOREVER)]).await.is_err());
    // It is known to be away now and is not asked again.
    let asking = (0..1000).map(|_| limits.take(&[]));
    assert!(join_all(asking).await.iter().all(Result::is_err));
}
