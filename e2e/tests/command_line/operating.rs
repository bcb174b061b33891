//! What an operator does: look whether all is well, change the schema, make keys and accounts, begin anew.

use e2e::Client;
use e2e::{Embedded, Fleet, Folder, Settings, docmill, run, texts};
use serde_json::json;

#[tokio::test]
async fn check_finds_a_sound_mill_sound() {
    let mill = Embedded::start(&Settings::new()).await;
    let data = mill.data().to_str().unwrap();
    let output = docmill(mill.data(), &["--data", data, "check"], &Settings::new())
        .await
        .success();
    assert_eq!(
        output
            .stdout
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count(),
        6,
        "{output:?}"
    );

    let fleet = Fleet::prepared(&Settings::new()).await;
    let folder = Folder::new();
    let output = docmill(folder.path(), &["check"], &fleet.settings)
        .await
        .success();
    assert!(
        output.stdout.contains("Postgres") && output.stdout.contains("Redis"),
        "{output:?}"
    );
}

#[tokio::test]
async fn check_names_what_is_broken() {
    let folder = Folder::new();
    let nowhere = Settings::new()
        .with("database.url", "postgres://docmill:hunter2@127.0.0.1:1/docmill")
        .with("queue.url", "redis://:hunter2@127.0.0.1:1")
        .with("storage.backend", "s3")
        .with("storage.endpoint", "http://127.0.0.1:1")
        .with("storage.allow_http", "true")
        .with("storage.bucket", "docmill")
        .with("storage.access_key_id", "docmill")
        .with("storage.secret_access_key", "hunter2-hunter2");
    let output = docmill(folder.path(), &["check"], &nowhere).await.code(1);
    for part in ["database", "queue", "storage"] {
        let broken = output
            .stdout
            .lines()
            .any(|line| line.starts_with("BROKEN") && line.contains(part));
        assert!(broken, "{part}: {output:?}");
    }
    assert!(!output.everything().contains("hunter2"), "{output:?}");

    let fleet = Fleet::without_schema(&Settings::new()).await;
    let output = docmill(folder.path(), &["check"], &fleet.settings).await.code(1);
    assert!(output.stdout.contains("docmill migrate up"), "{output:?}");
    assert_eq!(
        output
            .stdout
            .lines()
            .filter(|line| line.starts_with("BROKEN"))
            .count(),
        1,
        "{output:?}"
    );
}

#[tokio::test]
async fn migrate_goes_up_and_down() {
    let fleet = Fleet::without_schema(&Settings::new()).await;
    let folder = Folder::new();
    let embedded = Settings::new();
    for settings in [&fleet.settings, &embedded] {
        let migrate = async |arguments: &[&str]| {
            let arguments = [&["--data", "data", "migrate"], arguments].concat();
            docmill(folder.path(), &arguments, settings).await
        };
        let count = |output: &e2e::Output, word: &str| {
            output.stdout.lines().filter(|it| it.starts_with(word)).count()
        };
        let before = migrate(&["status"]).await.success();
        let steps = count(&before, "missing");
        assert!(steps > 0 && count(&before, "applied") == 0, "{before:?}");
        assert_eq!(count(&migrate(&["up"]).await.success(), "applied"), steps);
        assert_eq!(
            count(&migrate(&["up"]).await.success(), "applied"),
            steps,
            "twice is fine"
        );
        let refused = migrate(&["down"]).await.code(2);
        assert!(refused.stderr.contains("--yes"), "{refused:?}");
        assert_eq!(count(&migrate(&["status"]).await.success(), "applied"), steps);
        assert_eq!(count(&migrate(&["down", "--yes"]).await.success(), "missing"), 1);
        let all = steps.to_string();
        assert_eq!(
            count(
                &migrate(&["down", "--steps", &all, "--yes"]).await.success(),
                "missing"
            ),
            steps
        );
        assert_eq!(
            count(&migrate(&["up"]).await.success(), "applied"),
            steps,
            "and up again"
        );
    }
}

#[tokio::test]
async fn many_may_migrate_at_once() {
    let fleet = Fleet::without_schema(&Settings::new()).await;
    let folder = Folder::new();
    let migrations = (0..4).map(|_| docmill(folder.path(), &["migrate", "up"], &fleet.settings));
    for output in futures::future::join_all(migrations).await {
        let _ = output.success();
    }
}

