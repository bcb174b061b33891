//! Mail: messages as they are sent, mailboxes of them, and messages saved by Outlook.
//!
//! What a message says comes out as a person would read it: the subject as heading, a line for when it went from whom to whom, the body
//! with the quoted words of others kept, the list of what is attached. Attachments that are readable themselves follow, within bounds:
//! a search for what an attached report says should find the mail.

mod eml;
mod flowed;
mod mbox;
mod msg;
mod uuencode;

use domain::DocumentKind;

use crate::structure::{Mark, Marks, Part};
use crate::{Extracted, ExtractionError, Limits, Structure, containers, metadata_value, text};

pub(crate) use mbox::extract as extract_mbox;
pub(crate) use msg::{PROPERTIES as OUTLOOK_PROPERTIES, extract as extract_msg};

/// Messages within messages that are read; those further in are only listed.
const ENCLOSED_DEPTH_MAX: usize = 4;

/// Attachments that are read, over all messages of a document; the rest is only listed.
const ENCLOSED_MAX: usize = 20;

/// Bytes of an attachment that is read.
const ENCLOSED_BYTES_MAX: usize = 16 << 20;

/// Attachments that are listed of one message.
const LISTED_MAX: usize = 200;

/// Reads one message.
///
/// # Errors
/// When the file is empty.
pub(crate) fn extract_eml(bytes: &[u8], limits: &Limits) -> Result<Extracted, ExtractionError> {
    if bytes.trim_ascii().is_empty() {
        return Err(ExtractionError::Unreadable(
            "there is no message in it".to_owned(),
        ));
    }
    let letter = eml::read(bytes);
    let mut writer = Writer::new(limits);
    writer.letter(&letter, 0);
    Ok(writer.into_message("eml/3", &letter))
}

/// A message, however it was stored.
#[derive(Debug, Default)]
struct Letter {
    subject: Option<String>,
    from: Option<String>,
    to: Option<String>,
    cc: Option<String>,
    /// RFC 3339.
    date: Option<String>,
    message_id: Option<String>,
    body: Vec<Body>,
    attachments: Vec<Attachment>,
}

impl Letter {
    /// One line for when the message went from whom to whom: `2026-03-14 18:04 · Nora <nora@a.example> → Ben <ben@a.example>
    /// · cc Ida`. It has no words of any language, which would count as words of the message; enrichment learns from it who
    /// speaks, and when. `None` when nothing of it is known.
    fn way(&self) -> Option<String> {
        let mut way = self.date.as_deref().and_then(show_date).unwrap_or_default();
        for (sign, value) in [("· ", &self.from), ("→ ", &self.to), ("· cc ", &self.cc)] {
            let Some(value) = value else { continue };
            match (way.is_empty(), sign) {
                // What divides needs something before it.
                (true, "· ") => {}
                (true, _) => way.push_str(sign),
                (false, _) => {
                    way.push(' ');
                    way.push_str(sign);
                }
            }
            way.push_str(value);
        }
        (!way.is_empty()).then_some(way)
    }
}

/// A part of what the message itself says.
#[derive(Debug)]
enum Body {
    Plain(String),
    Html(Extracted),
}

/// Something that came with the message.
#[derive(Debug)]
struct Attachment {
    name: Option<String>,
    media_type: Option<String>,
    size_bytes: u64,
    content: Content,
}

/// What is known of the content of an attachment.
#[derive(Debug)]
enum Content {
    /// A message of its own.
    Letter(Box<Letter>),
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It was not read: too large, or of no readable kind.
    Unread,
}

impl Content {
    /// The bytes, if they are worth keeping: those of a kind that can be read. Text must be meant as text, for what is not
    /// decoded looks like it as well.
    fn of(bytes: &[u8], name: Option<&str>, media_type: Option<&str>) -> Self {
        /// How BinHex begins, which looks like text and is none.
        const BINHEX: &[u8] = b"(This file must be converted with BinHex";

        let file_name = name.unwrap_or_default();
        let kind = DocumentKind::recognize(bytes, file_name).ok();
        let meant = DocumentKind::from_file_name(file_name).is_some()
            || media_type.is_some_and(|media_type| media_type.starts_with("text/"));
        let is_binhex = bytes.trim_ascii_start().starts_with(BINHEX);
        match kind {
            Some(DocumentKind::Text | DocumentKind::Chat) if !meant || is_binhex => Self::Unread,
            Some(_) if bytes.len() <= ENCLOSED_BYTES_MAX => Self::Bytes(bytes.to_vec()),
            _ => Self::Unread,
        }
    }
}

