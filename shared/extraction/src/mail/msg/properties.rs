//! The properties of a message, a recipient or an attachment: short ones in one stream, long ones in a stream each.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use encoding_rs::{Encoding, WINDOWS_1252};

use crate::ole::{CompoundFile, Storage};

/// Bytes of a property that are read.
const VALUE_BYTES_MAX: usize = 64 << 20;

/// Bytes of the stream of short properties that are read: some thousand of them.
const STREAM_BYTES_MAX: usize = 256 << 10;

/// What the properties belong to, which decides how long the head of their stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Message,
    /// A message within another.
    Enclosed,
    /// A recipient or an attachment.
    Part,
}

/// Types of values that are read.
const UNICODE: u16 = 0x001F;
const BYTES_OF_TEXT: u16 = 0x001E;
const BINARY: u16 = 0x0102;
const LONG: u16 = 0x0003;
const TIME: u16 = 0x0040;

pub(super) struct Properties {
    /// The storage that holds them.
    at: Storage,
    /// Short values by number and type, eight bytes each.
    short: BTreeMap<(u16, u16), [u8; 8]>,
    code_page: Option<u32>,
}

impl Properties {
    /// Reads the short properties in a storage. What is damaged is left out.
    pub(super) fn read(file: &CompoundFile<'_>, at: Storage, owner: Owner, code_page: Option<u32>) -> Self {
        let head = match owner {
            Owner::Message => 32,
            Owner::Enclosed => 24,
            Owner::Part => 8,
        };
        let stream = file
            .stream_in(at, super::PROPERTIES, STREAM_BYTES_MAX)
            .unwrap_or_default();
        let (entries, _) = stream.get(head..).unwrap_or_default().as_chunks::<16>();
        let short = entries
            .iter()
            .map(|entry| {
                let [t0, t1, n0, n1, _, _, _, _, value @ ..] = *entry;
                (
                    (u16::from_le_bytes([n0, n1]), u16::from_le_bytes([t0, t1])),
                    value,
                )
            })
            .collect();
        Self { at, short, code_page }
    }

    /// The code page of texts that are not Unicode.
    pub(super) fn code_page(&self) -> Option<u32> {
        self.code_page
            .or_else(|| self.number(0x3FFD))
            .or_else(|| self.number(0x3FDE))
    }

    /// A number.
    pub(super) fn number(&self, id: u16) -> Option<u32> {
        let [a, b, c, d, ..] = *self.short.get(&(id, LONG))?;
        Some(u32::from_le_bytes([a, b, c, d]))
    }

    /// A point in time, counted in tenths of microseconds since 1601. Nobody had mail before 1970; some programs write the
    /// beginning of all times.
    pub(super) fn time(&self, id: u16) -> Option<DateTime<Utc>> {
        let ticks = u64::from_le_bytes(*self.short.get(&(id, TIME))?);
        let since = TimeDelta::microseconds(i64::try_from(ticks / 10).ok()?);
        DateTime::from_timestamp(-11_644_473_600, 0)?
            .checked_add_signed(since)
            .filter(|time| time.timestamp() > 0)
    }

    /// A text.
    pub(super) fn text(&self, file: &CompoundFile<'_>, id: u16) -> Option<String> {
        if let Some(bytes) = self.value(file, id, UNICODE) {
            let (units, _) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            return Some(String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned());
        }
        let bytes = self.value(file, id, BYTES_OF_TEXT)?;
        let (text, _, _) = encoding(self.code_page().unwrap_or(1252)).decode(&bytes);
        Some(text.trim_end_matches('\0').to_owned())
    }

    /// Bytes.
    pub(super) fn bytes(&self, file: &CompoundFile<'_>, id: u16) -> Option<Vec<u8>> {
        self.value(file, id, BINARY)
    }

    /// How many bytes a binary property has.
    pub(super) fn size(&self, file: &CompoundFile<'_>, id: u16) -> Option<u64> {
        file.length(self.at, &name(id, BINARY))
    }

    fn value(&self, file: &CompoundFile<'_>, id: u16, kind: u16) -> Option<Vec<u8>> {
        file.stream_in(self.at, &name(id, kind), VALUE_BYTES_MAX)
    }
}

/// The name of the stream of a long property.
fn name(id: u16, kind: u16) -> String {
    format!("__substg1.0_{id:04X}{kind:04X}")
}

/// The encoding with this number at Microsoft; the Western one when it is unknown.
fn encoding(code_page: u32) -> &'static Encoding {
    let label = match code_page {
        65001 => "utf-8".to_owned(),
        874 => "windows-874".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 | 51949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        1250..=1258 => format!("windows-{code_page}"),
        10000 => "macintosh".to_owned(),
        20866 => "koi8-r".to_owned(),
        21866 => "koi8-u".to_owned(),
        28591..=28606 => format!("iso-8859-{}", code_page - 28590),
        50220..=50222 => "iso-2022-jp".to_owned(),
        51932 => "euc-jp".to_owned(),
        54936 => "gb18030".to_owned(),
        _ => return WINDOWS_1252,
    };
    Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_have_their_encodings() {
        for (code_page, name) in [
            (65001, "UTF-8"),
            (1251, "windows-1251"),
            (932, "Shift_JIS"),
            (28605, "ISO-8859-15"),
            (0, "windows-1252"),
            (u32::MAX, "windows-1252"),
        ] {
            assert_eq!(encoding(code_page).name(), name);
        }
    }
}
