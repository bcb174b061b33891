//! How the lists of a document are numbered (MS-DOC 2.9.147, 2.9.131): definitions with their levels, and the lists that use
//! them.

use crate::numbering::{LEVELS_MAX, Level, List, Lists};

use super::header::{number_u16, number_u32};

/// Characters of the text around a number; programs allow far less.
const TEXT_UNITS_MAX: usize = 255;

/// Reads the definitions and the lists. `definitions` goes on behind its table, for that is where the levels lie. What is
/// damaged is left out, with all behind it.
pub(super) fn read(definitions: &[u8], lists: &[u8]) -> Lists {
    let mut read = Lists::default();
    read_definitions(&mut Bytes(definitions), &mut read);
    read_lists(&mut Bytes(lists), &mut read);
    read
}

/// The name of a list that paragraphs refer to by its number, counted from one.
pub(super) fn name(number: u16) -> String {
    number.to_string()
}

fn read_definitions(bytes: &mut Bytes<'_>, lists: &mut Lists) -> Option<()> {
    let count = bytes.u16()?;
    let (definitions, _) = bytes.take(usize::from(count) * 28)?.as_chunks::<28>();
    for definition in definitions {
        let id = number_u32(definition, 0)?.to_string();
        let has_one_level = definition[26] & 1 != 0;
        let mut levels = Vec::new();
        for _ in 0..if has_one_level { 1 } else { LEVELS_MAX } {
            levels.push(level(bytes)?);
        }
        lists.definitions.insert(id, levels);
    }
    Some(())
}

fn read_lists(bytes: &mut Bytes<'_>, lists: &mut Lists) -> Option<()> {
    let count = usize::try_from(bytes.u32()?).ok()?;
    let (heads, _) = bytes.take(count.checked_mul(16)?)?.as_chunks::<16>();
    for (number, head) in (1_u16..).zip(heads) {
        let list = List {
            definition: number_u32(head, 0)?.to_string(),
            ..List::default()
        };
        lists.lists.insert(name(number), list);
    }
    // What the lists change of their definitions lies behind them all.
    for (number, head) in (1_u16..).zip(heads) {
        let list = lists.lists.get_mut(&name(number))?;
        bytes.u32()?;
        for _ in 0..head[12] {
            let (mut start, flags) = (bytes.u32()?, bytes.u32()?);
            let at = usize::try_from(flags & 0x0F).ok()?;
            if flags & 0x20 != 0 {
                let level = level(bytes)?;
                start = level.start;
                list.levels.insert(at, level);
            }
            if flags & 0x10 != 0 {
                list.starts.push((at, start));
            }
        }
    }
    Some(())
}

fn level(bytes: &mut Bytes<'_>) -> Option<Level> {
    let head = bytes.take(28)?;
    // How paragraphs and characters look.
    bytes.take(usize::from(head[25]))?;
    bytes.take(usize::from(head[24]))?;
    let count = bytes.u16()?;
    let (units, _) = bytes.take(usize::from(count) * 2)?.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let mut text = String::new();
    for c in char::decode_utf16(units.take(TEXT_UNITS_MAX)) {
        match c {
            // The number of a level stands where its index does.
            Ok(c @ '\0'..='\x08') => text.push_str(&format!("%{}", u32::from(c) + 1)),
            Ok(c) => text.push(c),
            Err(_) => {}
        }
    }
    Some(Level {
        start: number_u32(head, 0)?,
        format: format(head[4]).to_owned(),
        is_legal: head[5] & 4 != 0,
        restarts_after: (head[5] & 8 != 0).then_some(usize::from(head[26])),
        text,
    })
}

/// A way of writing numbers, by the names that newer documents have for them.
fn format(code: u8) -> &'static str {
    match code {
        1 => "upperRoman",
        2 => "lowerRoman",
        3 => "upperLetter",
        4 => "lowerLetter",
        22 => "decimalZero",
        23 => "bullet",
        255 => "none",
        _ => "decimal",
    }
}

/// What is left of a table.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        number_u16(self.take(2)?, 0)
    }

    fn u32(&mut self) -> Option<u32> {
        number_u32(self.take(4)?, 0)
    }
}
