//! What strangers see of the inside: nothing on the outside, and nothing in an error.

use std::time::Duration;

use e2e::{Client, Embedded, Fleet, Gate, PATIENCE, Settings, eventually};
use reqwest::Method;
use serde_json::{Value, json};

/// Words that only somebody inside should read: of SQL, of paths, of the language and of its libraries.
const INSIDE: [&str; 16] = [
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "FROM ",
    "sqlx",
    "sea_orm",
    "SQLSTATE",
    "postgres",
    "sqlite",
    "redis",
    "/src/",
    ".rs:",
    "panicked",
    "127.0.0.1",
    "os error",
    "Connection refused",
];

/// Answers while something is broken tell what happened, and nothing of how it is built.
fn assert_tells_nothing(answer: &e2e::Answer, secrets: &[String]) {
    let text = answer.text();
    for word in INSIDE.iter().copied().chain(secrets.iter().map(String::as_str)) {
        assert!(!text.contains(word), "{word:?} is told: {text}");
    }
    if answer.status >= 500 {
        assert!(answer.json()["request_id"].is_string(), "{text}");
    }
}

#[tokio::test]
async fn in_production_strangers_find_neither_metrics_nor_pages_nor_anything_of_administrators() {
    let production = Settings::new().with("http.production", "true");
    let mut fleet = Fleet::prepared(&production).await;
    fleet.add_api(&Settings::new()).await;
    let embedded = Embedded::start(&production).await;
    let apart = Embedded::start(&production.clone().with("health.listen", "127.0.0.1:0")).await;
    for anybody in [fleet.apis[0].anybody(), embedded.anybody(), apart.anybody()] {
        for path in [
            "/metrics",
            "/metrics/",
            "/docs",
            "/docs/",
            "/admin",
            "/admin/",
            "/debug/pprof",
            "/.git/config",
            "/.env",
            "/api/v1/admin",
            "/server-status",
        ] {
            anybody.get(path).await.problem(404, "not_found");
        }
        let spec: Value = anybody.get("/openapi.json").await.status(200).json();
        let mut closed = 0;
        for (path, methods) in spec["paths"].as_object().unwrap() {
            for method in methods
                .as_object()
                .unwrap()
                .keys()
                .filter(|_| path.starts_with("/api/v1/admin/"))
            {
                let method: Method = method.to_uppercase().parse().unwrap();
                anybody
                    .send(anybody.request(method, path).json(&json!({})))
                    .await
                    .problem(401, "unauthenticated");
                closed += 1;
            }
        }
        assert!(closed > 25, "{closed}");
        // What balancers need says nothing but that.
        let ready = anybody.get("/readyz").await.status(200).text();
        assert!(!ready.contains(env!("CARGO_PKG_VERSION")), "{ready}");
        assert_eq!(anybody.get("/readyz").await.header("server"), None);
    }
    // Whoever may see metrics has them on a listener of their own.
    let page = reqwest::get(format!("{}/metrics", fleet.apis[0].health))
        .await
        .unwrap();
    assert!(page.text().await.unwrap().contains("docmill_build_info{"));
}

#[tokio::test]
async fn whatever_breaks_nobody_gets_in_and_nothing_of_the_inside_gets_out() {
    let mut fleet = Fleet::prepared(&Settings::new()).await;
    let database = Gate::before(&fleet.stores.database_url).await;
    let redis = Gate::before(&fleet.stores.hints.url).await;
    let objects = Gate::before(&fleet.stores.bucket.endpoint).await;
    let gated = Settings::new()
        .with("database.url", database.through(&fleet.stores.database_url))
        .with("queue.url", redis.through(&fleet.stores.hints.url))
        .with("storage.endpoint", objects.through(&fleet.stores.bucket.endpoint));
    let secrets = vec![
        fleet.stores.database_url.rsplit('/').next().unwrap().to_owned(),
        fleet.stores.hints.prefix.clone(),
        "docmill-test-secret".to_owned(),
    ];
    fleet.add_api(&gated).await;
    let api = &fleet.apis[0];
    let ada = api.user().await;
    let login = json!({ "email": ada.email(), "password": Client::password() });
    let attempts = async || {
        let forged = ada.with_token("v4.local.forged");
        vec![
            ada.get("/api/v1/me").await,
            ada.get("/api/v1/documents?q=words").await,
            ada.send(ada.form("", &[("a.txt", b"words")])).await,
            api.anybody().post("/api/v1/auth/login", &login).await,
            forged.get("/api/v1/me").await,
        ]
    };
    for (what, gate) in [("objects", &objects), ("redis", &redis), ("database", &database)] {
        gate.close();
        if what == "database" {
            // A session that a replica has heard of a moment ago is believed for four seconds; then nobody is let in.
            eventually("nobody is let in", PATIENCE, async || {
                ada.get("/api/v1/me").await.status == 503
            })
            .await;
            eventually("nor logs in", Duration::from_secs(10), async || {
                api.anybody().post("/api/v1/auth/login", &login).await.status == 503
            })
            .await;
        }
        for answer in attempts().await {
            println!("without {what}: {}", answer.status);
            assert_tells_nothing(&answer, &secrets);
            assert!(
                what != "database" || answer.status >= 400,
                "{what} is away and {} is answered",
                answer.text()
            );
        }
        gate.open();
        eventually("it is back", PATIENCE, async || {
            ada.get("/api/v1/me").await.status == 200
        })
        .await;
    }
    // A database that answers, with an error that nobody has foreseen.
    fleet
        .stores
        .by_hand("ALTER TABLE documents RENAME TO documents_away")
        .await;
    fleet
        .stores
        .by_hand("ALTER TABLE sessions RENAME COLUMN expires_at TO expires_away")
        .await;
    let mut broken = 0;
    for answer in attempts().await {
        assert_tells_nothing(&answer, &secrets);
        broken += usize::from(answer.status == 500);
    }
    assert!(broken >= 1, "nothing was broken");
    // It is told where it belongs.
    let _ = api.process.line("ERROR").await;
}
