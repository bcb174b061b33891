//! What can happen to a Redis, and that the queue goes on afterwards.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{JobId, QueueName};
use queue::{Events, Hints, Popped, Queue, QueueError, QueueSettings, RedisEvents, RedisHints};
use tokio::net::{TcpListener, TcpStream};

use support::{AT_MOST, ids};

const QUEUE: QueueName = QueueName::Documents;
const NO_WAIT: Duration = Duration::ZERO;

#[tokio::test]
async fn entries_that_are_no_task_ids_are_dropped_and_counted() {
    let settings = support::redis_settings();
    let hints = RedisHints::connect(&settings).unwrap();
    let ids = ids(2);
    let huge = vec![b'x'; 5 << 20];
    let rubbish: [&[u8]; 5] = [b"hello", b"", &[0xff, 0x00, 0xfe], &huge, b"../../etc/passwd"];
    let key = format!("{}:hints:{QUEUE}", settings.prefix);
    let mut hand = support::by_hand().await;
    let mut push = redis::cmd("RPUSH");
    push.arg(&key)
        .arg(ids[0].to_string())
        .arg(&rubbish[..])
        .arg(ids[1].to_string());
    push.query_async::<u64>(&mut hand).await.unwrap();

    assert_eq!(hints.oldest(QUEUE).await.unwrap(), Some(ids[0]));
    let popped = hints.pop(QUEUE, 100, AT_MOST).await.unwrap();
    assert_eq!(
        popped,
        Popped {
            ids,
            dropped: rubbish.len()
        }
    );

    redis::cmd("RPUSH")
        .arg(&key)
        .arg("rubbish")
        .query_async::<u64>(&mut hand)
        .await
        .unwrap();
    assert_eq!(hints.oldest(QUEUE).await.unwrap(), None);
    let popped = hints.pop(QUEUE, 100, AT_MOST).await.unwrap();
    assert_eq!(
        popped,
        Popped {
            ids: vec![],
            dropped: 1
        }
    );
}

#[tokio::test]
async fn a_cut_connection_is_replaced_within_the_call() {
    const DATABASE: u8 = 15;
    let hints = RedisHints::connect(&support::redis_database(DATABASE)).unwrap();
    let ids = ids(3);
    for id in &ids {
        hints.push(QUEUE, &[*id], 10).await.unwrap();
        support::cut(DATABASE).await;
    }
    for id in &ids {
        assert_eq!(hints.pop(QUEUE, 1, AT_MOST).await.unwrap().ids, [*id]);
        support::cut(DATABASE).await;
    }

    // While it waits, too.
    let pop = tokio::spawn({
        let hints = hints.clone();
        async move { hints.pop(QUEUE, 1, AT_MOST).await }
    });
    support::until_blocked(DATABASE).await;
    support::cut(DATABASE).await;
    let outcome = match tokio::time::timeout(AT_MOST, hints.push(QUEUE, &ids, 10))
        .await
        .unwrap()
    {
        Ok(_) => pop.await.unwrap(),
        Err(error) => Err(error),
    };
    let taken = match outcome {
        Ok(popped) => popped.ids,
        Err(error) => {
            assert!(error.is_transient(), "{error:?}");
            hints.pop(QUEUE, 1, AT_MOST).await.unwrap().ids
        }
    };
    assert_eq!(taken, ids[..1]);
    hints.clear(QUEUE).await.unwrap();
}

#[tokio::test]
async fn a_flushed_redis_is_empty_and_goes_on() {
    const DATABASE: u8 = 14;
    let hints = RedisHints::connect(&support::redis_database(DATABASE)).unwrap();
    hints.push(QUEUE, &ids(3), 10).await.unwrap();
    let mut hand = support::by_hand().await;
    let mut flush = redis::pipe();
    flush
        .cmd("SELECT")
        .arg(DATABASE)
        .cmd("FLUSHDB")
        .cmd("SCRIPT")
        .arg("FLUSH");
    flush.exec_async(&mut hand).await.unwrap();

    assert_eq!(hints.pop(QUEUE, 10, NO_WAIT).await.unwrap(), Popped::default());
    assert_eq!(hints.oldest(QUEUE).await.unwrap(), None);
    let ids = ids(1);
    hints.push(QUEUE, &ids, 10).await.unwrap();
    assert_eq!(hints.pop(QUEUE, 10, NO_WAIT).await.unwrap().ids, ids);
}

