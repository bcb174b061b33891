//! Workbooks of every format: one page for each sheet, which begins with its name; then a line for each row that has
//! anything in it, the cells parted by tabs.
//!
//! Cells are written down while they are read. No sheet is ever held as a grid: two cells at opposite corners of a sheet
//! fit into a kilobyte, the grid between them into no memory.

mod format;
pub(crate) mod ods;
pub(crate) mod xls;
pub(crate) mod xlsb;
pub(crate) mod xlsx;

pub(crate) use format::{NumberFormats, rfc_3339, tidy};

use crate::prose::Marked;
use crate::structure::Part;
use crate::text;

/// Empty cells before a cell that are kept as tabs; a wider gap says no more.
const GAP_MAX: u32 = 64;

/// Below the title of a document.
const NAME_LEVEL: usize = 2;

/// The text of a sheet in the making.
pub(crate) struct SheetText {
    text: String,
    /// Where its name ends, and where its rows do.
    name_end: usize,
    rows_end: usize,
    /// The row and column of the last cell that was written.
    last: Option<(u32, u32)>,
}

impl SheetText {
    /// Begins with the name of the sheet.
    pub(crate) fn new(name: &str) -> Self {
        let mut text = String::new();
        push_words(&text::clean(name), &mut text);
        let name_end = text.len();
        text.push('\n');
        Self {
            text,
            name_end,
            rows_end: name_end,
            last: None,
        }
    }

    /// Appends a cell. Cells come row by row, and in a row from left to right; who writes them otherwise gets another line.
    pub(crate) fn cell(&mut self, row: u32, column: u32, shown: &str) {
        if shown.trim().is_empty() {
            return;
        }
        let gap = match self.last {
            Some((last_row, last_column)) if last_row == row && last_column < column => column - last_column,
            before => {
                if before.is_some() {
                    self.text.push('\n');
                }
                column
            }
        };
        self.text.extend(std::iter::repeat_n(
            '\t',
            usize::try_from(gap.min(GAP_MAX)).unwrap_or(0),
        ));
        if text::is_clean(shown) {
            push_words(shown, &mut self.text);
        } else {
            push_words(&text::clean(shown), &mut self.text);
        }
        self.rows_end = self.text.len();
        self.last = Some((row, column));
    }

    /// Appends a text that belongs to the sheet but to no cell, such as a comment or a chart, as a paragraph of its own.
    pub(crate) fn aside(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push_str("\n\n");
        self.text.push_str(&text::clean(text));
        self.text.push('\n');
        self.last = None;
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The text, with a line end: the name as a heading, the rows as a table. Which of them names the columns no format
    /// says.
    pub(crate) fn finish(mut self) -> Marked {
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        let mut marks = vec![(0..self.name_end, Part::heading(NAME_LEVEL))];
        if self.rows_end > self.name_end {
            // The line end after the name, and no tab, lies before the first cell.
            marks.push((self.name_end + 1..self.rows_end, Part::Table { header: false }));
        }
        Marked {
            text: self.text,
            marks,
        }
    }
}

/// White space inside a cell must look like neither the next cell nor the next row.
fn push_words(shown: &str, line: &mut String) {
    for (index, word) in shown.split_whitespace().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
}

/// What a cell shows for a truth value.
pub(crate) fn truth(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

/// What a cell shows for an error by its number in the binary formats.
pub(crate) fn error(code: u8) -> &'static str {
    match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0F => "#VALUE!",
        0x17 => "#REF!",
        0x1D => "#NAME?",
        0x24 => "#NUM!",
        0x2A => "#N/A",
        _ => "#ERROR!",
    }
}

/// A number in the 30 bits that the binary formats save space with: the upper bits of a floating point number, or an
/// integer, either of them times a hundred if the lowest bit says so.
pub(crate) fn packed_number(bits: u32) -> f64 {
    let number = if bits & 2 == 0 {
        f64::from_bits(u64::from(bits & !3) << 32)
    } else {
        f64::from(bits.cast_signed() >> 2)
    };
    if bits & 1 == 0 { number } else { number / 100.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines_and_gaps_are_tabs() {
        let mut sheet = SheetText::new("Plan\n2026");
        sheet.cell(0, 0, "who");
        sheet.cell(0, 2, " pays\nwhat ");
        sheet.cell(0, 3, " ");
        sheet.cell(9, 1, "Ana");
        sheet.cell(1_048_575, 16_383, "far");
        sheet.aside("a comment");
        let gap = "\t".repeat(64);
        assert_eq!(
            sheet.finish().text,
            format!("Plan 2026\nwho\t\tpays what\n\tAna\n{gap}far\n\na comment\n")
        );
        assert_eq!(SheetText::new("empty").finish().text, "empty\n");
    }

    #[test]
    fn packed_numbers_are_unpacked() {
        assert!((packed_number(0x3FF0_0000) - 1.0).abs() < f64::EPSILON);
        assert!((packed_number(0x3FF0_0001) - 0.01).abs() < f64::EPSILON);
        assert!((packed_number((123 << 2) | 2) - 123.0).abs() < f64::EPSILON);
        assert!((packed_number((-5_i32 << 2).cast_unsigned() | 3) + 0.05).abs() < f64::EPSILON);
    }
}
