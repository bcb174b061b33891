//! Messages to people: whom they reach, what their links are good for, and what mail servers may do meanwhile.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use domain::UserId;
use e2e::{
    Answer, Authority, Client, Embedded, Fleet, Folder, MailServer, Manners, PATIENCE, Protection, Received,
    Settings, docmill, eventually, secret,
};
use mail_parser::MessageParser;
use reqwest::Method;
use serde_json::{Value, json};

/// A replica may believe for four seconds what was so.
const FORGETTING: Duration = Duration::from_secs(5);
const NEW_PASSWORD: &str = "another horse, another battery";

fn address() -> String {
    format!("{}@example.com", UserId::new())
}

fn account(email: &str) -> Value {
    json!({ "email": email, "password": Client::password() })
}

async fn log_in(anybody: &Client, email: &str, password: &str) -> Answer {
    let login = json!({ "email": email, "password": password });
    anybody.post("/api/v1/auth/login", &login).await
}

async fn show(anybody: &Client, token: &str) -> Answer {
    anybody
        .post("/api/v1/auth/verify", &json!({ "token": token }))
        .await
}

async fn forgot(anybody: &Client, email: &str) -> Answer {
    anybody
        .post("/api/v1/auth/password/forgot", &json!({ "email": email }))
        .await
}

