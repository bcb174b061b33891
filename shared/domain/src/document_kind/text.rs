//! What the first bytes tell of a text.

use std::borrow::Cow;

use crate::text_encoding::{ByteOrder, utf_16_without_mark, utf_32_without_mark};

/// The bytes before the first empty line.
pub(super) fn header_of(head: &[u8]) -> &[u8] {
    let unix = head.windows(2).position(|pair| pair == b"\n\n");
    let network = head.windows(4).position(|four| four == b"\r\n\r\n");
    let end = [unix, network].into_iter().flatten().min();
    &head[..end.unwrap_or(head.len())]
}

/// The text in which structure is looked for; letters outside ASCII need not be right.
pub(super) fn decoded(head: &[u8]) -> Cow<'_, str> {
    let units = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        String::from_utf16_lossy(&pairs.iter().map(|pair| from(*pair)).collect::<Vec<_>>())
    };
    let characters = |from: fn([u8; 4]) -> u32| {
        let (fours, _) = head.as_chunks::<4>();
        fours
            .iter()
            .filter_map(|four| char::from_u32(from(*four)))
            .collect()
    };
    match utf_32_without_mark(head) {
        Some(ByteOrder::LittleEndian) => return Cow::Owned(characters(u32::from_le_bytes)),
        Some(ByteOrder::BigEndian) => return Cow::Owned(characters(u32::from_be_bytes)),
        None => {}
    }
    match (head, utf_16_without_mark(head)) {
        ([0xFF, 0xFE, rest @ ..], _) => Cow::Owned(units(rest, u16::from_le_bytes)),
        ([0xFE, 0xFF, rest @ ..], _) => Cow::Owned(units(rest, u16::from_be_bytes)),
        (bytes, Some(ByteOrder::LittleEndian)) => Cow::Owned(units(bytes, u16::from_le_bytes)),
        (bytes, Some(ByteOrder::BigEndian)) => Cow::Owned(units(bytes, u16::from_be_bytes)),
        (bytes, None) => String::from_utf8_lossy(bytes),
    }
}

/// Text has no control bytes but white space, unless it is UTF-16 or UTF-32.
pub(super) fn looks_like_one(head: &[u8]) -> bool {
    let marks = [b"\xFF\xFE".as_slice(), b"\xFE\xFF", b"\0\0\xFE\xFF"];
    if marks.iter().any(|mark| head.starts_with(mark)) {
        return true;
    }
    if head.contains(&0) {
        return utf_16_without_mark(head).is_some() || utf_32_without_mark(head).is_some();
    }
    // ESC begins ISO-2022 encodings and terminal colours; both are text.
    let control = head
        .iter()
        .filter(|byte| matches!(byte, 0x01..=0x08 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F))
        .count();
    control * 50 <= head.len()
}

/// Whether a text begins like a web page.
pub(super) fn looks_like_page(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(head)
        .trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t'])
        .to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|tag| start.starts_with(tag))
}
