//! Puts the text of a page together from its lines, and keeps where on the page each of them stands.

use std::ops::Range;

use hayro_interpret::kurbo::{Point, Rect};

use super::canvas::Glyph;
use super::layout::{self, Line};
use super::{spacing, tables};

/// The text of a page, with what its places tell.
#[derive(Debug, Default)]
pub(super) struct PageText {
    pub(super) text: String,
    /// In the order of the text; rows of tables are none.
    pub(super) lines: Vec<TextLine>,
    /// Where tables stand in the text: a line for each row, tabs between the cells.
    pub(super) tables: Vec<Range<usize>>,
    /// What stands in the areas that were asked for, with the number of the area.
    pub(super) areas: Vec<(Range<usize>, usize)>,
}

/// A line of the text.
#[derive(Debug)]
pub(super) struct TextLine {
    pub(super) range: Range<usize>,
    /// Its ends, in points from the left edge of the page.
    pub(super) left: f64,
    pub(super) right: f64,
    /// The height of its largest letter in points.
    pub(super) size: f64,
    /// The level of the heading that the file says it is; zero for none.
    pub(super) heading: u8,
    /// Whether it runs from left to right, and nothing stands beside it.
    pub(super) plain: bool,
}

/// The text of a page: its lines, with an empty line between paragraphs and tabs between what stands side by side.
pub(super) fn write(glyphs: &[Glyph], areas: &[Rect]) -> PageText {
    let lines = layout::lines(glyphs);
    let usual = layout::usual_distance(&lines);
    let rows = rows(&lines);
    let mut tables = tables::find(&lines, &rows).into_iter().peekable();
    let mut page = PageText::default();
    let mut before: Option<&Line<'_>> = None;
    let mut row = 0;
    while row < rows.len() {
        let separator = before.map_or("", |before| {
            layout::separator(before, &lines[rows[row].start], usual)
        });
        page.text.push_str(separator);
        if let Some(table) = tables.next_if(|table| table.rows.start == row) {
            if table.is_prose {
                page.write_columns(&table, areas);
            } else {
                page.write_table(&table, areas);
            }
            row = table.rows.end;
        } else {
            page.write_row(&lines[rows[row].clone()], areas);
            row += 1;
        }
        before = Some(&lines[rows[row - 1].end - 1]);
    }
    page
}

/// Lines that stand beside each other, as one range for each row.
fn rows(lines: &[Line<'_>]) -> Vec<Range<usize>> {
    let mut rows: Vec<Range<usize>> = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match rows.last_mut() {
            Some(row) if layout::is_beside(&lines[index - 1], line) => row.end = index + 1,
            _ => rows.push(index..index + 1),
        }
    }
    rows
}

