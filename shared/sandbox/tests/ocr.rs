//! Pages that are pictures of text, read by the real `tesseract`, which `script/test` installs with English and German.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use domain::DocumentKind;
use extraction::{Extracted, Limits, full_text};
use futures::stream::{self, BoxStream, StreamExt};
use image::{GrayImage, ImageFormat, imageops};
use sandbox::{ChildProgram, OcrSettings, ParseError, ParseRequest, ParserPool, SandboxSettings};
use support::{encoded, scanned, scanned_pdf, tiff};

const LETTER: [&str; 5] = [
    "The boat leaves the harbour at seven in the morning.",
    "Bring warm clothes, bread and enough drinking water.",
    "Whoever comes late waits for the second boat at noon.",
    "",
    "Ask Miriam for the key to the boat house.",
];
const BRIEF: [&str; 3] = [
    "Die Wohnung wird am ersten Mai \\374bergeben.",
    "Bitte alle Schl\\374ssel und die Z\\344hlerst\\344nde mitbringen.",
    "Der Vermieter wartet vor der Haust\\374r.",
];

fn pool(ocr: OcrSettings) -> ParserPool {
    let program = ChildProgram {
        path: env!("CARGO_BIN_EXE_sandbox-test-child").into(),
        args: Vec::new(),
    };
    let settings = SandboxSettings {
        children: NonZeroU32::new(1),
        wall_time_max: Duration::from_secs(60),
        ..SandboxSettings::default()
    };
    ParserPool::new(program, settings).with_ocr(ocr)
}

async fn read(pool: &ParserPool, kind: DocumentKind, bytes: &[u8]) -> Result<Extracted, ParseError> {
    let request = ParseRequest {
        kind,
        file_name: format!("scan.{}", kind.extensions()[0]),
        size: bytes.len() as u64,
        limits: Limits::default(),
        password: None,
    };
    pool.extract(&request, || pieces(bytes)).await
}

type Pieces = BoxStream<'static, Result<Bytes, Infallible>>;

fn pieces(document: &[u8]) -> Ready<Result<Pieces, Infallible>> {
    let pieces: Vec<_> = document
        .chunks(60_000)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    ready(Ok(stream::iter(pieces).boxed()))
}

/// Checks that nine of ten words were read, in their order: nobody reads pictures without any fault.
fn assert_says(text: &str, lines: &[&str]) {
    let expected = lines.join(" ");
    let expected: Vec<&str> = expected.split_whitespace().collect();
    let mut read = text.split_whitespace().peekable();
    let found = expected.iter().filter(|word| {
        let mut ahead = read.clone();
        let found = ahead.by_ref().take(3).any(|candidate| candidate == **word);
        if found {
            read = ahead;
        } else {
            read.next();
        }
        found
    });
    assert!(found.count() * 10 >= expected.len() * 9, "{text:?}");
}

#[tokio::test]
async fn what_reads_pictures_is_found_with_its_languages_and_confined() {
    let pool = pool(OcrSettings::default());
    let engine = pool.ocr().await.unwrap();
    assert!(engine.name.starts_with("tesseract "), "{engine:?}");
    assert_eq!(engine.languages[0], "eng");
    assert!(engine.installed.contains(&"deu".to_owned()), "{engine:?}");
    // As far as for the children that parse.
    assert_eq!(engine.confinement, pool.warm_up().await.unwrap());
}

#[tokio::test]
async fn scanned_pages_are_read_in_their_places_whichever_way_up_they_are() {
    let letter = scanned(&LETTER, 200);
    let brief = scanned(&BRIEF, 200);
    let on_its_side = imageops::rotate90(&letter);
    // The second page lies on its side in the file and says so, the third lies on its side and does not.
    let file = scanned_pdf(&[
        (&letter, 0),
        (&imageops::rotate270(&brief), 90),
        (&on_its_side, 0),
    ]);
    let pool = pool(OcrSettings::default());
    let extracted = read(&pool, DocumentKind::Pdf, &file).await.unwrap();
    assert_says(&extracted.pages[0], &LETTER);
    assert!(
        extracted.pages[0].contains("morning.\nBring"),
        "{:?}",
        extracted.pages[0]
    );
    assert!(
        extracted.pages[1].contains("am ersten Mai übergeben.\nBitte alle Schlüssel"),
        "{:?}",
        extracted.pages[1]
    );
    assert_says(&extracted.pages[2], &LETTER);

    assert!(!extracted.needs_ocr && !extracted.truncated && extracted.unread_pages.is_empty());
    assert!(extracted.engine.contains(" + tesseract "), "{}", extracted.engine);
    let metadata = &extracted.metadata;
    assert_eq!(
        (
            metadata["ocr_page_count"].as_str(),
            metadata["ocr_languages"].as_str()
        ),
        ("3", "eng+deu")
    );
    assert!(
        metadata["ocr_confidence"].parse::<u32>().unwrap() > 80,
        "{metadata:?}"
    );
    // Every page can be cited: the text as a whole has them in their order.
    let text = full_text(&extracted);
    assert!(text.find("boat").unwrap() < text.find("Mai").unwrap());
    let passages = extraction::passages(&extracted);
    assert_eq!(passages.last().unwrap().page, Some(3));
}