/// Writes messages onto one page.
struct Writer<'l> {
    limits: &'l Limits,
    text: String,
    page: usize,
    marks: Marks,
    enclosed: usize,
}

impl<'l> Writer<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            text: String::new(),
            page: 0,
            marks: Marks::default(),
            enclosed: 0,
        }
    }

    /// The page that was written; the next one begins.
    fn take_page(&mut self) -> String {
        self.page += 1;
        let mut page = std::mem::take(&mut self.text);
        page.truncate(page.trim_end().len());
        page.push('\n');
        page
    }

    fn is_full(&self) -> bool {
        self.text.len() > self.limits.text_bytes_max
    }

    fn into_message(mut self, engine: &str, letter: &Letter) -> Extracted {
        let page = self.take_page();
        let mut extracted = crate::single_page(engine, page, self.limits);
        extracted.structure = self.marks.into_structure();
        extracted.title.clone_from(&letter.subject);
        for (key, value) in [
            ("subject", &letter.subject),
            ("from", &letter.from),
            ("to", &letter.to),
            ("cc", &letter.cc),
            ("sent_at", &letter.date),
            ("message_id", &letter.message_id),
        ] {
            if let Some(value) = value.as_deref().and_then(metadata_value) {
                extracted.metadata.insert(key.to_owned(), value);
            }
        }
        if !letter.attachments.is_empty() {
            let count = letter.attachments.len().to_string();
            extracted.metadata.insert("attachment_count".to_owned(), count);
            let shown = letter.attachments.iter().take(LISTED_MAX).map(Attachment::show);
            let list = metadata_value(&shown.collect::<Vec<_>>().join("; "));
            extracted
                .metadata
                .extend(list.map(|list| ("attachments".to_owned(), list)));
        }
        extracted
    }

    fn letter(&mut self, letter: &Letter, depth: usize) {
        let level = u8::try_from(depth + 1).unwrap_or(6).min(6);
        if let Some(subject) = &letter.subject {
            self.marked_line(subject, Part::Heading(level));
            self.text.push('\n');
        }
        if let Some(way) = letter.way() {
            self.text.push_str(&way);
            self.text.push('\n');
        }
        for body in &letter.body {
            self.paragraph();
            match body {
                Body::Plain(body) => self.text.push_str(body.trim_end()),
                Body::Html(body) => self.append(body),
            }
            self.line_end();
        }
        if !letter.attachments.is_empty() {
            self.attachments(&letter.attachments, depth);
        }
    }

    /// Attachments in full, below their names, and the names of those that are not shown so.
    fn attachments(&mut self, attachments: &[Attachment], depth: usize) {
        let mut others = Vec::new();
        for attachment in attachments {
            let shown = match &attachment.content {
                _ if self.is_full() => false,
                Content::Letter(letter) if depth < ENCLOSED_DEPTH_MAX => {
                    self.paragraph();
                    self.letter(letter, depth + 1);
                    true
                }
                Content::Bytes(bytes) if self.enclosed < ENCLOSED_MAX => {
                    self.enclosed += 1;
                    self.enclosed_document(attachment, bytes, depth)
                }
                _ => false,
            };
            if !shown {
                others.push(attachment);
            }
        }
        if others.is_empty() {
            return;
        }
        self.paragraph();
        self.text.push_str("Attachments:\n");
        for attachment in others.into_iter().take(LISTED_MAX) {
            let item = Part::Item {
                depth: 0,
                number: None,
                marker: 0,
            };
            self.marked_line(attachment.title(), item);
        }
    }

    /// The text of an attachment below its name, if it can be read and has any.
    fn enclosed_document(&mut self, attachment: &Attachment, bytes: &[u8], depth: usize) -> bool {
        let name = attachment.title();
        let Ok(kind) = DocumentKind::recognize(bytes, name) else {
            return false;
        };
        let limits = Limits {
            text_bytes_max: self.limits.text_bytes_max.saturating_sub(self.text.len()),
            ..*self.limits
        };
        let document = match kind {
            DocumentKind::Eml if depth < ENCLOSED_DEPTH_MAX => {
                let letter = eml::read(bytes);
                self.paragraph();
                self.letter(&letter, depth + 1);
                return true;
            }
            // These would begin to count their own levels anew.
            DocumentKind::Eml | DocumentKind::Mbox | DocumentKind::Msg => return false,
            _ if containers::is_message(bytes) => return false,
            _ => crate::extract(kind, name, bytes.to_vec(), &limits),
        };
        let Ok(document) = document else {
            return false;
        };
        if document.pages.iter().all(|page| page.trim().is_empty()) {
            return false;
        }
        self.paragraph();
        // What has no name is a part of the message that its sender added below it.
        if attachment.name.is_some() {
            self.marked_line(name, Part::Heading(u8::try_from(depth + 2).unwrap_or(6).min(6)));
            self.text.push('\n');
        }
        self.append(&document);
        self.line_end();
        true
    }

    /// The pages of another document, with what is known of their structure.
    fn append(&mut self, document: &Extracted) {
        for (index, page) in document.pages.iter().enumerate() {
            if index > 0 {
                self.paragraph();
            }
            let start = self.text.len();
            self.text.push_str(page.trim_end());
            let Structure::Marked(marks) = &document.structure else {
                continue;
            };
            for Mark {
                start: from,
                end,
                part,
                ..
            } in marks
                .iter()
                .filter(|mark| usize::try_from(mark.page) == Ok(index))
            {
                let place =
                    |offset: u32| start + usize::try_from(offset).unwrap_or(page.len()).min(page.len());
                self.marks.add(self.page, place(*from)..place(*end), part.clone());
            }
        }
    }

    fn marked_line(&mut self, line: &str, part: Part) {
        let start = self.text.len();
        self.text.push_str(line);
        self.marks.add(self.page, start..self.text.len(), part);
        self.text.push('\n');
    }

    /// Ends the line that is being written.
    fn line_end(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Ends the paragraph that is being written.
    fn paragraph(&mut self) {
        self.line_end();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }
}

