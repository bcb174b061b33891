//! Secrets that turn up where they should not, and texts that pretend to be lines of a log.

use e2e::{Client, Embedded, Fleet, Mill, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::totp;

/// Logs that tell as much as there is, for programs.
fn talkative() -> Settings {
    Settings::new()
        .with("log.format", "json")
        .with("log.level", "debug")
}

/// Where one of the secrets stands, if it does.
fn found(places: &[(String, Vec<u8>)], secrets: &[(&str, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, content) in places {
        for (what, secret) in secrets {
            if content
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
            {
                found.push(format!("{what} in {place}"));
            }
        }
    }
    found
}

/// Has somebody use every kind of secret in every way, also wrongly. Returns them.
async fn careless(mill: &Mill) -> Vec<(&'static str, String)> {
    let ada = mill.user().await;
    let begin = json!({ "password": Client::password() });
    let factor = ada
        .post("/api/v1/me/second-factor", &begin)
        .await
        .status(200)
        .json();
    let confirm = json!({ "code": totp::code(&factor, 0) });
    let codes = ada
        .post("/api/v1/me/second-factor/confirm", &confirm)
        .await
        .status(200)
        .json();
    let scopes = [
        "documents:read",
        "documents:write",
        "jobs:read",
        "jobs:write",
        "account:read",
        "admin",
    ];
    let wish = json!({ "name": "canary", "scopes": scopes });
    let made = ada.post("/api/v1/me/keys", &wish).await.status(201).json();
    let key = made["key"].as_str().unwrap().to_owned();
    let refresh = ada.session["refresh_token"].as_str().unwrap().to_owned();
    let program = ada.with_token(&key);
    let _ = program
        .processed("canary.txt", b"words that only ada may read: xyzzyplugh")
        .await;
    let _ = program.get("/api/v1/documents?q=xyzzyplugh").await.status(200);
    for name in ["api_key", "token", "access_token"] {
        program
            .get(&format!("/api/v1/jobs?{name}={key}"))
            .await
            .problem(400, "invalid_request");
    }
    for header in [
        "x-api-key",
        "cookie",
        "x-forwarded-for",
        "user-agent",
        "traceparent",
        "idempotency-key",
    ] {
        let request = mill
            .anybody()
            .request(Method::GET, "/api/v1/me")
            .header(header, &key);
        let _ = ada.send(request).await;
    }
    let _ = ada.with_token(&key[..50]).get("/api/v1/me").await;
    let _ = ada
        .with_token(&format!("{}x", ada.token()))
        .get("/api/v1/me")
        .await;
    for body in [
        json!({ "email": ada.email(), "password": Client::password(), "code": codes["recovery_codes"][0] }),
        json!({ "email": ada.email(), "password": Client::password(), "code": 1 }),
        json!({ "email": ada.email(), "password": [Client::password()] }),
        json!({ "refresh_token": refresh }),
    ] {
        let _ = mill.anybody().post("/api/v1/auth/login", &body).await;
        let _ = mill.anybody().post("/api/v1/auth/refresh", &body).await;
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vec![
        ("the password", Client::password().to_owned()),
        ("the access token", ada.token()["v4.local.".len()..].to_owned()),
        ("the refresh token", refresh),
        // Its beginning is shown, so that people know their keys apart.
        ("the API key", key[16..].to_owned()),
        ("the secret of the app", text(&factor["secret"])),
        ("a recovery code", text(&codes["recovery_codes"][1])),
    ]
}

async fn nothing_is_left_behind(mill: &Mill) {
    let secrets = careless(mill).await;
    let mut places = mill.everything_stored().await;
    let mut logs = 0;
    for process in mill.processes() {
        logs += process.log().len();
        places.push((
            format!("the log of process {}", process.pid()),
            process.log().into_bytes(),
        ));
    }
    assert!(logs > 10_000, "the logs tell nothing: {logs} bytes");
    for base in mill.health() {
        let metrics = reqwest::get(format!("{base}/metrics"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(metrics.contains("docmill_build_info"));
        places.push((format!("metrics of {base}"), metrics.into_bytes()));
    }
    assert_eq!(found(&places, &secrets), Vec::<String>::new());
    // What is in a document is stored, and not told to the log.
    let words = [("words of a document", "xyzzyplugh".to_owned())];
    assert!(!found(&places, &words).is_empty(), "nothing would be found");
    let told: Vec<_> = places
        .into_iter()
        .filter(|(place, _)| place.contains("log") || place.contains("metrics"))
        .collect();
    assert_eq!(found(&told, &words), Vec::<String>::new());
}

#[tokio::test]
async fn an_embedded_mill_leaves_no_secret_behind() {
    nothing_is_left_behind(&Mill::Embedded(Embedded::start(&talkative()).await)).await;
}

#[tokio::test]
async fn a_fleet_leaves_no_secret_behind() {
    nothing_is_left_behind(&Mill::Fleet(Fleet::start(1, &talkative()).await)).await;
}

#[tokio::test]
async fn no_answer_shows_a_hash_or_somebody_elses_secret() {
    let mill = Mill::Embedded(Embedded::start(&Settings::new()).await);
    let secrets = careless(&mill).await;
    let ada = mill.user().await;
    let _ = ada
        .processed("a.txt", b"TODO: Ben paints the boat by Friday.")
        .await;
    let spec: Value = ada.get("/openapi.json").await.status(200).json();
    let mut asked = 0;
    for (path, methods) in spec["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || path.contains('{') || path.contains("/admin/") {
            continue;
        }
        let answer = ada.get(path).await;
        assert!(answer.status < 500, "{path}: {}", answer.text());
        let answer = answer.text();
        for word in [
            "argon2",
            "password_hash",
            "token_hash",
            "\"hash\"",
            "$2b$",
            "recovery",
        ] {
            assert!(!answer.contains(word), "{path} shows {word}: {answer}");
        }
        for (what, secret) in &secrets {
            assert!(!answer.contains(secret.as_str()), "{path} shows {what}");
        }
        asked += 1;
    }
    assert!(asked >= 10, "{asked}");
}

#[tokio::test]
async fn no_text_becomes_a_line_of_the_log() {
    const FORGED: &str = "{\"level\":\"ERROR\",\"message\":\"forged by ada\"}";
    for format in ["json", "text"] {
        let mill = Embedded::start(&talkative().with("log.format", format)).await;
        let ada = mill.user().await;
        let names = [
            format!("a\r\n{FORGED}\r\n.txt"),
            format!("\u{1b}[2J\u{1b}[31m{FORGED}.txt"),
            format!("a\u{2028}{FORGED}\u{85}.txt"),
            FORGED.to_owned(),
        ];
        for name in &names {
            let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let path = format!("/api/v1/documents?file_name={encoded}&unique_key={encoded}");
            let upload = ada
                .request(Method::POST, &path)
                .header("content-type", "text/plain")
                .body("TODO: words");
            let answer = ada.send(upload).await;
            if answer.status == 202 {
                let _ = ada.ended(&answer.json()).await;
            }
            let _ = ada.get(&format!("/api/v1/{encoded}")).await.status(404);
            let _ = ada.get(&format!("/api/v1/documents?q={encoded}")).await;
            let login = json!({ "email": name, "password": name });
            let _ = ada.post("/api/v1/auth/login", &login).await;
            let printable: String = name.chars().filter(char::is_ascii_graphic).collect();
            let agent = ada
                .request(Method::GET, "/api/v1/me")
                .header("user-agent", printable);
            let _ = ada.send(agent).await;
            let broken = ada
                .request(Method::POST, "/api/v1/documents")
                .header("content-type", "application/pdf");
            let _ = ada.send(broken.body(name.clone())).await;
        }
        let log = mill.process.log();
        assert!(log.lines().count() > 50, "{log}");
        assert!(
            !log.contains('\u{1b}') && !log.contains('\r') && !log.contains('\u{85}'),
            "control bytes in the log"
        );
        for line in log.lines() {
            assert!(!line.trim_start().starts_with(FORGED), "{format}: {line}");
            if format == "json" && line.starts_with('{') {
                let line: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert_ne!(line["message"], "forged by ada");
                assert_ne!(line["fields"]["message"], "forged by ada");
            }
        }
    }
}
