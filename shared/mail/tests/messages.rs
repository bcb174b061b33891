//! What messages look like to whoever gets them.
#![allow(clippy::unwrap_used)]

use chrono::{DateTime, Utc};
use domain::{MailToken, TaskId};
use mail::{Letter, MailSettings, Post, SendError, UnusableMail};
use mail_parser::MessageParser;
use proptest::prelude::*;
use secrecy::ExposeSecret;

const URL: &str = "https://docmill.example.com";

fn at() -> DateTime<Utc> {
    "2026-03-04T09:00:00Z".parse().unwrap()
}

fn post(folder: &std::path::Path) -> Post {
    let settings = MailSettings {
        folder: folder.to_owned(),
        from: "docmill <no-reply@example.com>".to_owned(),
        public_url: URL.to_owned(),
        ..MailSettings::default()
    };
    Post::open(&settings).unwrap().unwrap()
}

#[tokio::test]
async fn every_message_parses_and_its_link_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let post = post(folder.path());
    let token = MailToken::draw(getrandom::fill);
    let to = "ada@example.com";
    let letters = [
        (Letter::verify(to, URL, &token), true),
        (Letter::already_registered(to, URL), false),
        (Letter::reset_password(to, URL, &token), true),
        (Letter::change_address(to, URL, &token), true),
        (Letter::password_changed(to, URL), false),
        (Letter::address_changed(to, URL), false),
    ];
    for (letter, has_link) in letters {
        let id = TaskId::new();
        post.send(id, &letter, at()).await.unwrap();
        // Sending it again replaces it: both are one message.
        post.send(id, &letter, at()).await.unwrap();
        let content = std::fs::read(folder.path().join(format!("{id}.eml"))).unwrap();
        let parsed = MessageParser::default().parse(&content).unwrap();
        assert_eq!(
            parsed.message_id(),
            Some(format!("{id}@docmill.example.com").as_str())
        );
        assert_eq!(parsed.date().unwrap().to_timestamp(), at().timestamp());
        let recipient = parsed.to().unwrap().first().unwrap();
        assert_eq!((recipient.address(), recipient.name()), (Some(to), None));
        let text = parsed.body_text(0).unwrap();
        let secret = token.expose();
        assert_eq!(
            text.contains(&format!("#{}", secret.expose_secret())),
            has_link,
            "{text}"
        );
        assert!(text.is_ascii() && !parsed.subject().unwrap().is_empty());
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 6, "nothing half-written is left");
}

#[test]
fn neither_a_letter_nor_a_token_shows_its_secret() {
    let token = MailToken::draw(getrandom::fill);
    let letter = Letter::verify("ada@example.com", URL, &token);
    let shown = format!("{letter:?} {token:?}");
    assert!(!shown.contains(&token.expose().expose_secret()[4..]), "{shown}");
}

#[test]
fn a_file_without_certificates_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.pem");
    let settings = MailSettings {
        host: "mail.example.com".to_owned(),
        from: "docmill <no-reply@example.com>".to_owned(),
        public_url: URL.to_owned(),
        ca_file: path.clone(),
        ..MailSettings::default()
    };
    let refusal = || Post::open(&settings).map(drop).unwrap_err();
    assert!(matches!(refusal(), UnusableMail::Certificates { .. }));
    for content in [
        "",
        "no certificate",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(refusal(), UnusableMail::NoCertificates(_)), "{content}");
        assert!(refusal().to_string().contains(path.to_str().unwrap()));
    }
    for broken in [
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&path, broken).unwrap();
        assert!(matches!(refusal(), UnusableMail::Tls(_)), "{broken}");
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let post = post(folder.path());
    for to in [
        "",
        "ada",
        "a@b\r\nBcc: eve@example.com",
        "a@example.com, b@example.com",
        "Ada <a@example.com>",
    ] {
        let refused = post
            .send(TaskId::new(), &Letter::password_changed(to, URL), at())
            .await;
        assert!(
            matches!(refused, Err(SendError::Refused(_))),
            "{to:?}: {refused:?}"
        );
        assert!(to.is_empty() || !refused.unwrap_err().to_string().contains(to));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

proptest! {
    #[test]
    fn no_address_adds_a_line_to_the_head(local in "[^@]{1,40}", host in "[^@]{1,40}") {
        let folder = tempfile::tempdir().unwrap();
        let post = post(folder.path());
        let id = TaskId::new();
        let to = format!("{local}@{host}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sent = runtime.block_on(post.send(id, &Letter::password_changed(&to, URL), at()));
        if sent.is_ok() {
            let content = std::fs::read(folder.path().join(format!("{id}.eml"))).unwrap();
            let content = String::from_utf8_lossy(&content);
            let (head, _) = content.split_once("\r\n\r\n").unwrap();
            let mut names: Vec<&str> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split_once(':').map_or(line, |(name, _)| name))
                .collect();
            names.sort_unstable();
            let known = [
                "Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-ID", "Subject", "To",
            ];
            let expected: Vec<&str> = known.into_iter().filter(|name| names.contains(name)).collect();
            prop_assert_eq!(&names, &expected, "{}", head);
            prop_assert!(!head.contains('\n') || head.split('\n').count() == head.split("\r\n").count());
        }
    }
}
