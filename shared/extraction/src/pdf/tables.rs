//! Finds tables among the lines of a page: rows whose cells stand below each other, with free space between the columns.
//!
//! A page never says that something is a table; where it is not clear, the lines stay lines.

use std::ops::Range;

use super::canvas::Glyph;
use super::layout::{self, Line};
use super::{bidi, page};
use crate::structure::is_bullet;

/// The narrowest gap between cells, in parts of the size: wider than the spaces of most justified lines.
const CELL_GAP_MIN: f64 = 1.0;

/// The same between two numbers: wider than the space that divides their thousands.
const NUMBER_GAP_MIN: f64 = 0.4;

/// The largest distance of two rows, in parts of their size.
const ROW_DISTANCE_MAX: f64 = 3.5;

/// Columns of a table; what has more is a drawing.
const COLUMNS_MAX: usize = 40;

/// Letters of a cell, on average: where there are more, it can only be prose in columns.
const CELL_LETTERS_MAX: usize = 30;

/// Glyphs of a number or bullet before an item.
const LABEL_GLYPHS_MAX: usize = 4;

/// Rows from which on prose may stand in columns, and letters that each of them has in a line then. Fewer, and it is
/// a table with long cells, which reads row by row.
const PROSE_ROWS_MIN: usize = 6;
const PROSE_LETTERS_MIN: usize = 25;
const PROSE_COLUMNS_MAX: usize = 4;

/// A table on a page, or prose in columns that was drawn line by line across them.
pub(super) struct Table<'g> {
    /// Whether it reads column by column.
    pub(super) is_prose: bool,
    /// The rows of the page that it takes.
    pub(super) rows: Range<usize>,
    /// For each of them its cells from left to right, with the column of each. What stands beside each other in one column is
    /// several cells there.
    pub(super) cells: Vec<Vec<(usize, Vec<&'g Glyph>)>>,
}

/// Glyphs of a row between two gaps.
struct Segment<'g> {
    glyphs: Vec<&'g Glyph>,
    left: f64,
    right: f64,
}

/// A table in the making: its rows, and the columns that they leave free space between.
struct Growing<'g> {
    rows: Range<usize>,
    segments: Vec<Vec<Segment<'g>>>,
    columns: Vec<(f64, f64)>,
}

/// The tables among the rows of a page, in their order.
pub(super) fn find<'g>(lines: &[Line<'g>], rows: &[Range<usize>]) -> Vec<Table<'g>> {
    let mut tables = Vec::new();
    let mut growing: Option<Growing<'g>> = None;
    for (index, row) in rows.iter().enumerate() {
        let segments = segments(&lines[row.clone()]);
        if segments.len() < 2 {
            tables.extend(growing.take().and_then(Growing::finish));
            continue;
        }
        if let Some(table) = &mut growing
            && is_next_row(&lines[rows[index - 1].start], &lines[row.start])
            && let Some(columns) = merged(&table.columns, &segments)
        {
            table.columns = columns;
            table.rows.end = index + 1;
            table.segments.push(segments);
            continue;
        }
        tables.extend(growing.take().and_then(Growing::finish));
        growing = merged(&[], &segments).map(|columns| Growing {
            rows: index..index + 1,
            segments: vec![segments],
            columns,
        });
    }
    tables.extend(growing.take().and_then(Growing::finish));
    tables
}

/// What stands between wide gaps in a row; nothing for rows that do not run from left to right.
fn segments<'g>(row: &[Line<'g>]) -> Vec<Segment<'g>> {
    if row.len() == 1 && !has_gap(&row[0]) {
        return Vec::new();
    }
    let readable = |glyph: &Glyph| page::is_upright(glyph) && !glyph.text.chars().any(bidi::is_right_to_left);
    let mut segments: Vec<Segment<'g>> = Vec::new();
    for line in row {
        let mut last: Option<&Glyph> = None;
        for &glyph in line.glyphs.iter().filter(|glyph| !glyph.text.is_space()) {
            if !readable(glyph) {
                return Vec::new();
            }
            let gap = last.map_or(f64::INFINITY, |last| layout::offset(last, glyph).0);
            let least = match last {
                Some(last) if is_of_number(last) && is_of_number(glyph) => NUMBER_GAP_MIN,
                _ => CELL_GAP_MIN,
            };
            last = Some(glyph);
            match segments.last_mut() {
                // The gap behind a bullet or number is one within its item.
                Some(open) if gap < least * glyph.size || (gap.is_finite() && is_label(&open.glyphs)) => {
                    open.glyphs.push(glyph);
                    open.right = open.right.max(glyph.end.x);
                }
                _ => segments.push(Segment {
                    glyphs: vec![glyph],
                    left: glyph.start.x,
                    right: glyph.end.x,
                }),
            }
        }
    }
    segments
}

