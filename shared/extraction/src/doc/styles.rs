//! What the styles of paragraphs say of headings and lists (MS-DOC 2.9.271).

use super::header::number_u16;
use super::runs::changes;

/// Styles based on each other that are followed.
const CHAIN_MAX: usize = 16;
/// The number of a style that is based on no other.
const NO_STYLE: u16 = 0x0FFF;

/// What matters of a paragraph wherever it is said: by itself, or by its style. `None` is what is left to others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The level of the outline, counted from zero; nine is text.
    pub(super) outline: Option<u8>,
    /// The number of a list; zero is none.
    pub(super) list: Option<u16>,
    /// The level in the list, counted from zero.
    pub(super) level: Option<u8>,
}

impl Standing {
    /// Takes in a change of how paragraphs usually are.
    pub(super) fn change(&mut self, code: u16, operand: &[u8]) {
        match code {
            0x2640 => self.outline = operand.first().copied(),
            0x260A => self.level = operand.first().copied(),
            0x460B => self.list = number_u16(operand, 0),
            _ => {}
        }
    }

    /// What is said here, and where nothing is, there.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            outline: self.outline.or(other.outline),
            list: self.list.or(other.list),
            level: self.level.or(other.level),
        }
    }
}

struct Style {
    based_on: u16,
    standing: Standing,
}

/// The styles by their numbers.
#[derive(Default)]
pub(super) struct Styles(Vec<Option<Style>>);

impl Styles {
    /// Reads the table of styles, as far as it is whole.
    pub(super) fn read(table: &[u8]) -> Self {
        let mut styles = Self::default();
        styles.read_all(table);
        styles
    }

    /// What holds for all of them comes first, then one behind the other; each begins with its length.
    fn read_all(&mut self, table: &[u8]) -> Option<()> {
        let about = usize::from(number_u16(table, 0)?);
        let (count, base_bytes) = (number_u16(table, 2)?, usize::from(number_u16(table, 4)?));
        let mut rest = table.get(2 + about..)?;
        for _ in 0..count {
            let length = usize::from(number_u16(rest, 0)?);
            let (style, after) = rest.get(2..)?.split_at_checked(length)?;
            rest = after;
            self.0.push(read_style(style, base_bytes));
        }
        Some(())
    }

    /// What a style says, with those that it is based on.
    pub(super) fn standing(&self, style: u16) -> Standing {
        let (mut standing, mut style) = (Standing::default(), style);
        for _ in 0..CHAIN_MAX {
            let known = self.0.get(usize::from(style)).and_then(Option::as_ref);
            standing = standing.or(known.map(|known| known.standing).unwrap_or_default());
            // The first nine styles after the usual one are headings in every document.
            if let (1..=9, None, Ok(number)) = (style, standing.outline, u8::try_from(style)) {
                standing.outline = Some(number - 1);
            }
            match known {
                Some(known) if known.based_on != NO_STYLE => style = known.based_on,
                _ => break,
            }
        }
        standing
    }
}

/// Reads a style of paragraphs; `None` for any other.
fn read_style(style: &[u8], base_bytes: usize) -> Option<Style> {
    let kind_and_base = number_u16(style, 2)?;
    if kind_and_base & 0x0F != 1 {
        return None;
    }
    let mut read = Style {
        based_on: kind_and_base >> 4,
        standing: Standing::default(),
    };
    // Behind the name and the zero at its end, the changes, which begin with the style's own number.
    let name_units = usize::from(number_u16(style, base_bytes)?);
    let at = base_bytes + 2 + 2 * name_units + 2;
    let length = usize::from(number_u16(style, at)?);
    if let Some(list) = style.get(at + 4..at + 2 + length) {
        for (code, operand) in changes(list) {
            read.standing.change(code, operand);
        }
    }
    Some(read)
}
