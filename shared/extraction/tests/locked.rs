//! Documents behind a password, locked by other programs than ours. The password is the same for all; PDF has it without its
//! last letter, because how that is written there depends on the version.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use domain::DocumentKind;
use extraction::{Extracted, ExtractionError, Limits, Source, open};

const PASSWORD: &str = "Obstgarten 7ü";
const OF_PDF: &str = "Obstgarten 7";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn read(name: &str, password: Option<&str>) -> Result<Extracted, ExtractionError> {
    let source = Source {
        kind: DocumentKind::from_file_name(name).unwrap(),
        file_name: name,
        bytes: std::fs::read(fixture(name)).unwrap(),
        password,
    };
    open(source, &Limits::default()).map(|(extracted, _)| extracted)
}

#[test]
fn the_right_password_shows_what_stands_in_the_open_document() {
    for (locked, plain) in [
        ("with-password/orchard-agile.docx", "orchard.docx"),
        ("with-password/orchard-standard.docx", "orchard.docx"),
        ("with-password/bees.odt", "bees.odt"),
        ("with-password/accounts-rc4.xls", "accounts.xls"),
        ("with-password/accounts-cryptoapi.xls", "accounts.xls"),
        ("with-password/accounts-xor.xls", "accounts.xls"),
        ("with-password/orchard-rc4.doc", "orchard.doc"),
        ("with-password/orchard-cryptoapi.doc", "orchard.doc"),
        ("with-password/bees-cryptoapi.ppt", "bees.ppt"),
    ] {
        let read_locked = read(locked, Some(PASSWORD)).unwrap();
        let read_plain = read(plain, None).unwrap();
        assert_eq!(read_locked.pages, read_plain.pages, "{locked}");
        assert_eq!(read_locked.title, read_plain.title, "{locked}");
    }
    for locked in ["with-password/atelier-aes.pdf", "with-password/atelier-rc4.pdf"] {
        let extracted = read(locked, Some(OF_PDF)).unwrap();
        assert!(extracted.pages[0].contains("vélo"), "{locked}");
    }
}

#[test]
fn without_the_right_password_the_document_says_which_it_is() {
    for name in [
        "with-password/orchard-agile.docx",
        "with-password/orchard-standard.docx",
        "with-password/bees.odt",
        "with-password/accounts-rc4.xls",
        "with-password/accounts-cryptoapi.xls",
        "with-password/accounts-xor.xls",
        "with-password/orchard-rc4.doc",
        "with-password/orchard-cryptoapi.doc",
        "with-password/bees-cryptoapi.ppt",
        "with-password/atelier-aes.pdf",
        "with-password/atelier-rc4.pdf",
    ] {
        let missing = read(name, None).unwrap_err();
        assert_eq!(missing.code(), "encrypted", "{name}");
        assert!(
            missing.to_string().contains("opens only with a password"),
            "{name}: {missing}"
        );
        for wrong in ["", "obstgarten 7ü", "Obstgarten 7ü "] {
            let refused = read(name, Some(wrong)).unwrap_err();
            assert_eq!(refused.code(), "encrypted", "{name}");
            assert!(
                refused.to_string().contains("does not open it"),
                "{name}: {refused}"
            );
        }
    }
}

#[test]
fn a_password_for_an_open_document_does_no_harm() {
    for name in [
        "orchard.docx",
        "bees.odt",
        "honey.ods",
        "accounts.xls",
        "orchard.doc",
        "bees.ppt",
        "letter.rtf",
        "tales.epub",
    ] {
        assert_eq!(
            read(name, Some(PASSWORD)).unwrap(),
            read(name, None).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn a_damaged_lock_is_an_answer_and_not_a_panic() {
    for name in [
        "with-password/orchard-agile.docx",
        "with-password/orchard-standard.docx",
        "with-password/bees.odt",
        "with-password/accounts-rc4.xls",
        "with-password/accounts-cryptoapi.xls",
        "with-password/accounts-xor.xls",
        "with-password/orchard-rc4.doc",
        "with-password/orchard-cryptoapi.doc",
        "with-password/bees-cryptoapi.ppt",
    ] {
        let sound = std::fs::read(fixture(name)).unwrap();
        for at in (0..sound.len()).step_by(sound.len() / 5) {
            let mut bytes = sound.clone();
            bytes[at] ^= 0xA5;
            let source = Source {
                kind: DocumentKind::from_file_name(name).unwrap(),
                file_name: name,
                bytes,
                password: Some(PASSWORD),
            };
            // Either the damage does not matter, or there is a reason.
            let _ = open(source, &Limits::default());
        }
    }
}
