//! A message saved by Outlook: properties in the streams of a compound file (MS-OXMSG).
//!
//! Attachments are measured, and read only when they are wanted, so that a large one takes no memory.

mod lzfu;
mod properties;

use chrono::{DateTime, SecondsFormat};

use super::{
    Attachment, Body, Content, ENCLOSED_BYTES_MAX, ENCLOSED_DEPTH_MAX, Letter, Writer, eml, header_line,
    person,
};
use crate::ole::{CompoundFile, Storage};
use crate::{Extracted, Limits, html, rtf, text};
use properties::{Owner, Properties};

/// The stream at the top by which a message is known.
pub(crate) const PROPERTIES: &str = "__properties_version1.0";

/// Recipients that are looked at.
const RECIPIENTS_MAX: usize = 1_000;

/// Attachments that are looked at.
const ATTACHMENTS_MAX: usize = 1_000;

/// Reads a message and the messages in it.
pub(crate) fn extract(file: &CompoundFile<'_>, limits: &Limits) -> Extracted {
    let letter = letter(file, Storage::TOP, Owner::Message, 0);
    let mut writer = Writer::new(limits);
    writer.letter(&letter, 0);
    writer.into_message("msg/2", &letter)
}

/// Reads the message in a storage.
fn letter(file: &CompoundFile<'_>, at: Storage, owner: Owner, depth: usize) -> Letter {
    let code_page = Properties::read(file, at, owner, None).code_page();
    let properties = Properties::read(file, at, owner, code_page);
    let sender_name = properties
        .text(file, 0x0C1A)
        .or_else(|| properties.text(file, 0x0042));
    let sender_address = [0x5D01, 0x0C1F, 0x0065]
        .into_iter()
        .filter_map(|id| properties.text(file, id))
        .find(|address| address.contains('@'));
    let mut from = person(sender_name.as_deref(), sender_address.as_deref());
    if sender_address.is_none()
        && let Some(headers) = properties.text(file, 0x007D)
    {
        // Within an organisation, addresses are paths of its directory; the headers have the one for everybody else.
        let as_sent = eml::read(headers.as_bytes()).from;
        from = as_sent.filter(|from| from.contains('@')).or(from);
    }
    let (to, cc) = recipients(file, at, &properties);
    let date = properties.time(0x0039).or_else(|| properties.time(0x0E06));
    Letter {
        subject: properties.text(file, 0x0037).as_deref().and_then(header_line),
        from,
        to,
        cc,
        date: date.as_ref().map(show_time),
        message_id: properties.text(file, 0x1035).as_deref().and_then(header_line),
        body: body(file, &properties).into_iter().collect(),
        attachments: attachments(file, at, &properties, depth),
    }
}

fn show_time(time: &DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The plain body; without one the page that stands for it, or the rich text.
fn body(file: &CompoundFile<'_>, properties: &Properties) -> Option<Body> {
    let plain = properties.text(file, 0x1000).map(|plain| text::clean(&plain));
    if let Some(plain) = plain.filter(|plain| !plain.trim().is_empty()) {
        return Some(Body::Plain(plain));
    }
    if let Some(bytes) = properties.bytes(file, 0x1013) {
        return Some(Body::Html(html::extract(&bytes, &Limits::default())));
    }
    if let Some(page) = properties.text(file, 0x1013) {
        return Some(Body::Html(eml::html_body(&page)));
    }
    rich_body(&properties.bytes(file, 0x1009)?)
}

/// The text of a body that is compressed RTF.
fn rich_body(packed: &[u8]) -> Option<Body> {
    let limits = Limits::default();
    let rich = lzfu::unpack(packed, limits.text_bytes_max)?;
    let read = rtf::extract(&rich, &limits).ok()?;
    Some(Body::Plain(read.pages.concat()))
}

/// Who it went to, and who else: one by one where they are listed, else as they were shown.
fn recipients(
    file: &CompoundFile<'_>,
    at: Storage,
    message: &Properties,
) -> (Option<String>, Option<String>) {
    let (mut to, mut cc) = (Vec::new(), Vec::new());
    for storage in file.storages(at, "__recip_version1.0_").take(RECIPIENTS_MAX) {
        let recipient = Properties::read(file, storage, Owner::Part, message.code_page());
        let name = recipient.text(file, 0x3001);
        let address = [0x39FE, 0x3003]
            .into_iter()
            .filter_map(|id| recipient.text(file, id))
            .find(|address| address.contains('@'));
        let Some(shown) = person(name.as_deref(), address.as_deref()) else {
            continue;
        };
        match recipient.number(0x0C15) {
            Some(2) => cc.push(shown),
            // A blind copy is nobody else's business.
            Some(3) => {}
            _ => to.push(shown),
        }
    }
    let joined = |list: Vec<String>| (!list.is_empty()).then(|| list.join(", "));
    let shown = |id| message.text(file, id).as_deref().and_then(header_line);
    let (shown_to, shown_cc) = (shown(0x0E04), shown(0x0E03));
    (joined(to).or(shown_to), joined(cc).or(shown_cc))
}

fn attachments(file: &CompoundFile<'_>, at: Storage, message: &Properties, depth: usize) -> Vec<Attachment> {
    file.storages(at, "__attach_version1.0_")
        .take(ATTACHMENTS_MAX)
        .map(|storage| attachment(file, storage, message, depth))
        .collect()
}

fn attachment(file: &CompoundFile<'_>, at: Storage, message: &Properties, depth: usize) -> Attachment {
    let properties = Properties::read(file, at, Owner::Part, message.code_page());
    let name = [0x3707, 0x3704, 0x3001]
        .into_iter()
        .filter_map(|id| properties.text(file, id))
        .find_map(|name| header_line(&name));
    let media_type = properties
        .text(file, 0x370E)
        .and_then(|media_type| header_line(&media_type.to_ascii_lowercase()));
    let enclosed = file
        .storage(at, "__substg1.0_3701000D")
        .filter(|_| depth <= ENCLOSED_DEPTH_MAX);
    let size_bytes = properties.size(file, 0x3701).unwrap_or(0);
    let content = if let Some(enclosed) = enclosed {
        Content::Letter(Box::new(letter(file, enclosed, Owner::Enclosed, depth + 1)))
    } else if size_bytes <= u64::try_from(ENCLOSED_BYTES_MAX).unwrap_or(0) {
        match properties.bytes(file, 0x3701) {
            Some(bytes) => Content::of(&bytes, name.as_deref(), media_type.as_deref()),
            None => Content::Unread,
        }
    } else {
        Content::Unread
    };
    Attachment {
        name,
        media_type,
        size_bytes,
        content,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_exists_only_as_rich_text_is_read() {
        let packed = lzfu::tests::pack(
            b"{\\rtf1\\ansi\\ansicpg1252 The boat leaves at {\\b seven}.\\par Bring bread.}",
        );
        let Some(Body::Plain(text)) = rich_body(&packed) else {
            panic!("there is no text");
        };
        assert_eq!(text.trim_end(), "The boat leaves at seven.\nBring bread.");
        assert!(rich_body(b"no such thing").is_none());
    }
}
