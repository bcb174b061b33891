//! What a document is: by its content first, then by its name.

use std::fmt;

use crate::UnknownWord;

/// A kind of document that docmill can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Plain text in any encoding.
    Text,
    /// Markdown.
    Markdown,
    /// A table as comma, semicolon, tab or pipe separated values.
    Csv,
    /// A web page.
    Html,
    /// Portable Document Format.
    Pdf,
}

/// The content is one thing and the name says another, and the two cannot both be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KindMismatch {
    /// Nothing that docmill can read.
    #[error("the content is {content}, which cannot be read here")]
    Unsupported {
        /// What the content looks like, as a media type.
        content: &'static str,
    },
    /// The name promises another kind than the content shows.
    #[error("the name says {named}, the content is {content}")]
    Contradiction {
        /// The kind that the file name's ending stands for.
        named: DocumentKind,
        /// What the content looks like, as a media type.
        content: &'static str,
    },
}

/// First bytes that settle what a file is. Offsets and values are those of the formats' own specifications.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (
        0,
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        "application/x-ole-storage",
    ),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x89PNG\r\n\x1A\n", "image/png"),
    (0, b"\xFF\xD8\xFF", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (0, b"\x1F\x8B", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xFD7zXZ\0", "application/x-xz"),
    (0, b"\x28\xB5\x2F\xFD", "application/zstd"),
    (0, b"7z\xBC\xAF\x27\x1C", "application/x-7z-compressed"),
    (0, b"Rar!\x1A\x07", "application/vnd.rar"),
    (0, b"\x7FELF", "application/x-executable"),
    (0, b"MZ\x90\0", "application/vnd.microsoft.portable-executable"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (4, b"ftyp", "video/mp4"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (257, b"ustar", "application/x-tar"),
];

impl DocumentKind {
    /// Every kind, in the order in which people list them.
    pub const ALL: &'static [Self] = &[Self::Pdf, Self::Html, Self::Markdown, Self::Csv, Self::Text];

    /// Bytes of the beginning that [`DocumentKind::recognize`] wants to see.
    pub const HEAD_BYTES: usize = 4096;

    /// The word used in the database, in the API and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Pdf => "pdf",
        }
    }

    /// The media type under which a document of this kind is served.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Markdown => "text/markdown",
            Self::Csv => "text/csv",
            Self::Html => "text/html",
            Self::Pdf => "application/pdf",
        }
    }

    /// The endings that stand for this kind, without the dot.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["txt", "text", "log"],
            Self::Markdown => &["md", "markdown"],
            Self::Csv => &["csv", "tsv"],
            Self::Html => &["html", "htm", "xhtml"],
            Self::Pdf => &["pdf"],
        }
    }

    /// The kind that a file name's ending stands for; `None` without a known ending.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL.iter().copied().find(|kind| {
            kind.extensions()
                .iter()
                .any(|known| known.eq_ignore_ascii_case(extension))
        })
    }

    /// Decides what a file is from its first [`DocumentKind::HEAD_BYTES`] and its name.
    ///
    /// Content that has a signature decides alone. Text is what its name says, or plain text, or HTML where it
    /// begins like a page.
    ///
    /// # Errors
    /// When the content is something else than a readable document, or contradicts the name.
    pub fn recognize(head: &[u8], file_name: &str) -> Result<Self, KindMismatch> {
        let head = &head[..head.len().min(Self::HEAD_BYTES)];
        let named = Self::from_file_name(file_name);
        // PDF 1.7 (ISO 32000-1), implementation note 13: readers accept the header within the first 1024 bytes.
        let pdf_header = head.windows(5).take(1024).any(|bytes| bytes == b"%PDF-");
        if pdf_header && (named.is_none_or(|kind| kind == Self::Pdf) || head.starts_with(b"%PDF-")) {
            return Ok(Self::Pdf);
        }
        if let Some(content) = signature(head) {
            return Err(KindMismatch::Unsupported { content });
        }
        if !looks_like_text(head) {
            return Err(KindMismatch::Unsupported {
                content: "application/octet-stream",
            });
        }
        match named {
            Some(Self::Pdf) => Err(KindMismatch::Contradiction {
                named: Self::Pdf,
                content: "text/plain",
            }),
            Some(kind) => Ok(kind),
            None if looks_like_html(head) => Ok(Self::Html),
            None => Ok(Self::Text),
        }
    }
}