impl PageText {
    fn write_row(&mut self, row: &[Line<'_>], areas: &[Rect]) {
        for (index, line) in row.iter().enumerate() {
            if index > 0 {
                self.text.push('\t');
            }
            let upright = line.glyphs.first().is_some_and(|first| is_upright(first));
            self.write_line(&line.glyphs, row.len() == 1 && upright, areas);
        }
    }

    fn write_line(&mut self, glyphs: &[&Glyph], plain: bool, areas: &[Rect]) {
        let start = self.text.len();
        let reads_rightwards = self.write_glyphs(glyphs, areas);
        let (left, right) = ends(glyphs);
        let level = |glyph: Option<&&Glyph>| glyph.map_or(0, |glyph| glyph.heading);
        let (first, last) = (level(glyphs.first()), level(glyphs.last()));
        self.lines.push(TextLine {
            range: start..self.text.len(),
            left,
            right,
            size: layout::size(glyphs),
            heading: if first == last { first } else { 0 },
            plain: plain && reads_rightwards,
        });
    }

    /// Prose in columns, one column after the other.
    fn write_columns(&mut self, table: &tables::Table<'_>, areas: &[Rect]) {
        let columns = table.cells.iter().flatten().map(|(column, _)| column + 1).max();
        for column in 0..columns.unwrap_or(0) {
            if column > 0 {
                self.text.push_str("\n\n");
            }
            let mut first = true;
            for row in &table.cells {
                let of_column = row.iter().filter(|(of, _)| *of == column);
                let glyphs: Vec<&Glyph> = of_column.flat_map(|(_, glyphs)| glyphs.iter().copied()).collect();
                if glyphs.is_empty() {
                    continue;
                }
                if !std::mem::take(&mut first) {
                    self.text.push('\n');
                }
                self.write_line(&glyphs, true, areas);
            }
        }
    }

    fn write_table(&mut self, table: &tables::Table<'_>, areas: &[Rect]) {
        let start = self.text.len();
        for (index, row) in table.cells.iter().enumerate() {
            if index > 0 {
                self.text.push('\n');
            }
            let mut column = 0;
            for (of_column, glyphs) in row {
                let before = self.text.len();
                if column < *of_column {
                    self.text.extend(std::iter::repeat_n('\t', of_column - column));
                    column = *of_column;
                } else if before > start && !self.text.ends_with(['\n', '\t']) {
                    self.text.push(' ');
                }
                self.write_glyphs(glyphs, areas);
            }
        }
        self.tables.push(start..self.text.len());
    }

    /// Says whether the glyphs read from left to right.
    fn write_glyphs(&mut self, glyphs: &[&Glyph], areas: &[Rect]) -> bool {
        if areas.is_empty() {
            return spacing::write(glyphs, &mut self.text, None);
        }
        let start = self.text.len();
        let mut places = Vec::with_capacity(glyphs.len());
        let rightwards = spacing::write(glyphs, &mut self.text, Some(&mut places));
        self.find_areas(glyphs, &places, start..self.text.len(), areas);
        rightwards
    }

    /// Notes which part of a line stands in which area. Of a line that reads from right to left it is all or nothing.
    fn find_areas(&mut self, glyphs: &[&Glyph], places: &[usize], line: Range<usize>, areas: &[Rect]) {
        let around = glyphs
            .iter()
            .map(|glyph| Rect::from_points(middle(glyph), middle(glyph)))
            .reduce(|all, glyph| all.union(glyph))
            .unwrap_or_default();
        for (area, rect) in areas.iter().enumerate() {
            if !rect.overlaps(around) {
                continue;
            }
            let within = |glyph: &&Glyph| rect.contains(middle(glyph));
            let (Some(first), Some(last)) = (glyphs.iter().position(within), glyphs.iter().rposition(within))
            else {
                continue;
            };
            let all = last - first + 1 == glyphs.len();
            if places.is_empty() && !all {
                continue;
            }
            let start = places.get(first).copied().unwrap_or(line.start);
            let end = places.get(last + 1).copied().unwrap_or(line.end).min(line.end);
            if start < end {
                self.areas.push((start..end, area));
            }
        }
    }

    /// Shortens the text to at most so many bytes, and says whether anything was lost. What was cut is no line any more.
    pub(super) fn cut(&mut self, bytes_max: usize) -> bool {
        let cut = crate::cut_at_char(&mut self.text, bytes_max);
        if cut {
            self.lines.retain(|line| line.range.end <= self.text.len());
            self.tables.retain(|table| table.end <= self.text.len());
        }
        cut
    }

    /// Appends lines that stand nowhere on the page.
    pub(super) fn append(&mut self, lines: &[String]) {
        for (index, line) in lines.iter().enumerate() {
            if !self.text.is_empty() {
                self.text.push_str(if index == 0 { "\n\n" } else { "\n" });
            }
            self.text.push_str(line);
        }
    }
}

/// Between the ends of a glyph, a little above its baseline.
pub(super) fn middle(glyph: &Glyph) -> Point {
    let along = layout::direction(glyph);
    let up = hayro_interpret::kurbo::Vec2::new(along.y, -along.x);
    glyph.start.midpoint(glyph.end) + up * (0.25 * glyph.size)
}

/// Whether it stands as most text does.
pub(super) fn is_upright(glyph: &Glyph) -> bool {
    !glyph.vertical && layout::direction(glyph).x > 0.99
}

/// The ends of glyphs on one line, from left to right.
pub(super) fn ends(glyphs: &[&Glyph]) -> (f64, f64) {
    glyphs
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(left, right), glyph| {
            (
                left.min(glyph.start.x).min(glyph.end.x),
                right.max(glyph.start.x).max(glyph.end.x),
            )
        })
}
