//! What is known of paragraphs and characters: pages of 512 bytes in the stream of the text, each for a range of it, with lists
//! of changes to how things usually are (MS-DOC 2.6).

use super::header::{number_u16, number_u32};
use super::styles::Standing;

const PAGE_BYTES: usize = 512;

/// What matters of a paragraph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Paragraph {
    /// The number of its style, and what it says itself.
    pub(super) style: u16,
    pub(super) standing: Standing,
    pub(super) in_table: bool,
    /// Whether it is nothing but the end of a row.
    pub(super) ends_row: bool,
}

/// What matters of characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Characters {
    /// Not shown, or deleted.
    pub(super) hidden: bool,
    /// Instead of the character in the text, this one of a font of signs.
    pub(super) sign: Option<u16>,
}

/// Ranges of the stream, by where they begin and end, in their order.
#[derive(Default)]
pub(super) struct Runs<T>(Vec<(u32, u32, T)>);

pub(super) type ParagraphRuns = Runs<Paragraph>;
pub(super) type CharacterRuns = Runs<Characters>;

impl<T: Copy + Default + PartialEq> Runs<T> {
    /// What is known of the byte that lies there, and up to where that holds.
    pub(super) fn at(&self, place: u32) -> (T, u32) {
        let after = self.0.partition_point(|(start, _, _)| *start <= place);
        let next = self.0.get(after).map_or(u32::MAX, |(start, _, _)| *start);
        match after.checked_sub(1).and_then(|index| self.0.get(index)) {
            Some((_, end, known)) if place < *end => (*known, (*end).min(next)),
            _ => (T::default(), next),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the pages that a table lists. `known` reads what a page says of its run of that number.
    fn read_pages(main: &[u8], table: &[u8], known: impl Fn(&[u8], usize, usize) -> Option<T>) -> Self {
        let listed = table.len().saturating_sub(4) / 8;
        let mut runs = Vec::new();
        // No page is there twice.
        for index in 0..listed.min(main.len() / PAGE_BYTES + 1) {
            let Some(number) = number_u32(table, 4 * (listed + 1) + 4 * index) else {
                break;
            };
            let start = usize::try_from(number & 0x003F_FFFF).unwrap_or(0) * PAGE_BYTES;
            let Some(page) = main.get(start..start + PAGE_BYTES) else {
                continue;
            };
            let count = usize::from(page[PAGE_BYTES - 1]);
            for run in 0..count {
                let (Some(from), Some(to)) = (number_u32(page, 4 * run), number_u32(page, 4 * run + 4))
                else {
                    break;
                };
                let known = known(page, count, run).unwrap_or_default();
                if known != T::default() && from < to {
                    runs.push((from, to, known));
                }
            }
        }
        runs.sort_by_key(|(from, _, _)| *from);
        Self(runs)
    }
}

impl ParagraphRuns {
    pub(super) fn read(main: &[u8], table: &[u8]) -> Self {
        Self::read_pages(main, table, |page, count, run| {
            // Behind the places there are thirteen bytes for each: where its list is, and where its lines break.
            let at = Some(usize::from(*page.get(4 * (count + 1) + 13 * run)?) * 2).filter(|at| *at > 0)?;
            let (length, list) = match *page.get(at)? {
                0 => (usize::from(*page.get(at + 1)?) * 2, at + 2),
                words => (usize::from(words) * 2 - 1, at + 1),
            };
            let list = page.get(list..list + length)?;
            let mut paragraph = Paragraph {
                style: number_u16(list, 0)?,
                ..Paragraph::default()
            };
            for (code, operand) in changes(list.get(2..)?) {
                let is_on = operand.first() == Some(&1);
                match code {
                    0x2416 => paragraph.in_table = is_on,
                    0x2417 => paragraph.ends_row = is_on,
                    _ => paragraph.standing.change(code, operand),
                }
            }
            Some(paragraph)
        })
    }
}

impl CharacterRuns {
    pub(super) fn read(main: &[u8], table: &[u8]) -> Self {
        Self::read_pages(main, table, |page, count, run| {
            let at = usize::from(*page.get(4 * (count + 1) + run)?) * 2;
            let length = usize::from(*page.get(at)?);
            let list = page.get(at + 1..at + 1 + length).filter(|_| at > 0)?;
            let mut characters = Characters::default();
            for (code, operand) in changes(list) {
                match code {
                    // Deleted; hidden. The highest bit says that it is as in the style, or the opposite.
                    0x0800 | 0x083C => characters.hidden |= operand.first() == Some(&1),
                    0x6A09 => {
                        // Signs whose meaning only their font knows are none to a reader.
                        characters.sign = number_u16(operand, 2).map(|sign| match sign {
                            0xE000..=0xF8FF => 0,
                            sign => sign,
                        });
                    }
                    _ => {}
                }
            }
            Some(characters)
        })
    }
}

/// The changes of a list: a number that says what is changed, and how. The list ends where it is damaged.
pub(super) fn changes(list: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let code = number_u16(rest, 0)?;
        rest = &rest[2..];
        let length = match code >> 13 {
            0 | 1 => 1,
            2 | 4 | 5 => 2,
            3 => 4,
            7 => 3,
            // Their length stands before them; that of tables, in two bytes, is one more.
            _ if code == 0xD608 => usize::from(number_u16(rest, 0)?) + 1,
            _ => usize::from(*rest.first()?) + 1,
        };
        let (operand, after) = rest.split_at_checked(length)?;
        rest = after;
        Some((code, operand))
    })
}
