//! Mail and chats as they come out, from the samples that new users see.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write as _;
use std::path::Path;

use domain::{ChatLine, DocumentKind};
use extraction::{Extracted, Limits, extract, markdown, passages};

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../samples")
            .join(name),
    )
    .unwrap()
}

fn read(name: &str, bytes: &[u8]) -> Extracted {
    let kind = DocumentKind::recognize(&bytes[..bytes.len().min(DocumentKind::HEAD_BYTES)], name).unwrap();
    extract(kind, name, bytes.to_vec(), &Limits::default()).unwrap()
}

/// Everything about a document that people see.
fn show(name: &str) -> String {
    let extracted = read(name, &bytes_of(name));
    let mut shown = format!("engine: {}\ntitle: {:?}\n", extracted.engine, extracted.title);
    for (key, value) in &extracted.metadata {
        writeln!(shown, "{key}: {value}").unwrap();
    }
    for (index, page) in extracted.pages.iter().enumerate() {
        write!(
            shown,
            "--- page {} of {} ---\n{page}",
            index + 1,
            extracted.pages.len()
        )
        .unwrap();
    }
    if let Some(markdown) = markdown(&extracted) {
        write!(shown, "--- markdown ---\n{markdown}").unwrap();
    }
    shown
}

#[test]
fn a_message_shows_its_header_its_text_and_what_came_with_it() {
    insta::assert_snapshot!("message", show("boat-trip.eml"));
}

#[test]
fn a_file_that_was_sent_as_text_is_read_as_what_it_is() {
    let message = "From: ana@a.example\r\nSubject: Prices\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\
        Look:\r\nbegin 644 prices.txt\r\n)87!P;&5S(#$R\r\n`\r\nend\r\nYours\r\n--b\r\n\
        Content-Type: text/plain; name=more.txt\r\nContent-Disposition: attachment; filename=more.txt\r\n\
        Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 more.txt\r\n'<&5A<G,@.0``\r\n`\r\nend\r\n--b\r\n\
        Content-Type: application/mac-binhex40; name=old.txt\r\nContent-Disposition: attachment; filename=old.txt\r\n\r\n\
        (This file must be converted with BinHex 4.0)\r\n:%dKKFf9ZG@jN4R,\r\n--b--\r\n";
    let extracted = read("prices.eml", message.as_bytes());
    assert_eq!(
        extracted.pages,
        [
            "Prices\n\nana@a.example\n\nLook:\nYours\n\nprices.txt\n\napples 12\n\nmore.txt\n\npears 9\n\nAttachments:\nold.txt\n"
        ]
    );
    assert_eq!(extracted.metadata["attachment_count"], "3");
}

