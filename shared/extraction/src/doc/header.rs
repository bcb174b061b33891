//! The header of a document: what is where (MS-DOC 2.5).

use std::ops::Range;

use crate::ExtractionError;

/// What Word 97 and its successors begin with, and what Word 6 and 95 do.
const WORD_97: u16 = 0xA5EC;
const WORD_6: u16 = 0xA5DC;

/// The first bytes of the header, which are never locked.
pub(super) struct Header {
    /// The stream with the tables; `None` before Word 97, when they lay in the same stream as the text.
    pub(super) tables: Option<&'static str>,
    pub(super) is_locked: bool,
    /// Whether the lock is the one from before RC4.
    pub(super) is_mixed: bool,
    /// Bytes of the description of the lock, with which the tables begin.
    pub(super) lock_bytes: usize,
    /// The language of the program, by its number at Microsoft.
    pub(super) language: u16,
}

impl Header {
    pub(super) fn read(main: &[u8]) -> Result<Self, ExtractionError> {
        let read = || {
            let flags = number_u16(main, 0x0A)?;
            let tables = match number_u16(main, 0)? {
                WORD_97 if flags & 0x0200 != 0 => Some("1Table"),
                WORD_97 => Some("0Table"),
                WORD_6 => None,
                _ => return None,
            };
            Some(Self {
                tables,
                is_locked: flags & 0x0100 != 0,
                is_mixed: flags & 0x8000 != 0,
                lock_bytes: usize::try_from(number_u32(main, 0x0E)?).ok()?,
                language: number_u16(main, 6)?,
            })
        };
        read().ok_or_else(|| {
            ExtractionError::Unreadable(
                "the document was made before Word 6, or its header is damaged; save it in a newer format"
                    .to_owned(),
            )
        })
    }
}

/// Where the texts and what is known of them are.
pub(super) struct Plan<'d> {
    pub(super) stories: Stories,
    /// Which piece of the text comes where.
    pub(super) pieces: &'d [u8],
    /// Where the pages lie that tell of paragraphs, and those that tell of characters.
    pub(super) paragraphs: &'d [u8],
    pub(super) characters: &'d [u8],
    pub(super) styles: &'d [u8],
    /// The definitions of lists, and all of the tables that lies behind them; and the lists.
    pub(super) definitions: &'d [u8],
    pub(super) lists: &'d [u8],
    /// Where the headers and footers begin in their story, and where the last of them ends.
    pub(super) headers: Vec<u32>,
    /// Characters of the main text that refer to footnotes and endnotes.
    pub(super) footnotes: Vec<u32>,
    pub(super) endnotes: Vec<u32>,
}

/// The texts, by the characters that they take, one behind the other.
#[derive(Default)]
pub(super) struct Stories {
    pub(super) main: Range<u32>,
    pub(super) footnotes: Range<u32>,
    pub(super) headers: Range<u32>,
    pub(super) comments: Range<u32>,
    pub(super) endnotes: Range<u32>,
    pub(super) boxes: Range<u32>,
    pub(super) boxes_of_headers: Range<u32>,
}

impl Stories {
    /// The lengths stand behind each other: text, footnotes, headers, macros, comments, endnotes, boxes, boxes of headers.
    fn read(main: &[u8], at: usize) -> Option<Self> {
        let mut end = 0_u32;
        let mut ranges = (0..8).map(|index| {
            let start = end;
            end = start.saturating_add(number_u32(main, at + 4 * index)?);
            Some(start..end)
        });
        let mut next = || ranges.next().flatten();
        let (main, footnotes, headers, _macros) = (next()?, next()?, next()?, next()?);
        Some(Self {
            main,
            footnotes,
            headers,
            comments: next()?,
            endnotes: next()?,
            boxes: next()?,
            boxes_of_headers: next()?,
        })
    }
}

impl<'d> Plan<'d> {
    pub(super) fn read(main: &[u8], tables: &'d [u8]) -> Option<Self> {
        /// Where the list of tables begins: a place and a length for each.
        const LIST: usize = 0x9A;
        const DEFINITIONS: usize = 73;
        let table = |index: usize| {
            let place = |at| usize::try_from(number_u32(main, LIST + 8 * index + at)?).ok();
            let start = place(0)?;
            tables.get(start..start.checked_add(place(4)?)?)
        };
        let or_none = |index| table(index).unwrap_or_default();
        let definitions = || {
            let start = usize::try_from(number_u32(main, LIST + 8 * DEFINITIONS)?).ok()?;
            table(DEFINITIONS).filter(|table| !table.is_empty())?;
            tables.get(start..)
        };
        Some(Self {
            stories: Stories::read(main, 0x4C)?,
            pieces: table(33)?,
            paragraphs: or_none(13),
            characters: or_none(12),
            styles: or_none(1),
            definitions: definitions().unwrap_or_default(),
            lists: or_none(74),
            headers: numbers(or_none(11)),
            footnotes: references(or_none(2)),
            endnotes: references(or_none(46)),
        })
    }

    /// The same for the header of Word 6 and 95. Where the other tables are is not looked at.
    pub(super) fn before_97(main: &[u8]) -> Option<Self> {
        Some(Self {
            stories: Stories::read(main, 0x34)?,
            pieces: &[],
            paragraphs: &[],
            characters: &[],
            styles: &[],
            definitions: &[],
            lists: &[],
            headers: Vec::new(),
            footnotes: Vec::new(),
            endnotes: Vec::new(),
        })
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|number| u32::from_le_bytes(*number)).collect()
}

/// The characters that refer to notes: places, one more than there are, then two bytes for each.
fn references(bytes: &[u8]) -> Vec<u32> {
    let count = bytes.len().saturating_sub(4) / 6;
    numbers(bytes.get(..4 * count).unwrap_or_default())
}

pub(super) fn number_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

pub(super) fn number_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}