impl Attachment {
    /// What it is called, or what it is.
    fn title(&self) -> &str {
        match (&self.name, &self.content) {
            (Some(name), _) => name,
            (None, Content::Letter(letter)) => letter.subject.as_deref().unwrap_or("message"),
            (None, _) => "unnamed",
        }
    }
    /// One line: `plan.pdf (application/pdf, 12.3 kB)`.
    fn show(&self) -> String {
        let name = self.title();
        let size = match self.size_bytes {
            bytes @ 0..1_000 => format!("{bytes} bytes"),
            bytes @ 1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes / 100 % 10),
            bytes => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        };
        match &self.media_type {
            Some(media_type) => format!("{name} ({media_type}, {size})"),
            None => format!("{name} ({size})"),
        }
    }
}

/// A time as its sender's clock showed it, to the minute: `2026-03-14 18:04`.
fn show_date(date: &str) -> Option<String> {
    let date = chrono::DateTime::parse_from_rfc3339(date).ok()?;
    Some(date.format("%Y-%m-%d %H:%M").to_string())
}

/// A value from a header as one line; `None` when it is empty.
fn header_line(raw: &str) -> Option<String> {
    let line = text::clean(raw).split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

/// `Name <address>`, or the one of them that there is.
fn person(name: Option<&str>, address: Option<&str>) -> Option<String> {
    let name = name.and_then(header_line);
    let address = address.and_then(header_line);
    match (name, address) {
        // A comma divides people.
        (Some(name), Some(address)) if name.contains(',') => Some(format!("\"{name}\" <{address}>")),
        (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
        (name, address) => address.or(name),
    }
}
