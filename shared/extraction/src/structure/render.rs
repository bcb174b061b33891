//! Markdown from a page of text and the marks on it.

mod inline;

use std::cmp::Reverse;
use std::ops::Range;

use super::emphasis;
use super::{Mark, Part};

/// Bytes of a heading; what is longer was marked by mistake, as where a page forgets to end one.
const HEADING_BYTES_MAX: usize = 500;

/// Quotes within quotes that are shown.
const QUOTE_DEPTH_MAX: usize = 6;

/// Empty cells that short rows of a table are filled up with, for each cell that there is. Rows may be short in Markdown;
/// a table with one long row among many short ones would become endless.
const EMPTY_CELLS_MAX: usize = 4;

/// Numbers of items have at most nine digits.
const NUMBER_MAX: u32 = 999_999_999;

/// Columns that the items of an inner list stand further in: deeper than any bullet, and not so deep as to be code.
const INDENT_MIN: usize = 4;

/// A page as Markdown, ending with a line end unless it is empty.
pub(super) fn page(text: &str, marks: Vec<&Mark>) -> String {
    let (mut spans, mut blocks, mut flows) = (Vec::new(), Vec::new(), Vec::new());
    for mark in marks {
        let Some(range) = range(text, mark) else {
            continue;
        };
        match &mark.part {
            Part::Strong | Part::Emphasis | Part::Literal | Part::Link(_) => spans.push((range, &mark.part)),
            Part::Flow => flows.push(range),
            _ => blocks.push((range, &mark.part)),
        }
    }
    // The outer before the inner.
    blocks.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
    let spans = emphasis::showable(text, spans);
    let flows = without_overlaps(flows);
    let mut writer = Writer {
        text,
        spans: &spans,
        flows: &flows,
        quotes: Vec::new(),
        items: Vec::new(),
        previous: Block::Nothing,
        out: String::with_capacity(text.len() + text.len() / 8),
    };
    writer.write(&blocks);
    writer.out
}

/// The bytes of a mark, without white space around them; `None` when nothing is left, as when a text was cut.
fn range(text: &str, mark: &Mark) -> Option<Range<usize>> {
    let start = usize::try_from(mark.start).ok()?;
    let end = usize::try_from(mark.end).ok()?.min(text.len());
    let marked = text.get(start..end)?;
    let trimmed = marked.trim();
    // The indentation of code counts, and so do the empty cells before the first one with text.
    let lead = if matches!(mark.part, Part::Code | Part::Table { .. }) {
        0
    } else {
        marked.len() - marked.trim_start().len()
    };
    (!trimmed.is_empty()).then(|| start + lead..start + marked.trim_end().len())
}

/// Ranges in their order, those that begin within another one left out.
fn without_overlaps(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, Reverse(range.end)));
    let mut end = 0;
    ranges.retain(|range| {
        let apart = range.start >= end;
        end = end.max(range.end);
        apart
    });
    ranges
}

/// What was written last.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    Nothing,
    Paragraph,
    /// A line of an item, right behind which the item may go on.
    Item,
    /// A list, behind which there is an empty line.
    List,
    Other,
}

/// An item of a list that may go on.
struct OpenItem {
    /// Where its text ends.
    end: usize,
    /// Columns of its bullet or number.
    width: usize,
    /// Its number, and the sign behind it.
    number: Option<(u32, char)>,
}

struct Writer<'a> {
    text: &'a str,
    spans: &'a [(Range<usize>, &'a Part)],
    /// Where line ends mean nothing, in order.
    flows: &'a [Range<usize>],
    /// Where the quotes end that are open, the innermost last.
    quotes: Vec<usize>,
    /// The last item of each list that is open, the innermost last.
    items: Vec<OpenItem>,
    previous: Block,
    out: String,
}