/// Whether there is room for two cells on a line. Most lines have none, and cost nothing more.
fn has_gap(line: &Line<'_>) -> bool {
    let mut end = f64::INFINITY;
    for glyph in line.glyphs.iter().filter(|glyph| !glyph.text.is_space()) {
        if glyph.start.x - end >= NUMBER_GAP_MIN * glyph.size {
            return true;
        }
        end = glyph.end.x;
    }
    false
}

/// Whether a glyph may begin or end a number, with its currency or percent sign.
fn is_of_number(glyph: &Glyph) -> bool {
    let of_number = |c: char| {
        c.is_ascii_digit() || matches!(c, '%' | '$' | '€' | '£' | '(' | ')' | '-' | '–' | '.' | '+')
    };
    glyph.text.chars().all(of_number)
}

fn is_label(glyphs: &[&Glyph]) -> bool {
    let (Some(first), Some(last)) = (glyphs.first(), glyphs.last()) else {
        return false;
    };
    let counts = first.text.chars().all(|c| c.is_ascii_digit()) || glyphs.len() == 2;
    match glyphs {
        [one] => one.text.chars().all(is_bullet),
        _ => counts && glyphs.len() <= LABEL_GLYPHS_MAX && last.text.chars().all(|c| matches!(c, '.' | ')')),
    }
}

fn is_next_row(above: &Line<'_>, below: &Line<'_>) -> bool {
    let size = layout::size(&above.glyphs).max(layout::size(&below.glyphs));
    layout::distance(above, below).is_some_and(|distance| distance <= ROW_DISTANCE_MAX * size)
}

/// The columns with another row in them; `None` when there is no free space left between two of them.
fn merged(columns: &[(f64, f64)], row: &[Segment<'_>]) -> Option<Vec<(f64, f64)>> {
    let mut all: Vec<(f64, f64)> = columns.to_vec();
    all.extend(row.iter().map(|segment| (segment.left, segment.right)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut merged: Vec<(f64, f64)> = Vec::with_capacity(all.len());
    for (left, right) in all {
        match merged.last_mut() {
            Some(last) if left <= last.1 => last.1 = last.1.max(right),
            _ => merged.push((left, right)),
        }
    }
    (merged.len() >= columns.len().max(2) && merged.len() <= COLUMNS_MAX).then_some(merged)
}

impl<'g> Growing<'g> {
    /// The table, if there is enough of it to be one.
    fn finish(self) -> Option<Table<'g>> {
        let (rows, columns) = (self.segments.len(), self.columns.len());
        let cells: usize = self.segments.iter().map(Vec::len).sum();
        let letters: usize = self
            .segments
            .iter()
            .flatten()
            .map(|segment| segment.glyphs.len())
            .sum();
        let column_of = |segment: &Segment<'_>| {
            self.columns
                .partition_point(|(_, right)| *right < segment.left)
                .min(columns - 1)
        };
        let is_prose = letters > cells * CELL_LETTERS_MAX;
        if is_prose {
            let mut by_column = vec![(0, 0); columns];
            for segment in self.segments.iter().flatten() {
                let (cells, letters) = &mut by_column[column_of(segment)];
                *cells += 1;
                *letters += segment.glyphs.len();
            }
            let full = |(cells, letters): &(usize, usize)| {
                cells * 4 >= rows * 3 && *letters >= cells * PROSE_LETTERS_MIN
            };
            if rows < PROSE_ROWS_MIN || columns > PROSE_COLUMNS_MAX || !by_column.iter().all(full) {
                return None;
            }
        }
        let enough = rows >= 3 || (rows == 2 && columns >= 3);
        let filled = cells * 2 >= rows * columns;
        if !enough || !filled {
            return None;
        }
        let cells = self.segments.into_iter().map(|row| {
            row.into_iter()
                .map(|segment| (column_of(&segment), segment.glyphs))
                .collect()
        });
        Some(Table {
            is_prose,
            rows: self.rows.clone(),
            cells: cells.collect(),
        })
    }
}
