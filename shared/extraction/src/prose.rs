//! Puts the text of a document together from runs, lines, paragraphs and cells, the same way for every format.

use std::ops::Range;
use std::time::Instant;

use crate::structure::{Marks, Part, Structure};
use crate::{Extracted, Limits, cut_at_char, text};

/// A text, and what its parts are.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    /// With a line end, unless it is empty.
    pub(crate) text: String,
    pub(crate) marks: Vec<(Range<usize>, Part)>,
}

/// A heading, item or link that is being written.
struct OpenPart {
    part: Part,
    /// Where its text begins, once it has any.
    start: Option<usize>,
}

/// Rows right behind each other.
struct OpenTable {
    range: Range<usize>,
    header: bool,
}

/// A text in the making. Breaks are owed until there is something behind them, so that nothing empty leaves a trace.
#[derive(Default)]
pub(crate) struct Prose {
    text: String,
    /// Line breaks owed before the next character; two make a paragraph.
    breaks: usize,
    /// Whether a space is owed before the next character, unless a line begins.
    space: bool,
    /// Cells that have begun in this row since the last character.
    tabs: usize,
    /// Table rows that are open, one inside the other.
    rows: usize,
    /// Whether the innermost row has a cell already.
    row_began: bool,
    /// Where the text of the row begins, with the tabs before it, once there is any.
    row_start: Option<usize>,
    /// Whether the row names the columns of its table.
    header_row: bool,
    table: Option<OpenTable>,
    /// The heading or item that is open, and the link within it.
    block: Option<OpenPart>,
    link: Option<OpenPart>,
    marks: Vec<(Range<usize>, Part)>,
}

impl Prose {
    /// Appends text as it is; line ends in it are spaces.
    pub(crate) fn push(&mut self, text: &str) {
        if !text::is_clean(text) {
            return self.push(&text::clean(text));
        }
        let mut lines = text.split(['\n', '\r']);
        let first = lines.next().unwrap_or_default();
        self.push_line(first);
        for line in lines {
            self.space = true;
            self.push_line(line);
        }
    }

    fn push_line(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let at_start = self.text.is_empty() || self.breaks > 0 || self.tabs > 0;
        if text.trim().is_empty() && (at_start || self.space) {
            // White space alone begins nothing.
            self.space = true;
            return;
        }
        self.space &= !text.starts_with(' ');
        self.pay_what_is_owed();
        if self.rows > 0 && text.contains('\t') {
            self.text.push_str(&text.replace('\t', " "));
        } else {
            self.text.push_str(text);
        }
    }

    /// Appends text in which any white space is one space, as in HTML.
    pub(crate) fn flow(&mut self, text: &str) {
        if !text::is_clean(text) {
            return self.flow(&text::clean(text));
        }
        let mut words = text.split_whitespace();
        let Some(first) = words.next() else {
            self.space |= !text.is_empty();
            return;
        };
        self.space |= text.starts_with(char::is_whitespace);
        self.pay_what_is_owed();
        self.text.push_str(first);
        for word in words {
            self.text.push(' ');
            self.text.push_str(word);
        }
        self.space = text.ends_with(char::is_whitespace);
    }

    /// A tab; inside a table a space, for there tabs part the cells.
    pub(crate) fn tab(&mut self) {
        if self.rows > 0 {
            self.space = true;
        } else {
            self.push("\t");
        }
    }

    /// What follows begins a line.
    pub(crate) fn line(&mut self) {
        self.owe(1);
    }

    /// Whether what follows begins a line, because of something that came before.
    pub(crate) fn owes_line(&self) -> bool {
        self.breaks > 0
    }

    /// What follows stands apart, with an empty line before it.
    pub(crate) fn paragraph(&mut self) {
        self.owe(2);
    }