impl Writer<'_> {
    fn write(&mut self, blocks: &[(Range<usize>, &Part)]) {
        let mut blocks = blocks;
        let mut position = 0;
        while position < self.text.len() {
            let line_end = self.text[position..]
                .find('\n')
                .map_or(self.text.len(), |at| position + at);
            let line = &self.text[position..line_end];
            if line.trim().is_empty() {
                self.previous = match self.previous {
                    Block::Paragraph => Block::Other,
                    Block::Item => Block::List,
                    other => other,
                };
                position = line_end + 1;
                continue;
            }
            let quotes = self.quotes.len();
            self.quotes.retain(|end| *end > position);
            if self.quotes.len() < quotes && self.previous != Block::Nothing {
                self.previous = Block::Other;
            }
            let begin = blocks.partition_point(|(range, _)| range.start < position);
            let here = blocks[begin..].partition_point(|(range, _)| range.start < line_end);
            // A block that begins amid a line is none: what stands before it would be lost.
            let lead = position + (line.len() - line.trim_start().len());
            let leading = blocks[begin..begin + here].partition_point(|(range, _)| range.start <= lead);
            let written = self.special(&blocks[begin..begin + leading]);
            blocks = &blocks[begin..];
            position = written.unwrap_or_else(|| {
                self.paragraph_line(position..line_end);
                line_end
            });
            // What stands behind the block on its last line is the next line.
            if self.text[position..].starts_with('\n') {
                position += 1;
            }
        }
    }

    /// Writes the block that begins on this line, and says where it ends; `None` when the line is ordinary text.
    fn special(&mut self, here: &[(Range<usize>, &Part)]) -> Option<usize> {
        let mut item = None;
        for (range, part) in here {
            match part {
                Part::Quote if self.quotes.len() < QUOTE_DEPTH_MAX => {
                    self.gap();
                    self.quotes.push(range.end);
                }
                Part::Heading(level) if self.heading(*level, range) => return Some(range.end),
                Part::Code => {
                    self.code(range);
                    return Some(range.end);
                }
                Part::Table { header } if self.table(*header, range) => return Some(range.end),
                Part::Item { .. } => item = Some((range, *part)),
                _ => {}
            }
        }
        let (range, part) = item?;
        self.item(range, part)
    }

    fn heading(&mut self, level: u8, range: &Range<usize>) -> bool {
        let words = &self.text[range.clone()];
        if words.len() > HEADING_BYTES_MAX || words.contains("\n\n") {
            return false;
        }
        self.gap();
        self.prefix();
        self.out
            .extend(std::iter::repeat_n('#', usize::from(level.clamp(1, 6))));
        self.out.push(' ');
        self.words(range.clone(), false, false);
        self.end(Block::Other);
        true
    }

    fn code(&mut self, range: &Range<usize>) {
        let code = &self.text[range.clone()];
        let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        self.gap();
        for line in std::iter::once(fence.as_str())
            .chain(code.lines())
            .chain(std::iter::once(fence.as_str()))
        {
            self.prefix();
            self.out.push_str(line);
            self.out.push('\n');
        }
        self.previous = Block::Other;
    }

    fn table(&mut self, header: bool, range: &Range<usize>) -> bool {
        let rows: Vec<Range<usize>> = lines(self.text, range.clone()).collect();
        let cells = |row: &Range<usize>| self.text[row.clone()].split('\t').count();
        let columns = rows.iter().map(cells).max().unwrap_or(0);
        if columns < 2 {
            return false;
        }
        let filled: usize = rows.iter().map(cells).sum();
        let fill_up = columns.saturating_mul(rows.len()) <= filled.saturating_mul(EMPTY_CELLS_MAX);
        self.gap();
        let mut rows = rows.into_iter();
        let first = if header { rows.next() } else { None };
        self.row(first, columns);
        self.prefix();
        self.out.push_str(&"|---".repeat(columns));
        self.out.push_str("|\n");
        for row in rows {
            self.row(Some(row), if fill_up { columns } else { 0 });
        }
        self.previous = Block::Other;
        true
    }

    /// A row of a table; without any the row of names, empty.
    fn row(&mut self, row: Option<Range<usize>>, columns: usize) {
        self.prefix();
        let mut written = 0;
        if let Some(row) = row {
            let mut start = row.start;
            for cell in self.text[row.clone()].split('\t') {
                self.out.push_str("| ");
                self.words(start..start + cell.len(), false, true);
                self.out.push(' ');
                start += cell.len() + 1;
                written += 1;
            }
        }
        for _ in written..columns {
            self.out.push_str("|  ");
        }
        self.out.push_str("|\n");
    }

    /// Writes the first line of an item and says where it ends; `None` when there is nothing on it but its bullet.
    fn item(&mut self, range: &Range<usize>, part: &Part) -> Option<usize> {
        let Part::Item {
            depth,
            number,
            marker,
        } = part
        else {
            return None;
        };
        let line = lines(self.text, range.clone()).next()?;
        let number = number.filter(|number| *number <= NUMBER_MAX);
        let words = line.start + usize::from(*marker)..line.end;
        let text = self.text.get(words.clone())?;
        if text.trim().is_empty() {
            return None;
        }
        if !matches!(self.previous, Block::Item | Block::List) {
            self.gap();
            self.items.clear();
        }
        let depth = usize::from(*depth).min(self.items.len());
        let before = self.items.get(depth).and_then(|item| item.number);
        self.items.truncate(depth);
        // Markdown counts by itself: a number out of order has to begin a list, which another sign behind it does.
        let number = number.map(|number| match before {
            Some((before, sign)) if before.checked_add(1) == Some(number) => (number, sign),
            Some((_, '.')) => (number, ')'),
            _ => (number, '.'),
        });
        // In the middle of a paragraph, as which the item around it counts, only a one begins a list.
        if before.is_none() && depth > 0 && number.is_some_and(|(number, _)| number != 1) {
            self.gap();
        }
        let sign = number.map_or_else(|| "- ".to_owned(), |(number, sign)| format!("{number}{sign} "));
        self.prefix();
        let indent = self.indent();
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.out.push_str(&sign);
        self.items.push(OpenItem {
            end: range.end,
            width: sign.len(),
            number,
        });
        self.words(words, true, false);
        self.end(Block::Item);
        Some(line.end)
    }

    /// Columns before the items of the list inside of those that are open.
    fn indent(&self) -> usize {
        self.items.iter().map(|item| item.width.max(INDENT_MIN)).sum()
    }

    fn paragraph_line(&mut self, line: Range<usize>) {
        let in_item = self.items.last().is_some_and(|item| line.start < item.end);
        let goes_on = match self.previous {
            Block::Paragraph => true,
            Block::Item => in_item,
            _ => false,
        };
        let previous = if goes_on { self.previous } else { Block::Paragraph };
        let flows = self
            .flows
            .get(self.flows.partition_point(|flow| flow.end <= line.start))
            .is_some_and(|flow| flow.start < line.start);
        if !goes_on {
            self.gap();
        } else if !flows {
            // The line end of the text stays one.
            self.out.insert(self.out.len() - 1, '\\');
        }
        self.prefix();
        if let (Block::Item, Some(item)) = (previous, self.items.pop()) {
            let indent = self.indent() + item.width;
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.items.push(item);
        }
        self.words(line, true, false);
        self.end(previous);
    }

    /// An empty line between two blocks.
    fn gap(&mut self) {
        if self.previous != Block::Nothing && !self.out.ends_with("\n\n") {
            self.prefix();
            self.out.truncate(self.out.trim_end_matches(' ').len());
            self.out.push('\n');
        }
        self.previous = Block::Nothing;
    }

    fn prefix(&mut self) {
        for _ in &self.quotes {
            self.out.push_str("> ");
        }
    }

    fn end(&mut self, block: Block) {
        self.out.push('\n');
        self.previous = block;
    }
}

