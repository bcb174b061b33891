//! The words of a line, and what is marked within them.

use std::ops::Range;

use super::super::{Part, escape};
use super::Writer;

impl Writer<'_> {
    /// The words of a part of the text, on one line, with what is marked within them.
    pub(super) fn words(&mut self, range: Range<usize>, line_start: bool, in_table: bool) {
        let text = &self.text[range.clone()];
        let lead = text.len() - text.trim_start().len();
        let range = range.start + lead..range.start + text.trim_end().len().max(lead);
        let first = self.spans.partition_point(|(span, _)| span.start < range.start);
        let mut open: Vec<(usize, String)> = Vec::new();
        let mut position = range.start;
        for (span, part) in self.spans[first..]
            .iter()
            .take_while(|(span, _)| span.start < range.end)
        {
            if span.end > range.end {
                continue;
            }
            position = self.close(&mut open, position, span.start, in_table);
            self.plain(
                position..span.start,
                line_start && position == range.start,
                in_table,
            );
            position = span.start;
            match part {
                Part::Strong => open.push((span.end, self.open("**"))),
                Part::Emphasis => open.push((span.end, self.open("*"))),
                Part::Link(address) => {
                    if self.out.ends_with('!') {
                        // Or it would be a picture.
                        self.out.insert(self.out.len() - 1, '\\');
                    }
                    self.out.push('[');
                    open.push((span.end, format!("]({})", escape::address(address))));
                }
                Part::Literal => {
                    self.literal(span.clone(), in_table);
                    position = span.end;
                }
                _ => {}
            }
        }
        position = self.close(&mut open, position, range.end, in_table);
        self.plain(
            position..range.end,
            line_start && position == range.start,
            in_table,
        );
    }

    /// Ends the spans that end at or before `until`. Returns how far the text is written.
    fn close(&mut self, open: &mut Vec<(usize, String)>, from: usize, until: usize, in_table: bool) -> usize {
        let mut position = from;
        while let Some((end, _)) = open.last()
            && *end <= until
        {
            let end = *end;
            self.plain(position..end, false, in_table);
            position = position.max(end);
            if let Some((_, mark)) = open.pop() {
                self.out.push_str(&mark);
            }
        }
        position
    }

    fn open(&mut self, mark: &str) -> String {
        self.out.push_str(mark);
        mark.to_owned()
    }

    fn literal(&mut self, span: Range<usize>, in_table: bool) {
        let words = &self.text[span];
        let longest = words.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest + 1);
        let space = if longest > 0 { " " } else { "" };
        // Cells are told apart before anything in them.
        let words = if in_table {
            words.replace('|', "\\|")
        } else {
            words.to_owned()
        };
        for piece in [&fence, space, &words, space, &fence] {
            self.out.push_str(piece);
        }
    }

    fn plain(&mut self, range: Range<usize>, line_start: bool, in_table: bool) {
        if range.is_empty() {
            return;
        }
        let words = &self.text[range];
        if words.contains('\n') {
            // A heading over two lines is one line here.
            escape::push(&words.replace('\n', " "), line_start, in_table, &mut self.out);
        } else {
            escape::push(words, line_start, in_table, &mut self.out);
        }
    }
}
