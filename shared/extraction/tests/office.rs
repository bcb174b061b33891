//! Office documents and e-books, made by the programs that people use or by libraries that stand in for them.

#![allow(clippy::unwrap_used, missing_docs)]

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use domain::{Content, DocumentKind, DocumentPartKind};
use extraction::{Extracted, ExtractionError, Limits, extract, full_text, markdown, parts, passages};
use proptest::prelude::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

fn read_as(bytes: Vec<u8>, name: &str) -> Result<Extracted, ExtractionError> {
    let kind = DocumentKind::recognize(&bytes, name).unwrap();
    extract(kind, name, bytes, &Limits::default())
}

fn read(name: &str) -> Result<Extracted, ExtractionError> {
    read_as(bytes(name), name)
}

/// All of a document that a person could see, page by page.
fn shown(extracted: &Extracted) -> String {
    let mut shown = format!("title: {}\n", extracted.title.as_deref().unwrap_or("–"));
    for (key, value) in &extracted.metadata {
        shown.push_str(&format!("{key}: {value}\n"));
    }
    for (index, page) in extracted.pages.iter().enumerate() {
        let page = page.replace('\t', " → ");
        shown.push_str(&format!("\n── {} ──\n{page}", index + 1));
    }
    shown
}

const DOCUMENTS: [&str; 11] = [
    "accounts.xls",
    "accounts.xlsx",
    "bees.odp",
    "bees.odt",
    "bees.ppt",
    "harvest.pptx",
    "honey.ods",
    "letter.rtf",
    "orchard.doc",
    "orchard.docx",
    "tales.epub",
];

#[test]
fn documents_read_as_a_person_would_read_them() {
    for name in DOCUMENTS {
        let extracted = read(name).unwrap();
        assert!(!extracted.truncated && !extracted.needs_ocr, "{name}");
        assert!(!passages(&extracted).is_empty(), "{name}");
        insta::assert_snapshot!(name.replace('.', "_"), shown(&extracted));
    }
}

#[test]
fn documents_are_markdown_with_headings_lists_and_tables() {
    for name in DOCUMENTS {
        let extracted = read(name).unwrap();
        let markdown = markdown(&extracted).unwrap();
        insta::assert_snapshot!(format!("markdown_{}", name.replace('.', "_")), markdown);
    }
}

#[test]
fn slides_sheets_and_chapters_are_parts_with_names() {
    for (name, kind, titles) in [
        (
            "harvest.pptx",
            DocumentPartKind::Slide,
            ["Harvest review", "What went well", "Numbers"].as_slice(),
        ),
        ("accounts.xlsx", DocumentPartKind::Sheet, &["Expenses", "Helpers"]),
        ("accounts.xls", DocumentPartKind::Sheet, &["Expenses", "Helpers"]),
        ("honey.ods", DocumentPartKind::Sheet, &["Honey 2026"]),
        (
            "tales.epub",
            DocumentPartKind::Chapter,
            &["The old tree", "The ladder"],
        ),
        ("bees.odt", DocumentPartKind::Section, &["Bees in the orchard"]),
    ] {
        let extracted = read(name).unwrap();
        let text = full_text(&extracted);
        let parts = parts(DocumentKind::recognize(&bytes(name), name).unwrap(), &extracted);
        assert!(parts.iter().all(|part| part.kind == kind), "{name}");
        let found: Vec<_> = parts.iter().filter_map(|part| part.title.as_deref()).collect();
        assert_eq!(found, titles, "{name}");
        for part in &parts {
            let words = &text[part.start_byte..part.end_byte];
            assert!(
                words.starts_with(part.title.as_deref().unwrap()),
                "{name}: {words}"
            );
        }
    }
}

#[test]
fn slides_sheets_and_chapters_are_pages() {
    for (name, page, words) in [
        ("harvest.pptx", 3, "Boskoop"),
        ("bees.odp", 2, "Spring: check the stores"),
        ("accounts.xlsx", 2, "Ben"),
        ("accounts.xls", 2, "Ana"),
        ("tales.epub", 2, "thirteen"),
    ] {
        let extracted = read(name).unwrap();
        let passages = passages(&extracted);
        let found = passages
            .iter()
            .find(|passage| passage.text.contains(words))
            .unwrap();
        assert_eq!(found.page, Some(page), "{name}");
        assert_eq!(
            full_text(&extracted)[found.start..found.end],
            found.text,
            "{name}"
        );
    }
}

#[test]
fn documents_behind_a_password_are_encrypted() {
    for name in ["locked.docx", "locked.odt"] {
        let error = read(name).unwrap_err();
        assert_eq!(error.code(), "encrypted", "{name}: {error}");
    }
}

#[test]
fn content_decides_and_a_name_that_belies_it_is_reported() {
    for (file, name, kind) in [
        ("orchard.docx", "orchard.xlsx", "docx"),
        ("accounts.xlsx", "accounts.docx", "xlsx"),
        ("accounts.xls", "accounts.docx", "xls"),
        ("accounts.xls", "accounts.msg", "xls"),
        ("tales.epub", "tales.odt", "epub"),
        ("letter.rtf", "letter.pdf", "rtf"),
    ] {
        let read = read_as(bytes(file), name).unwrap();
        assert_eq!(read.metadata["content_kind"], kind, "{name}");
        assert_eq!(read.pages, self::read(file).unwrap().pages, "{name}");
    }
    assert!(
        !read("orchard.docx")
            .unwrap()
            .metadata
            .contains_key("content_kind")
    );
}

#[test]
fn chapters_are_content_even_if_only_that_is_wanted() {
    let limits = Limits {
        content: Content::Main,
        ..Limits::default()
    };
    let main = extract(DocumentKind::Epub, "tales.epub", bytes("tales.epub"), &limits).unwrap();
    assert_eq!(main.pages, read("tales.epub").unwrap().pages);
}

#[test]
fn a_text_beyond_the_limit_is_cut() {
    for name in DOCUMENTS {
        let bytes = bytes(name);
        let kind = DocumentKind::recognize(&bytes, name).unwrap();
        let limits = Limits {
            text_bytes_max: 20,
            pages_max: 1,
            ..Limits::default()
        };
        let read = extract(kind, name, bytes, &limits).unwrap();
        assert!(read.truncated && full_text(&read).len() <= 20, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage gives less text, or an error; it never makes a parser panic.
    #[test]
    fn damaged_documents_never_make_a_parser_panic(
        which in 0..DOCUMENTS.len(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
        kept in 0.2_f64..1.3,
    ) {
        let name = DOCUMENTS[which];
        let mut bytes = bytes(name);
        let kind = DocumentKind::recognize(&bytes, name).unwrap();
        for (place, value) in places {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        bytes.truncate((bytes.len() as f64 * kept) as usize);
        let outcome = catch_unwind(|| extract(kind, name, bytes, &Limits::default()));
        prop_assert!(outcome.is_ok(), "{} panicked", name);
        if let Ok(Ok(extracted)) = outcome {
            // Whatever the marks are, Markdown has every letter and digit of the text, in its order.
            let markdown = markdown(&extracted).unwrap();
            let mut rest = markdown.chars();
            for c in extracted.pages.concat().chars().filter(|c| c.is_alphanumeric()) {
                prop_assert!(rest.any(|written| written == c), "{} lost {:?} in {:?}", name, c, markdown);
            }
        }
    }
}