    /// Appends whole texts, each with its own line ends, as paragraphs of their own.
    pub(crate) fn push_paragraphs<'t>(&mut self, texts: impl IntoIterator<Item = &'t String>) {
        for text in texts {
            self.paragraph();
            for line in text.lines() {
                // An empty line parts paragraphs.
                match line {
                    "" => self.paragraph(),
                    _ => self.push(line),
                }
                self.line();
            }
            self.paragraph();
        }
    }

    /// What follows begins a line and no more, whatever was said before.
    pub(crate) fn only_line(&mut self) {
        if self.rows == 0 {
            self.breaks = 1;
        }
    }

    fn owe(&mut self, breaks: usize) {
        if self.rows > 0 {
            self.space = true;
        } else {
            self.breaks = self.breaks.max(breaks);
            self.space = false;
        }
    }

    /// A row of a table begins. In a row of a table inside a table, cells follow each other like any others.
    pub(crate) fn begin_row(&mut self) {
        if self.rows == 0 {
            self.breaks = self.breaks.max(1);
            self.space = false;
            self.row_began = false;
            self.row_start = None;
            self.header_row = false;
            self.tabs = 0;
        }
        self.rows += 1;
    }

    /// The row that is open names the columns of the table.
    pub(crate) fn header_row(&mut self) {
        self.header_row |= self.rows == 1;
    }

    /// What follows, up to the end of the block, is a heading or an item. In tables everything is a cell.
    pub(crate) fn begin_block(&mut self, part: Part) {
        self.end_block();
        if self.rows == 0 {
            self.block = Some(OpenPart { part, start: None });
        }
    }

    /// The heading or item ends, if there is one.
    pub(crate) fn end_block(&mut self) {
        let open = self.block.take();
        self.mark(open);
    }

    /// What follows, up to the end of the link, leads to this address. Links do not nest.
    pub(crate) fn begin_link(&mut self, address: String) {
        self.end_link();
        self.link = Some(OpenPart {
            part: Part::Link(address),
            start: None,
        });
    }

    /// The link ends, if there is one.
    pub(crate) fn end_link(&mut self) {
        let open = self.link.take();
        self.mark(open);
    }

    fn mark(&mut self, open: Option<OpenPart>) {
        if let Some(OpenPart {
            part,
            start: Some(start),
        }) = open
        {
            self.marks.push((start..self.text.trim_end().len(), part));
        }
    }

    /// The rows so far are a table, and what follows is none of it.
    fn end_table(&mut self) {
        if let Some(OpenTable { range, header }) = self.table.take() {
            self.marks.push((range, Part::Table { header }));
        }
    }

    /// A cell begins.
    pub(crate) fn begin_cell(&mut self) {
        if self.rows == 1 {
            self.tabs += usize::from(self.row_began);
            self.row_began = true;
        } else {
            self.space = true;
        }
    }

    /// The row ends; empty cells at its end are forgotten.
    pub(crate) fn end_row(&mut self) {
        self.rows = self.rows.saturating_sub(1);
        if self.rows == 0 {
            self.tabs = 0;
            if let Some(start) = self.row_start.take() {
                let end = self.text.trim_end().len();
                match &mut self.table {
                    Some(table) => table.range.end = end,
                    None => {
                        let header = self.header_row;
                        self.table = Some(OpenTable {
                            range: start..end,
                            header,
                        });
                    }
                }
            }
            self.owe(1);
        } else {
            self.space = true;
        }
    }

    fn pay_what_is_owed(&mut self) {
        let breaks = std::mem::take(&mut self.breaks);
        let space = std::mem::take(&mut self.space);
        let tabs = std::mem::take(&mut self.tabs);
        if self.table.is_some() && (breaks > 1 || self.rows == 0) {
            self.end_table();
        }
        if !self.text.is_empty() && breaks > 0 {
            self.text.truncate(self.text.trim_end().len());
            self.text.extend(std::iter::repeat_n('\n', breaks.min(2)));
        }
        if self.rows > 0 && self.row_start.is_none() {
            self.row_start = Some(self.text.len());
        }
        if tabs > 0 {
            let end = self.text.trim_end_matches(' ').len();
            self.text.truncate(end);
            self.text.extend(std::iter::repeat_n('\t', tabs));
        } else if space && breaks == 0 && !self.text.is_empty() && !self.text.ends_with([' ', '\n', '\t']) {
            self.text.push(' ');
        }
        for open in [&mut self.block, &mut self.link].into_iter().flatten() {
            open.start.get_or_insert(self.text.len());
        }
    }

    /// Bytes gathered so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The text so far, with a line end; what follows begins a new one.
    pub(crate) fn take(&mut self) -> String {
        self.take_marked().text
    }

    /// The same with what the parts of the text are.
    pub(crate) fn take_marked(&mut self) -> Marked {
        self.end_table();
        // A block that goes on behind the end, as a paragraph over two pages, begins anew there.
        for open in [&mut self.block, &mut self.link].into_iter().flatten() {
            if let Some(start) = open.start.take() {
                self.marks
                    .push((start..self.text.trim_end().len(), open.part.clone()));
            }
        }
        let marks = std::mem::take(&mut self.marks);
        let mut text = std::mem::take(&mut self.text);
        (self.breaks, self.space, self.tabs) = (0, false, 0);
        text.truncate(text.trim_end().len());
        if !text.is_empty() {
            text.push('\n');
        }
        Marked { text, marks }
    }
}