fn signature(head: &[u8]) -> Option<&'static str> {
    SIGNATURES
        .iter()
        .find(|(offset, bytes, _)| head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes)))
        .map(|(_, _, content)| *content)
}

/// Text has no control bytes but white space; UTF-16 has zeros, but only on one side of its pairs.
fn looks_like_text(head: &[u8]) -> bool {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return true;
    }
    let zeros = |parity: usize| {
        head.iter()
            .skip(parity)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    if even + odd > 0 {
        let (less, more) = (even.min(odd), even.max(odd));
        // Mostly Latin UTF-16 without a mark: nearly every second byte is zero, and nearly only those.
        return more * 4 > head.len() && less * 10 <= more;
    }
    // ESC begins ISO-2022 encodings and terminal colours; both are text.
    let control = head
        .iter()
        .filter(|byte| matches!(byte, 0x01..=0x08 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F))
        .count();
    control * 50 <= head.len()
}

fn looks_like_html(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(head)
        .trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t'])
        .to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|tag| start.starts_with(tag))
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for DocumentKind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| UnknownWord {
                word: word.to_owned(),
                known: Self::ALL
                    .iter()
                    .map(|kind| kind.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_before_the_name() {
        assert_eq!(
            DocumentKind::recognize(b"%PDF-1.7\n", "scan"),
            Ok(DocumentKind::Pdf)
        );
        assert_eq!(
            DocumentKind::recognize(b"%PDF-1.7\n", "page.html"),
            Ok(DocumentKind::Pdf)
        );
        assert_eq!(
            DocumentKind::recognize(b"\r\n\r\n%PDF-1.4", "late.pdf"),
            Ok(DocumentKind::Pdf)
        );
    }

    #[test]
    fn text_is_what_its_name_says() {
        assert_eq!(
            DocumentKind::recognize(b"a,b\n1,2\n", "t.CSV"),
            Ok(DocumentKind::Csv)
        );
        assert_eq!(
            DocumentKind::recognize(b"# Title\n", "readme.md"),
            Ok(DocumentKind::Markdown)
        );
        assert_eq!(
            DocumentKind::recognize(b"hello", "no-ending"),
            Ok(DocumentKind::Text)
        );
        assert_eq!(DocumentKind::recognize(b"", "empty.txt"), Ok(DocumentKind::Text));
    }

    #[test]
    fn a_page_without_a_name_is_html() {
        assert_eq!(
            DocumentKind::recognize(b"\n <!DOCTYPE html><html>", ""),
            Ok(DocumentKind::Html)
        );
    }

    #[test]
    fn text_about_pdf_stays_text() {
        assert_eq!(
            DocumentKind::recognize(b"The header is %PDF-1.7.", "notes.txt"),
            Ok(DocumentKind::Text)
        );
    }

    #[test]
    fn a_text_that_calls_itself_pdf_is_a_contradiction() {
        assert_eq!(
            DocumentKind::recognize(b"just words", "report.pdf"),
            Err(KindMismatch::Contradiction {
                named: DocumentKind::Pdf,
                content: "text/plain"
            })
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |head: &[u8], name| DocumentKind::recognize(head, name).unwrap_err().to_string();
        assert_eq!(
            refused(b"PK\x03\x04....", "a.docx"),
            "the content is application/zip, which cannot be read here"
        );
        assert_eq!(
            refused(b"\x89PNG\r\n\x1A\n", "a.txt"),
            "the content is image/png, which cannot be read here"
        );
        assert_eq!(
            refused(&[1, 2, 3, 4, 5, 6], "a.txt"),
            "the content is application/octet-stream, which cannot be read here"
        );
    }

    #[test]
    fn utf_16_is_text_with_and_without_a_mark() {
        let little: Vec<u8> = "Grüße aus Köln"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(DocumentKind::recognize(&little, "a.txt"), Ok(DocumentKind::Text));
        let marked = [b"\xFF\xFE".as_slice(), &little].concat();
        assert_eq!(DocumentKind::recognize(&marked, "a.txt"), Ok(DocumentKind::Text));
    }
}
