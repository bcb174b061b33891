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

/// Settings that are open to strangers, or nearly so: what each is, and what the one line about it says.
const DANGEROUS: &[(&[(&str, &str)], &str)] = &[
    (&[("auth.keys", "")], "auth.keys: must have at least one key"),
    (&[("auth.keys", "secret")], "auth.keys: key 1 is not of the form"),
    (
        &[(
            "auth.keys",
            "k4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        )],
        "auth.keys: key 1 is not random",
    ),
    (
        &[(
            "auth.keys",
            "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
        )],
        "auth.keys: key 1 is not random",
    ),
    (
        &[("auth.password.memory_kib", "1024")],
        "auth.password.memory_kib: ",
    ),
    (&[("auth.password.passes", "0")], "auth.password.passes: "),
    (
        &[("auth.access_token_minutes", "1440")],
        "auth.access_token_minutes: must be between 5 and 60",
    ),
    (
        &[("auth.refresh_token_days", "3650")],
        "auth.refresh_token_days: must be between 1 and 90",
    ),
    (
        &[("http.cors_origins", "*"), ("http.cors_credentials", "true")],
        "http.cors_origins: must not have *",
    ),
    (
        &[("http.cors_origins", "app.example.com")],
        "http.cors_origins: must have sites such as",
    ),
    (&[("http.trusted_proxies", "everybody")], "http.trusted_proxies: "),
    (
        &[("http.production", "true"), ("log.level", "debug")],
        "log.level: must not be debug",
    ),
    (
        &[("http.production", "true"), ("log.level", "info,api=trace")],
        "log.level: must not be debug",
    ),
    (
        &[("queue.url", "redis://redis.example.com:6379/0")],
        "queue.url: must have a password",
    ),
    (
        &[("queue.url", "redis://:changeme@10.0.0.7:6379/0")],
        "queue.url: has a password from an example",
    ),
    (
        &[(
            "database.url",
            "postgres://docmill:postgres@db.example.com/docmill",
        )],
        "database.url: has a password from an example",
    ),
    (
        &[("database.url", "mysql://docmill@localhost/docmill")],
        "database.url: must begin with",
    ),
    (
        &[
            ("storage.endpoint", "https://s3.example.com"),
            ("storage.secret_access_key", "minioadmin"),
        ],
        "storage.secret_access_key: is from an example",
    ),
    (
        &[
            ("storage.endpoint", "http://s3.example.com"),
            ("storage.allow_http", "false"),
        ],
        "storage.endpoint: documents would travel in the clear",
    ),
    (&[("http.requests_max", "0")], "http.requests_max: "),
];

#[tokio::test]
async fn settings_that_are_open_to_strangers_are_refused_in_one_clear_line_each() {
    let folder = Folder::new();
    let key = docmill(folder.path(), &["generate-key"], &Settings::new()).await;
    let sound = Settings::new()
        .with("auth.keys", key.stdout.trim())
        .with(
            "database.url",
            "postgres://docmill:9f2c77aa01@127.0.0.1:1/docmill",
        )
        .with("queue.url", "redis://:9f2c77aa01@127.0.0.1:1")
        .with("storage.backend", "s3")
        .with("storage.endpoint", "http://127.0.0.1:1")
        .with("storage.allow_http", "true")
        .with("storage.bucket", "docmill")
        .with("storage.access_key_id", "docmill")
        .with("storage.secret_access_key", "9f2c77aa01-9f2c77aa01");
    for (settings, line) in DANGEROUS {
        let changed = settings
            .iter()
            .fold(sound.clone(), |it, (key, value)| it.with(key, *value));
        let output = run("docmill-api", folder.path(), &[], &changed, "").await.code(2);
        let found: Vec<&str> = output
            .stderr
            .lines()
            .map(str::trim)
            .filter(|it| it.starts_with(line))
            .collect();
        assert_eq!(found.len(), 1, "{settings:?}: {output:?}");
        assert!(
            output.stderr.contains("the settings have a problem:"),
            "one problem and no other: {output:?}"
        );
        for (_, secret) in settings
            .iter()
            .filter(|(key, _)| key.contains("url") || key.contains("secret"))
        {
            assert!(!output.everything().contains(secret), "{output:?}");
        }
    }
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
