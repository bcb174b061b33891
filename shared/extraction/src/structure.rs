//! What the lines of a text are: headings, list items, tables, code.
//!
//! A reader of a format writes plain text and, where the format knows more, marks that say which part of it is what. The
//! text stays the same with and without them, so it costs nothing to those who do not ask; Markdown is written from both.
//! A format that knows nothing of its structure makes no marks, and then there is no Markdown of it.

mod emphasis;
mod escape;
mod render;
#[cfg(test)]
mod round_trip;

use serde::{Deserialize, Serialize};

use crate::Extracted;

/// Bytes that the marks of a document may take on their way out of the process that reads it, counted generously.
/// What is marked beyond stays plain text.
pub const MARKS_BYTES_MAX: usize = 8 << 20;

/// Bytes of a mark as JSON, without the address of a link.
const MARK_BYTES: usize = 128;

/// Bytes of a link's address; longer ones are data rather than places.
const ADDRESS_BYTES_MAX: usize = 2_000;

/// What is known of the structure of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Nothing: the text is all there is.
    #[default]
    Unknown,
    /// The text is Markdown itself.
    Markdown,
    /// The marked parts; everything else is paragraphs. In any order.
    Marked(Vec<Mark>),
}

/// A part of a page's text, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The page, as an index into [`Extracted::pages`].
    pub page: u32,
    /// Where the part begins, in bytes of the page.
    pub start: u32,
    /// Where it ends, in bytes of the page.
    pub end: u32,
    /// What it is.
    pub part: Part,
}

/// What a part of a text is. The first six are whole lines, the others lie within one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A heading of this level, from 1 to 6.
    Heading(u8),
    /// An item of a list, as far as its own text goes.
    Item {
        /// Lists around its list.
        depth: u8,
        /// Its number, in a list that counts.
        number: Option<u32>,
        /// Bytes of the bullet or number with which the text of the item begins. Markdown has signs of its own for them.
        #[serde(default)]
        marker: u8,
    },
    /// A table: each line is a row, and tabs separate its cells.
    Table {
        /// Whether the first row names the columns.
        header: bool,
    },
    /// Lines whose white space counts.
    Code,
    /// Words of somebody else.
    Quote,
    /// Lines that were broken only for want of room.
    Flow,
    /// Strongly emphasised words.
    Strong,
    /// Emphasised words.
    Emphasis,
    /// Words of a machine: code, keys.
    Literal,
    /// Words that lead to this address.
    Link(String),
}

/// Gathers marks, as many as fit into [`MARKS_BYTES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marks: Vec<Mark>,
    bytes: usize,
}

impl Marks {
    /// Marks a part of a page. Parts without any text, links to nowhere, and what is beyond the bound are left out.
    pub(crate) fn add(&mut self, page: usize, range: std::ops::Range<usize>, part: Part) {
        let address_bytes = match &part {
            Part::Link(address) if !escape::is_safe_address(address) => return,
            Part::Link(address) => 2 * address.len(),
            _ => 0,
        };
        self.bytes = self.bytes.saturating_add(MARK_BYTES + address_bytes);
        if range.is_empty() || address_bytes > 2 * ADDRESS_BYTES_MAX || self.bytes > MARKS_BYTES_MAX {
            return;
        }
        let (Ok(page), Ok(start), Ok(end)) = (
            u32::try_from(page),
            u32::try_from(range.start),
            u32::try_from(range.end),
        ) else {
            return;
        };
        self.marks.push(Mark {
            page,
            start,
            end,
            part,
        });
    }

    /// The marks, to be moved to other places.
    pub(crate) fn into_marks(self) -> Vec<Mark> {
        self.marks
    }

    /// What was gathered.
    pub(crate) fn into_structure(self) -> Structure {
        Structure::Marked(self.marks)
    }
}

impl Part {
    /// A heading that lies this deep among others, counted from one.
    pub(crate) fn heading(level: usize) -> Self {
        Self::Heading(u8::try_from(level.clamp(1, 6)).unwrap_or(6))
    }

    /// An item whose text begins with this bullet or number, after `depth` lists around its own. What is neither a bullet
    /// nor a plain number, such as `a)` or `2.1`, stays a part of the text.
    pub(crate) fn item(depth: usize, label: &str) -> Self {
        let digits = label.bytes().take_while(u8::is_ascii_digit).count();
        let (number, counts) = match &label[digits..] {
            // What begins with a zero would lose it.
            "." | ")" | "" if digits > 0 && (digits == 1 || !label.starts_with('0')) => {
                (label[..digits].parse().ok(), true)
            }
            _ => (None, false),
        };
        let bullet = digits == 0 && label.chars().all(is_bullet);
        Self::Item {
            depth: u8::try_from(depth).unwrap_or(u8::MAX),
            number,
            marker: if counts || bullet {
                u8::try_from(label.len()).unwrap_or(0)
            } else {
                0
            },
        }
    }
}

/// Signs that begin items, and nothing else where they stand alone.
pub(crate) fn is_bullet(c: char) -> bool {
    matches!(
        c,
        '-' | '•'
            | '◦'
            | '▪'
            | '▫'
            | '‣'
            | '●'
            | '○'
            | '■'
            | '□'
            | '◆'
            | '◇'
            | '►'
            | '➢'
            | '✓'
            | '·'
            | '–'
    )
}

impl From<Vec<Mark>> for Marks {
    /// Marks that were within the bounds already.
    fn from(marks: Vec<Mark>) -> Self {
        Self { marks, bytes: 0 }
    }
}

/// The document as Markdown (CommonMark with tables), its pages one after the other with a rule between; `None` when
/// nothing is known of its structure.
#[must_use]
pub fn markdown(extracted: &Extracted) -> Option<String> {
    let marks = match &extracted.structure {
        Structure::Unknown => return None,
        Structure::Markdown => return Some(extracted.pages.join("\n")),
        Structure::Marked(marks) => marks,
    };
    let mut by_page = vec![Vec::new(); extracted.pages.len()];
    for mark in marks {
        let page = usize::try_from(mark.page)
            .ok()
            .and_then(|page| by_page.get_mut(page));
        if let Some(page) = page {
            page.push(mark);
        }
    }
    let mut markdown = String::with_capacity(extracted.pages.iter().map(String::len).sum());
    for (page, marks) in extracted.pages.iter().zip(by_page) {
        let rendered = render::page(page, marks);
        if !markdown.is_empty() && !rendered.is_empty() {
            markdown.push_str("\n---\n\n");
        }
        markdown.push_str(&rendered);
    }
    Some(markdown)
}
