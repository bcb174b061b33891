//! Follows the elements that say what a part of the page is, and marks the text in them.
//!
//! A stack of open elements is kept, and no tree: end tags that are missing or in the wrong order cost a mark, never time.

use std::ops::Range;

use html5ever::tokenizer::Tag;

use super::collector::attribute;
use crate::structure::{Marks, Part};

/// Elements that are open at the same time and followed; deeper ones are plain text.
const OPEN_MAX: usize = 256;

/// A followed element.
struct Open {
    element: &'static str,
    role: Role,
    /// Where its text begins, once it has any.
    start: Option<usize>,
}

/// What becomes of the text in an element.
enum Role {
    /// It is marked when the element ends.
    Mark(Part),
    /// Its items are numbered from here, or not.
    List(Option<u32>),
    /// Its rows are counted, and whether the first one names the columns.
    Table { rows: usize, header: bool },
    /// It is counted by its table.
    Row,
}

/// The elements that are open, and the marks of those that have ended.
#[derive(Default)]
pub(super) struct Outline {
    open: Vec<Open>,
    /// How many of the open ones, from the innermost, have no text yet.
    unstarted: usize,
    marks: Marks,
}

impl Outline {
    /// An element begins; `end` is the end of the text so far.
    pub(super) fn start(&mut self, tag: &Tag, text: &str) {
        let Some(element) = followed(&tag.name) else {
            return;
        };
        let role = match element {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                // A heading ends at the next one, even if the page forgot to say so.
                self.end_any(|open| matches!(open.role, Role::Mark(Part::Heading(_))), text);
                let level = element.as_bytes()[1] - b'0';
                Role::Mark(Part::Heading(level))
            }
            "ul" | "menu" | "dir" => Role::List(None),
            "ol" => {
                let first = attribute(tag, "start").and_then(|start| start.trim().parse().ok());
                Role::List(Some(first.unwrap_or(1)))
            }
            "li" => {
                self.end_within("li", &["ul", "ol", "menu", "dir"], text);
                Role::Mark(self.item())
            }
            "table" => Role::Table {
                rows: 0,
                header: false,
            },
            "tr" => {
                self.end_within("tr", &["table"], text);
                Role::Row
            }
            "th" => return self.header_cell(),
            "pre" => Role::Mark(Part::Code),
            "blockquote" => Role::Mark(Part::Quote),
            "b" | "strong" => Role::Mark(Part::Strong),
            "i" | "em" => Role::Mark(Part::Emphasis),
            "code" | "kbd" | "samp" | "tt" => Role::Mark(Part::Literal),
            _ => {
                // Links do not nest: one begins, the other ends.
                self.end_within("a", BLOCKS, text);
                let Some(address) = attribute(tag, "href") else {
                    return;
                };
                Role::Mark(Part::Link(address.trim().to_owned()))
            }
        };
        if self.open.len() < OPEN_MAX {
            self.open.push(Open {
                element,
                role,
                start: None,
            });
            self.unstarted += 1;
        }
    }

    /// An element ends, and with it those within it.
    pub(super) fn end(&mut self, element: &str, text: &str) {
        let Some(element) = followed(element) else {
            return;
        };
        // What is within a line does not end a block around it.
        let barrier: &[&str] = if BLOCKS.contains(&element) { &[] } else { BLOCKS };
        self.end_within(element, barrier, text);
    }

    /// Text is about to be written at this place.
    pub(super) fn text_at(&mut self, position: usize) {
        if self.unstarted > 0 {
            let first = self.open.len() - self.unstarted;
            for open in &mut self.open[first..] {
                open.start = Some(position);
            }
            self.unstarted = 0;
        }
    }

    /// The marks of the page.
    pub(super) fn into_marks(mut self, text: &str) -> Marks {
        self.end_from(0, text);
        self.marks
    }

    /// Ends the innermost such element, unless one of the barriers lies further in.
    fn end_within(&mut self, element: &str, barriers: &[&str], text: &str) {
        let found = self
            .open
            .iter()
            .rposition(|open| open.element == element || barriers.contains(&open.element));
        if let Some(found) = found
            && self.open[found].element == element
        {
            self.end_from(found, text);
        }
    }

    fn end_any(&mut self, which: impl Fn(&Open) -> bool, text: &str) {
        if let Some(found) = self.open.iter().rposition(which) {
            self.end_from(found, text);
        }
    }

    fn end_from(&mut self, found: usize, text: &str) {
        while self.open.len() > found {
            let Some(open) = self.open.pop() else {
                return;
            };
            match open.start {
                Some(start) => self.ended(open.role, start..text.len(), text),
                None => self.unstarted = self.unstarted.saturating_sub(1),
            }
        }
    }

    fn ended(&mut self, role: Role, range: Range<usize>, text: &str) {
        match role {
            Role::Mark(part) => self.marks.add(0, range, part),
            Role::Row => {
                if let Some(Role::Table { rows, .. }) = self.innermost_table() {
                    *rows += 1;
                }
            }
            Role::Table { rows, header } => {
                // A cell of several lines would read as several rows; such tables only arrange a page, mostly.
                let lines = text[range.clone()].lines().filter(|line| !line.trim().is_empty());
                if rows > 0 && lines.count() == rows {
                    self.marks.add(0, range, Part::Table { header });
                }
            }
            Role::List(_) => {}
        }
    }

    /// The next item of the innermost list.
    fn item(&mut self) -> Part {
        let lists = self
            .open
            .iter()
            .filter(|open| matches!(open.role, Role::List(_)))
            .count();
        let list = self.open.iter_mut().rev().find_map(|open| match &mut open.role {
            Role::List(next) => Some(next),
            _ => None,
        });
        let number = list.and_then(|next| {
            let number = *next;
            *next = number.and_then(|number| number.checked_add(1));
            number
        });
        Part::Item {
            depth: u8::try_from(lists.saturating_sub(1)).unwrap_or(u8::MAX),
            number,
            marker: 0,
        }
    }

    fn header_cell(&mut self) {
        if let Some(Role::Table { rows: 0, header }) = self.innermost_table() {
            *header = true;
        }
    }

    fn innermost_table(&mut self) -> Option<&mut Role> {
        self.open
            .iter_mut()
            .rev()
            .map(|open| &mut open.role)
            .find(|role| matches!(role, Role::Table { .. }))
    }
}

/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "menu",
    "dir",
    "li",
    "table",
    "tr",
    "pre",
    "blockquote",
];

/// The name of an element that is followed; `None` for any other.
fn followed(element: &str) -> Option<&'static str> {
    const INLINE: &[&str] = &["a", "b", "strong", "i", "em", "code", "kbd", "samp", "tt", "th"];
    BLOCKS
        .iter()
        .chain(INLINE)
        .copied()
        .find(|known| *known == element)
}