/// The lines of a part of a text that are not empty.
fn lines(text: &str, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let start = range.start;
    text[range]
        .split_inclusive('\n')
        .scan(start, |start, line| {
            let begin = *start;
            *start += line.len();
            Some(begin..begin + line.trim_end_matches('\n').len())
        })
        .filter(|line| !text[line.clone()].trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, parts: &[(&str, Part)]) -> String {
        let marks: Vec<Mark> = parts
            .iter()
            .map(|(words, part)| {
                let start = text.find(words).expect("a test marks words that are there");
                Mark {
                    page: 0,
                    start: u32::try_from(start).expect("tests are short"),
                    end: u32::try_from(start + words.len()).expect("tests are short"),
                    part: part.clone(),
                }
            })
            .collect();
        page(text, marks.iter().collect())
    }

    #[test]
    fn a_text_without_marks_keeps_its_paragraphs_and_lines() {
        assert_eq!(
            marked("One.\nTwo *stars*.\n\n\nThree.", &[]),
            "One.\\\nTwo \\*stars\\*.\n\nThree.\n"
        );
        assert_eq!(marked("", &[]), "");
    }

    #[test]
    fn headings_items_and_quotes_are_written_as_such() {
        let item = |depth, number| Part::Item {
            depth,
            number,
            marker: 0,
        };
        let text = "Plan\n\ntent\npoles\nmap\n\nShe said:\nCome\nsoon.\n\nWe came.";
        assert_eq!(
            marked(
                text,
                &[
                    ("Plan", Part::Heading(2)),
                    ("tent", item(0, Some(1))),
                    ("poles", item(1, None)),
                    ("map", item(0, Some(2))),
                    ("Come\nsoon.", Part::Quote),
                ]
            ),
            "## Plan\n\n1. tent\n    - poles\n2. map\n\nShe said:\n\n> Come\\\n> soon.\n\nWe came.\n"
        );
    }

    #[test]
    fn a_table_has_the_same_cells_in_every_row() {
        let text = "who\tpays\nAna\t1|2\n\t\tlate";
        assert_eq!(
            marked(text, &[(text, Part::Table { header: true })]),
            "| who | pays |  |\n|---|---|---|\n| Ana | 1\\|2 |  |\n|  |  | late |\n"
        );
        assert_eq!(
            marked("a\tb", &[("a\tb", Part::Table { header: false })]),
            "|  |  |\n|---|---|\n| a | b |\n"
        );
        assert_eq!(
            marked("only\nlines", &[("only\nlines", Part::Table { header: true })]),
            "only\\\nlines\n"
        );
    }

    #[test]
    fn code_is_fenced_so_that_it_cannot_end_itself() {
        assert_eq!(
            marked("  let x;\n```\n*y*", &[("  let x;\n```\n*y*", Part::Code)]),
            "````\n  let x;\n```\n*y*\n````\n"
        );
    }

    #[test]
    fn what_is_marked_within_a_line_nests() {
        let text = "see the *new* plan now";
        assert_eq!(
            marked(
                text,
                &[
                    ("the *new* plan", Part::Link("https://a.example/(1)".into())),
                    ("*new*", Part::Strong),
                    ("now", Part::Literal),
                ]
            ),
            "see [the **\\*new\\*** plan](https://a.example/%281%29) `now`\n"
        );
    }

    #[test]
    fn marks_that_make_no_sense_are_left_out_and_no_text_is_lost() {
        let text = "before inside\nafter";
        assert_eq!(
            marked(text, &[("inside", Part::Heading(1))]),
            "before inside\\\nafter\n"
        );
        assert_eq!(
            marked(text, &[("inside\nafter", Part::Strong)]),
            "before inside\\\nafter\n"
        );
        assert_eq!(
            marked(text, &[("before", Part::Heading(1))]),
            "# before\n\ninside\\\nafter\n"
        );
        assert_eq!(
            marked(
                text,
                &[("before inside", Part::Strong), ("inside\naf", Part::Emphasis)]
            ),
            "**before inside**\\\nafter\n"
        );
    }
}
