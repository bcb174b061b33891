//! Many messages in one file (RFC 4155). Each is a page of its own, so that what is found can be cited.

use super::{Writer, eml};
use crate::{Extracted, ExtractionError, Limits, cut_at_char, metadata_value};

/// Reads every message, up to the limit of pages.
///
/// # Errors
/// When there is no message at all.
pub(crate) fn extract(bytes: &[u8], limits: &Limits) -> Result<Extracted, ExtractionError> {
    let pages_max = usize::try_from(limits.pages_max).unwrap_or(usize::MAX);
    let mut writer = Writer::new(limits);
    let mut extracted = Extracted {
        paged: true,
        engine: "mbox/3".to_owned(),
        ..Extracted::default()
    };
    let mut room = limits.text_bytes_max;
    let (mut count, mut first, mut last) = (0_usize, None, None);
    for message in messages(bytes) {
        count += 1;
        if extracted.pages.len() == pages_max || room == 0 {
            extracted.truncated = true;
            continue;
        }
        let letter = eml::read(&unquote(message));
        first = first.or_else(|| letter.date.clone());
        last = letter.date.clone().or(last);
        writer.letter(&letter, 0);
        let mut page = writer.take_page();
        extracted.truncated |= cut_at_char(&mut page, room);
        room -= page.len();
        extracted.pages.push(page);
    }
    if extracted.pages.is_empty() {
        return Err(ExtractionError::Unreadable("it has no message".to_owned()));
    }
    extracted.structure = writer.marks.into_structure();
    for (key, value) in [
        ("message_count", Some(count.to_string())),
        ("first_message_at", first),
        ("last_message_at", last),
    ] {
        if let Some(value) = value.as_deref().and_then(metadata_value) {
            extracted.metadata.insert(key.to_owned(), value);
        }
    }
    Ok(extracted)
}

/// The messages between the lines that begin with `From ` and carry a time.
fn messages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let first = rest
            .split_inclusive(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let start = if is_separator(first) { first.len() } else { 0 };
        let mut end = start;
        for line in rest[start..].split_inclusive(|byte| *byte == b'\n') {
            if is_separator(line) {
                break;
            }
            end += line.len();
        }
        let message = &rest[start..end];
        rest = &rest[end..];
        Some(message)
    })
}

/// `From sender Mon Mar  2 18:04:11 2026`, as opposed to a sentence that begins so.
fn is_separator(line: &[u8]) -> bool {
    let time = |bytes: &[u8]| matches!(bytes, [a, b':', b, c] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit());
    line.starts_with(b"From ") && line.windows(4).any(time)
}

/// Lines of a message that begin with `From ` were written as `>From `, so as not to begin another.
fn unquote(message: &[u8]) -> Vec<u8> {
    let mut unquoted = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        let quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
        unquoted.extend_from_slice(&line[usize::from(quoted)..]);
    }
    unquoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_divided_where_a_mailbox_divides_them() {
        let mailbox = b"From a Mon Mar  2 18:04:11 2026\nSubject: one\n\nFrom here\nit is far\n\n\
                        From b Mon Mar  2 18:05:11 2026\nSubject: two\n\n>From there\n>>From me\n>Fro\n";
        let found: Vec<_> = messages(mailbox).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].ends_with(b"it is far\n\n"));
        assert_eq!(unquote(found[1]), b"Subject: two\n\nFrom there\n>From me\n>Fro\n");
    }

    #[test]
    fn nothing_is_no_mailbox() {
        assert!(extract(b"", &Limits::default()).is_err());
    }
}
