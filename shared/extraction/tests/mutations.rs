//! Damaged documents of every kind that has no process of its own to die in: readers must end, within their limits, without
//! a panic, and what they say of the text must be true.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use domain::{Content, DocumentKind};
use extraction::{Limits, MARKS_BYTES_MAX, Structure, extract, markdown};
use proptest::prelude::*;
use proptest::sample::Index;

/// A damage: bytes are flipped, cut out, doubled, or replaced by what formats use for themselves.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, u16),
    Double(Index, u16),
    Insert(Index, &'static [u8]),
    End(Index),
}

const INSERTIONS: [&[u8]; 12] = [
    b"\n\n",
    b"\r\n",
    b"\0",
    b"--=_part0\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"=?utf-8?Q?=FF?=",
    b"<table><tr><td>",
    b"</a></b>",
    b"\xFF\xFE",
    b"[[[{{{\"",
    b"99/99/9999, 99:99 - ",
    "\u{200f}é漢👍".as_bytes(),
];

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let damage = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, with)| Damage::Flip(at, with)),
        (any::<Index>(), any::<u16>()).prop_map(|(at, length)| Damage::Cut(at, length % 300)),
        (any::<Index>(), any::<u16>()).prop_map(|(at, length)| Damage::Double(at, length % 300)),
        (any::<Index>(), prop::sample::select(&INSERTIONS[..]))
            .prop_map(|(at, what)| Damage::Insert(at, what)),
        any::<Index>().prop_map(Damage::End),
    ];
    prop::collection::vec(damage, 1..8)
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            return bytes;
        }
        let part = |at: &Index, length: u16, all: usize| {
            let start = at.index(all);
            start..(start + usize::from(length)).min(all)
        };
        let all = bytes.len();
        match damage {
            Damage::Flip(at, with) => bytes[at.index(all)] ^= with,
            Damage::Cut(at, length) => drop(bytes.drain(part(at, *length, all))),
            Damage::Double(at, length) => {
                let doubled = bytes[part(at, *length, all)].to_vec();
                let at = at.index(all);
                bytes.splice(at..at, doubled);
            }
            Damage::Insert(at, what) => {
                let at = at.index(all);
                bytes.splice(at..at, what.iter().copied());
            }
            Damage::End(at) => bytes.truncate(at.index(all)),
        }
    }
    bytes
}

/// Reads the damaged sample as what it was, and checks what holds for every result.
fn check(kind: DocumentKind, name: &str, damages: &[Damage], content: Content) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../samples")
        .join(name);
    let bytes = damaged(std::fs::read(path).unwrap(), damages);
    let limits = Limits {
        pages_max: 3,
        text_bytes_max: 1_500,
        content,
        ..Limits::default()
    };
    let Ok(extracted) = extract(kind, name, bytes, &limits) else {
        return;
    };
    assert!(extracted.pages.len() <= 3);
    assert!(extracted.pages.iter().map(String::len).sum::<usize>() <= 1_500);
    for page in &extracted.pages {
        let odd = page.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(odd, None, "{page:?}");
    }
    if let Structure::Marked(marks) = &extracted.structure {
        assert!(marks.iter().all(|mark| mark.start < mark.end));
        assert!(serde_json::to_vec(marks).unwrap().len() <= MARKS_BYTES_MAX);
        // Whatever the marks are, Markdown has every letter and digit of the text, in its order.
        let markdown = markdown(&extracted).unwrap();
        let mut rest = markdown.chars();
        for c in extracted.pages.concat().chars().filter(|c| c.is_alphanumeric()) {
            assert!(
                rest.any(|written| written == c),
                "{c:?} is missing in {markdown:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_messages_are_read_or_refused(damages in damages()) {
        check(DocumentKind::Eml, "boat-trip.eml", &damages, Content::Full);
    }

    #[test]
    fn damaged_mailboxes_are_read_or_refused(damages in damages()) {
        check(DocumentKind::Mbox, "choir-letters.mbox", &damages, Content::Full);
    }

    #[test]
    fn damaged_messages_of_outlook_are_read_or_refused(damages in damages()) {
        check(DocumentKind::Msg, "kitchen-offer.msg", &damages, Content::Full);
    }

    #[test]
    fn damaged_documents_of_old_are_read_or_refused(damages in damages()) {
        check(DocumentKind::Doc, "../shared/extraction/tests/fixtures/orchard.doc", &damages, Content::Full);
        check(DocumentKind::Ppt, "../shared/extraction/tests/fixtures/bees.ppt", &damages, Content::Full);
        check(DocumentKind::Xls, "../shared/extraction/tests/fixtures/accounts.xls", &damages, Content::Full);
    }

    #[test]
    fn damaged_chats_are_read_or_refused(
        name in prop::sample::select(vec![
            "chat-export.txt", "street-party-whatsapp.txt", "trail-slack.json", "book-club-telegram.json", "roof-teams.json",
        ]),
        damages in damages(),
    ) {
        check(DocumentKind::Chat, name, &damages, Content::Full);
    }

    #[test]
    fn damaged_pages_are_read(damages in damages(), main in any::<bool>()) {
        let content = if main { Content::Main } else { Content::Full };
        check(DocumentKind::Html, "river-path.html", &damages, content);
    }

    #[test]
    fn damaged_texts_and_tables_are_read(damages in damages()) {
        for (kind, name) in [
            (DocumentKind::Text, "kyoto-ryoko.txt"),
            (DocumentKind::Markdown, "meeting-notes.md"),
            (DocumentKind::Csv, "household-expenses.csv"),
        ] {
            check(kind, name, &damages, Content::Full);
        }
    }

    #[test]
    fn whatever_the_bytes_are_their_kind_is_told_or_refused(name in "[a-z]{0,3}(\\.(txt|eml|msg|json|html))?", damages in damages()) {
        for sample in ["boat-trip.eml", "kitchen-offer.msg", "roof-teams.json", "kyoto-ryoko.txt"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").join(sample);
            let _ = DocumentKind::recognize(&damaged(std::fs::read(path).unwrap(), &damages), &name);
        }
    }
}
