//! The Redis of the tests, and a corner of it for each of them.

#![allow(dead_code)] // every test file uses a part of it

use std::time::Duration;

use domain::TaskId;
use queue::QueueSettings;

/// Longer than anything here takes, so that only a fault meets it.
pub(crate) const AT_MOST: Duration = Duration::from_secs(10);

/// The address of the Redis of the tests.
pub(crate) fn redis_url() -> String {
    std::env::var("DOCMILL_TEST_REDIS_URL").expect(
        "DOCMILL_TEST_REDIS_URL must name a Redis that tests may use; ./script/test starts one and sets it",
    )
}

/// Settings for keys that no other test has.
pub(crate) fn redis_settings() -> QueueSettings {
    QueueSettings {
        url: Some(redis_url().into()),
        prefix: format!("test:{}", TaskId::new()),
        command_timeout: AT_MOST,
    }
}

/// Settings for a database of its own, which a test may flush and whose connections it may cut.
pub(crate) fn redis_database(number: u8) -> QueueSettings {
    let url = redis_url();
    let (scheme, rest) = url.split_once("://").expect("an address");
    let server = rest.split_once('/').map_or(rest, |(server, _)| server);
    QueueSettings {
        url: Some(format!("{scheme}://{server}/{number}").into()),
        ..redis_settings()
    }
}

/// A plain connection, to do by hand what docmill does not do.
pub(crate) async fn by_hand() -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(redis_url()).expect("an address");
    client
        .get_multiplexed_async_connection()
        .await
        .expect("a running Redis")
}

/// Connections to a database, as pairs of an id and the command it ran last.
pub(crate) async fn connections(database: u8) -> Vec<(u64, String)> {
    let list: String = redis::cmd("CLIENT")
        .arg("LIST")
        .query_async(&mut by_hand().await)
        .await
        .expect("a list");
    let field = |line: &str, name: &str| {
        line.split(' ')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    list.lines()
        .filter(|line| field(line, "db") == Some(database.to_string()))
        .filter_map(|line| Some((field(line, "id")?.parse().ok()?, field(line, "cmd")?)))
        .collect()
}

/// Cuts every connection to a database.
pub(crate) async fn cut(database: u8) {
    let mut hand = by_hand().await;
    for (id, _) in connections(database).await {
        let _: u64 = redis::cmd("CLIENT")
            .arg("KILL")
            .arg("ID")
            .arg(id)
            .query_async(&mut hand)
            .await
            .expect("a number");
    }
}

/// Comes back once somebody waits in a blocking pop on a database.
pub(crate) async fn until_blocked(database: u8) {
    let blocked = async {
        while !connections(database)
            .await
            .iter()
            .any(|(_, command)| command == "blmpop")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(AT_MOST, blocked)
        .await
        .expect("a blocked pop");
}

/// That many new ids.
pub(crate) fn ids(count: usize) -> Vec<TaskId> {
    (0..count).map(|_| TaskId::new()).collect()
}
