//! Records: a version, a number of their own, a kind, a length, and as many bytes, which may be records again.

use encoding_rs::UTF_16LE;

/// Bytes before the content of a record.
pub(super) const HEAD_BYTES: usize = 8;

const TEXT_OF_UNITS: u16 = 0x0FA0;
const TEXT_OF_BYTES: u16 = 0x0FA8;
/// A short text, such as a name.
pub(super) const STRING: u16 = 0x0FBA;

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'r> {
    pub(super) kind: u16,
    /// What tells records of a kind apart.
    pub(super) instance: u16,
    pub(super) is_container: bool,
    pub(super) bytes: &'r [u8],
    /// Whether there should be more of it.
    pub(super) breaks_off: bool,
}

/// Records behind each other.
pub(super) struct Records<'r>(&'r [u8]);

impl<'r> Records<'r> {
    pub(super) fn new(bytes: &'r [u8]) -> Self {
        Self(bytes)
    }
}

impl<'r> Iterator for Records<'r> {
    type Item = Record<'r>;

    fn next(&mut self) -> Option<Record<'r>> {
        let (head, rest) = self.0.split_at_checked(HEAD_BYTES)?;
        let number = u16::from_le_bytes([head[0], head[1]]);
        let length = usize::try_from(number_u32(head, 4)?).ok()?;
        let (bytes, after) = rest.split_at(length.min(rest.len()));
        self.0 = after;
        Some(Record {
            kind: u16::from_le_bytes([head[2], head[3]]),
            instance: number >> 4,
            is_container: number & 0xF == 0xF,
            bytes,
            breaks_off: length > bytes.len(),
        })
    }
}

/// The text of a record that is one; `None` for all others.
pub(super) fn text_of(record: &Record<'_>) -> Option<String> {
    match record.kind {
        TEXT_OF_UNITS | STRING => Some(UTF_16LE.decode_without_bom_handling(record.bytes).0.into_owned()),
        // The lower halves of UTF-16.
        TEXT_OF_BYTES => Some(record.bytes.iter().map(|byte| char::from(*byte)).collect()),
        _ => None,
    }
}

pub(super) fn number_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}
