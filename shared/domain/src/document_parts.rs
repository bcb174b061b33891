//! The parts of a document: pages, slides, sheets, chapters, messages, or the sections under its headings. The extraction finds
//! them, a worker stores them, and the API answers with them.

use serde::{Deserialize, Serialize};

use crate::DocumentKind;

/// Stands between the pages of a text: the form feed, which no page contains.
pub const PAGE_SEPARATOR: char = '\x0c';

/// What the parts of a document are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentPartKind {
    /// A page of paper.
    Page,
    /// A slide.
    Slide,
    /// A sheet of a workbook.
    Sheet,
    /// A chapter of a book.
    Chapter,
    /// A message of a mailbox.
    Message,
    /// A heading and what stands below it, up to the next heading.
    Section,
}

impl DocumentPartKind {
    /// What the pages of a document of this kind are.
    #[must_use]
    pub const fn of_pages(kind: DocumentKind) -> Self {
        match kind {
            DocumentKind::Pptx | DocumentKind::Odp => Self::Slide,
            DocumentKind::Xlsx | DocumentKind::Xlsb | DocumentKind::Xls | DocumentKind::Ods => Self::Sheet,
            DocumentKind::Epub => Self::Chapter,
            DocumentKind::Mbox => Self::Message,
            _ => Self::Page,
        }
    }
}

/// A part of a document and where it lies in its text. Parts come in order and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentPart {
    /// What it is.
    pub kind: DocumentPartKind,
    /// Its number, counted from one.
    pub number: u32,
    /// Its first heading: the title of a slide or chapter, the name of a sheet, the subject of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its first character, counted from zero.
    pub start: usize,
    /// The character behind its last one.
    pub end: usize,
    /// Its first byte, counted from zero.
    pub start_byte: usize,
    /// The byte behind its last one.
    pub end_byte: usize,
}
