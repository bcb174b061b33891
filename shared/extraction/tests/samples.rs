//! Real files: the samples that new users see, and the broken documents of the end-to-end tests.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use domain::DocumentKind;
use extraction::{Extracted, ExtractionError, Limits, count_words, extract, full_text, markdown, passages};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> Result<Extracted, ExtractionError> {
    let bytes = std::fs::read(repository().join(path)).unwrap();
    let kind = DocumentKind::recognize(&bytes, path).unwrap();
    extract(kind, path, bytes, &Limits::default())
}

#[test]
fn every_sample_has_text_and_passages() {
    let mut samples = 0;
    for entry in std::fs::read_dir(repository().join("samples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let extracted = read(&format!("samples/{name}")).unwrap();
        let text = full_text(&extracted);
        assert!(count_words(&text) > 80, "{name}");
        assert!(
            !text.contains('\u{fffd}') && !extracted.needs_ocr && !extracted.truncated,
            "{name}"
        );
        assert!(!passages(&extracted).is_empty(), "{name}");
        let path = format!("samples/{name}");
        let kind = DocumentKind::recognize(&std::fs::read(repository().join(&path)).unwrap(), &path).unwrap();
        assert_eq!(markdown(&extracted).is_some(), kind.has_markdown(), "{name}");
        samples += 1;
    }
    assert!(samples >= 8);
}

#[test]
fn samples_are_read_in_their_encodings() {
    for (name, encoding, phrase) in [
        ("receta-gazpacho.txt", "windows-1252", "batidora grande a Íñigo."),
        ("kyoto-ryoko.txt", "UTF-16LE", "・予算は一人五万円まで。\n"),
        ("wohnungsuebergabe.txt", "UTF-8", "Frau Özdemir"),
    ] {
        let extracted = read(&format!("samples/{name}")).unwrap();
        assert!(extracted.pages[0].contains(phrase), "{name}");
        assert_eq!(extracted.metadata["encoding"], encoding, "{name}");
    }
}

#[test]
fn a_pdf_is_read_page_by_page() {
    let handbook = read("samples/library-handbook.pdf").unwrap();
    assert_eq!(handbook.pages.len(), 3);
    assert_eq!(
        handbook.title.as_deref(),
        Some("Handbook for volunteers of the village library")
    );
    assert_eq!(handbook.metadata["author"], "Library Committee");
    assert_eq!(handbook.metadata["created_at"], "2026-03-04T09:00:00+00:00");
    assert!(
        handbook.pages[0]
            .starts_with("Handbook for volunteers of the village\nlibrary\n\nWelcome, and thank you")
    );
    assert!(handbook.pages[0].ends_with("Village library, page 1"));
    assert!(handbook.pages[0].contains("to find the network.\n\nWhen you close, walk"));
    assert!(handbook.pages[0].contains("\nboard games\tone week\t50 cents a day\n"));

    let workshop = read("samples/atelier-velo.pdf").unwrap();
    assert_eq!(workshop.metadata["language"], "fr");
    assert!(workshop.pages[1].contains("demandez à Élodie ou à Mathieu"));
}

#[test]
fn a_table_keeps_its_rows() {
    let table = read("samples/household-expenses.csv").unwrap();
    assert!(table.pages[0].contains("2026-02-03\ttransport\tmonthly ticket; zones A and B\tSam\t58,00\n"));
    let page = read("samples/river-path.html").unwrap();
    assert!(page.pages[0].contains("Lock to monastery\t27\tgravel, one hill\n"));
    assert!(!page.pages[0].contains("console"));
}

#[test]
fn broken_documents_say_what_is_wrong_with_them() {
    for (name, code) in [
        ("garbage.pdf", "unreadable"),
        ("truncated.pdf", "unreadable"),
        ("password.pdf", "encrypted"),
    ] {
        let error = read(&format!("e2e/fixtures/broken/{name}")).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
    }
    assert!(
        read("e2e/fixtures/broken/scan-without-text.pdf")
            .unwrap()
            .needs_ocr
    );
}
