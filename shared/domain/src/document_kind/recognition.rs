//! What a file is: by its content first, then by its name.

use super::{DocumentKind, chat, containers, message, picture, text};

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
    /// Bytes of the beginning that [`DocumentKind::recognize`] wants to see.
    pub const HEAD_BYTES: usize = 4096;

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
