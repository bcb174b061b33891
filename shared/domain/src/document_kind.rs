//! What a document is: by its content first, then by its name.

mod chat;
mod containers;
mod message;
mod picture;
mod text;

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
    /// Word processing: Office Open XML, with and without macros (which never run).
    Docx,
    /// Slides: Office Open XML.
    Pptx,
    /// A workbook: Office Open XML.
    Xlsx,
    /// A workbook: the binary format of Excel 5 to 2003.
    Xls,
    /// A workbook: Office Open XML with binary parts.
    Xlsb,
    /// Word processing: the binary format of Word 6 to 2003.
    Doc,
    /// Slides: the binary format of PowerPoint 97 to 2003.
    Ppt,
    /// Word processing: OpenDocument.
    Odt,
    /// Slides: OpenDocument.
    Odp,
    /// A workbook: OpenDocument.
    Ods,
    /// Rich Text Format.
    Rtf,
    /// An e-book.
    Epub,
    /// A message as it is sent (RFC 5322), with its parts (MIME).
    Eml,
    /// Many such messages in one file (RFC 4155).
    Mbox,
    /// A message saved by Outlook.
    Msg,
    /// A conversation exported from a chat program.
    Chat,
    /// A picture, with or without transparency.
    Png,
    /// A photograph or a scanned page.
    Jpeg,
    /// Scanned pages, as many as the file has.
    Tiff,
    /// A picture for the web.
    Webp,
    /// A picture as Windows keeps it.
    Bmp,
    /// A picture of few colours; of one that moves, the first.
    Gif,
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

const ZIP: &str = "application/zip";
const COMPOUND_FILE: &str = "application/x-ole-storage";

