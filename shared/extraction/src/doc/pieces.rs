//! The pieces that a text is put together from: Word added what was typed at the end of the file, and noted where it belongs.

use std::ops::Range;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::header::{Header, number_u16, number_u32};
use crate::rtf::code_page;

/// A piece of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'d> {
    /// Its first character, counted from the beginning of the first story.
    pub(super) first: u32,
    /// Where its bytes begin in the stream.
    pub(super) at: u32,
    /// Its characters: two bytes each, or one.
    pub(super) bytes: &'d [u8],
    pub(super) is_wide: bool,
}

impl<'d> Piece<'d> {
    pub(super) const fn width(&self) -> u32 {
        if self.is_wide { 2 } else { 1 }
    }

    fn characters(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX) / self.width()
    }

    /// What of it lies among these characters.
    fn within(self, range: &Range<u32>) -> Option<Self> {
        let first = self.first.max(range.start);
        let end = self.first.saturating_add(self.characters()).min(range.end);
        let place = |character: u32| usize::try_from((character - self.first) * self.width()).ok();
        (first < end).then_some(())?;
        Some(Self {
            first,
            at: self.at + (first - self.first) * self.width(),
            bytes: self.bytes.get(place(first)?..place(end)?)?,
            is_wide: self.is_wide,
        })
    }
}

/// All pieces in the order of the text.
pub(super) struct Pieces<'d> {
    pieces: Vec<Piece<'d>>,
    damaged: bool,
    /// The encoding of characters of one byte.
    pub(super) encoding: &'static Encoding,
}

impl<'d> Pieces<'d> {
    /// Reads the table of pieces; `None` when there is none.
    pub(super) fn read(main: &'d [u8], table: &[u8]) -> Option<Self> {
        Self::of_table(main, table, |at| match at & 0x4000_0000 {
            0 => (at, true),
            _ => ((at & 0x3FFF_FFFF) / 2, false),
        })
    }

    /// `place` tells from the number in the table where a piece begins, and whether its characters have two bytes.
    fn of_table(main: &'d [u8], table: &[u8], place: impl Fn(u32) -> (u32, bool)) -> Option<Self> {
        let mut table = table;
        // Before it may stand changes that were not yet made.
        while let [1, l0, l1, rest @ ..] = table {
            table = rest.get(usize::from(u16::from_le_bytes([*l0, *l1]))..)?;
        }
        let [2, _, _, _, _, list @ ..] = table else {
            return None;
        };
        let count = list.len().saturating_sub(4) / 12;
        let mut pieces = Self::none(WINDOWS_1252);
        // No byte is shown twice, so that a few pieces cannot make an endless text.
        let mut bytes_left = main.len();
        for index in 0..count {
            let (first, end) = (number_u32(list, 4 * index)?, number_u32(list, 4 * index + 4)?);
            let (at, is_wide) = place(number_u32(list, 4 * (count + 1) + 8 * index + 2)?);
            let width = if is_wide { 2 } else { 1 };
            let wanted = usize::try_from(end.saturating_sub(first))
                .ok()?
                .saturating_mul(width);
            let there = main.get(usize::try_from(at).ok()?..).unwrap_or_default();
            let taken = wanted.min(there.len()).min(bytes_left) / width * width;
            pieces.damaged |= taken < wanted;
            bytes_left -= taken;
            pieces.pieces.push(Piece {
                first,
                at,
                bytes: &there[..taken],
                is_wide,
            });
        }
        Some(pieces)
    }

