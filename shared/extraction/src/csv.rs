//! Tables as text: one line for each row, its cells joined by tabs.

use ::csv::{ByteRecord, ReaderBuilder};

use crate::structure::{Marks, Part};
use crate::{Extracted, Limits, single_page, text};

/// Separators in the order in which a tie is decided.
const SEPARATORS: [u8; 4] = *b",;\t|";

/// Rows that are looked at to tell the separator.
const SAMPLE_ROWS: usize = 50;

pub(crate) fn extract(file_name: &str, bytes: &[u8], limits: &Limits) -> Extracted {
    let decoded = text::decode(bytes, None);
    let source = text::clean(&decoded.text);
    let tabs = file_name.to_ascii_lowercase().ends_with(".tsv");
    let separator = if tabs { b'\t' } else { separator(&source) };
    let mut extracted = single_page("csv/1", rows_as_lines(&source, separator, limits), limits);
    let mut marks = Marks::default();
    marks.add(0, 0..extracted.pages[0].len(), Part::Table { header: true });
    extracted.structure = marks.into_structure();
    extracted
        .metadata
        .insert("encoding".to_owned(), decoded.encoding.to_owned());
    extracted
}

fn rows_as_lines(source: &str, separator: u8, limits: &Limits) -> String {
    let mut lines = String::with_capacity(source.len());
    let mut reader = reader(source, separator);
    let mut row = ByteRecord::new();
    // Reading from memory in flexible mode has no way to fail.
    while reader.read_byte_record(&mut row).unwrap_or(false) && lines.len() <= limits.text_bytes_max {
        let start = lines.len();
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                lines.push('\t');
            }
            push_cell(&String::from_utf8_lossy(cell), &mut lines);
        }
        lines.truncate(start + lines[start..].trim_end().len());
        lines.push('\n');
    }
    lines
}

/// White space inside a cell must look like neither the next cell nor the next row.
fn push_cell(cell: &str, line: &mut String) {
    for (index, word) in cell.split_whitespace().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
}

/// The separator that cuts the first rows into the most cells, as evenly as possible.
fn separator(source: &str) -> u8 {
    // The best of equals is the first: `max_by` would take the last.
    SEPARATORS
        .into_iter()
        .rev()
        .max_by_key(|separator| evenness(source, *separator))
        .unwrap_or(b',')
}

/// Rows that agree with the most frequent number of cells, if that is more than one; then that number.
fn evenness(source: &str, separator: u8) -> (usize, usize) {
    let mut rows_by_width: Vec<(usize, usize)> = Vec::new();
    for row in reader(source, separator)
        .into_byte_records()
        .flatten()
        .take(SAMPLE_ROWS)
    {
        match rows_by_width.iter_mut().find(|(width, _)| *width == row.len()) {
            Some((_, rows)) => *rows += 1,
            None if row.len() > 1 => rows_by_width.push((row.len(), 1)),
            None => {}
        }
    }
    rows_by_width
        .into_iter()
        .map(|(width, rows)| (rows, width))
        .max()
        .unwrap_or_default()
}

fn reader(source: &str, separator: u8) -> ::csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(source.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file_name: &str, source: &str) -> String {
        extract(file_name, source.as_bytes(), &Limits::default())
            .pages
            .remove(0)
    }

    #[test]
    fn every_common_separator_is_recognised() {
        for separator in [",", ";", "\t", "|"] {
            let source = ["name", "due", "owner\nsend report", "2026-03-01", "Ana\n"].join(separator);
            let source = source.replace(&format!("owner{separator}"), "owner");
            assert_eq!(
                read("t.csv", &source),
                "name\tdue\towner\nsend report\t2026-03-01\tAna\n"
            );
        }
    }

    #[test]
    fn commas_inside_numbers_do_not_hide_the_semicolon() {
        assert_eq!(read("t.csv", "a;b;c\n1,5;2,5;3,5\n"), "a\tb\tc\n1,5\t2,5\t3,5\n");
    }

    #[test]
    fn quoted_cells_keep_separators_and_lose_line_ends() {
        assert_eq!(
            read("t.csv", "what,who\n\"pay, then\nfile\",\"\"\"Al\"\"\"\n"),
            "what\twho\npay, then file\t\"Al\"\n"
        );
    }

    #[test]
    fn rows_may_have_any_length() {
        assert_eq!(read("t.csv", "a,b,c\n1\n1,2,3,4,,\n"), "a\tb\tc\n1\n1\t2\t3\t4\n");
    }

    #[test]
    fn one_column_and_nothing_at_all_are_tables_too() {
        assert_eq!(read("t.csv", "a\nb\n"), "a\nb\n");
        assert_eq!(read("t.csv", ""), "");
    }

    #[test]
    fn a_table_is_one_in_markdown_too() {
        let extracted = extract("t.csv", b"who;pays\nAna;1|2\n", &Limits::default());
        let markdown = crate::markdown(&extracted);
        assert_eq!(
            markdown.as_deref(),
            Some("| who | pays |\n|---|---|\n| Ana | 1\\|2 |\n")
        );
    }

    #[test]
    fn the_name_decides_for_tabs() {
        assert_eq!(read("T.TSV", "a, b\tc\n"), "a, b\tc\n");
    }
}