/// The pages, slides, sheets or chapters of a document, as far as there is room for them.
pub(crate) struct Parts {
    pub(crate) pages: Vec<String>,
    pub(crate) truncated: bool,
    pub(crate) marks: Marks,
    pages_max: usize,
    bytes_left: usize,
    started: Instant,
    limits: Limits,
}

impl Parts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            pages: Vec::new(),
            truncated: false,
            marks: Marks::default(),
            pages_max: usize::try_from(limits.pages_max).unwrap_or(usize::MAX),
            bytes_left: limits.text_bytes_max,
            started: Instant::now(),
            limits: *limits,
        }
    }

    /// Bytes of text for which there is still room.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Whether nothing more is wanted. Asked before a part is read, it notes that the part is left out.
    pub(crate) fn is_full(&mut self) -> bool {
        let late = self.limits.is_late(self.started) && !self.pages.is_empty();
        let full = late || !self.has_room();
        self.truncated |= full;
        full
    }

    /// Adds a part, cut to the room that there is, with what is known of its structure.
    pub(crate) fn push_marked(&mut self, part: Marked) {
        if !self.has_room() {
            self.truncated = true;
            return;
        }
        let page = self.pages.len();
        for (range, what) in part.marks {
            self.marks.add(page, range, what);
        }
        self.push(&part.text);
    }

    /// Adds a document of one page as a part, with what is known of its structure.
    pub(crate) fn push_document(&mut self, document: Extracted) {
        let marks = match document.structure {
            Structure::Marked(marks) => marks,
            Structure::Unknown | Structure::Markdown => Vec::new(),
        };
        let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let marks = marks
            .into_iter()
            .map(|mark| (place(mark.start)..place(mark.end), mark.part));
        self.push_marked(Marked {
            text: document.pages.concat(),
            marks: marks.collect(),
        });
        self.truncated |= document.truncated;
    }

    fn has_room(&self) -> bool {
        self.bytes_left > 0 && self.pages.len() < self.pages_max
    }

    /// Adds a part, cut to the room that there is.
    pub(crate) fn push(&mut self, part: &str) {
        if !self.has_room() {
            self.truncated = true;
            return;
        }
        let mut part = if text::is_clean(part) {
            part.to_owned()
        } else {
            text::clean(part)
        };
        self.truncated |= cut_at_char(&mut part, self.bytes_left);
        self.bytes_left -= part.len();
        self.pages.push(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_lines_are_parted_once() {
        let mut prose = Prose::default();
        prose.paragraph();
        prose.push("one");
        prose.paragraph();
        prose.push("  ");
        prose.paragraph();
        prose.push("two\nand");
        prose.push(" a half ");
        prose.line();
        prose.push("three");
        prose.paragraph();
        assert_eq!(prose.take(), "one\n\ntwo and a half\nthree\n");
        assert_eq!(prose.take(), "");
    }

    #[test]
    fn rows_keep_their_empty_cells_and_cells_their_place() {
        let mut prose = Prose::default();
        for row in [["a", "", "c"], ["", "e", ""]] {
            prose.begin_row();
            for cell in row {
                prose.begin_cell();
                prose.paragraph();
                prose.push(cell);
            }
            prose.end_row();
        }
        prose.paragraph();
        prose.push("after");
        assert_eq!(prose.take(), "a\t\tc\n\te\n\nafter\n");
    }

    #[test]
    fn a_cell_is_one_line_and_has_no_tab() {
        let mut prose = Prose::default();
        prose.begin_row();
        prose.begin_cell();
        prose.push("first");
        prose.paragraph();
        prose.push("second\tthird");
        prose.tab();
        prose.push("fourth");
        prose.begin_row();
        prose.begin_cell();
        prose.push("inner");
        prose.begin_cell();
        prose.push("cells");
        prose.end_row();
        prose.begin_cell();
        prose.push("next");
        prose.end_row();
        assert_eq!(prose.take(), "first second third fourth inner cells\tnext\n");
    }

    #[test]
    fn headings_items_links_and_tables_are_marked_where_they_stand() {
        let mut prose = Prose::default();
        let item = Part::Item {
            depth: 0,
            number: None,
            marker: 0,
        };
        for (part, words) in [
            (Part::Heading(2), "Plan\u{7} "),
            (item.clone(), "tent"),
            (item, " "),
        ] {
            prose.paragraph();
            prose.begin_block(part);
            prose.push(words);
            prose.end_block();
        }
        for table in [[["", "a"], ["b", "c"]], [["d", "e"], ["f", ""]]] {
            for (row, cells) in table.iter().enumerate() {
                prose.begin_row();
                if row == 0 {
                    prose.header_row();
                }
                for cell in cells {
                    prose.begin_cell();
                    prose.begin_block(Part::Heading(1));
                    prose.push(cell);
                    prose.end_block();
                }
                prose.end_row();
            }
            prose.paragraph();
        }
        prose.push("See ");
        prose.begin_link("https://a.example/".to_owned());
        prose.push("the map ");
        prose.end_link();
        prose.push("now");
        let Marked { text, marks } = prose.take_marked();
        assert_eq!(text, "Plan\n\ntent\n\n\ta\nb\tc\n\nd\te\nf\n\nSee the map now\n");
        let marked: Vec<_> = marks
            .into_iter()
            .map(|(range, part)| (text[range].to_owned(), part))
            .collect();
        let table = Part::Table { header: true };
        let expected = [
            ("Plan", Part::Heading(2)),
            (
                "tent",
                Part::Item {
                    depth: 0,
                    number: None,
                    marker: 0,
                },
            ),
            ("\ta\nb\tc", table.clone()),
            ("d\te\nf", table),
            ("the map", Part::Link("https://a.example/".to_owned())),
        ];
        assert_eq!(marked, expected.map(|(words, part)| (words.to_owned(), part)));
    }

    #[test]
    fn flowing_text_has_single_spaces() {
        let mut prose = Prose::default();
        for piece in ["\n  one", " two\n\tthree ", "", "  ", "four", "five"] {
            prose.flow(piece);
        }
        assert_eq!(prose.take(), "one two three fourfive\n");
    }

    #[test]
    fn parts_stop_at_both_limits() {
        let mut parts = Parts::new(&Limits {
            pages_max: 2,
            text_bytes_max: 5,
            ..Limits::default()
        });
        parts.push("abc");
        parts.push("def");
        assert!(parts.truncated && parts.is_full());
        assert_eq!(parts.pages, ["abc", "de"]);
    }
}
