//! The command line, as people and scripts use it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use e2e::{Client, Embedded, Fleet, Folder, Settings, docmill, run, texts};
use serde_json::{Value, json};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../samples")
        .canonicalize()
        .expect("a folder with samples")
}

/// The names of the files in a folder; none of the samples lies deeper or is hidden.
fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .filter(|it| it.path().is_file())
        .map(|it| it.file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn process_reads_every_sample() {
    let folder = Folder::new();
    let samples = samples();
    let names = names_in(&samples);
    assert!(names.len() >= 8, "{names:?}");
    let output = docmill(
        folder.path(),
        &["process", samples.to_str().unwrap()],
        &Settings::new(),
    )
    .await
    .success();
    let lines: Vec<&str> = output.stdout.lines().collect();
    for heading in [
        "document", "title", "type", "pages", "language", "tags", "words", "time",
    ] {
        assert!(lines[0].contains(heading), "{heading} is missing in {}", lines[0]);
    }
    for name in &names {
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.starts_with(name.as_str()))
                .count(),
            1,
            "{name}: {}",
            output.stdout
        );
        for ending in [".text.txt", ".json"] {
            let path = folder
                .path()
                .join("docmill-results")
                .join(format!("{name}{ending}"));
            assert!(path.is_file(), "{} is missing", path.display());
        }
    }
    let summary = format!("{0} of {0} documents done", names.len());
    assert!(
        output.stdout.contains(&summary) && output.stdout.contains("docmill-results/"),
        "{}",
        output.stdout
    );
    // Nothing else is left behind: the rest was for this one run.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn process_speaks_json() {
    let folder = Folder::new();
    let note = folder.file("in/note.txt", texts::LIGHTHOUSE);
    folder.file("in/deeper/brot.md", texts::BAKERY);
    folder.file("in/.hidden/secret.txt", "nobody reads this");
    let input = folder.path().join("in");
    let arguments = [
        "process",
        "--json",
        "--output",
        "out",
        "--max-tags",
        "2",
        note.to_str().unwrap(),
        input.to_str().unwrap(),
    ];
    let output = docmill(folder.path(), &arguments, &Settings::new())
        .await
        .success();
    assert_eq!(output.stderr, "", "a script gets JSON and nothing else");
    let rows: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    // A file that is named twice is read once.
    assert_eq!(rows.len(), 2, "{rows:?}");
    let languages: BTreeSet<_> = rows
        .iter()
        .map(|row| row["document"]["language"].as_str().unwrap())
        .collect();
    assert_eq!(languages, BTreeSet::from(["de", "en"]));
    for row in &rows {
        assert_eq!(row["status"], "completed");
        assert!(row["milliseconds"].as_i64().unwrap() >= 0);
        assert!(row["document"]["tags"].as_array().unwrap().len() <= 2);
        let files = row["files"].as_array().unwrap();
        assert_eq!(files.len(), 2);
        for file in files {
            let content = std::fs::read_to_string(folder.path().join(file.as_str().unwrap())).unwrap();
            assert!(!content.is_empty());
        }
    }
}

#[tokio::test]
async fn process_says_what_failed_and_why() {
    let folder = Folder::new();
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken");
    folder.file("in/good.txt", texts::LIGHTHOUSE);
    folder.file("in/picture.png", texts::PICTURE);
    for name in names_in(&broken) {
        std::fs::copy(broken.join(&name), folder.path().join("in").join(&name)).unwrap();
    }
    // A page without text is read; there just is nothing on it.
    let readable = ["good.txt", "scan-without-text.pdf"];
    let mut names = names_in(&folder.path().join("in"));
    let count = names.len();
    names.retain(|name| !readable.contains(&name.as_str()));
    assert!(names.len() >= 5, "{names:?}");

    let output = docmill(folder.path(), &["process", "in"], &Settings::impatient())
        .await
        .code(1);
    for name in &names {
        let start = format!("FAILED  {name}  ");
        let reason = output.stdout.lines().find_map(|line| line.strip_prefix(&start));
        assert!(
            reason.is_some_and(|reason| reason.len() > 10),
            "{name}: {}",
            output.stdout
        );
    }
    for name in readable {
        assert!(
            output.stdout.lines().any(|line| line.starts_with(name)),
            "{name}: {}",
            output.stdout
        );
    }
    assert!(
        output.stdout.contains(&format!("2 of {count} documents done")),
        "{}",
        output.stdout
    );

    let output = docmill(
        folder.path(),
        &["process", "--json", "in"],
        &Settings::impatient(),
    )
    .await
    .code(1);
    let rows: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let failed = rows
        .iter()
        .filter(|row| row["status"] == "failed" && row["reason"].as_str().is_some());
    assert_eq!(failed.count(), names.len());
}