/// First bytes that settle what a file is. Offsets and values are those of the formats' own specifications.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", ZIP),
    (0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", COMPOUND_FILE),
    (0, b"\x89PNG\r\n\x1A\n", "image/png"),
    (0, b"\xFF\xD8\xFF", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
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
        Self::Docx,
        Self::Odt,
        Self::Rtf,
        Self::Pptx,
        Self::Odp,
        Self::Xlsx,
        Self::Xlsb,
        Self::Doc,
        Self::Ppt,
        Self::Xls,
        Self::Ods,
        Self::Epub,
        Self::Html,
        Self::Markdown,
        Self::Csv,
        Self::Text,
        Self::Eml,
        Self::Mbox,
        Self::Msg,
        Self::Chat,
        Self::Png,
        Self::Jpeg,
        Self::Tiff,
        Self::Webp,
        Self::Bmp,
        Self::Gif,
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
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Xls => "xls",
            Self::Xlsb => "xlsb",
            Self::Doc => "doc",
            Self::Ppt => "ppt",
            Self::Odt => "odt",
            Self::Odp => "odp",
            Self::Ods => "ods",
            Self::Rtf => "rtf",
            Self::Epub => "epub",
            Self::Eml => "eml",
            Self::Mbox => "mbox",
            Self::Msg => "msg",
            Self::Chat => "chat",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
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
            Self::Docx => &["application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
            Self::Pptx => &["application/vnd.openxmlformats-officedocument.presentationml.presentation"],
            Self::Xlsx => &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
            Self::Xls => &["application/vnd.ms-excel"],
            Self::Xlsb => &["application/vnd.ms-excel.sheet.binary.macroenabled.12"],
            Self::Doc => &["application/msword"],
            Self::Ppt => &["application/vnd.ms-powerpoint"],
            Self::Odt => &["application/vnd.oasis.opendocument.text"],
            Self::Odp => &["application/vnd.oasis.opendocument.presentation"],
            Self::Ods => &["application/vnd.oasis.opendocument.spreadsheet"],
            Self::Rtf => &["application/rtf"],
            Self::Epub => &["application/epub+zip"],
            Self::Eml => &["message/rfc822"],
            Self::Mbox => &["application/mbox"],
            Self::Msg => &["application/vnd.ms-outlook"],
            // Text or JSON, whatever the program writes; what is text to a browser does no harm as such.
            Self::Chat => &["text/plain", "application/json"],
            Self::Png => &["image/png"],
            Self::Jpeg => &["image/jpeg"],
            Self::Tiff => &["image/tiff"],
            Self::Webp => &["image/webp"],
            Self::Bmp => &["image/bmp"],
            Self::Gif => &["image/gif"],
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
            Self::Docx => &["docx", "docm", "dotx", "dotm"],
            Self::Pptx => &["pptx", "pptm", "ppsx", "ppsm", "potx", "potm"],
            Self::Xlsx => &["xlsx", "xlsm", "xltx", "xltm"],
            Self::Xls => &["xls", "xlt"],
            Self::Xlsb => &["xlsb"],
            Self::Doc => &["doc", "dot"],
            Self::Ppt => &["ppt", "pps", "pot"],
            Self::Odt => &["odt", "ott"],
            Self::Odp => &["odp", "otp"],
            Self::Ods => &["ods", "ots"],
            Self::Rtf => &["rtf"],
            Self::Epub => &["epub"],
            Self::Eml => &["eml"],
            Self::Mbox => &["mbox"],
            Self::Msg => &["msg"],
            // Shared with other texts: the content decides.
            Self::Chat => &["txt", "json"],
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Tiff => &["tif", "tiff"],
            Self::Webp => &["webp"],
            Self::Bmp => &["bmp"],
            Self::Gif => &["gif"],
        }
    }

    /// Whether the text can be had as Markdown: it can be told what is a heading, an item or a table.
    #[must_use]
    pub const fn has_markdown(self) -> bool {
        match self {
            Self::Markdown
            | Self::Csv
            | Self::Html
            | Self::Eml
            | Self::Mbox
            | Self::Msg
            | Self::Docx
            | Self::Pptx
            | Self::Xlsx
            | Self::Xls
            | Self::Xlsb
            | Self::Doc
            | Self::Ppt
            | Self::Odt
            | Self::Odp
            | Self::Ods
            | Self::Rtf
            | Self::Epub
            | Self::Pdf => true,
            // Nothing but lines.
            Self::Text
            | Self::Chat
            | Self::Png
            | Self::Jpeg
            | Self::Tiff
            | Self::Webp
            | Self::Bmp
            | Self::Gif => false,
        }
    }

    /// The program that must be installed where the workers run for documents of this kind to be read; `None` for those
    /// that docmill reads by itself.
    #[must_use]
    pub const fn needs(self) -> Option<&'static str> {
        match self {
            Self::Text
            | Self::Markdown
            | Self::Csv
            | Self::Html
            | Self::Pdf
            | Self::Docx
            | Self::Pptx
            | Self::Xlsx
            | Self::Xls
            | Self::Xlsb
            | Self::Doc
            | Self::Ppt
            | Self::Odt
            | Self::Odp
            | Self::Ods
            | Self::Rtf
            | Self::Epub
            | Self::Eml
            | Self::Mbox
            | Self::Msg
            | Self::Chat => None,
            Self::Png | Self::Jpeg | Self::Tiff | Self::Webp | Self::Bmp | Self::Gif => Some("tesseract"),
        }
    }

    /// Whether documents of this kind are pictures, of which only a program that reads pictures knows the text.
    #[must_use]
    pub const fn is_picture(self) -> bool {
        matches!(
            self,
            Self::Png | Self::Jpeg | Self::Tiff | Self::Webp | Self::Bmp | Self::Gif
        )
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

    /// Whether documents of this kind are text that a person could read as it is.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Markdown | Self::Csv | Self::Html | Self::Eml | Self::Mbox | Self::Chat
        )
    }

    /// Decides what a file is from its first [`DocumentKind::HEAD_BYTES`] and its name.
    ///
    /// Content that has a signature decides alone. Archives and compound files show only later, when they are opened,
    /// what is in them: where their beginning does not tell, the name is believed for now. Text is what its name says;
    /// without a name, or as plain text, it is a message, a chat or a page where it begins like one.
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
        // Converters leave out the header; then the name has to help.
        if head.starts_with(b"{\\rtf") || (named == Some(Self::Rtf) && head.starts_with(b"{\\")) {
            return Ok(Self::Rtf);
        }
        if let Some(content) = signature(head) {
            let kind = match content {
                ZIP => containers::in_archive(head, named),
                COMPOUND_FILE => containers::in_compound_file(named),
                _ => picture::of_media_type(content),
            };
            return kind.ok_or(KindMismatch::Unsupported { content });
        }
        if picture::is_bitmap(head) {
            return Ok(Self::Bmp);
        }
        // A message may carry bytes of any kind behind its header.
        let is_mail =
            matches!(named, Some(Self::Eml | Self::Mbox)) && text::looks_like_one(text::header_of(head));
        if !is_mail && !text::looks_like_one(head) {
            return Err(KindMismatch::Unsupported {
                content: "application/octet-stream",
            });
        }
        match named {
            // Word opens any text, so that many programs gave theirs the ending of its documents.
            Some(Self::Text | Self::Doc) | None => Ok(Self::of_text(head, named)),
            Some(kind) if kind.is_text() => Ok(kind),
            // Web applications like to give their tables the ending of a workbook.
            Some(_) if text::looks_like_page(head) => Ok(Self::Html),
            Some(named) => Err(KindMismatch::Contradiction {
                named,
                content: "text/plain",
            }),
        }
    }

    /// What a text is whose name says no more than that, or nothing.
    fn of_text(head: &[u8], named: Option<Self>) -> Self {
        let beginning = text::decoded(head);
        let whole = head.len() < Self::HEAD_BYTES;
        if message::looks_like_mailbox(&beginning) {
            Self::Mbox
        } else if message::looks_like_message(&beginning) {
            Self::Eml
        } else if chat::looks_like_chat(&beginning, whole) {
            Self::Chat
        } else if named != Some(Self::Text) && text::looks_like_page(head) {
            Self::Html
        } else {
            Self::Text
        }
    }
}