#[tokio::test]
async fn generated_keys_are_usable_and_different() {
    let folder = Folder::new();
    let key = async || {
        docmill(folder.path(), &["generate-key"], &Settings::new())
            .await
            .success()
            .stdout
    };
    let (first, second) = (key().await, key().await);
    assert!(first.starts_with("k4.local.") && first.ends_with('\n') && first != second);
    let settings = Settings::new().with("auth.keys", format!("{},{}", first.trim(), second.trim()));
    let mill = Embedded::start(&settings).await;
    assert!(
        !mill.data().join("access-token.key").exists(),
        "a key that is given is used"
    );
    let _ = mill.user().await.get("/api/v1/me").await.status(200);
}

#[tokio::test]
async fn an_account_that_was_made_can_log_in() {
    let mill = Embedded::start(&Settings::new().with("http.registration_open", "false")).await;
    let data = mill.data().to_str().unwrap();
    let create = [
        "--data",
        data,
        "user",
        "create",
        "--email",
        "ada@example.com",
        "--username",
        "ada",
        "--role",
        "admin",
    ];
    let anybody = mill.anybody();
    let account = json!({ "email": "eve@example.com", "password": Client::password() });
    anybody
        .post("/api/v1/auth/register", &account)
        .await
        .problem(403, "registration_closed");

    let refused = docmill(mill.data(), &create, &Settings::new()).await.code(2);
    assert!(refused.stderr.contains("DOCMILL_PASSWORD"), "{refused:?}");
    let from_input = [&create[..], &["--password-stdin"]].concat();
    let weak = run(
        "docmill",
        mill.data(),
        &from_input,
        &Settings::new(),
        "12345678\n",
    )
    .await
    .code(1);
    assert!(
        weak.stderr.contains("password") && !weak.everything().contains("12345678"),
        "{weak:?}"
    );
    let password = format!("{}\n", Client::password());
    let made = run("docmill", mill.data(), &from_input, &Settings::new(), &password)
        .await
        .success();
    let again = run("docmill", mill.data(), &from_input, &Settings::new(), &password)
        .await
        .code(1);
    assert!(
        again.stderr.contains("taken") && !again.everything().contains(Client::password()),
        "{again:?}"
    );

    for login in ["email", "username"] {
        let name = if login == "email" {
            "ada@example.com"
        } else {
            "ada"
        };
        let login = json!({ login: name, "password": Client::password() });
        let session = anybody
            .post("/api/v1/auth/login", &login)
            .await
            .status(200)
            .json();
        assert_eq!(
            (&session["user"]["id"], &session["user"]["role"]),
            (&json!(made.stdout.trim()), &json!("admin"))
        );
    }
}

#[tokio::test]
async fn reset_deletes_everything_and_only_when_told_twice() {
    let mill = Embedded::start(&Settings::new()).await;
    let ada = mill.user().await;
    ada.processed("lighthouse.txt", texts::LIGHTHOUSE.as_bytes())
        .await;
    mill.process.stop().await;
    assert_eq!(mill.keys().len(), 2);
    let data = mill.data().to_str().unwrap();
    let refused = docmill(mill.data(), &["--data", data, "reset"], &Settings::new())
        .await
        .code(2);
    assert!(refused.stderr.contains("--yes"), "{refused:?}");
    assert_eq!(mill.keys().len(), 2);

    let _ = docmill(mill.data(), &["--data", data, "reset", "--yes"], &Settings::new())
        .await
        .success();
    assert_eq!(mill.keys(), Vec::<String>::new());
    let email = ada.email().to_owned();
    let mill = mill.again().await;
    let anybody = mill.anybody();
    let login = json!({ "email": email, "password": Client::password() });
    anybody
        .post("/api/v1/auth/login", &login)
        .await
        .problem(401, "invalid_credentials");
}

#[tokio::test]
async fn health_asks_a_running_mill() {
    let mill = Embedded::start(&Settings::new()).await;
    let url = format!("{}/readyz", mill.base);
    let output = docmill(mill.data(), &["health", "--url", &url], &Settings::new())
        .await
        .success();
    assert!(output.stdout.contains("\"ready\""), "{output:?}");
    mill.process.kill();
    let output = docmill(mill.data(), &["health", "--url", &url], &Settings::new())
        .await
        .code(1);
    assert!(!output.stderr.is_empty());
}
