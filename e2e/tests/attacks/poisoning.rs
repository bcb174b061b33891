//! Somebody who can write to Redis, and what comes of it: nothing that the database does not say.

use std::time::Duration;

use domain::TaskId;
use e2e::{Fleet, Settings, eventually};

/// The list of hints for documents.
fn list(fleet: &Fleet) -> String {
    format!("{}:hints:documents", fleet.stores.hints.prefix)
}

#[tokio::test]
async fn what_is_forged_in_the_queue_runs_nothing_and_is_counted() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    let (ada, eve) = (fleet.apis[0].user().await, fleet.apis[0].user().await);
    // Hints are pushed with nobody there to take them, so that their list is known.
    let waiting = ada.upload(&[("waiting.txt", b"a few words")]).await;
    let client = redis::Client::open(fleet.stores.hints.url.as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = list(&fleet);
    let length: usize = redis::cmd("LLEN")
        .arg(&key)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(length, 1, "{key} is not the list");
    let hint: String = redis::cmd("LINDEX")
        .arg(&key)
        .arg(0)
        .query_async(&mut redis)
        .await
        .unwrap();

    let worker = fleet.add_worker(&Settings::new()).await;
    let pid = worker.process.pid();
    fleet.add_scheduler(&Settings::new()).await;
    assert_eq!(ada.ended(&waiting).await["status"], "completed");
    let document = ada.documents(&waiting).await.remove(0);
    let before = ada
        .get(document["links"]["self"].as_str().unwrap_or("/api/v1/jobs"))
        .await
        .text();

    let unknown = TaskId::new().to_string();
    let upper = hint.to_uppercase();
    let versioned = format!("{{\"v\":99,\"id\":\"{hint}\",\"user\":\"{}\"}}", eve.user_id());
    let huge = vec![b'x'; 1 << 20];
    let forged: Vec<&[u8]> = vec![
        b"",
        b"hello",
        b"../../etc/passwd",
        b"\xff\x00\xfe",
        b"{\"id\":1}",
        b"*1\r\n$8\r\nFLUSHALL\r\n",
        &huge,
        versioned.as_bytes(),
        upper.as_bytes(),
        unknown.as_bytes(),
        // Of a task that has ended: once more it must not run.
        hint.as_bytes(),
        hint.as_bytes(),
    ];
    let _: usize = redis::cmd("RPUSH")
        .arg(&key)
        .arg(&forged[..])
        .query_async(&mut redis)
        .await
        .unwrap();
    let worker = &fleet.workers[0];
    eventually("the queue is empty", Duration::from_secs(20), async || {
        let left: usize = redis::cmd("LLEN")
            .arg(&key)
            .query_async(&mut redis.clone())
            .await
            .unwrap();
        left == 0 && worker.metric("docmill_hints_dropped_total").await >= Some(8.0)
    })
    .await;
    // The worker goes on, and nothing was done twice.
    let next = eve.processed("next.txt", b"words of eve").await;
    assert_eq!(next["status"], "completed");
    assert_eq!((worker.process.pid(), worker.process.status()), (pid, None));
    assert_eq!(
        ada.get(document["links"]["self"].as_str().unwrap_or("/api/v1/jobs"))
            .await
            .text(),
        before
    );
    let finished = worker.metric("docmill_tasks_finished_total").await;
    assert_eq!(finished, Some(2.0), "one task of ada, one of eve");
    assert_eq!(eve.jobs().await.len(), 1);
    assert_eq!(
        ada.jobs()
            .await
            .iter()
            .filter(|job| job["status"] == "completed")
            .count(),
        1
    );
}