/// The subject of a message that can be read, goes to one address, and comes from docmill.
fn subject(message: &Received, to: &str) -> String {
    let parsed = MessageParser::default()
        .parse(message.content.as_bytes())
        .unwrap();
    let all = |addresses: &mail_parser::Address<'_>| {
        addresses
            .iter()
            .map(|it| it.address().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(all(parsed.to().unwrap()), [to]);
    assert_eq!(all(parsed.from().unwrap()), ["no-reply@example.com"]);
    assert!(parsed.cc().is_none() && parsed.bcc().is_none());
    assert!(parsed.date().is_some() && parsed.message_id().is_some());
    assert_eq!(
        parsed.header_raw("Auto-Submitted").map(str::trim),
        Some("auto-generated")
    );
    assert_eq!((parsed.text_body_count(), parsed.attachment_count()), (1, 0));
    let text = parsed.body_text(0).unwrap();
    assert!(
        text.contains("https://docmill.example.com") && text.len() < 1000,
        "{text}"
    );
    assert_eq!(
        (message.from.as_str(), message.to.len()),
        ("no-reply@example.com", 1)
    );
    parsed.subject().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_account_hands_nothing_in_before_its_address_is_confirmed() {
    let login = ("docmill".to_owned(), "Kq8-vWc2_rTz".to_owned());
    let server = MailServer::start(Manners {
        login: Some(login),
        ..Manners::default()
    })
    .await;
    let fleet = Fleet::start(2, &server.settings()).await;
    let folder = Folder::new();
    let check = docmill(folder.path(), &["check"], &fleet.settings)
        .await
        .success();
    assert!(
        check.stdout.contains("the server answers and lets us in"),
        "{check:?}"
    );
    let stranger = fleet.settings.clone().with("mail.password", "not the password");
    let check = docmill(folder.path(), &["check"], &stranger).await.code(1);
    assert!(
        check.stdout.contains("BROKEN  mail") && check.stdout.contains("535"),
        "{check:?}"
    );
    let bases: Vec<String> = fleet.apis.iter().map(|api| api.base.clone()).collect();
    let anybody = Client::anonymous(&bases);
    let email = address();
    let answer = anybody
        .post("/api/v1/auth/register", &account(&email))
        .await
        .status(202);
    assert!(answer.json().get("access_token").is_none());
    let session = log_in(&anybody, &email, Client::password())
        .await
        .status(200)
        .json();
    assert_eq!(session["user"]["email_unverified"], true);
    let ada = anybody.with_session(session);
    let file = || ada.form("", &[("a.txt", b"Words of worth.")]);
    ada.send(file()).await.problem(403, "email_unverified");
    let wish = json!({ "name": "x", "scopes": ["documents:write"] });
    let made = ada.post("/api/v1/me/keys", &wish).await.status(201).json();
    let key = ada.with_token(made["key"].as_str().unwrap());
    key.send(key.form("", &[("a.txt", b"Words of worth.")]))
        .await
        .problem(403, "email_unverified");
    assert_eq!(ada.jobs().await, Vec::<Value>::new());

    let message = server.message(&email, 0).await;
    assert_eq!(subject(&message, &email), "Confirm your address");
    let token = message.token();
    show(&anybody, &token[..token.len() - 1])
        .await
        .problem(403, "link_not_good");
    let _ = show(&anybody, &token).await.status(204);
    show(&anybody, &token).await.problem(403, "link_not_good");
    for client in [&ada, &key] {
        for _ in &bases {
            eventually("every replica knows it", FORGETTING, async || {
                client
                    .send(client.form("", &[("a.txt", b"Words of worth.")]))
                    .await
                    .status
                    == 202
            })
            .await;
        }
    }
    let me = ada.get("/api/v1/me").await.status(200).json();
    assert_eq!(me["email_unverified"], false);
    // Nothing more comes: it was sent once, and whoever is confirmed has nothing to confirm.
    let resend = json!({ "email": email });
    let _ = anybody
        .post("/api/v1/auth/verify/resend", &resend)
        .await
        .status(202);
    let other = address();
    let _ = server.confirmed(&anybody, &other).await;
    assert_eq!(server.messages_to(&email).len(), 1);
}

#[tokio::test]
async fn nobody_learns_from_an_answer_who_has_an_account() {
    let server = MailServer::start(Manners::default()).await;
    let mill = Embedded::start(&server.settings()).await;
    let anybody = mill.anybody();
    let known = address();
    let ada = server.confirmed(&anybody, &known).await;
    for path in ["/auth/register", "/auth/password/forgot", "/auth/verify/resend"] {
        let mut bodies = Vec::new();
        for _ in 0..12 {
            for email in [known.clone(), address()] {
                let body = match path {
                    "/auth/register" => json!({ "email": email, "password": NEW_PASSWORD }),
                    _ => json!({ "email": email }),
                };
                let answer = anybody.post(&format!("/api/v1{path}"), &body).await.status(202);
                bodies.push(answer.text());
            }
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{path}: {bodies:?}");
    }
    // The owner is told, though not without end.
    let told = server.message(&known, 1).await;
    assert_eq!(subject(&told, &known), "You have an account already");
    let asked = 1.0 + 3.0 * 2.0 * 12.0;
    eventually(
        "whatever was asked for has come to its end",
        PATIENCE,
        async || {
            let metrics = anybody.get("/metrics").await.text();
            let ended = metrics.lines().filter(|line| {
                line.starts_with("docmill_tasks_finished_total{") && line.contains("kind=\"send_mail\"")
            });
            let counts = ended.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
            counts.sum::<f64>() >= asked
        },
    )
    .await;
    assert_eq!(
        server.messages_to(&known).len(),
        5,
        "an address gets five messages in an hour"
    );
    // And the password is the one that she has chosen.
    let _ = log_in(&anybody, ada.email(), Client::password())
        .await
        .status(200);
    log_in(&anybody, ada.email(), NEW_PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    // A user name is shown to nobody, but it is one person's.
    let named = address();
    let body = json!({ "email": named, "password": NEW_PASSWORD, "username": "ada-of-the-mill" });
    let _ = anybody.post("/api/v1/auth/register", &body).await.status(202);
    let body = json!({ "email": address(), "password": NEW_PASSWORD, "username": "Ada-of-the-Mill" });
    anybody
        .post("/api/v1/auth/register", &body)
        .await
        .problem(409, "account_exists");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_whoever_reads_the_mail() {
    let server = MailServer::start(Manners::default()).await;
    let fleet = Fleet::start(1, &server.settings()).await;
    let anybody = fleet.apis[0].anybody();
    let email = address();
    let ada = server.confirmed(&anybody, &email).await;
    let _ = forgot(&anybody, &email.to_uppercase()).await.status(202);
    let message = server.message(&email, 1).await;
    assert_eq!(subject(&message, &email), "Set a new password");
    let token = message.token();
    let reset = async |token: &str, password: &str| {
        let body = json!({ "token": token, "new_password": password });
        anybody.post("/api/v1/auth/password/reset", &body).await
    };
    // It confirms no address, a weak password does not use it up, and another secret opens nothing.
    show(&anybody, &token).await.problem(403, "link_not_good");
    reset(&token, "password").await.refuses("/new_password");
    reset(&format!("dml_{}", "A".repeat(43)), NEW_PASSWORD)
        .await
        .problem(403, "link_not_good");
    // Two at once: one wins.
    let both = tokio::join!(reset(&token, NEW_PASSWORD), reset(&token, NEW_PASSWORD));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 403]);
    reset(&token, "yet another password of hers")
        .await
        .problem(403, "link_not_good");
    eventually("her sessions have ended", FORGETTING, async || {
        ada.get("/api/v1/me").await.status == 401
    })
    .await;
    log_in(&anybody, &email, Client::password())
        .await
        .problem(401, "invalid_credentials");
    let session = log_in(&anybody, &email, NEW_PASSWORD).await.status(200).json();
    assert_eq!(
        subject(&server.message(&email, 2).await, &email),
        "Your password was changed"
    );

    // A link that lies about is of no use once the password was changed otherwise.
    let _ = forgot(&anybody, &email).await.status(202);
    let token = server.message(&email, 3).await.token();
    let ada = anybody.with_session(session);
    let change = json!({ "current_password": NEW_PASSWORD, "new_password": Client::password() });
    let _ = ada.post("/api/v1/me/password", &change).await.status(204);
    assert_eq!(
        subject(&server.message(&email, 4).await, &email),
        "Your password was changed"
    );
    reset(&token, NEW_PASSWORD).await.problem(403, "link_not_good");
    // Nothing that could open anything is kept.
    for stored in [&token, &message.token()] {
        let text = fleet.stores.rows_as_text().await;
        assert!(!text.contains(&stored[4..]), "a secret is in the database");
    }
    // Nor is one of half an hour ago good, though it was never used.
    let _ = forgot(&anybody, &email).await.status(202);
    let token = server.message(&email, 5).await.token();
    fleet
        .stores
        .by_hand("UPDATE mail_links SET expires_at = now() - interval '1 second' WHERE spent_at IS NULL")
        .await;
    reset(&token, NEW_PASSWORD).await.problem(403, "link_not_good");
}

#[tokio::test]
async fn another_address_counts_when_its_owner_says_so() {
    let server = MailServer::start(Manners::default()).await;
    let mill = Embedded::start(&server.settings()).await;
    let anybody = mill.anybody();
    let (old, new, taken) = (address(), address(), address());
    let ada = server.confirmed(&anybody, &old).await;
    let _ = server.confirmed(&anybody, &taken).await;
    let ask = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        ada.post("/api/v1/me/email", &body).await
    };
    ask(&new, "wrong").await.problem(403, "wrong_password");
    ask("nowhere", Client::password()).await.refuses("/email");
    let same = [
        ask(&taken, Client::password()).await,
        ask(&new, Client::password()).await,
    ];
    assert_eq!((same[0].status, same[0].text()), (202, same[1].text()));
    let message = server.message(&new, 0).await;
    assert_eq!(subject(&message, &new), "Confirm your new address");
    assert_eq!(
        ada.get("/api/v1/me").await.status(200).json()["email"],
        json!(old)
    );
    let _ = show(&anybody, &message.token()).await.status(204);
    assert_eq!(
        ada.get("/api/v1/me").await.status(200).json()["email"],
        json!(new)
    );
    let told = server.message(&old, 1).await;
    assert_eq!(subject(&told, &old), "Your address was changed");
    assert!(!told.content.contains(&new) && secret(&told.content).is_none());
    log_in(&anybody, &old, Client::password())
        .await
        .problem(401, "invalid_credentials");
    let _ = log_in(&anybody, &new, Client::password()).await.status(200);
    assert_eq!(
        server.messages_to(&taken).len(),
        1,
        "whoever has an account there is left alone"
    );
}

#[tokio::test]
async fn a_mail_server_that_is_busy_gets_the_message_later_and_once() {
    let server = MailServer::start(Manners {
        busy_for: 1,
        ..Manners::default()
    })
    .await;
    let fleet = Fleet::start(2, &server.settings()).await;
    let email = address();
    let anybody = fleet.apis[0].anybody();
    let _ = anybody
        .post("/api/v1/auth/register", &account(&email))
        .await
        .status(202);
    let message = server.message(&email, 0).await;
    assert_eq!(
        (server.refused(), subject(&message, &email)),
        (1, "Confirm your address".to_owned())
    );
    let _ = show(&anybody, &message.token()).await.status(204);
    let _ = server.confirmed(&anybody, &address()).await;
    assert_eq!(server.messages_to(&email).len(), 1);
}

#[tokio::test]
async fn a_message_that_is_not_taken_ends_with_a_reason_and_one_that_waits_is_sent_by_whoever_comes() {
    let lost = address();
    let server = MailServer::start(Manners {
        unknown: Some(lost.clone()),
        ..Manners::default()
    })
    .await;
    let mut fleet = Fleet::prepared(&server.settings()).await;
    fleet.add_scheduler(&Settings::new()).await;
    fleet.add_api(&Settings::new()).await;
    let anybody = fleet.apis[0].anybody();
    let waiting = address();
    for email in [&lost, &waiting] {
        let _ = anybody
            .post("/api/v1/auth/register", &account(email))
            .await
            .status(202);
    }
    // Hints are only hints: those that are gone are given again.
    assert_eq!(server.messages().len(), 0);
    fleet.stores.hints.lose().await;
    fleet.add_worker(&Settings::new()).await;
    let message = server.message(&waiting, 0).await;
    let _ = show(&anybody, &message.token()).await.status(204);
    let worker = &fleet.workers[0].process;
    let line = worker.line("a message was not sent: ").await;
    assert!(line.contains("550") && line.contains("mail_refused"), "{line}");
    let log = worker.log();
    for secret in [&lost, &waiting, &message.token()] {
        assert!(!log.contains(secret.as_str()), "the log tells of somebody");
    }
    assert_eq!(server.refused(), 1, "what never will be taken is not tried again");
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_to_a_server_without_protection() {
    let server = MailServer::start(Manners::default()).await;
    let settings = server
        .settings()
        .with("mail.encryption", "start_tls")
        .with("mail.user", "docmill")
        .with("mail.password", "Kq8-vWc2_rTz");
    let mill = Embedded::start(&settings).await;
    let email = address();
    let _ = mill
        .anybody()
        .post("/api/v1/auth/register", &account(&email))
        .await
        .status(202);
    let line = mill.process.line("a message was not sent: ").await;
    assert!(
        line.contains("STARTTLS") && line.contains("mail_unavailable"),
        "{line}"
    );
    let said = server.lines().concat();
    assert!(
        said.contains("EHLO") && !said.contains("AUTH") && !said.contains("MAIL"),
        "{said}"
    );
}

/// What whoever listens on the way to a mail server may hear.
fn assert_greetings_only(server: &MailServer) {
    for line in server.in_the_clear() {
        assert!(
            line.starts_with("EHLO ") || ["STARTTLS", "QUIT"].contains(&line.as_str()),
            "said in the clear: {line}"
        );
    }
}

#[tokio::test]
async fn messages_go_over_a_protected_way_to_a_server_of_ones_own_authority() {
    for protection in [Protection::StartTls, Protection::Tls] {
        let login = ("docmill".to_owned(), "Kq8-vWc2_rTz".to_owned());
        let server = MailServer::start(Manners {
            protection,
            login: Some(login),
            ..Manners::default()
        })
        .await;
        let (authority, folder) = (Authority::new(), Folder::new());
        let ca_file = folder.path().join("authority.pem");
        authority.write_to(&ca_file);
        server.present(authority.vouch_for("localhost"));
        let settings = server
            .settings()
            .with("mail.ca_file", ca_file.display().to_string());
        let mill = Embedded::start(&settings).await;
        let email = address();
        let ada = server.confirmed(&mill.anybody(), &email).await;
        assert_eq!(
            ada.get("/api/v1/me").await.status(200).json()["email_unverified"],
            false
        );
        assert_eq!(
            subject(&server.message(&email, 0).await, &email),
            "Confirm your address"
        );
        assert!(server.lines().iter().any(|line| line.starts_with("AUTH PLAIN ")));
        assert_greetings_only(&server);
        let heard = server.in_the_clear().len();
        assert_eq!(heard > 0, protection == Protection::StartTls, "{heard}");
    }
}

#[tokio::test]
async fn what_a_server_of_doubtful_name_would_get_waits_for_the_right_one() {
    for protection in [Protection::StartTls, Protection::Tls] {
        let server = MailServer::start(Manners {
            protection,
            ..Manners::default()
        })
        .await;
        let (ours, folder) = (Authority::new(), Folder::new());
        let ca_file = folder.path().join("authority.pem");
        ours.write_to(&ca_file);
        let settings = server
            .settings()
            .with("mail.ca_file", ca_file.display().to_string());
        server.present(Authority::new().vouch_for("localhost"));
        let mill = Embedded::start(&settings).await;
        let anybody = mill.anybody();
        let doubtful = [
            (
                Authority::new().vouch_for("localhost"),
                "comes from nobody who is trusted",
            ),
            (
                ours.vouch_for("mail.example.com"),
                "is for another name than that of mail.host",
            ),
            (ours.vouched_once_for("localhost"), "has expired"),
        ];
        for (certificate, reason) in &doubtful {
            server.present(certificate.clone());
            let check = docmill(folder.path(), &["check"], &settings).await.code(1);
            assert!(
                check.stdout.contains("BROKEN  mail") && check.stdout.contains(reason),
                "{check:?}"
            );
        }
        // Apart from the checks, which take their time: the longer a message waits, the longer it waits for its next attempt.
        let mut waiting = Vec::new();
        for (certificate, reason) in doubtful {
            server.present(certificate);
            let email = address();
            let _ = anybody
                .post("/api/v1/auth/register", &account(&email))
                .await
                .status(202);
            let line = mill.process.line(reason).await;
            assert!(
                line.contains("a message was not sent: ") && line.contains("mail_unavailable"),
                "{line}"
            );
            waiting.push(email);
        }
        assert_eq!(server.messages().len(), 0);
        let spoken = [server.lines().len(), server.in_the_clear().len()];
        assert_eq!(spoken[0], spoken[1], "something was said to a stranger");
        assert_greetings_only(&server);

        server.present(ours.vouch_for("localhost"));
        for email in &waiting {
            assert_eq!(
                subject(&server.message(email, 0).await, email),
                "Confirm your address"
            );
        }
        assert_greetings_only(&server);
    }
}

// The other way round: who expects TLS from the first byte, and hears a greeting.
#[tokio::test]
async fn a_server_that_does_not_speak_tls_gets_nothing() {
    let server = MailServer::start(Manners::default()).await;
    let settings = server
        .settings()
        .with("mail.encryption", "tls")
        .with("mail.user", "docmill")
        .with("mail.password", "Kq8-vWc2_rTz");
    let mill = Embedded::start(&settings).await;
    let _ = mill
        .anybody()
        .post("/api/v1/auth/register", &account(&address()))
        .await
        .status(202);
    let line = mill.process.line("a message was not sent: ").await;
    assert!(
        line.contains("does not speak TLS as it should") && line.contains("mail_unavailable"),
        "{line}"
    );
    let said = server.lines().concat();
    assert!(!said.contains("EHLO") && !said.contains("AUTH"), "{said}");
}

#[tokio::test]
async fn nobody_has_words_of_their_own_sent_to_others() {
    let server = MailServer::start(Manners::default()).await;
    let mill = Embedded::start(&server.settings()).await;
    let anybody = mill.anybody();
    for email in [
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\nSubject: x",
        "a@example.com, b@example.com",
        "Ada <a@example.com>",
        "a@example.com\u{0}",
    ] {
        for path in ["/auth/register", "/auth/password/forgot", "/auth/verify/resend"] {
            let body = match path {
                "/auth/register" => account(email),
                _ => json!({ "email": email }),
            };
            let answer = anybody.post(&format!("/api/v1{path}"), &body).await;
            // Whatever looks like one address may be written to; it is refused when it is none.
            assert!([202, 400].contains(&answer.status), "{email:?}: {answer:?}");
            if email.contains(['\r', '\n', '\u{0}', ' ']) {
                answer.refuses("/email");
            }
        }
    }
    let email = address();
    let body = json!({
        "email": email, "password": Client::password(), "organization": "Win at http://evil.example",
        "full_name": "Ada\u{2028}Bcc: eve@example.com",
    });
    let _ = anybody.post("/api/v1/auth/register", &body).await.status(202);
    let message = server.message(&email, 0).await;
    assert_eq!(subject(&message, &email), "Confirm your address");
    for words in ["evil", "Ada", "eve@", "Bcc"] {
        assert!(!message.content.contains(words), "{}", message.content);
    }
    assert!(
        server
            .messages()
            .iter()
            .all(|message| message.to == [email.clone()])
    );
}

#[tokio::test]
async fn an_account_made_with_the_address_of_another_is_lost_to_whoever_made_it() {
    let server = MailServer::start(Manners::default()).await;
    let mill = Embedded::start(&server.settings()).await;
    let anybody = mill.anybody();
    let email = address();
    let _ = anybody
        .post("/api/v1/auth/register", &account(&email))
        .await
        .status(202);
    let eve = log_in(&anybody, &email, Client::password())
        .await
        .status(200)
        .json();
    let eve = anybody.with_session(eve);
    let made = eve
        .post(
            "/api/v1/me/keys",
            &json!({ "name": "x", "scopes": ["jobs:read"] }),
        )
        .await
        .status(201)
        .json();
    let key = eve.with_token(made["key"].as_str().unwrap());
    let _ = key.get("/api/v1/jobs").await.status(200);
    // The owner of the address takes the account over with what only she can read.
    let _ = server.message(&email, 0).await;
    let _ = forgot(&anybody, &email).await.status(202);
    let body = json!({ "token": server.message(&email, 1).await.token(), "new_password": NEW_PASSWORD });
    let _ = anybody
        .post("/api/v1/auth/password/reset", &body)
        .await
        .status(204);
    eventually("nothing of Eve's is left", FORGETTING, async || {
        eve.get("/api/v1/me").await.status == 401 && key.get("/api/v1/jobs").await.status == 401
    })
    .await;
    let ada = log_in(&anybody, &email, NEW_PASSWORD).await.status(200).json();
    assert_eq!(ada["user"]["email_unverified"], false);
}

#[tokio::test]
async fn who_asks_for_messages_too_often_is_told_so_whoever_it_is_about() {
    let server = MailServer::start(Manners::default()).await;
    let settings = server.settings().with("http.rate.mail_per_account", "3");
    let mill = Embedded::start(&settings).await;
    let anybody = mill.anybody();
    let known = address();
    let ada = server.confirmed(&anybody, &known).await;
    for email in [address(), ada.email().to_owned()] {
        let first = if email == known { 1 } else { 0 };
        for _ in first..3 {
            let _ = forgot(&anybody, &email).await.status(202);
        }
        forgot(&anybody, &email.to_uppercase())
            .await
            .problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn a_fleet_without_a_mail_server_says_that_it_sends_nothing() {
    let fleet = Fleet::start(1, &Settings::new()).await;
    let ada = fleet.apis[0].user().await;
    for path in ["/auth/password/forgot", "/auth/verify/resend"] {
        let body = json!({ "email": address() });
        let problem = ada
            .post(&format!("/api/v1{path}"), &body)
            .await
            .problem(409, "mail_off");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("ask whoever runs the server"),
            "{problem}"
        );
    }
    let body = json!({ "email": address(), "password": Client::password() });
    ada.post("/api/v1/me/email", &body).await.problem(409, "mail_off");
    // Everything else goes on without.
    let change = json!({ "current_password": Client::password(), "new_password": NEW_PASSWORD });
    let _ = ada.post("/api/v1/me/password", &change).await.status(204);
}

#[tokio::test]
async fn without_a_mail_server_one_process_puts_messages_into_a_folder_and_says_so() {
    let mill = Embedded::start(&Settings::new()).await;
    let _ = mill.process.line("there is no mail server (mail.host)").await;
    let ada = mill.user().await;
    assert_eq!(ada.session["user"]["email_unverified"], false);
    let _ = forgot(&mill.anybody(), ada.email()).await.status(202);
    let folder = mill.data().join("mail");
    let found = e2e::until("the message is there", PATIENCE, async || {
        let files = std::fs::read_dir(&folder).ok()?.flatten();
        files
            .map(|file| file.path())
            .find(|path| path.extension().is_some_and(|it| it == "eml"))
    })
    .await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&found)), (0o700, 0o600));
    let content = std::fs::read_to_string(&found).unwrap();
    let parsed = MessageParser::default().parse(content.as_bytes()).unwrap();
    assert_eq!(parsed.subject(), Some("Set a new password"));
    let base = mill
        .anybody()
        .request(Method::GET, "/")
        .build()
        .unwrap()
        .url()
        .origin()
        .ascii_serialization();
    assert!(
        parsed.body_text(0).unwrap().contains(&base),
        "the link leads here"
    );
    let body = json!({ "token": secret(&content).unwrap(), "new_password": NEW_PASSWORD });
    let _ = ada.post("/api/v1/auth/password/reset", &body).await.status(204);
    let _ = log_in(&mill.anybody(), ada.email(), NEW_PASSWORD)
        .await
        .status(200);
}
