//! Document bytes in; text, pages and metadata out.
//!
//! Everything here is pure and blocking, and trusts no byte: what a parser cannot survive (a panic, an endless loop, a
//! huge allocation) is for the process around it to contain. One file, or folder, for each kind of document. Documents that
//! come in zip archives (`archive`) and compound files (`ole`) are opened in `containers`, which also finds out what they
//! really are.

mod alternative;
mod archive;
mod chat;
mod containers;
mod csv;
mod doc;
mod docx;
mod drawing;
mod epub;
mod html;
mod locked;
mod mail;
mod markdown;
mod numbering;
mod odf;
mod ole;
mod ooxml;
mod ordinal;
mod parts;
mod passages;
mod pdf;
mod picture;
mod ppt;
mod pptx;
mod prose;
mod rtf;
mod scans;
mod structure;
mod text;
mod words;
mod workbook;
mod xml;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::{Content, DocumentKind, ReasonCode};
use serde::{Deserialize, Serialize};

pub use parts::parts;
pub use passages::{Passage, full_text, passages};
pub use scans::{RASTER_PIXELS_MAX, Raster, Reading, Scans};
pub use structure::{MARKS_BYTES_MAX, Mark, Part, Structure, markdown};
pub use words::count_words;

/// How much of a document is read. What lies beyond is left out, and [`Extracted::truncated`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Pages of a document that has pages.
    pub pages_max: u32,
    /// Bytes of text, as UTF-8, over all pages.
    pub text_bytes_max: usize,
    /// Which part of a web page is read; other kinds are all content.
    pub content: Content,
    /// Time after which no further page, slide, sheet or chapter is begun; `None` without a bound. Those before are kept.
    pub time_max: Option<Duration>,
}

impl Default for Limits {
    /// 5,000 pages and 16 MiB: more than the longest books, and little enough to be held by every part on the way.
    fn default() -> Self {
        Self {
            pages_max: 5_000,
            text_bytes_max: 16 << 20,
            content: Content::Full,
            time_max: None,
        }
    }
}

impl Limits {
    /// Whether the time for what began then is over.
    fn is_late(&self, started: Instant) -> bool {
        self.time_max.is_some_and(|time| started.elapsed() > time)
    }
}

/// What was read from a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    /// The text of each page, slide, sheet or chapter, with `\n` as line end and no other control character but the tab. A document of a kind
    /// without pages has exactly one.
    pub pages: Vec<String>,
    /// Whether the pages are those of the document, and not just a place for its text.
    pub paged: bool,
    /// The title that the document itself gives.
    pub title: Option<String>,
    /// What the document says of itself. Keys are of a closed set: `author`, `subject`, `keywords`, `creator`,
    /// `producer`, `created_at` and `modified_at` (RFC 3339), `language`, `encoding`, `page_count`, `slide_count`,
    /// `sheet_count` and `chapter_count` (all of them, the unread ones too), `content_kind` (what the content turned out
    /// to be, where the file's name or the upload said otherwise); of PDF also `link_count` and `links` (the different
    /// addresses, separated by spaces); of mail also `from`, `to`, `cc`, `sent_at` (RFC 3339),
    /// `message_id`, `attachment_count` and `attachments` (name, media type and size); of mailboxes and chats
    /// `message_count`, `first_message_at` and `last_message_at`; of chats `speakers` (the most talkative first, separated
    /// by commas), `speaker_count`, `chat_program` and `time_zone`; of pictures `width` and `height` in pixels; of pages that
    /// were read from pictures `ocr_engine`, `ocr_languages`, `ocr_page_count` and `ocr_confidence` (0 to 100, the mean over
    /// the words); and of pages that show something nobody read, `unread_page_count`.
    pub metadata: BTreeMap<String, String>,
    /// Glyphs whose letter nobody could tell. Each is a U+FFFD in the text.
    pub unmapped_glyphs: u32,
    /// The same for each page of a PDF; empty for other kinds.
    #[serde(default)]
    pub unmapped_by_page: Vec<u32>,
    /// Whether there are pages but hardly any legible text on them: most likely images of text.
    pub needs_ocr: bool,
    /// Pages, as indexes into `pages`, that show something their text does not say: most likely images of text. Which of
    /// them can be painted, to be read as a picture, [`Scans`] knows.
    #[serde(default)]
    pub unread_pages: Vec<u32>,
    /// What the parts of the text are, for [`markdown`].
    #[serde(default)]
    pub structure: Structure,
    /// Whether something was left out: beyond [`Limits`], or behind a place where the document is damaged.
    pub truncated: bool,
    /// What read the document, to tell results of different versions apart.
    pub engine: String,
}

/// Why a document has no text. All are permanent: the same bytes will fail again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", content = "detail", rename_all = "snake_case")]
pub enum ExtractionError {
    /// The bytes are not what they claim to be, or are damaged beyond reading.
    #[error("the document cannot be read: {0}")]
    Unreadable(String),
    /// The document opens only with a password, or with an encryption that is not supported.
    #[error("the document is encrypted: {0}")]
    Encrypted(String),
    /// The document needs more than it may have.
    #[error("the document is too large: {0}")]
    TooLarge(String),
}