#[tokio::test]
async fn a_pop_that_was_given_up_takes_nothing_away_later() {
    const DATABASE: u8 = 13;
    let hints = RedisHints::connect(&support::redis_database(DATABASE)).unwrap();
    let pop = tokio::spawn({
        let hints = hints.clone();
        async move { hints.pop(QUEUE, 1, 6 * AT_MOST).await }
    });
    support::until_blocked(DATABASE).await;
    pop.abort();
    assert!(pop.await.is_err());

    let ids = ids(1);
    hints.push(QUEUE, &ids, 10).await.unwrap();
    assert_eq!(hints.pop(QUEUE, 1, AT_MOST).await.unwrap().ids, ids);
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_and_soon() {
    // The listener is gone, so the port is closed.
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let hints = RedisHints::connect(&settings_for(port, Duration::from_secs(1))).unwrap();
    let begin = Instant::now();
    let error = hints.push(QUEUE, &ids(1), 10).await.unwrap_err();
    assert!(matches!(error, QueueError::Unreachable(_)), "{error:?}");
    let error = hints.length(QUEUE).await.unwrap_err();
    assert!(matches!(error, QueueError::Unreachable(_)), "{error:?}");
    let error = hints.pop(QUEUE, 1, AT_MOST).await.unwrap_err();
    assert!(matches!(error, QueueError::Unreachable(_)), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_redis_that_stalls_is_an_error_after_the_time_out() {
    // It accepts connections, as the kernel does for a stopped process, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let timeout = Duration::from_millis(50);
    let hints = RedisHints::connect(&settings_for(listener.local_addr().unwrap().port(), timeout)).unwrap();
    let questions = (0..50).map(|_| hints.length(QUEUE));
    for answer in futures::future::join_all(questions).await {
        assert!(matches!(answer, Err(QueueError::TimedOut(_))), "{answer:?}");
    }
    let pop = hints.pop(QUEUE, 1, Duration::from_millis(1)).await;
    assert!(matches!(pop, Err(QueueError::TimedOut(_))), "{pop:?}");
}

#[tokio::test]
async fn a_push_waits_a_moment_for_a_redis_that_stalls_and_then_not_at_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hints = RedisHints::connect(&settings_for(port, Duration::from_secs(2))).unwrap();
    assert!(!hints.is_away());
    let begin = Instant::now();
    let push = hints.push(QUEUE, &ids(1), 10).await;
    assert!(matches!(push, Err(QueueError::TimedOut(_))), "{push:?}");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(hints.is_away());
    let begin = Instant::now();
    for _ in 0..1_000 {
        let push = hints.push(QUEUE, &ids(1), 10).await;
        assert!(matches!(push, Err(QueueError::Away)), "{push:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_redis_that_comes_back_is_found_without_being_asked() {
    // A port on which nobody listens yet.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut settings = support::redis_settings();
    let url = support::redis_url();
    let server = url
        .rsplit_once('@')
        .map_or_else(|| url.trim_start_matches("redis://"), |(_, server)| server);
    let server = server.trim_end_matches('/').to_owned();
    settings.url = Some(url.replace(&server, &address.to_string()).into());
    let hints = RedisHints::connect(&settings).unwrap();
    let push = hints.push(QUEUE, &ids(1), 10).await;
    assert!(matches!(push, Err(QueueError::Unreachable(_))), "{push:?}");
    assert!(hints.is_away());

    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let found = async {
        while hints.is_away() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(AT_MOST, found)
        .await
        .expect("Redis is found");
    hints.push(QUEUE, &ids(1), 10).await.unwrap();
    hints.clear(QUEUE).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_stalled_is_not_used_again() {
    const DATABASE: u8 = 12;
    let mut settings = support::redis_database(DATABASE);
    settings.command_timeout = Duration::from_millis(300);
    let hints = RedisHints::connect(&settings).unwrap();
    hints.ping().await.unwrap();
    let before = support::connections(DATABASE).await;
    // Waits on the shared connection for longer than the time-out: to the client, Redis stalls.
    let stall = hints.pop(QUEUE, 1, NO_WAIT);
    stall.await.unwrap();
    let mut hand = support::by_hand().await;
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(600).arg("WRITE");
    pause.query_async::<()>(&mut hand).await.unwrap();
    let stalled = hints.push(QUEUE, &ids(1), 10).await;
    assert!(matches!(stalled, Err(QueueError::TimedOut(_))), "{stalled:?}");
    let mut unpause = redis::cmd("CLIENT");
    unpause.arg("UNPAUSE").query_async::<()>(&mut hand).await.unwrap();

    hints.ping().await.unwrap();
    let after = support::connections(DATABASE).await;
    assert!(
        before
            .iter()
            .any(|(id, _)| !after.iter().any(|(other, _)| other == id)),
        "{before:?} {after:?}"
    );
    hints.clear(QUEUE).await.unwrap();
}

#[tokio::test]
async fn events_are_heard_retry_after_the_connection_was_cut() {
    const DATABASE: u8 = 11;
    let settings = support::redis_database(DATABASE);
    let events = RedisEvents::connect(&settings).unwrap();
    let job = JobId::new();
    let mut watch = events.watch(job);
    // True once, for the listener cannot know what it missed before it listened.
    assert!(watch.changed(AT_MOST).await);
    support::cut(DATABASE).await;
    assert!(watch.changed(AT_MOST).await);
    events.publish(job);
    assert!(watch.changed(AT_MOST).await);
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let settings = QueueSettings {
        url: Some("redis://:hunter2@127.0.0.1:1/0".into()),
        ..QueueSettings::default()
    };
    let queue = Queue::open(&settings).unwrap();
    let error = queue.hints.ping().await.unwrap_err();
    assert!(!format!("{error:?} {}", telemetry::chain(&error)).contains("hunter2"));

    let url = support::redis_url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let server = rest.rsplit_once('@').map_or(rest, |(_, server)| server);
    let settings = QueueSettings {
        url: Some(format!("{scheme}://:hunter2@{server}").into()),
        ..QueueSettings::default()
    };
    let hints = Arc::new(RedisHints::connect(&settings).unwrap());
    let error = hints.ping().await.unwrap_err();
    assert!(!format!("{error:?} {}", telemetry::chain(&error)).contains("hunter2"));
    assert!(error.is_transient());
}

fn settings_for(port: u16, command_timeout: Duration) -> QueueSettings {
    QueueSettings {
        url: Some(format!("redis://127.0.0.1:{port}").into()),
        command_timeout,
        ..QueueSettings::default()
    }
}
