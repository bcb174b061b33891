//! A slide: its shapes in their order, each with its text, or with a reference to a text of the outline.

use std::borrow::Cow;

use super::TEXT_HEADER;
use super::records::{Record, Records, STRING, number_u32, text_of};
use crate::odf::SLIDE_TITLE_LEVEL;
use crate::prose::Prose;
use crate::structure::Part;

/// Records inside each other that are looked into. Groups of shapes may lie in groups.
const DEPTH_MAX: usize = 60;

pub(super) const NOTES: u16 = 0x03F0;
const SLIDE_ATOM: u16 = 0x03EF;
const SHAPE: u16 = 0xF004;
const PLACEHOLDER: u16 = 0x0BC3;
const OUTLINE_TEXT: u16 = 0x0F9E;
const COMMENT: u16 = 0x2EE0;

/// Holds records although it does not say so: what newer versions added, among it the comments.
const ADDED: u16 = 0x138B;

/// Kinds of text that are titles, and placeholders that are.
const TITLES: [u32; 2] = [0, 6];
const TITLE_PLACEHOLDERS: [u8; 3] = [13, 15, 17];

pub(super) struct Slide<'s> {
    /// What is in its record; `None` where that is lost.
    pub(super) record: Option<Cow<'s, [u8]>>,
    pub(super) outline: &'s [(u32, String)],
}

impl Slide<'_> {
    pub(super) fn write(&self, prose: &mut Prose) {
        let mut shown = vec![false; self.outline.len()];
        if let Some(record) = &self.record {
            each(record, 0, &mut |shape| {
                if shape.kind == SHAPE {
                    // The number of the slide is none of its text.
                    write_shape(shape, &[8], self.outline, &mut shown, prose);
                }
                shape.kind != SHAPE
            });
        }
        for ((kind, text), shown) in self.outline.iter().zip(shown) {
            if !shown {
                write_text(*kind, text, prose);
            }
        }
    }

    /// The number of its page of notes, if it has one.
    pub(super) fn notes(&self) -> Option<u32> {
        let atom = Records::new(self.record.as_deref()?).find(|record| record.kind == SLIDE_ATOM)?;
        number_u32(atom.bytes, 16).filter(|id| *id != 0)
    }

    /// What others said about it, each with a name before it.
    pub(super) fn write_comments(&self, prose: &mut Prose) {
        let Some(record) = &self.record else { return };
        prose.paragraph();
        each(record, 0, &mut |comment| {
            if comment.kind == COMMENT {
                let part = |wanted| {
                    let found = Records::new(comment.bytes)
                        .find(|record| record.kind == STRING && record.instance == wanted)?;
                    text_of(&found)
                };
                let said = part(1).unwrap_or_default();
                match part(0).filter(|author| !author.is_empty()) {
                    _ if said.trim().is_empty() => {}
                    Some(author) => prose.push(&format!("{author}: {said}")),
                    None => prose.push(&said),
                }
                prose.line();
            }
            comment.kind != COMMENT
        });
    }
}

/// Writes a page of notes without what is on all of them: date, number, header, footer.
pub(super) fn write_notes(notes: &[u8], prose: &mut Prose) {
    prose.paragraph();
    each(notes, 0, &mut |shape| {
        if shape.kind == SHAPE {
            write_shape(shape, &[7, 8, 9, 10], &[], &mut [], prose);
        }
        shape.kind != SHAPE
    });
}

/// Calls `take` for every record, and for those in it if it says so.
fn each(bytes: &[u8], depth: usize, take: &mut impl FnMut(&Record<'_>) -> bool) {
    for record in Records::new(bytes) {
        let holds_records = record.is_container || record.kind == ADDED;
        if take(&record) && holds_records && depth < DEPTH_MAX {
            each(record.bytes, depth + 1, take);
        }
    }
}

/// Writes the texts of a shape, unless it fills one of the placeholders that are left out.
fn write_shape(
    shape: &Record<'_>,
    left_out: &[u8],
    outline: &[(u32, String)],
    shown: &mut [bool],
    prose: &mut Prose,
) {
    let (mut is_left_out, mut is_title) = (false, false);
    let mut kind = None;
    let mut texts = Vec::new();
    each(shape.bytes, 0, &mut |record| {
        match record.kind {
            PLACEHOLDER => {
                let number = record.bytes.get(4).copied().unwrap_or(0);
                is_left_out = left_out.contains(&number);
                is_title = TITLE_PLACEHOLDERS.contains(&number);
            }
            TEXT_HEADER => kind = number_u32(record.bytes, 0),
            OUTLINE_TEXT => {
                let index = number_u32(record.bytes, 0).and_then(|index| usize::try_from(index).ok());
                if let Some((index, (kind, text))) =
                    index.and_then(|index| Some((index, outline.get(index)?)))
                {
                    shown[index] = true;
                    texts.push((*kind, text.clone()));
                }
            }
            STRING => {}
            _ => texts.extend(text_of(record).map(|text| (kind.unwrap_or(u32::MAX), text))),
        }
        true
    });
    if !is_left_out {
        for (kind, text) in texts {
            write_text(if is_title { TITLES[0] } else { kind }, &text, prose);
        }
    }
}

/// Writes a text: paragraphs, the lines of which are parted by a sign of their own.
fn write_text(kind: u32, text: &str, prose: &mut Prose) {
    prose.paragraph();
    // Stands for a date or a number that is only known when the slide is shown.
    if text.trim() == "*" {
        return;
    }
    for paragraph in text.split(['\r', '\n']) {
        if TITLES.contains(&kind) {
            prose.begin_block(Part::heading(SLIDE_TITLE_LEVEL));
        }
        for (index, line) in paragraph.split('\u{b}').enumerate() {
            if index > 0 {
                prose.line();
            }
            prose.push(line);
        }
        prose.end_block();
        prose.line();
    }
    prose.paragraph();
}