impl ExtractionError {
    /// The document needs another password than the one that was given, if any was.
    fn locked(password: Option<&str>) -> Self {
        Self::Encrypted(match password {
            None => "it opens only with a password".to_owned(),
            Some(_) => "the password that came with it does not open it".to_owned(),
        })
    }

    /// The reason, as a word for programs.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Unreadable(_) => ReasonCode::Unreadable,
            Self::Encrypted(_) => ReasonCode::Encrypted,
            Self::TooLarge(_) => ReasonCode::TooLarge,
        }
    }
}

/// [`open`] for who wants no more than the text, and has no password.
///
/// # Errors
/// As for [`open`].
///
/// # Panics
/// As [`open`].
pub fn extract(
    kind: DocumentKind,
    file_name: &str,
    bytes: Vec<u8>,
    limits: &Limits,
) -> Result<Extracted, ExtractionError> {
    let source = Source {
        kind,
        file_name,
        bytes,
        password: None,
    };
    open(source, limits).map(|(extracted, _)| extracted)
}

/// A document to be read. Its bytes are taken, because a PDF is read in place, and a copy would double the memory.
pub struct Source<'a> {
    /// What it is.
    pub kind: DocumentKind,
    /// Its name, which only helps to tell variants apart, such as tab and comma.
    pub file_name: &'a str,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What opens it, if its owner gave that along. Documents without a password do not mind.
    pub password: Option<&'a str>,
}

/// Reads a document of a known kind. Where pages are pictures of text, [`Scans`] paints them for whoever reads pictures;
/// `None` for documents that have no such pages.
///
/// # Errors
/// When there is no text to be had; see [`ExtractionError`]. A document without any text is not an error.
///
/// # Panics
/// Parsers may panic on hostile input; call this where a panic, or the death of the process, does no harm.
pub fn open(source: Source<'_>, limits: &Limits) -> Result<(Extracted, Option<Scans>), ExtractionError> {
    let Source {
        kind,
        file_name,
        bytes,
        password,
    } = source;
    let mut scans = None;
    let (found, mut extracted) = match kind {
        DocumentKind::Text => (kind, text::extract(&bytes, limits)),
        DocumentKind::Markdown => (kind, markdown::extract(&bytes, limits)),
        DocumentKind::Csv => (kind, csv::extract(file_name, &bytes, limits)),
        DocumentKind::Html => (kind, html::extract(&bytes, limits)),
        DocumentKind::Pdf => {
            let (extracted, pdf) = pdf::open(bytes, password, limits)?;
            scans = Some(Scans::of_pdf(pdf));
            (kind, extracted)
        }
        DocumentKind::Rtf => (kind, rtf::extract(&bytes, limits)?),
        DocumentKind::Eml => (kind, mail::extract_eml(&bytes, limits)?),
        DocumentKind::Mbox => (kind, mail::extract_mbox(&bytes, limits)?),
        DocumentKind::Chat => (kind, chat::extract(&bytes, limits)),
        DocumentKind::Docx
        | DocumentKind::Pptx
        | DocumentKind::Xlsx
        | DocumentKind::Xlsb
        | DocumentKind::Xls
        | DocumentKind::Odt
        | DocumentKind::Odp
        | DocumentKind::Ods
        | DocumentKind::Epub
        | DocumentKind::Doc
        | DocumentKind::Ppt
        | DocumentKind::Msg => containers::extract(kind, bytes, password, limits)?,
        DocumentKind::Png
        | DocumentKind::Jpeg
        | DocumentKind::Tiff
        | DocumentKind::Webp
        | DocumentKind::Bmp
        | DocumentKind::Gif => {
            let extracted = picture::extract(kind, &bytes, limits)?;
            scans = Some(Scans::of_picture(kind, bytes));
            (kind, extracted)
        }
    };
    let named = DocumentKind::from_file_name(file_name);
    let misnamed = named.is_some_and(|named| named != found && !(named.is_text() && found.is_text()));
    if misnamed || found != kind {
        let found = found.as_str().to_owned();
        extracted.metadata.insert("content_kind".to_owned(), found);
    }
    let scans = scans.filter(|_| !extracted.unread_pages.is_empty());
    Ok((extracted, scans))
}

/// The result for a document without pages: its whole text, cut to the limit.
fn single_page(engine: &str, mut text: String, limits: &Limits) -> Extracted {
    let truncated = cut_at_char(&mut text, limits.text_bytes_max);
    Extracted {
        pages: vec![text],
        truncated,
        engine: engine.to_owned(),
        ..Extracted::default()
    }
}

/// Shortens a text to at most `bytes_max`, between two characters. Says whether anything was lost.
fn cut_at_char(text: &mut String, bytes_max: usize) -> bool {
    let cut = text.len() > bytes_max;
    text.truncate(text.floor_char_boundary(bytes_max));
    cut
}

/// A value that a document gives of itself, as one line of reasonable length; `None` when nothing is left of it.
fn metadata_value(raw: &str) -> Option<String> {
    /// Bytes of a value: keywords of real documents stay below.
    const VALUE_BYTES_MAX: usize = 1_000;

    let mut value = text::clean(raw).split_whitespace().collect::<Vec<_>>().join(" ");
    cut_at_char(&mut value, VALUE_BYTES_MAX);
    (!value.is_empty()).then_some(value)
}
