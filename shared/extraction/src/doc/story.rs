//! Writes a story down: its characters, some of which are ends of paragraphs, cells and fields.

use std::ops::Range;

use super::pieces::Piece;
use super::runs::{Characters, Paragraph};
use super::{Document, lists};
use crate::numbering::Counters;
use crate::prose::Prose;
use crate::structure::Part;

/// Bytes of the instruction of a field that are kept. Addresses are shorter.
const INSTRUCTION_BYTES_MAX: usize = 2_000;
/// Fields inside each other.
const FIELDS_MAX: usize = 100;
/// Levels of headings; beyond is text.
const OUTLINE_LEVELS: u8 = 9;

pub(super) struct Story<'d> {
    document: &'d Document<'d>,
    prose: Prose,
    bytes_max: usize,
    /// Characters that were read but not yet written: of two bytes, and of one.
    wide: Vec<u16>,
    narrow: Vec<u8>,
    fields: Vec<Field>,
    /// Whether the paragraph has begun.
    begun: bool,
    counters: Counters,
    /// Number or bullet, to be written before the first text.
    label: Option<String>,
    /// Whether the paragraph before was part of a list.
    after_item: bool,
    /// Whether the end of the paragraph is that of a row.
    ends_row: bool,
    row_open: bool,
    /// Whether a table stands right before.
    after_table: bool,
    cell_due: bool,
    /// Whether the character before ended a cell.
    after_cell: bool,
    /// Notes that were written.
    notes: usize,
    place: Place,
}

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Main,
    Notes,
    Others,
}

/// A field: what it is to do, and what it showed when the document was saved.
#[derive(Default)]
struct Field {
    instruction: String,
    shows: bool,
    is_link: bool,
}

impl<'d> Story<'d> {
    pub(super) fn new(document: &'d Document<'d>, prose: Prose, bytes_max: usize) -> Self {
        Self {
            document,
            prose,
            bytes_max,
            wide: Vec::new(),
            narrow: Vec::new(),
            fields: Vec::new(),
            begun: false,
            counters: Counters::default(),
            label: None,
            after_item: false,
            ends_row: false,
            row_open: false,
            after_table: false,
            cell_due: false,
            after_cell: false,
            notes: 0,
            place: Place::Main,
        }
    }

    pub(super) fn main(&mut self, range: Range<u32>) {
        self.place = Place::Main;
        self.read(range);
    }

    /// Footnotes first, then endnotes: they are numbered in that order.
    pub(super) fn notes(&mut self, range: Range<u32>) {
        self.place = Place::Notes;
        self.read(range);
    }

    pub(super) fn others(&mut self, range: Range<u32>) {
        self.place = Place::Others;
        self.read(range);
    }

    pub(super) fn finish(self) -> Prose {
        self.prose
    }

    fn read(&mut self, range: Range<u32>) {
        let document = self.document;
        for piece in document.pieces.within(range) {
            self.piece(&piece);
            self.flush();
            if self.prose.len() > self.bytes_max {
                break;
            }
        }
        // What is still open ends with the story.
        for field in std::mem::take(&mut self.fields) {
            if field.is_link {
                self.prose.end_link();
            }
        }
        self.end_paragraph();
        self.end_row();
        self.prose.paragraph();
        self.after_item = false;
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        let width = piece.width();
        let (mut known, mut holds_to) = (Characters::default(), 0);
        let units = piece.bytes.chunks_exact(usize::try_from(width).unwrap_or(1));
        for (index, unit) in (0_u32..).zip(units) {
            let at = piece.at.saturating_add(index.saturating_mul(width));
            if at >= holds_to {
                (known, holds_to) = self.document.characters.at(at);
            }
            let unit = match *unit {
                [low, high] => u16::from_le_bytes([low, high]),
                [byte] => u16::from(byte),
                _ => 0,
            };
            // For a sign stands an opening bracket in the text.
            let (unit, is_wide) = match known.sign {
                Some(sign) if unit == 0x28 => (sign, true),
                _ => (unit, piece.is_wide),
            };
            // What parts paragraphs and fields does so even where it is hidden.
            if known.hidden && !matches!(unit, 0x07 | 0x0C | 0x0D | 0x13..=0x15) {
                continue;
            }
            self.take(unit, at, is_wide, piece.first.saturating_add(index));
            if self.prose.len() > self.bytes_max {
                return;
            }
        }
    }

    /// Takes a character that lies there in the stream and has that number in the text.
    fn take(&mut self, unit: u16, at: u32, is_wide: bool, number: u32) {
        let after_cell = std::mem::take(&mut self.after_cell);
        match unit {
            0x13 if self.fields.len() < FIELDS_MAX => self.fields.push(Field::default()),
            0x14 => self.show_field(),
            0x15 => self.end_field(),
            _ if self.is_instruction() => self.instruct(unit, is_wide),
            0x07 => {
                self.begin_paragraph(at);
                self.end_cell(after_cell);
            }
            0x0C..=0x0E => {
                self.begin_paragraph(at);
                self.end_paragraph();
                self.prose.paragraph();
            }
            0x09 => {
                self.begin_paragraph(at);
                self.flush();
                self.prose.tab();
            }
            0x0B => {
                self.begin_paragraph(at);
                self.flush();
                self.prose.line();
            }
            0x02 => {
                self.begin_paragraph(at);
                self.note(number);
            }
            // A hyphen that keeps words together; one that only shows where a line breaks is left out with the rest.
            0x1E => self.character(u16::from(b'-'), at, is_wide),
            0..0x20 => {}
            _ => self.character(unit, at, is_wide),
        }
    }

