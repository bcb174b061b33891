//! What a document is: by its content first, then by its name.

mod chat;
mod message;

use std::borrow::Cow;
use std::fmt;

use crate::UnknownWord;
use crate::text_encoding::{ByteOrder, utf_16_without_mark};

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
    /// A message as it is sent (RFC 5322), with its parts (MIME).
    Eml,
    /// Many such messages in one file (RFC 4155).
    Mbox,
    /// A message saved by Outlook.
    Msg,
    /// A conversation exported from a chat program.
    Chat,
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

/// The container of old office documents and of messages saved by Outlook.
const OLE_STORAGE: &str = "application/x-ole-storage";

/// First bytes that settle what a file is. Offsets and values are those of the formats' own specifications.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", OLE_STORAGE),
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
    pub const ALL: &'static [Self] = &[
        Self::Pdf,
        Self::Html,
        Self::Markdown,
        Self::Csv,
        Self::Text,
        Self::Eml,
        Self::Mbox,
        Self::Msg,
        Self::Chat,
    ];

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
            Self::Eml => "eml",
            Self::Mbox => "mbox",
            Self::Msg => "msg",
            Self::Chat => "chat",
        }
    }

    /// The media type under which a document of this kind is served.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        self.media_types()[0]
    }

    /// The media types that stand for this kind, the one under which it is served first.
    #[must_use]
    pub const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["text/plain"],
            Self::Markdown => &["text/markdown"],
            Self::Csv => &["text/csv", "text/tab-separated-values"],
            Self::Html => &["text/html", "application/xhtml+xml"],
            Self::Pdf => &["application/pdf"],
            Self::Eml => &["message/rfc822"],
            Self::Mbox => &["application/mbox"],
            Self::Msg => &["application/vnd.ms-outlook"],
            // Text or JSON, whatever the program writes; what is text to a browser does no harm as such.
            Self::Chat => &["text/plain", "application/json"],
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
            Self::Eml => &["eml"],
            Self::Mbox => &["mbox"],
            Self::Msg => &["msg"],
            // Shared with other texts: the content decides.
            Self::Chat => &["txt", "json"],
        }
    }

    /// Whether the text can be had as Markdown: the format says what is a heading, an item or a table.
    #[must_use]
    pub const fn has_markdown(self) -> bool {
        match self {
            Self::Markdown | Self::Csv | Self::Html | Self::Eml | Self::Mbox | Self::Msg => true,
            Self::Text | Self::Pdf | Self::Chat => false,
        }
    }

    /// The program that must be installed where the workers run for documents of this kind to be read; `None` for those
    /// that docmill reads by itself, which are all of them so far.
    #[must_use]
    pub const fn needs(self) -> Option<&'static str> {
        match self {
            Self::Text
            | Self::Markdown
            | Self::Csv
            | Self::Html
            | Self::Pdf
            | Self::Eml
            | Self::Mbox
            | Self::Msg
            | Self::Chat => None,
        }
    }

    /// The kind that a file name's ending stands for; `None` without a known ending.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        let mut named = Self::ALL.iter().copied().filter(|kind| *kind != Self::Chat);
        named.find(|kind| {
            kind.extensions()
                .iter()
                .any(|known| known.eq_ignore_ascii_case(extension))
        })
    }

    /// Decides what a file is from its first [`DocumentKind::HEAD_BYTES`] and its name.
    ///
    /// Content that has a signature decides alone. Text is what its name says; without a name, or as plain text, it is a
    /// message, a chat or a page where it begins like one.
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
        let content = signature(head);
        if content == Some(OLE_STORAGE) && named == Some(Self::Msg) {
            return Ok(Self::Msg);
        }
        if let Some(content) = content {
            return Err(KindMismatch::Unsupported { content });
        }
        // A message may carry bytes of any kind behind its header.
        let is_mail = matches!(named, Some(Self::Eml | Self::Mbox)) && looks_like_text(header_of(head));
        if !is_mail && !looks_like_text(head) {
            return Err(KindMismatch::Unsupported {
                content: "application/octet-stream",
            });
        }
        match named {
            Some(named @ (Self::Pdf | Self::Msg)) => Err(KindMismatch::Contradiction {
                named,
                content: "text/plain",
            }),
            Some(Self::Text) | None => {
                let text = as_text(head);
                let whole = head.len() < Self::HEAD_BYTES;
                Ok(if message::looks_like_mailbox(&text) {
                    Self::Mbox
                } else if message::looks_like_message(&text) {
                    Self::Eml
                } else if chat::looks_like_chat(&text, whole) {
                    Self::Chat
                } else if named.is_none() && looks_like_html(head) {
                    Self::Html
                } else {
                    Self::Text
                })
            }
            Some(kind) => Ok(kind),
        }
    }
}

