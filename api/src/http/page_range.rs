//! `pages=1-3,7`: some pages of a text, as printers understand it.

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use domain::PAGE_SEPARATOR;

/// Ranges that one request may name.
const RANGES_MAX: usize = 100;

/// Some pages, in the order of the text, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pages(Vec<RangeInclusive<u32>>);

impl Pages {
    /// Reads `1-3,7`: numbers from 1, and ranges of them, with `5-` for all from the fifth on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, pages: u32) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for range in text.split(',') {
            if ranges.len() == RANGES_MAX {
                return Err(format!("must name {RANGES_MAX} ranges at most"));
            }
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |number: &str| number.trim().parse::<u32>().ok().filter(|number| *number > 0);
            let last = match last.trim() {
                "" if range.contains('-') => Some(pages.max(1)),
                last => number(last),
            };
            let (Some(first), Some(last)) = (number(first), last) else {
                return Err("must be pages such as 1-3,7".to_owned());
            };
            if first > pages {
                return Err(format!("the document has {pages} pages, and no page {first}"));
            }
            if last < first {
                return Err(format!("{first}-{last} ends before it begins"));
            }
            ranges.push(first..=last.min(pages));
        }
        ranges.sort_by_key(|range| *range.start());
        Ok(Self(ranges))
    }

    fn contain(&self, page: u32) -> bool {
        self.0.iter().any(|range| range.contains(&page))
    }

    fn last(&self) -> u32 {
        self.0.iter().map(|range| *range.end()).max().unwrap_or(0)
    }
}

/// Lets only some pages of a text through, which comes in pieces of any size.
#[derive(Debug)]
pub(crate) struct PageFilter {
    pages: Pages,
    /// The page that the next byte is on.
    page: u32,
    begun: bool,
}

impl PageFilter {
    pub(crate) const fn new(pages: Pages) -> Self {
        Self {
            pages,
            page: 1,
            begun: false,
        }
    }

    /// Whether no page will come any more.
    pub(crate) fn is_done(&self) -> bool {
        self.page > self.pages.last()
    }

    /// What of the next piece is on these pages, with a form feed between one page and the next.
    pub(crate) fn pass(&mut self, piece: &Bytes) -> Bytes {
        // In UTF-8 this byte is nothing else, wherever the piece was cut.
        const SEPARATOR: u8 = PAGE_SEPARATOR as u8;
        let mut passed = BytesMut::new();
        for (index, on_page) in piece.split(|byte| *byte == SEPARATOR).enumerate() {
            if index > 0 {
                self.page = self.page.saturating_add(1);
                if self.begun && self.pages.contain(self.page) {
                    passed.extend_from_slice(&[SEPARATOR]);
                }
            }
            if self.pages.contain(self.page) {
                self.begun = true;
                passed.extend_from_slice(on_page);
            }
        }
        passed.freeze()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = "one\x0czwölf\x0c\x0cfour\x0cfive";

    fn passed(pages: &str, piece: usize) -> String {
        let mut filter = PageFilter::new(Pages::parse(pages, 5).unwrap());
        let mut all = Vec::new();
        for piece in TEXT.as_bytes().chunks(piece) {
            if filter.is_done() {
                break;
            }
            all.extend_from_slice(&filter.pass(&Bytes::copy_from_slice(piece)));
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn some_pages_come_in_their_order_however_the_text_is_cut() {
        for (pages, expected) in [
            ("1", "one"),
            ("2", "zwölf"),
            ("3", ""),
            ("5", "five"),
            ("1-3", "one\x0czwölf\x0c"),
            ("4,1", "one\x0cfour"),
            ("2-3, 5", "zwölf\x0c\x0cfive"),
            ("3-", "\x0cfour\x0cfive"),
            ("1-2,2-4", "one\x0czwölf\x0c\x0cfour"),
            ("1-99", TEXT),
        ] {
            for piece in [1, 2, 3, 7, 100] {
                assert_eq!(passed(pages, piece), expected, "{pages} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn odd_pages_are_refused() {
        for pages in [
            "",
            "0",
            "-",
            "-3",
            "a",
            "1,",
            "1--3",
            "3-1",
            "6",
            "1-2-3",
            "+1x",
            "99999999999",
        ] {
            assert!(Pages::parse(pages, 5).is_err(), "{pages:?}");
        }
        assert!(Pages::parse("1", 0).is_err());
        assert!(Pages::parse("1,".repeat(RANGES_MAX - 1).trim_end_matches(','), 5).is_ok());
        assert!(Pages::parse(&format!("{}1", "1,".repeat(RANGES_MAX)), 5).is_err());
    }
}
