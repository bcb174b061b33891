//! Documents that take longer than they may keep what was read in time.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::Duration;

use domain::DocumentKind;
use extraction::{Extracted, Limits, extract};

fn read(file: &str, time_max: Option<Duration>) -> Extracted {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let kind = DocumentKind::from_file_name(file).unwrap();
    let limits = Limits {
        time_max,
        ..Limits::default()
    };
    extract(kind, file, std::fs::read(path).unwrap(), &limits).unwrap()
}

#[test]
fn a_long_document_keeps_the_pages_that_were_read_in_time() {
    for file in [
        "samples/library-handbook.pdf",
        "shared/extraction/tests/fixtures/harvest.pptx",
        "shared/extraction/tests/fixtures/tales.epub",
    ] {
        let whole = read(file, Some(Duration::from_secs(3600)));
        assert!(whole.pages.len() > 1 && !whole.truncated, "{file}");
        assert_eq!(whole, read(file, None), "{file}");
        // However short the time is, the first page is read.
        let hurried = read(file, Some(Duration::ZERO));
        assert_eq!(hurried.pages, whole.pages[..1], "{file}");
        assert!(hurried.truncated, "{file}");
    }
}