    fn character(&mut self, unit: u16, at: u32, is_wide: bool) {
        self.begin_paragraph(at);
        self.write_label();
        // In documents since Word 97, characters of one byte are of the western page.
        match u8::try_from(unit) {
            Ok(byte) if !is_wide => {
                if !self.wide.is_empty() {
                    self.flush();
                }
                self.narrow.push(byte);
            }
            _ => {
                if !self.narrow.is_empty() {
                    self.flush();
                }
                self.wide.push(unit);
            }
        }
    }

    /// Writes what was read.
    fn flush(&mut self) {
        if !self.wide.is_empty() {
            let text = String::from_utf16_lossy(&self.wide);
            self.wide.clear();
            self.prose.push(&text);
        }
        if !self.narrow.is_empty() {
            let text = self
                .document
                .pieces
                .encoding
                .decode_without_bom_handling(&self.narrow)
                .0;
            self.prose.push(&text);
            self.narrow.clear();
        }
    }

    fn begin_paragraph(&mut self, at: u32) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let (paragraph, _) = self.document.paragraphs.at(at);
        self.ends_row = paragraph.ends_row;
        if paragraph.in_table || paragraph.ends_row {
            if !self.row_open {
                self.prose.begin_row();
                (self.row_open, self.cell_due) = (true, true);
            }
            if self.cell_due && !paragraph.ends_row {
                self.prose.begin_cell();
                self.cell_due = false;
            }
        } else {
            self.end_row();
            if std::mem::take(&mut self.after_table) {
                self.prose.paragraph();
            }
        }
        if !paragraph.ends_row {
            self.begin_block(paragraph);
        }
    }

    /// What the paragraph is, and which number it has: it counts even where it has no text.
    fn begin_block(&mut self, paragraph: Paragraph) {
        let document = self.document;
        let standing = paragraph.standing.or(document.styles.standing(paragraph.style));
        let level = usize::from(standing.level.unwrap_or(0));
        let list = standing.list.filter(|list| *list > 0).map(lists::name);
        self.label = list.and_then(|list| self.counters.next_label(&document.lists, &list, level));
        let is_item = self.label.is_some();
        if is_item && self.after_item {
            self.prose.only_line();
        }
        self.after_item = is_item;
        if let Some(level) = standing.outline.filter(|level| *level < OUTLINE_LEVELS) {
            self.prose.begin_block(Part::heading(usize::from(level) + 1));
        } else if let Some(label) = &self.label {
            self.prose.begin_block(Part::item(level, label));
        }
    }

    fn write_label(&mut self) {
        if let Some(label) = self.label.take() {
            self.flush();
            self.prose.push(&label);
            self.prose.push(" ");
        }
    }

    fn end_paragraph(&mut self) {
        self.flush();
        self.prose.end_block();
        self.begun = false;
        self.label = None;
    }

    fn end_cell(&mut self, after_cell: bool) {
        self.end_paragraph();
        if self.row_open {
            if self.ends_row {
                self.end_row();
            } else {
                self.cell_due = true;
            }
        } else if self.document.paragraphs.is_empty() && !after_cell {
            // Nobody tells which cell is the last one, but behind it stands one more end.
            self.prose.tab();
            self.after_cell = true;
        } else {
            self.prose.line();
        }
    }

    fn end_row(&mut self) {
        if std::mem::take(&mut self.row_open) {
            self.prose.end_row();
            self.after_table = true;
        }
    }

    /// A character that stands for the number of a note.
    fn note(&mut self, number: u32) {
        let plan = &self.document.plan;
        let found = || {
            let endnote = |index| plan.footnotes.len() + index;
            let of_footnote = plan.footnotes.binary_search(&number).ok();
            of_footnote.or_else(|| plan.endnotes.binary_search(&number).ok().map(endnote))
        };
        let counted = match self.place {
            Place::Main => found().map(|index| index + 1),
            Place::Notes => {
                self.notes += 1;
                Some(self.notes)
            }
            Place::Others => None,
        };
        if let Some(counted) = counted {
            self.write_label();
            self.flush();
            self.prose.push(&format!("[{counted}]"));
        }
    }

    fn is_instruction(&self) -> bool {
        self.fields.iter().any(|field| !field.shows)
    }

    fn instruct(&mut self, unit: u16, is_wide: bool) {
        let c = match u8::try_from(unit) {
            Ok(byte) if !is_wide && byte >= 0x80 => {
                encoding_rs::WINDOWS_1252.decode(&[byte]).0.chars().next()
            }
            _ => char::from_u32(u32::from(unit)),
        };
        if let (Some(field), Some(c)) = (self.fields.last_mut(), c)
            && !field.shows
            && field.instruction.len() < INSTRUCTION_BYTES_MAX
        {
            field.instruction.push(c);
        }
    }

    fn show_field(&mut self) {
        let Some(field) = self.fields.last_mut() else {
            return;
        };
        field.shows = true;
        let address = address(&field.instruction).map(str::to_owned);
        if let Some(address) = address
            && !self.is_instruction()
        {
            self.flush();
            self.prose.begin_link(address);
            if let Some(field) = self.fields.last_mut() {
                field.is_link = true;
            }
        }
    }

    fn end_field(&mut self) {
        if self.fields.pop().is_some_and(|field| field.is_link) {
            self.flush();
            self.prose.end_link();
        }
    }
}

/// Where a field leads: `HYPERLINK "https://a.example/"`. Places within the document are none.
fn address(instruction: &str) -> Option<&str> {
    let rest = instruction.trim().strip_prefix("HYPERLINK")?.trim_start();
    let address = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    (!address.is_empty() && !address.starts_with('\\')).then_some(address)
}