fn signature(head: &[u8]) -> Option<&'static str> {
    SIGNATURES
        .iter()
        .find(|(offset, bytes, _)| head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes)))
        .map(|(_, _, content)| *content)
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
    fn rich_text_is_rich_text_whatever_its_name() {
        assert_eq!(
            DocumentKind::recognize(b"{\\rtf1\\ansi", "letter.doc"),
            Ok(DocumentKind::Rtf)
        );
    }

    #[test]
    fn a_text_with_the_ending_of_word_is_what_it_looks_like() {
        let kind = |content: &[u8]| DocumentKind::recognize(content, "minutes.doc");
        assert_eq!(kind(b"just words"), Ok(DocumentKind::Text));
        assert_eq!(kind(b"<html><body>"), Ok(DocumentKind::Html));
        assert_eq!(kind(b"{\\rtf1"), Ok(DocumentKind::Rtf));
        assert_eq!(kind(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), Ok(DocumentKind::Doc));
    }

    #[test]
    fn a_page_that_calls_itself_a_workbook_is_a_page() {
        assert_eq!(
            DocumentKind::recognize(b"<html><table>", "export.xls"),
            Ok(DocumentKind::Html)
        );
        assert!(DocumentKind::recognize(b"a;b", "export.xlsx").is_err());
    }

    #[test]
    fn every_kind_is_found_by_its_word_and_its_endings() {
        for kind in DocumentKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert!(!kind.media_types().is_empty() && !kind.extensions().is_empty());
            // The endings of chats are those of any text.
            let endings = kind.extensions().iter().filter(|_| *kind != DocumentKind::Chat);
            for ending in endings {
                assert_eq!(DocumentKind::from_file_name(&format!("a.{ending}")), Some(*kind));
            }
        }
        assert_eq!(DocumentKind::from_file_name("a.json"), None);
        assert_eq!(DocumentKind::from_file_name("a.txt"), Some(DocumentKind::Text));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |head: &[u8], name| DocumentKind::recognize(head, name).unwrap_err().to_string();
        assert_eq!(
            refused(b"PK\x03\x04....", "a.zip"),
            "the content is application/zip, which cannot be read here"
        );
        assert_eq!(
            refused(b"\x1F\x8B\x08\0", "a.txt"),
            "the content is application/gzip, which cannot be read here"
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