#[test]
fn a_mailbox_has_a_page_for_each_message() {
    insta::assert_snapshot!("mailbox", show("choir-letters.mbox"));
    let extracted = read("choir-letters.mbox", &bytes_of("choir-letters.mbox"));
    assert!(extracted.paged);
    let pages: Vec<_> = passages(&extracted).iter().map(|passage| passage.page).collect();
    assert_eq!(pages, [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_message_of_outlook_reads_like_any_other() {
    insta::assert_snapshot!("outlook", show("kitchen-offer.msg"));
}

#[test]
fn a_message_of_outlook_is_known_by_its_content() {
    let read = |name| {
        let bytes = bytes_of("kitchen-offer.msg");
        let kind = DocumentKind::recognize(&bytes, name).unwrap();
        extract(kind, name, bytes, &Limits::default()).unwrap()
    };
    let (misnamed, message) = (read("offer.xls"), read("offer.msg"));
    assert_eq!(misnamed.metadata["content_kind"], "msg");
    assert_eq!(misnamed.pages, message.pages);
    assert!(!message.metadata.contains_key("content_kind"));
}

#[test]
fn chats_of_every_program_read_alike() {
    for (name, snapshot) in [
        ("chat-export.txt", "chat_plain"),
        ("street-party-whatsapp.txt", "chat_whatsapp"),
        ("trail-slack.json", "chat_slack"),
        ("book-club-telegram.json", "chat_telegram"),
        ("roof-teams.json", "chat_teams"),
    ] {
        insta::assert_snapshot!(snapshot, show(name));
    }
}

#[test]
fn later_steps_can_tell_who_said_what_and_when() {
    for name in [
        "chat-export.txt",
        "street-party-whatsapp.txt",
        "trail-slack.json",
        "book-club-telegram.json",
        "roof-teams.json",
    ] {
        let extracted = read(name, &bytes_of(name));
        let messages = extracted.pages[0].lines().filter_map(ChatLine::read);
        let dated = messages
            .filter(|line| {
                line.stamp
                    .is_some_and(|stamp| stamp.date.is_some() && stamp.time.is_some())
            })
            .count();
        assert_eq!(dated.to_string(), extracted.metadata["message_count"], "{name}");
    }
}

#[test]
fn ordinary_texts_among_the_samples_stay_texts() {
    for name in [
        "garden-notes.txt",
        "kyoto-ryoko.txt",
        "receta-gazpacho.txt",
        "wohnungsuebergabe.txt",
    ] {
        assert_eq!(
            DocumentKind::recognize(&bytes_of(name), name),
            Ok(DocumentKind::Text),
            "{name}"
        );
    }
}

/// A message within as many others as are asked for, the innermost with number 0.
fn nested(levels: usize) -> Vec<u8> {
    let mut message = "Subject: level 0\r\nMIME-Version: 1.0\r\n\r\nthe innermost\r\n".to_owned();
    for level in 1..=levels {
        message = format!(
            "Subject: level {level}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b{level}\"\r\n\r\n\
             --b{level}\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--b{level}\r\nContent-Type: message/rfc822\r\n\r\n\
             {message}\r\n--b{level}--\r\n"
        );
    }
    message.into_bytes()
}

#[test]
fn messages_within_messages_are_read_to_a_depth() {
    let text = read("a.eml", &nested(4)).pages.remove(0);
    assert!(text.contains("the innermost"), "{text}");
    let text = read("a.eml", &nested(40)).pages.remove(0);
    assert!(text.contains("level 36") && !text.contains("level 34"), "{text}");
}

/// A message with this many attached texts, each with a word of its own.
fn with_attachments(count: usize, words: &str) -> Vec<u8> {
    let mut message =
        "Subject: many\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
            .to_owned();
    for number in 0..count {
        write!(
            message,
            "--b\r\nContent-Type: text/plain; name=\"{number}.txt\"\r\n\
             Content-Disposition: attachment; filename=\"{number}.txt\"\r\n\r\ncontent{number}. {words}\r\n"
        )
        .unwrap();
    }
    message.push_str("--b--\r\n");
    message.into_bytes()
}

#[test]
fn so_many_attachments_are_read_and_the_others_listed() {
    let extracted = read("a.eml", &with_attachments(30, ""));
    let text = &extracted.pages[0];
    assert!(
        text.contains("content0.") && text.contains("content19.") && !text.contains("content20."),
        "{text}"
    );
    assert!(
        text.contains("\n20.txt\n") && text.contains("\n29.txt\n"),
        "{text}"
    );
    assert_eq!(extracted.metadata["attachment_count"], "30");
}

/// A message with one attached file.
fn with_file(name: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!(
        "Subject: a file\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n"
    );
    [header.as_bytes(), bytes, b"\r\n--=_b--\r\n"].concat()
}

#[test]
fn attached_office_documents_are_read() {
    let workbook = include_bytes!("fixtures/accounts.xls");
    let text = read("a.eml", &with_file("accounts.xls", workbook))
        .pages
        .remove(0);
    assert!(
        text.contains("\naccounts.xls\n") && text.contains("Ana"),
        "{text}"
    );
}

#[test]
fn a_message_that_hides_behind_another_name_is_only_listed() {
    let message = bytes_of("kitchen-offer.msg");
    let read = read("a.eml", &with_file("accounts.xls", &message));
    assert!(read.pages[0].contains("\naccounts.xls\n"), "{}", read.pages[0]);
    assert!(!read.pages[0].contains("Steckdosen"), "{}", read.pages[0]);
}

#[test]
fn the_limit_of_text_holds_with_all_attachments() {
    let limits = Limits {
        text_bytes_max: 1_000,
        ..Limits::default()
    };
    let message = with_attachments(10, &"word ".repeat(100));
    let extracted = extract(DocumentKind::Eml, "a.eml", message.clone(), &limits).unwrap();
    assert!(extracted.truncated && extracted.pages[0].len() <= 1_000);
    let mailbox = [b"From a Mon Mar  2 18:04:11 2026\n".as_slice(), &message]
        .concat()
        .repeat(5);
    let extracted = extract(DocumentKind::Mbox, "a.mbox", mailbox, &limits).unwrap();
    assert!(extracted.truncated && extracted.pages.iter().map(String::len).sum::<usize>() <= 1_000);
}

#[test]
fn a_mailbox_is_read_to_the_limit_of_pages() {
    let limits = Limits {
        pages_max: 2,
        ..Limits::default()
    };
    let extracted = extract(
        DocumentKind::Mbox,
        "a.mbox",
        bytes_of("choir-letters.mbox"),
        &limits,
    )
    .unwrap();
    assert_eq!((extracted.pages.len(), extracted.truncated), (2, true));
    assert_eq!(extracted.metadata["message_count"], "3");
}

#[test]
fn the_form_that_says_something_is_read() {
    let message = |plain: &str| {
        format!(
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n\
             <h2>Invitation</h2><p>{}</p>\r\n--b--\r\n",
            "We meet at ten. ".repeat(40)
        )
    };
    let stub = read("a.eml", message("Your program cannot show this.").as_bytes());
    assert!(stub.pages[0].contains("We meet at ten.") && !stub.pages[0].contains("cannot show"));
    assert!(markdown(&stub).unwrap().contains("## Invitation"));
    let letter = read("a.eml", message(&"We meet at noon. ".repeat(30)).as_bytes());
    assert!(letter.pages[0].contains("at noon") && !letter.pages[0].contains("at ten"));
}

#[test]
fn what_is_no_message_says_so() {
    let container = [b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".as_slice(), &[0; 1000]].concat();
    let error = extract(DocumentKind::Msg, "a.msg", container, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "unreadable");
    assert!(extract(DocumentKind::Eml, "a.eml", Vec::new(), &Limits::default()).is_err());
    assert!(extract(DocumentKind::Mbox, "a.mbox", Vec::new(), &Limits::default()).is_err());
}