#[tokio::test]
async fn process_names_a_path_that_is_not_there() {
    let folder = Folder::new();
    let output = docmill(folder.path(), &["process", "no/such/file.pdf"], &Settings::new()).await;
    assert!(output.code.is_some_and(|code| code != 0), "{output:?}");
    assert!(
        output.stderr.contains("no/such/file.pdf") && !output.stderr.contains("panicked"),
        "{output:?}"
    );
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let output = docmill(folder.path(), &["process", "empty"], &Settings::new())
        .await
        .code(2);
    assert!(output.stderr.contains("no file in empty"), "{output:?}");
    let output = docmill(folder.path(), &["process"], &Settings::new())
        .await
        .code(2);
    assert!(output.stderr.contains("PATH"), "{output:?}");
}

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
        4,
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

#[tokio::test]
async fn every_problem_of_the_settings_is_told_at_once() {
    let folder = Folder::new();
    let config = folder.file("docmill.toml", "[http]\nlisten = \"here\"\n[wroker]\nslots = 2\n");
    let settings = Settings::new()
        .with("auth.keys", "hunter2")
        .with("database.url", "mysql://docmill:hunter2@db/docmill")
        .with("database.connections_max", "0")
        .with("queue.url", "redis://:hunter2@host:port")
        .with("worker.slots", "many")
        .with("log.levle", "debug");
    for command in [&["check"][..], &["serve"], &["migrate", "status"]] {
        let arguments = [&["--config", config.to_str().unwrap()], command].concat();
        let output = docmill(folder.path(), &arguments, &settings).await.code(2);
        for key in [
            "auth.keys",
            "database.url",
            "database.connections_max",
            "queue.url",
            "worker.slots",
            "log.levle",
            "http.listen",
            "wroker",
        ] {
            assert!(output.stderr.contains(key), "{key}: {output:?}");
        }
        assert!(!output.everything().contains("hunter2"), "{output:?}");
    }
    let output = docmill(folder.path(), &["--config", "no.toml", "check"], &Settings::new())
        .await
        .code(2);
    assert!(output.stderr.contains("no.toml"), "{output:?}");
}

#[tokio::test]
async fn a_fleet_refuses_what_only_one_process_can_use() {
    let folder = Folder::new();
    let alone = Settings::new()
        .with("database.url", "sqlite://docmill.db")
        .with("storage.backend", "memory")
        .with(
            "auth.keys",
            docmill(folder.path(), &["generate-key"], &Settings::new())
                .await
                .stdout
                .trim(),
        );
    for program in ["docmill-api", "docmill-worker", "docmill-scheduler"] {
        let output = run(program, folder.path(), &[], &alone, "").await.code(2);
        for (key, needed) in [
            ("database.url", "Postgres"),
            ("queue.url", "Redis"),
            ("storage.backend", "every process shares"),
        ] {
            let line = output
                .stderr
                .lines()
                .find(|line| line.trim_start().starts_with(key));
            assert!(
                line.is_some_and(|line| line.contains(needed)),
                "{program}, {key}: {output:?}"
            );
        }
    }
    let output = run("docmill-api", folder.path(), &[], &Settings::new(), "")
        .await
        .code(2);
    assert!(
        output.stderr.contains("auth.keys") && output.stderr.contains("docmill generate-key"),
        "{output:?}"
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let mill = Embedded::start(&Settings::new()).await;
    let address = mill.base.trim_start_matches("http://");
    let folder = Folder::new();
    let output = docmill(folder.path(), &["serve", "--listen", address], &Settings::new())
        .await
        .code(1);
    assert!(output.stderr.contains(address), "{output:?}");
}
