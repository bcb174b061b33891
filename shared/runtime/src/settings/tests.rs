//! Settings as operators write them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use domain::ByteSize;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::*;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    database: DatabaseSection,
    http: HttpSection,
    storage: StorageSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DatabaseSection {
    url: SecretString,
    connections_max: u16,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HttpSection {
    listen: Option<SocketAddr>,
    compress: bool,
    origins: Vec<String>,
    keys: Vec<SecretString>,
    upload_bytes_max: ByteSize,
    #[serde(with = "domain::units::duration")]
    request_timeout: Duration,
    ratio: f64,
    retries: i32,
    style: Style,
    headers: BTreeMap<String, String>,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            listen: None,
            compress: false,
            origins: Vec::new(),
            keys: Vec::new(),
            upload_bytes_max: ByteSize::from_mib(100),
            request_timeout: Duration::from_secs(30),
            ratio: 0.5,
            retries: 0,
            style: Style::default(),
            headers: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Style {
    #[default]
    Plain,
    Fancy,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "backend", rename_all = "snake_case", deny_unknown_fields)]
enum StorageSection {
    Folder { path: String },
    S3 { bucket: String, allow_http: bool },
}

impl Default for StorageSection {
    fn default() -> Self {
        Self::Folder {
            path: "data".to_owned(),
        }
    }
}

impl Sections for Settings {
    fn problems(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut database = Vec::new();
        if self.database.connections_max == 0 {
            database.push("connections_max: must be at least 1".to_owned());
        }
        let mut http = Vec::new();
        if self.http.listen.is_none() {
            http.push("listen: must be set".to_owned());
        }
        vec![("database", database), ("http", http)]
    }
}

fn load_with(file: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsProblems> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docmill.toml");
    std::fs::write(&path, file).unwrap();
    load_from(
        Some(&path),
        variables.iter().map(|(name, value)| (name.into(), value.into())),
    )
}

fn problems_with(file: &str, variables: &[(&str, &str)]) -> Vec<String> {
    load_with(file, variables).unwrap_err().lines().to_vec()
}

const GOOD: &str = "database.connections_max = 5\nhttp.listen = '127.0.0.1:8000'\n";

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[database]\nurl = 'sqlite:a.db'\nconnections_max = 5\n[http]\nlisten = '127.0.0.1:1'\n";
    let settings = load_with(
        file,
        &[("DOCMILL_DATABASE__CONNECTIONS_MAX", "9"), ("PATH", "/bin")],
    )
    .unwrap();
    assert_eq!(settings.database.url.expose_secret(), "sqlite:a.db");
    assert_eq!(settings.database.connections_max, 9);
    assert_eq!(settings.http.upload_bytes_max, ByteSize::from_mib(100));
}

#[test]
fn a_variable_is_read_as_what_its_key_asks_for() {
    let settings = load_with(
        GOOD,
        &[
            ("DOCMILL_DATABASE__URL", "12345"),
            ("DOCMILL_HTTP__LISTEN", "[::1]:9000"),
            ("DOCMILL_HTTP__COMPRESS", "true"),
            ("DOCMILL_HTTP__ORIGINS", "https://a.example, https://b.example,"),
            ("DOCMILL_HTTP__KEYS", "1,two"),
            ("DOCMILL_HTTP__UPLOAD_BYTES_MAX", "1GiB"),
            ("DOCMILL_HTTP__REQUEST_TIMEOUT", "1m30s"),
            ("DOCMILL_HTTP__RATIO", "0.25"),
            ("DOCMILL_HTTP__RETRIES", "-1"),
            ("DOCMILL_HTTP__STYLE", "fancy"),
            ("DOCMILL_HTTP__HEADERS__SERVER", "1"),
        ],
    )
    .unwrap();
    assert_eq!(settings.database.url.expose_secret(), "12345");
    assert_eq!(settings.http.listen, Some("[::1]:9000".parse().unwrap()));
    assert!(settings.http.compress);
    assert_eq!(settings.http.origins, ["https://a.example", "https://b.example"]);
    assert_eq!(
        settings
            .http
            .keys
            .iter()
            .map(ExposeSecret::expose_secret)
            .collect::<Vec<_>>(),
        ["1", "two"]
    );
    assert_eq!(settings.http.upload_bytes_max, ByteSize::from_gib(1));
    assert_eq!(settings.http.request_timeout, Duration::from_secs(90));
    assert!((settings.http.ratio - 0.25).abs() < f64::EPSILON);
    assert_eq!(settings.http.retries, -1);
    assert_eq!(settings.http.style, Style::Fancy);
    assert_eq!(settings.http.headers["server"], "1");
}

