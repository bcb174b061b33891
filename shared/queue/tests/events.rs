//! What every kind of events must do, run over memory and over a real Redis.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use domain::JobId;
use queue::{MemoryEvents, RedisEvents, SharedEvents, Watch};

use support::AT_MOST;

/// Two processes. What one publishes, the other hears.
struct Fixture {
    here: SharedEvents,
    there: SharedEvents,
}

fn memory() -> Fixture {
    let here: SharedEvents = Arc::new(MemoryEvents::default());
    let there = Arc::clone(&here);
    Fixture { here, there }
}

fn redis() -> Fixture {
    let settings = support::redis_settings();
    Fixture {
        here: Arc::new(RedisEvents::connect(&settings).unwrap()),
        there: Arc::new(RedisEvents::connect(&settings).unwrap()),
    }
}

macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod in_memory { $(#[tokio::test] async fn $test() { super::$test(super::memory()).await; })+ }
        mod over_redis { $(#[tokio::test] async fn $test() { super::$test(super::redis()).await; })+ }
    };
}

on_every_backend! {
    a_watch_hears_of_its_job,
    a_change_before_the_wait_is_heard_too,
    a_watch_hears_of_no_other_job,
    thousands_may_wait_and_all_are_woken,
}

/// Comes back once `there` is heard `here`: over Redis the first watch only begins to listen.
async fn listening(Fixture { here, there }: &Fixture) {
    let probe = JobId::new();
    let mut watch = here.watch(probe);
    watch.changed(AT_MOST / 100).await; // a listener that has just begun wakes everybody
    there.publish(probe);
    while !watch.changed(AT_MOST / 100).await {
        there.publish(probe);
    }
}

async fn is_heard(watch: &mut Watch) -> bool {
    watch.changed(AT_MOST).await
}

async fn a_watch_hears_of_its_job(both: Fixture) {
    listening(&both).await;
    let Fixture { here, there } = both;
    let job = JobId::new();
    let mut watch = here.watch(job);
    for _ in 0..3 {
        let (heard, ()) = tokio::join!(is_heard(&mut watch), async { there.publish(job) });
        assert!(heard);
    }
}

async fn a_change_before_the_wait_is_heard_too(both: Fixture) {
    listening(&both).await;
    let Fixture { here, there } = both;
    let job = JobId::new();
    let mut watch = here.watch(job);
    there.publish(job);
    assert!(is_heard(&mut watch).await);
}

async fn a_watch_hears_of_no_other_job(both: Fixture) {
    listening(&both).await;
    let Fixture { here, there } = both;
    let (job, other) = (JobId::new(), JobId::new());
    let mut watch = here.watch(job);
    let mut watch_other = here.watch(other);
    there.publish(other);
    assert!(is_heard(&mut watch_other).await);
    assert!(!watch.changed(Duration::ZERO).await);
}

async fn thousands_may_wait_and_all_are_woken(both: Fixture) {
    listening(&both).await;
    let Fixture { here, there } = both;
    let jobs: Vec<JobId> = (0..1_000).map(|_| JobId::new()).collect();
    // Three wait for each job.
    let mut watches: Vec<Watch> = jobs
        .iter()
        .cycle()
        .take(3_000)
        .map(|job| here.watch(*job))
        .collect();
    for job in &jobs {
        there.publish(*job);
    }
    let heard = futures::future::join_all(watches.iter_mut().map(is_heard)).await;
    assert!(heard.into_iter().all(|heard| heard));
}