#[tokio::test]
async fn pictures_of_every_kind_are_read() {
    let letter = scanned(&LETTER, 200);
    let pool = pool(OcrSettings::default());
    for (kind, format) in [
        (DocumentKind::Png, ImageFormat::Png),
        (DocumentKind::Jpeg, ImageFormat::Jpeg),
        (DocumentKind::Webp, ImageFormat::WebP),
        (DocumentKind::Bmp, ImageFormat::Bmp),
    ] {
        let extracted = read(&pool, kind, &encoded(&letter, format)).await.unwrap();
        assert_says(&extracted.pages[0], &LETTER);
        assert!(!extracted.needs_ocr, "{kind}");
    }
    let pages = tiff(&[&letter, &scanned(&["Second page of a fax"], 150)]);
    let extracted = read(&pool, DocumentKind::Tiff, &pages).await.unwrap();
    assert_eq!((extracted.pages.len(), extracted.paged), (2, true));
    assert!(extracted.pages[0].contains("harbour") && extracted.pages[1].contains("Second page"));
}

#[tokio::test]
async fn a_page_without_anything_on_it_is_read_and_empty() {
    let blank = GrayImage::from_pixel(1200, 1700, image::Luma([255]));
    let pool = pool(OcrSettings::default());
    let extracted = read(&pool, DocumentKind::Png, &encoded(&blank, ImageFormat::Png))
        .await
        .unwrap();
    assert_eq!((extracted.pages[0].as_str(), extracted.needs_ocr), ("", false));
    assert_eq!(extracted.metadata["ocr_page_count"], "1");
}

#[tokio::test]
async fn without_a_reader_of_pictures_the_document_says_so() {
    let file = scanned_pdf(&[(&scanned(&LETTER, 100), 0)]);
    for program in ["", "/nonexistent/tesseract", "false"] {
        let pool = pool(OcrSettings {
            program: program.to_owned(),
            ..OcrSettings::default()
        });
        assert!(!pool.ocr().await.unwrap_err().to_string().is_empty());
        let extracted = read(&pool, DocumentKind::Pdf, &file).await.unwrap();
        assert!(extracted.needs_ocr, "{program}");
        assert_eq!(extracted.metadata["unread_page_count"], "1");
        assert!(!extracted.engine.contains("tesseract"));
    }
    let pool = pool(OcrSettings {
        languages: vec!["xyz".to_owned()],
        ..OcrSettings::default()
    });
    let reason = pool.ocr().await.unwrap_err().to_string();
    assert!(reason.contains("deu") && reason.contains("installed"), "{reason}");
}

#[tokio::test]
async fn only_so_many_pages_are_read_and_the_document_says_so() {
    let letter = scanned(&LETTER, 100);
    let pool = pool(OcrSettings {
        pages_max: 1,
        ..OcrSettings::default()
    });
    let file = scanned_pdf(&[(&letter, 0), (&letter, 0), (&letter, 0)]);
    let extracted = read(&pool, DocumentKind::Pdf, &file).await.unwrap();
    assert!(extracted.pages[0].contains("harbour") && extracted.pages[1].is_empty());
    assert!(extracted.truncated && extracted.needs_ocr);
    assert_eq!(extracted.unread_pages, [1, 2]);
}

#[tokio::test]
async fn a_reader_of_pictures_that_takes_too_long_is_killed_and_the_rest_is_kept() {
    let letter = scanned(&LETTER, 100);
    let pool = pool(OcrSettings {
        page_time_max: Duration::from_millis(1),
        ..OcrSettings::default()
    });
    assert!(
        pool.ocr().await.is_ok(),
        "finding out what is installed has its own time"
    );
    let pages: Vec<_> = (0..8).map(|_| (&letter, 0)).collect();
    let extracted = read(&pool, DocumentKind::Pdf, &scanned_pdf(&pages))
        .await
        .unwrap();
    assert!(extracted.truncated && extracted.needs_ocr);
    assert_eq!(extracted.unread_pages.len(), 8);
}

#[tokio::test]
async fn a_picture_that_cannot_be_decoded_is_unreadable() {
    let mut png = encoded(&scanned(&LETTER, 100), ImageFormat::Png);
    let middle = png.len() / 2;
    png[60..middle].fill(0x55);
    let pool = pool(OcrSettings::default());
    let error = read(&pool, DocumentKind::Png, &png).await.unwrap_err();
    assert_eq!(error.code(), "unreadable", "{error}");
}