/// The bytes before the first empty line.
fn header_of(head: &[u8]) -> &[u8] {
    let unix = head.windows(2).position(|pair| pair == b"\n\n");
    let network = head.windows(4).position(|four| four == b"\r\n\r\n");
    let end = [unix, network].into_iter().flatten().min();
    &head[..end.unwrap_or(head.len())]
}

/// The text in which structure is looked for; letters outside ASCII need not be right.
fn as_text(head: &[u8]) -> Cow<'_, str> {
    let units = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        String::from_utf16_lossy(&pairs.iter().map(|pair| from(*pair)).collect::<Vec<_>>())
    };
    match (head, utf_16_without_mark(head)) {
        ([0xFF, 0xFE, rest @ ..], _) => Cow::Owned(units(rest, u16::from_le_bytes)),
        ([0xFE, 0xFF, rest @ ..], _) => Cow::Owned(units(rest, u16::from_be_bytes)),
        (bytes, Some(ByteOrder::LittleEndian)) => Cow::Owned(units(bytes, u16::from_le_bytes)),
        (bytes, Some(ByteOrder::BigEndian)) => Cow::Owned(units(bytes, u16::from_be_bytes)),
        (bytes, None) => String::from_utf8_lossy(bytes),
    }
}

fn signature(head: &[u8]) -> Option<&'static str> {
    SIGNATURES
        .iter()
        .find(|(offset, bytes, _)| head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes)))
        .map(|(_, _, content)| *content)
}

/// Text has no control bytes but white space, unless it is UTF-16 or UTF-32.
fn looks_like_text(head: &[u8]) -> bool {
    let marks = [b"\xFF\xFE".as_slice(), b"\xFE\xFF", b"\0\0\xFE\xFF"];
    if marks.iter().any(|mark| head.starts_with(mark)) || utf_16_without_mark(head).is_some() {
        return true;
    }
    if head.contains(&0) {
        return false;
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
    fn messages_and_chats_are_known_by_their_content() {
        let mail = b"From: a@b.example\r\nMIME-Version: 1.0\r\nSubject: x\r\n\r\nhello";
        let mailbox = b"From a@b.example Mon Mar  2 18:04:11 2026\nFrom: a@b.example\n\nhello";
        let chat = b"[2026-03-02 18:04] Nora: hi\n[2026-03-02 18:05] Ben: hello\n";
        for name in ["", "saved.txt", "export"] {
            assert_eq!(
                DocumentKind::recognize(mail, name),
                Ok(DocumentKind::Eml),
                "{name}"
            );
            assert_eq!(
                DocumentKind::recognize(mailbox, name),
                Ok(DocumentKind::Mbox),
                "{name}"
            );
            assert_eq!(
                DocumentKind::recognize(chat, name),
                Ok(DocumentKind::Chat),
                "{name}"
            );
        }
        assert_eq!(DocumentKind::recognize(b"hello", "a.eml"), Ok(DocumentKind::Eml));
        let binary = b"Subject: x\r\n\r\n\x00\x01\x02\x03\x04\x05";
        assert_eq!(DocumentKind::recognize(binary, "a.eml"), Ok(DocumentKind::Eml));
        assert!(DocumentKind::recognize(&[0, 1, 2, 3, 0, 7, 9], "a.eml").is_err());
        assert_eq!(
            DocumentKind::recognize(chat, "notes.md"),
            Ok(DocumentKind::Markdown)
        );
        assert_eq!(
            DocumentKind::recognize(b"{\"a\": 1}", "data.json"),
            Ok(DocumentKind::Text)
        );
        let wide: Vec<u8> = String::from_utf8_lossy(chat)
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(DocumentKind::recognize(&wide, "chat.txt"), Ok(DocumentKind::Chat));
    }

    #[test]
    fn a_message_of_outlook_needs_its_container() {
        let container = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
        assert_eq!(
            DocumentKind::recognize(container, "offer.MSG"),
            Ok(DocumentKind::Msg)
        );
        assert!(DocumentKind::recognize(container, "offer.txt").is_err());
        assert!(DocumentKind::recognize(b"hello", "offer.msg").is_err());
    }

    #[test]
    fn every_word_and_every_ending_reads_back() {
        for kind in DocumentKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert!(!kind.media_types().is_empty() && !kind.extensions().is_empty());
        }
        assert_eq!(DocumentKind::from_file_name("a.json"), None);
        assert_eq!(DocumentKind::from_file_name("a.txt"), Some(DocumentKind::Text));
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
        let chinese: Vec<u8> = "明天上午十点开会。\n请带上文件。\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(DocumentKind::recognize(&chinese, "a.txt"), Ok(DocumentKind::Text));
    }
}