    /// The text of Word 6 and 95, which is one piece unless it was saved in haste.
    pub(super) fn before_97(header: &Header, main: &'d [u8]) -> Option<Self> {
        /// Whether the text is in pieces, among the flags of the header.
        const IN_PIECES: u16 = 0x0004;
        let encoding = code_page(page_of_language(header.language));
        if number_u16(main, 0x0A)? & IN_PIECES != 0 {
            let start = usize::try_from(number_u32(main, 0x160)?).ok()?;
            let length = usize::try_from(number_u32(main, 0x164)?).ok()?;
            let table = main.get(start..start.checked_add(length)?)?;
            let mut pieces = Self::of_table(main, table, |at| (at, false))?;
            pieces.encoding = encoding;
            return Some(pieces);
        }
        let (start, end) = (number_u32(main, 0x18)?, number_u32(main, 0x1C)?);
        let bytes = main.get(usize::try_from(start).ok()?..)?;
        let length = usize::try_from(end.checked_sub(start)?).ok()?.min(bytes.len());
        let mut pieces = Self::none(encoding);
        pieces.pieces.push(Piece {
            first: 0,
            at: start,
            bytes: &bytes[..length],
            is_wide: false,
        });
        Some(pieces)
    }

    fn none(encoding: &'static Encoding) -> Self {
        Self {
            pieces: Vec::new(),
            damaged: false,
            encoding,
        }
    }

    /// Whether some of the text is not where it should be.
    pub(super) fn are_damaged(&self) -> bool {
        self.damaged
    }

    /// What lies among these characters.
    pub(super) fn within(&self, range: Range<u32>) -> impl Iterator<Item = Piece<'d>> + '_ {
        self.pieces.iter().filter_map(move |piece| piece.within(&range))
    }
}

/// The code page that programs of that language wrote in.
fn page_of_language(language: u16) -> i32 {
    match language & 0x3FF {
        0x01 => 1256,
        0x02 | 0x19 | 0x22 | 0x23 | 0x2F => 1251,
        0x05 | 0x0E | 0x15 | 0x18 | 0x1A | 0x1B | 0x24 => 1250,
        0x08 => 1253,
        0x0D => 1255,
        0x11 => 932,
        0x12 => 949,
        0x1F => 1254,
        0x25..=0x27 => 1257,
        // Chinese of the mainland and of Singapore, else of Taiwan and Hong Kong.
        0x04 if matches!(language, 0x0804 | 0x1004) => 936,
        0x04 => 950,
        _ => 1252,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table(places: &[u32], pieces: &[u32]) -> Vec<u8> {
        let mut table = vec![1, 2, 0, 9, 9, 2, 0, 0, 0, 0];
        table.extend(places.iter().flat_map(|place| place.to_le_bytes()));
        for at in pieces {
            table.extend([0, 0]);
            table.extend(at.to_le_bytes());
            table.extend([0, 0]);
        }
        table
    }

    #[test]
    fn a_text_is_put_together_from_its_pieces() {
        let main = b"....a\0b\0later";
        let table = table(&[0, 5, 7], &[(8 * 2) | 0x4000_0000, 4]);
        let pieces = Pieces::read(main, &table).unwrap();
        let all: Vec<_> = pieces.within(0..100).map(|piece| piece.bytes).collect();
        assert_eq!(all, [b"later".as_slice(), b"a\0b\0"]);
        let some: Vec<_> = pieces
            .within(3..6)
            .map(|piece| (piece.first, piece.at, piece.bytes))
            .collect();
        assert_eq!(some, [(3, 11, b"er".as_slice()), (5, 4, b"a\0")]);
        assert!(!pieces.are_damaged());
    }

    #[test]
    fn pieces_that_lie_about_themselves_do_not_multiply_the_text() {
        let main = [b'x'; 100];
        let places: Vec<u32> = (0..=50).map(|index| index * 1_000_000).collect();
        let pieces = Pieces::read(&main, &table(&places, &[0x4000_0000; 50])).unwrap();
        assert!(pieces.are_damaged());
        assert!(
            pieces
                .within(0..u32::MAX)
                .map(|piece| piece.bytes.len())
                .sum::<usize>()
                <= 100
        );
        assert!(Pieces::read(&main, &[1, 255, 255]).is_none());
        assert!(
            Pieces::read(&main, &table(&[5, 0], &[0xFFFF_FFFF]))
                .unwrap()
                .within(0..9)
                .next()
                .is_none()
        );
    }
}
