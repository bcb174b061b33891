//! Settings that cannot work are refused, all at once, and tell no secret.

use e2e::{Embedded, Folder, Settings, docmill, run};

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
