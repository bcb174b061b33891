//! A message as it is sent: headers and parts (RFC 5322, MIME).

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::{Attachment, Body, Content, Letter, flowed, header_line, person, uuencode};
use crate::{Extracted, Limits, html, text};

/// A plain body shorter than this may only say that the message wants another program; then the other form is looked at.
const STUB_BYTES: usize = 300;

/// Reads a message. What has no header at all is nothing but its body.
pub(super) fn read(bytes: &[u8]) -> Letter {
    match MessageParser::default().parse(bytes) {
        Some(message) => letter(&message, 0),
        None => Letter {
            body: vec![Body::Plain(text::clean(&text::decode(bytes, None).text))],
            ..Letter::default()
        },
    }
}

fn letter(message: &Message<'_>, depth: usize) -> Letter {
    let mut body = bodies(message);
    let mut attachments = files_within(&mut body);
    attachments.extend(message.attachments().map(|part| attachment(part, depth)));
    Letter {
        subject: message.subject().and_then(header_line),
        from: message.from().and_then(people),
        to: message.to().and_then(people),
        cc: message.cc().and_then(people),
        date: message
            .date()
            .filter(|date| date.is_valid())
            .map(mail_parser::DateTime::to_rfc3339),
        message_id: message.message_id().and_then(header_line),
        body,
        attachments,
    }
}

/// Takes out of the bodies the files that stand in their text.
fn files_within(bodies: &mut Vec<Body>) -> Vec<Attachment> {
    let mut attachments = Vec::new();
    for body in bodies.iter_mut() {
        let Body::Plain(words) = body else { continue };
        let (kept, files) = uuencode::take_out(words);
        *words = kept;
        attachments.extend(files.into_iter().map(|file| Attachment {
            size_bytes: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
            content: Content::of(&file.bytes, Some(&file.name), None),
            name: header_line(&file.name),
            media_type: None,
        }));
    }
    bodies.retain(|body| body.bytes() > 0);
    attachments
}

fn people(address: &Address<'_>) -> Option<String> {
    let people: Vec<String> = address
        .iter()
        .filter_map(|one| person(one.name(), one.address()))
        .collect();
    (!people.is_empty()).then(|| people.join(", "))
}

/// The plain form of what the message says, where there is one that says it.
fn bodies(message: &Message<'_>) -> Vec<Body> {
    let plain: Vec<Body> = message.text_bodies().filter_map(body).collect();
    let said: usize = plain.iter().map(Body::bytes).sum();
    if said >= STUB_BYTES || plain.iter().any(|body| matches!(body, Body::Html(_))) {
        return plain;
    }
    let rich: Vec<Body> = message.html_bodies().filter_map(body).collect();
    let said_richly: usize = rich.iter().map(Body::bytes).sum();
    if said_richly > 10 * said { rich } else { plain }
}

fn body(part: &MessagePart<'_>) -> Option<Body> {
    let body = match &part.body {
        PartType::Text(words) => Body::Plain(text::clean(&plain(part, words))),
        PartType::Html(source) => Body::Html(html_body(source)),
        _ => return None,
    };
    (body.bytes() > 0).then_some(body)
}

/// The text of a part as it was typed, before its lines were broken for the way.
fn plain(part: &MessagePart<'_>, words: &str) -> String {
    let attribute = |name| {
        let value = part.content_type().and_then(|content| content.attribute(name));
        value.unwrap_or_default().to_ascii_lowercase()
    };
    if attribute("format") == "flowed" {
        flowed::unwrap(words, attribute("delsp") == "yes")
    } else {
        words.to_owned()
    }
}

pub(super) fn html_body(source: &str) -> Extracted {
    html::extract_source(source.to_owned(), &Limits::default())
}

fn attachment(part: &MessagePart<'_>, depth: usize) -> Attachment {
    let name = part.attachment_name().and_then(header_line);
    let media_type = part
        .content_type()
        .map(|content| match content.subtype() {
            Some(subtype) => format!("{}/{subtype}", content.ctype()).to_ascii_lowercase(),
            None => content.ctype().to_ascii_lowercase(),
        })
        .and_then(|media_type| header_line(&media_type));
    let content = match &part.body {
        // One more than is shown costs nothing; a thousand levels would cost the stack.
        PartType::Message(message) if depth <= super::ENCLOSED_DEPTH_MAX => {
            Content::Letter(Box::new(letter(message, depth + 1)))
        }
        PartType::Text(words) => {
            let meant = media_type.as_deref().or(Some("text/plain"));
            let (kept, files) = uuencode::take_out(words);
            match files.first() {
                Some(file) if kept.trim().is_empty() => Content::of(&file.bytes, name.as_deref(), meant),
                _ => Content::of(words.as_bytes(), name.as_deref(), meant),
            }
        }
        PartType::Html(source) => Content::of(source.as_bytes(), name.as_deref(), Some("text/html")),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            Content::of(bytes, name.as_deref(), media_type.as_deref())
        }
        _ => Content::Unread,
    };
    Attachment {
        name,
        media_type,
        size_bytes: u64::try_from(part.len()).unwrap_or(u64::MAX),
        content,
    }
}

impl Body {
    /// Bytes of text, white space around it aside.
    fn bytes(&self) -> usize {
        match self {
            Self::Plain(words) => words.trim().len(),
            Self::Html(page) => page.pages.iter().map(|page| page.trim().len()).sum(),
        }
    }
}
