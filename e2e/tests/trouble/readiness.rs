//! Which processes say that they are ready, and what they say is missing.

use e2e::{Fleet, Gate, PATIENCE, Service, Settings, eventually};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

async fn readiness(service: &Service) -> (u16, Value) {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(format!("{}/readyz", service.health)).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn change(database: &mut PgConnection, statement: &'static str) {
    let outcome = sqlx::query(statement).execute(database).await.unwrap();
    assert_eq!(outcome.rows_affected(), 1, "{statement}");
}

#[tokio::test]
async fn a_process_whose_database_lacks_a_migration_says_so() {
    let mut fleet = Fleet::without_schema(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    fleet.add_scheduler(&Settings::new()).await;
    for service in fleet.services() {
        let (status, report) = readiness(service).await;
        assert_eq!((status, &report["status"]), (503, &json!("unready")), "{report}");
        assert_eq!(
            (&report["checks"]["database"], &report["checks"]["schema"]),
            (&json!("ok"), &json!("failed"))
        );
        let line = service.process.line("schema is not in order").await;
        assert!(line.contains("docmill migrate up"), "{line}");
    }

    fleet.migrate().await;
    fleet.add_worker(&Settings::new()).await;
    for service in fleet.services() {
        let ready = async || readiness(service).await.0 == 200;
        eventually("what has a schema is ready", PATIENCE, ready).await;
    }

    // While a newer release is rolled out, the older one goes on.
    let mut database = PgConnection::connect(&fleet.stores.database_url).await.unwrap();
    change(
        &mut database,
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_of_tomorrow', 0)",
    )
    .await;
    fleet.add_api(&Settings::new()).await;
    let newest = &fleet.apis[1];
    assert_eq!(readiness(newest).await.0, 200);
    // When a step is undone under them, they say so.
    change(
        &mut database,
        "DELETE FROM seaql_migrations WHERE version LIKE 'm0001%'",
    )
    .await;
    for service in fleet.services() {
        let unready = async || readiness(service).await.1["checks"]["schema"] == "failed";
        eventually("a step is missing", PATIENCE, unready).await;
    }
}

#[tokio::test]
async fn an_api_without_its_queue_is_degraded_and_ready() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    let gate = Gate::before(&fleet.stores.hints.url).await;
    let gated = Settings::new().with("queue.url", gate.through(&fleet.stores.hints.url));
    fleet.add_api(&gated).await;
    fleet.add_worker(&gated).await;
    gate.close();
    let (api, worker) = (&fleet.apis[0], &fleet.workers[0]);
    let degraded = async || readiness(api).await.1["status"] == "degraded";
    eventually("the API can do without it", PATIENCE, degraded).await;
    let (status, report) = readiness(api).await;
    assert_eq!(
        (status, &report["checks"]["queue"]),
        (200, &json!("degraded")),
        "{report}"
    );
    let unready = async || readiness(worker).await.0 == 503;
    eventually("a worker cannot", PATIENCE, unready).await;
}