#[test]
fn an_enum_with_a_tag_is_set_key_by_key() {
    let variables = [
        ("DOCMILL_STORAGE__BACKEND", "s3"),
        ("DOCMILL_STORAGE__BUCKET", "documents"),
        ("DOCMILL_STORAGE__ALLOW_HTTP", "true"),
    ];
    let settings = load_with(GOOD, &variables).unwrap();
    assert_eq!(
        settings.storage,
        StorageSection::S3 {
            bucket: "documents".to_owned(),
            allow_http: true
        }
    );
}

#[test]
fn every_problem_is_told_at_once() {
    let file = "[database]\nconections_max = 5\nurl = 3\n[http]\nrequest_timeout = '30'\nstyle = 'loud'\n[htp]\na = 1\n";
    let variables = [
        ("DOCMILL_HTTP__COMPRESS", "maybe"),
        ("DOCMILL_HTTP__RETRIES", "many"),
        ("DOCMILL_HTTP__UPLOAD_BYTES_MAX", "lots"),
        ("DOCMILL_HTTP__ORIGIN", "https://a.example"),
        ("DOCMILL_DATABASE_URL", "sqlite:a.db"),
        ("DOCMILL_COLOUR", "red"),
    ];
    assert_eq!(
        problems_with(file, &variables),
        [
            "DOCMILL_COLOUR: names no setting; settings are named DOCMILL_SECTION__KEY",
            "DOCMILL_DATABASE_URL: names no setting; those of this section begin with DOCMILL_DATABASE__",
            "database.conections_max: unknown key; did you mean database.connections_max?",
            "database.url: must be a text",
            "htp: unknown section; did you mean http?",
            "http.compress: must be true or false (from DOCMILL_HTTP__COMPRESS)",
            "http.origin: unknown key; did you mean http.origins? (from DOCMILL_HTTP__ORIGIN)",
            "http.request_timeout: not a duration such as 500ms, 30s, 15m, 24h or 1h30m",
            "http.retries: must be a whole number (from DOCMILL_HTTP__RETRIES)",
            "http.style: must be one of plain, fancy",
            "http.upload_bytes_max: not a size such as 512MiB, 1GiB or 4096B (from DOCMILL_HTTP__UPLOAD_BYTES_MAX)",
            "database.connections_max: must be at least 1",
            "http.listen: must be set",
        ]
    );
}

#[test]
fn a_value_that_could_not_be_read_is_not_reported_twice() {
    let problems = problems_with(
        "http.listen = '1.2.3.4:1'",
        &[("DOCMILL_DATABASE__CONNECTIONS_MAX", "70000")],
    );
    assert_eq!(
        problems,
        [
            "database.connections_max: must be a whole number from 0 to 65535 \
          (from DOCMILL_DATABASE__CONNECTIONS_MAX)"
        ]
    );
}

#[test]
fn no_problem_shows_a_value() {
    let secret = "hunter2-hunter2";
    let file = format!("[database]\nurl = ['{secret}']\n[http]\nstyle = '{secret}'\nlisten = '{secret}'\n");
    let variables = [
        ("DOCMILL_HTTP__COMPRESS", secret),
        ("DOCMILL_HTTP__REQUEST_TIMEOUT", secret),
        ("DOCMILL_DATABASE__CONNECTIONS_MAX", secret),
        ("DOCMILL_STORAGE__BACKEND", secret),
    ];
    let error = load_with(&file, &variables).unwrap_err();
    assert_eq!(error.lines().len(), 7, "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");

    let broken = problems_with(&format!("[database]\nurl = '{secret}\n"), &[]);
    assert!(broken.iter().any(|line| line.contains("line 2")), "{broken:?}");
    assert!(!format!("{broken:?}").contains("hunter2"), "{broken:?}");
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("url");
    std::fs::write(&secret, "postgres://docmill:secret@db/docmill\n").unwrap();
    let secret = secret.to_str().unwrap();

    let settings = load_with(GOOD, &[("DOCMILL_DATABASE__URL_FILE", secret)]).unwrap();
    assert_eq!(
        settings.database.url.expose_secret(),
        "postgres://docmill:secret@db/docmill"
    );

    let both = problems_with(
        GOOD,
        &[
            ("DOCMILL_DATABASE__URL_FILE", secret),
            ("DOCMILL_DATABASE__URL", "x"),
        ],
    );
    assert_eq!(
        both,
        ["DOCMILL_DATABASE__URL_FILE: DOCMILL_DATABASE__URL is set as well; one of them must go"]
    );

    let missing = problems_with(GOOD, &[("DOCMILL_DATABASE__URL_FILE", "/nowhere/url")]);
    assert!(
        missing[0].starts_with("DOCMILL_DATABASE__URL_FILE: could not read /nowhere/url"),
        "{missing:?}"
    );
}

