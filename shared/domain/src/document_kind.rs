//! What a document is, and what is said of every kind: its word, its media types, its endings, what its text can be had as.

mod chat;
mod containers;
mod message;
mod picture;
mod recognition;
mod text;

use std::fmt;

use crate::UnknownWord;

pub use recognition::KindMismatch;

/// What can be told of the text of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// What is a heading, an item or a table.
    Marked,
    /// Nothing but lines.
    Lines,
    /// Nothing: it is a picture, of which only a program that reads pictures knows the text.
    Picture,
}

macro_rules! kinds {
    ($(
        $(#[$doc:meta])*
        $kind:ident = $word:literal [$($media_type:literal),+] [$($extension:literal),+] $form:ident;
    )+) => {
        /// A kind of document that docmill can read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum DocumentKind { $($(#[$doc])* $kind),+ }

        impl DocumentKind {
            /// Every kind, in the order in which people list them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The word used in the database, in the API and in metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word),+ }
            }

            /// The media types that stand for this kind, the one under which it is served first.
            #[must_use]
            pub const fn media_types(self) -> &'static [&'static str] {
                match self { $(Self::$kind => &[$($media_type),+]),+ }
            }

            /// The endings that stand for this kind, without the dot.
            #[must_use]
            pub const fn extensions(self) -> &'static [&'static str] {
                match self { $(Self::$kind => &[$($extension),+]),+ }
            }

            const fn form(self) -> Form {
                match self { $(Self::$kind => Form::$form),+ }
            }
        }
    };
}

// Word, media types, endings, and what its text can be told as.
kinds! {
    /// Portable Document Format.
    Pdf = "pdf" ["application/pdf"] ["pdf"] Marked;
    /// Word processing: Office Open XML, with and without macros (which never run).
    Docx = "docx" ["application/vnd.openxmlformats-officedocument.wordprocessingml.document"]
        ["docx", "docm", "dotx", "dotm"] Marked;
    /// Word processing: OpenDocument.
    Odt = "odt" ["application/vnd.oasis.opendocument.text"] ["odt", "ott"] Marked;
    /// Rich Text Format.
    Rtf = "rtf" ["application/rtf"] ["rtf"] Marked;
    /// Slides: Office Open XML.
    Pptx = "pptx" ["application/vnd.openxmlformats-officedocument.presentationml.presentation"]
        ["pptx", "pptm", "ppsx", "ppsm", "potx", "potm"] Marked;
    /// Slides: OpenDocument.
    Odp = "odp" ["application/vnd.oasis.opendocument.presentation"] ["odp", "otp"] Marked;
    /// A workbook: Office Open XML.
    Xlsx = "xlsx" ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"]
        ["xlsx", "xlsm", "xltx", "xltm"] Marked;
    /// A workbook: Office Open XML with binary parts.
    Xlsb = "xlsb" ["application/vnd.ms-excel.sheet.binary.macroenabled.12"] ["xlsb"] Marked;
    /// Word processing: the binary format of Word 6 to 2003.
    Doc = "doc" ["application/msword"] ["doc", "dot"] Marked;
    /// Slides: the binary format of PowerPoint 97 to 2003.
    Ppt = "ppt" ["application/vnd.ms-powerpoint"] ["ppt", "pps", "pot"] Marked;
    /// A workbook: the binary format of Excel 5 to 2003.
    Xls = "xls" ["application/vnd.ms-excel"] ["xls", "xlt"] Marked;
    /// A workbook: OpenDocument.
    Ods = "ods" ["application/vnd.oasis.opendocument.spreadsheet"] ["ods", "ots"] Marked;
    /// An e-book.
    Epub = "epub" ["application/epub+zip"] ["epub"] Marked;
    /// A web page.
    Html = "html" ["text/html", "application/xhtml+xml"] ["html", "htm", "xhtml"] Marked;
    /// Markdown.
    Markdown = "markdown" ["text/markdown"] ["md", "markdown"] Marked;
    /// A table as comma, semicolon, tab or pipe separated values.
    Csv = "csv" ["text/csv", "text/tab-separated-values"] ["csv", "tsv"] Marked;
    /// Plain text in any encoding.
    Text = "text" ["text/plain"] ["txt", "text", "log"] Lines;
    /// A message as it is sent (RFC 5322), with its parts (MIME).
    Eml = "eml" ["message/rfc822"] ["eml"] Marked;
    /// Many such messages in one file (RFC 4155).
    Mbox = "mbox" ["application/mbox"] ["mbox"] Marked;
    /// A message saved by Outlook.
    Msg = "msg" ["application/vnd.ms-outlook"] ["msg"] Marked;
    // Text or JSON, whatever the program writes, with the endings of any text: the content decides. What is text to a browser
    // does no harm as such.
    /// A conversation exported from a chat program.
    Chat = "chat" ["text/plain", "application/json"] ["txt", "json"] Lines;
    /// A picture, with or without transparency.
    Png = "png" ["image/png"] ["png"] Picture;
    /// A photograph or a scanned page.
    Jpeg = "jpeg" ["image/jpeg"] ["jpg", "jpeg"] Picture;
    /// Scanned pages, as many as the file has.
    Tiff = "tiff" ["image/tiff"] ["tif", "tiff"] Picture;
    /// A picture for the web.
    Webp = "webp" ["image/webp"] ["webp"] Picture;
    /// A picture as Windows keeps it.
    Bmp = "bmp" ["image/bmp"] ["bmp"] Picture;
    /// A picture of few colours; of one that moves, the first.
    Gif = "gif" ["image/gif"] ["gif"] Picture;
}

impl DocumentKind {
    /// The media type under which a document of this kind is served.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        self.media_types()[0]
    }

    /// Whether the text can be had as Markdown: it can be told what is a heading, an item or a table.
    #[must_use]
    pub const fn has_markdown(self) -> bool {
        matches!(self.form(), Form::Marked)
    }

    /// The program that must be installed where the workers run for documents of this kind to be read; `None` for those
    /// that docmill reads by itself.
    #[must_use]
    pub const fn needs(self) -> Option<&'static str> {
        match self.form() {
            Form::Picture => Some("tesseract"),
            Form::Marked | Form::Lines => None,
        }
    }

    /// Whether documents of this kind are pictures, of which only a program that reads pictures knows the text.
    #[must_use]
    pub const fn is_picture(self) -> bool {
        matches!(self.form(), Form::Picture)
    }

    /// Whether documents of this kind are text that a person could read as it is.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Markdown | Self::Csv | Self::Html | Self::Eml | Self::Mbox | Self::Chat
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
}