// It was taken for a file with the value of `mail.ca`, which there is none.
#[test]
fn a_setting_that_is_called_a_file_is_the_name_of_one() {
    #[derive(Debug, Deserialize)]
    struct Settings {
        mail: BTreeMap<String, String>,
    }
    impl Sections for Settings {
        fn problems(&self) -> Vec<(&'static str, Vec<String>)> {
            Vec::new()
        }
    }
    let load = |name: &str, value: &str| {
        let settings: Settings = load_from(None, [(name.into(), value.into())]).unwrap();
        settings.mail["ca_file"].clone()
    };
    assert_eq!(
        load("DOCMILL_MAIL__CA_FILE", "/nowhere/ca.pem"),
        "/nowhere/ca.pem"
    );
    // Its value may lie in a file as well.
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("name");
    std::fs::write(&named, "/nowhere/ca.pem\n").unwrap();
    assert_eq!(
        load("DOCMILL_MAIL__CA_FILE_FILE", named.to_str().unwrap()),
        "/nowhere/ca.pem"
    );
}

#[test]
fn sections_of_other_binaries_are_accepted_by_name() {
    let variables = [("DOCMILL_WORKER__SLOTS", "4"), ("DOCMILL_SCHEDULER__TICK", "1s")];
    assert!(load_with(&format!("{GOOD}[sandbox]\nchildren = 2\n"), &variables).is_ok());
}

#[test]
fn what_is_no_setting_is_left_alone() {
    let variables = [
        ("DOCMILL_DATABASE__URL", ""),
        ("DOCMILL_TEST_REDIS_URL", "redis://localhost"),
        ("DOCMILL_API_SERVICE_HOST", "10.0.0.1"),
        ("DOCMILL_API_SERVICE_PORT_HTTP", "80"),
        ("DOCMILL_API_PORT", "tcp://10.0.0.1:80"),
        ("DOCMILL_API_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(load_with(GOOD, &variables).is_ok());
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let named = load_from::<Settings>(Some(Path::new("/nowhere/docmill.toml")), []).unwrap_err();
    assert!(
        named.lines()[0].starts_with("settings file /nowhere/docmill.toml:"),
        "{named}"
    );

    let variables = [(CONFIG_VARIABLE.into(), "/nowhere/else.toml".into())];
    let by_variable = load_from::<Settings>(None, variables).unwrap_err();
    assert!(
        by_variable.lines()[0].starts_with("settings file /nowhere/else.toml:"),
        "{by_variable}"
    );
}

#[test]
fn a_section_written_as_a_value_is_told_to_be_a_section() {
    assert_eq!(
        problems_with(
            "database = 'sqlite:a.db'\nhttp.listen = '1.2.3.4:1'",
            &[("DOCMILL_DATABASE__URL", "x")]
        ),
        [
            "DOCMILL_DATABASE__URL: leads into a value that is set elsewhere, not into a section",
            "database: must be a section with keys, not a value",
        ]
    );
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Demanding {
    #[allow(dead_code)] // only asked for
    database: Needy,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)] // only asked for
struct Needy {
    url: String,
}

impl Sections for Demanding {
    fn problems(&self) -> Vec<(&'static str, Vec<String>)> {
        Vec::new()
    }
}

#[test]
fn a_key_without_default_must_be_set() {
    let error = load_from::<Demanding>(None, [("DOCMILL_DATABASE__OTHER".into(), "1".into())]).unwrap_err();
    assert_eq!(error.lines(), ["database.url: must be set"]);
}
