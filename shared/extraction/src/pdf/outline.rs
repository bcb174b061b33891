//! What the lines of a PDF are: headings, items, tables, paragraphs.
//!
//! A tagged file says what its headings are. Another one only has larger letters, which count where most of the text has one
//! size. Bullets make items, and so do numbers that count on. Whatever is not clear stays a paragraph.

use std::collections::HashMap;
use std::ops::Range;

use super::layout::SAME_SIZE;
use super::page::{PageText, TextLine};
use crate::structure::{Marks, Part, is_bullet};

/// Sizes of headings; where there are more, sizes mean nothing.
const LEVELS_MAX: usize = 6;

/// Sizes that differ by less than this factor are one.
const ONE_SIZE: f64 = 1.04;

/// A heading has no more lines, and bytes.
const HEADING_LINES_MAX: usize = 4;
const HEADING_BYTES_MAX: usize = 240;

/// Letters without which large signs are numbers of pages, or initials.
const HEADING_LETTERS_MIN: usize = 3;

/// Lines around others that tell how wide their column is, and labels around another one that count on.
const NEIGHBOURS: usize = 12;

/// How many lines of a paragraph, of so many, must have had no room for the next word: here and there a line is shorter
/// than it could be.
const WRAPPED_MIN: usize = 4;
const WRAPPED_OF: usize = 5;

/// How far two lines may begin from each other to begin at the same place, in parts of their size.
const SAME_PLACE: f64 = 0.4;

/// Marks the pages of a document.
pub(super) fn mark(pages: &[PageText], marks: &mut Marks) {
    let headings = Headings::of(pages);
    for (number, page) in pages.iter().enumerate() {
        for table in &page.tables {
            marks.add(number, table.clone(), Part::Table { header: false });
        }
        let mut rest = page.lines.as_slice();
        let mut lists = Lists::default();
        let labels = labels(page);
        while !rest.is_empty() {
            let index = page.lines.len() - rest.len();
            let lines = paragraph(page, rest);
            let range = lines[0].range.start..lines[lines.len() - 1].range.end;
            if let Some(level) = headings.level(page, lines) {
                marks.add(number, range, Part::Heading(level));
                lists = Lists::default();
            } else {
                lists.mark(page, index..index + lines.len(), &labels, number, marks);
            }
            rest = &rest[lines.len()..];
        }
    }
}

/// The first lines that belong together.
fn paragraph<'l>(page: &PageText, lines: &'l [TextLine]) -> &'l [TextLine] {
    let next = |pair: &[TextLine]| {
        let between = &page.text[pair[0].range.end..pair[1].range.start];
        between == "\n" && pair[0].plain && pair[1].plain && pair[0].heading == pair[1].heading
    };
    let end = lines
        .windows(2)
        .position(|pair| !next(pair))
        .unwrap_or(lines.len() - 1);
    &lines[..=end]
}

/// How headings are told from text.
enum Headings {
    /// By what the file says of them.
    Tagged,
    /// By these sizes, the largest first; each is the least of its level.
    Sizes(Vec<f64>),
}

impl Headings {
    fn of(pages: &[PageText]) -> Self {
        let lines = || pages.iter().flat_map(|page| &page.lines);
        if lines().any(|line| line.heading > 0) {
            return Self::Tagged;
        }
        let Some(text_size) = usual_size(lines()) else {
            return Self::Sizes(Vec::new());
        };
        let mut sizes = Vec::new();
        let (mut in_headings, mut in_all) = (0, 0);
        for page in pages {
            in_all += page.text.len();
            let mut rest = page.lines.as_slice();
            while !rest.is_empty() {
                let lines = paragraph(page, rest);
                rest = &rest[lines.len()..];
                if can_be_heading(page, lines) && lines[0].size >= text_size * SAME_SIZE {
                    sizes.push(lines[0].size);
                    in_headings += lines.iter().map(|line| line.range.len()).sum::<usize>();
                }
            }
        }
        // Larger letters everywhere, as on a poster, mean nothing.
        if in_headings * 3 > in_all {
            return Self::Sizes(Vec::new());
        }
        sizes.sort_by(|a, b| b.total_cmp(a));
        let mut levels: Vec<(f64, f64)> = Vec::new();
        for size in sizes {
            match levels.last_mut() {
                Some((largest, least)) if *largest <= size * ONE_SIZE => *least = size,
                _ => levels.push((size, size)),
            }
        }
        if levels.len() > LEVELS_MAX {
            levels.clear();
        }
        Self::Sizes(levels.into_iter().map(|(_, least)| least).collect())
    }

    /// The level of a paragraph that is a heading.
    fn level(&self, page: &PageText, lines: &[TextLine]) -> Option<u8> {
        match self {
            Self::Tagged => Some(lines[0].heading).filter(|level| *level > 0),
            Self::Sizes(sizes) if can_be_heading(page, lines) => {
                let level = sizes.iter().position(|least| lines[0].size >= *least)?;
                u8::try_from(level + 1).ok()
            }
            Self::Sizes(_) => None,
        }
    }
}

fn can_be_heading(page: &PageText, lines: &[TextLine]) -> bool {
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    let text = &page.text[first.range.start..last.range.end];
    let same_size = |line: &TextLine| {
        line.plain && line.size <= first.size * ONE_SIZE && first.size <= line.size * ONE_SIZE
    };
    lines.len() <= HEADING_LINES_MAX
        && text.len() <= HEADING_BYTES_MAX
        && lines.iter().all(same_size)
        && text
            .chars()
            .filter(|c| c.is_alphabetic())
            .take(HEADING_LETTERS_MIN)
            .count()
            == HEADING_LETTERS_MIN
}

/// The size in which most of the text is written.
fn usual_size<'l>(lines: impl Iterator<Item = &'l TextLine>) -> Option<f64> {
    let mut bytes_by_size: HashMap<u64, usize> = HashMap::new();
    for line in lines {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // sizes are positive, and saturate
        let quarters = (line.size * 4.0).round() as u64;
        *bytes_by_size.entry(quarters).or_default() += line.range.len();
    }
    let (quarters, _) = bytes_by_size
        .into_iter()
        .max_by_key(|(quarters, bytes)| (*bytes, std::cmp::Reverse(*quarters)))?;
    #[allow(clippy::cast_precision_loss)] // sizes are small
    Some(quarters as f64 / 4.0)
}

/// The bullet or number with which a line begins, in bytes, and what it counts; `None` for any other line.
fn label(line: &str) -> Option<(usize, Option<u32>)> {
    let (label, text) = line.split_once(' ')?;
    if text.trim().is_empty() {
        return None;
    }
    if label.chars().count() == 1 && label.chars().all(is_bullet) {
        return Some((label.len(), None));
    }
    let number = label.strip_suffix(['.', ')'])?;
    let counts = (1..=3).contains(&number.len())
        && (number.len() == 1 || !number.starts_with('0'))
        && number.bytes().all(|byte| byte.is_ascii_digit());
    counts.then_some((label.len(), number.parse().ok()))
}

/// The bullets and numbers of a page's lines that make items: for each its length in bytes and its number.
fn labels(page: &PageText) -> HashMap<usize, (usize, Option<u32>)> {
    let found: Vec<(usize, usize, Option<u32>)> = page
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.plain)
        .filter_map(|(index, line)| {
            let (bytes, number) = label(&page.text[line.range.clone()])?;
            Some((index, bytes, number))
        })
        .collect();
    let sign = |(index, bytes, _): &(usize, usize, Option<u32>)| {
        let start = page.lines[*index].range.start;
        &page.text[start..start + bytes]
    };
    let is_item = |place: usize| {
        let this = &found[place];
        let near = |other: Option<&(usize, usize, Option<u32>)>, follows: &dyn Fn(u32, u32) -> bool| {
            other.is_some_and(|other| {
                let same_kind = match (this.2, other.2) {
                    (Some(number), Some(other)) => follows(number, other),
                    (None, None) => sign(this) == sign(other),
                    _ => false,
                };
                same_kind && begins_with(&page.lines[this.0], &page.lines[other.0])
            })
        };
        // Dashes also begin lines of a dialogue, and numbers sentences; they need another one.
        let sure = this.2.is_none() && !matches!(sign(this), "-" | "–" | "·");
        let around = |step: usize| found.get(place + step);
        let before = |step: usize| place.checked_sub(step).and_then(|place| found.get(place));
        sure || (1..=NEIGHBOURS).any(|step| {
            near(around(step), &|number, next| number.checked_add(1) == Some(next))
                || near(before(step), &|number, last| last.checked_add(1) == Some(number))
        })
    };
    (0..found.len())
        .filter(|place| is_item(*place))
        .map(|place| (found[place].0, (found[place].1, found[place].2)))
        .collect()
}

/// Whether two lines begin below each other.
fn begins_with(line: &TextLine, other: &TextLine) -> bool {
    (line.left - other.left).abs() <= SAME_PLACE * line.size.max(other.size)
}

/// The lists that are open on a page.
#[derive(Default)]
struct Lists {
    /// Where the items of each begin, the innermost last.
    lefts: Vec<f64>,
}

impl Lists {
    /// Marks the items among the lines of a paragraph, and where its lines were only broken for want of room.
    fn mark(
        &mut self,
        page: &PageText,
        lines: Range<usize>,
        labels: &HashMap<usize, (usize, Option<u32>)>,
        number: usize,
        marks: &mut Marks,
    ) {
        let mut index = lines.start;
        while index < lines.end {
            let first = &page.lines[index];
            let mut end = index + 1;
            if let Some((marker, count)) = labels.get(&index) {
                // What stands further in below an item goes on in it.
                let further_in = |line: &TextLine| line.left > first.left + SAME_PLACE * first.size;
                while end < lines.end && !labels.contains_key(&end) && further_in(&page.lines[end]) {
                    end += 1;
                }
                let part = Part::Item {
                    depth: self.depth(first),
                    number: *count,
                    marker: u8::try_from(*marker).unwrap_or(0),
                };
                marks.add(number, first.range.start..page.lines[end - 1].range.end, part);
            } else {
                while end < lines.end && !labels.contains_key(&end) {
                    end += 1;
                }
                self.lefts.clear();
            }
            if end > index + 1 && are_wrapped(page, index..end) {
                marks.add(
                    number,
                    first.range.start..page.lines[end - 1].range.end,
                    Part::Flow,
                );
            }
            index = end;
        }
    }

    /// How many lists lie around that of an item that begins here.
    fn depth(&mut self, item: &TextLine) -> u8 {
        let tolerance = SAME_PLACE * item.size;
        while self
            .lefts
            .last()
            .is_some_and(|left| *left > item.left + tolerance)
        {
            self.lefts.pop();
        }
        if self.lefts.last().is_none_or(|left| *left < item.left - tolerance) {
            self.lefts.push(item.left);
        }
        u8::try_from(self.lefts.len() - 1).unwrap_or(u8::MAX)
    }
}

/// Whether the first word of nearly every line would not have fitted into the line before.
fn are_wrapped(page: &PageText, lines: Range<usize>) -> bool {
    let around = lines.start.saturating_sub(NEIGHBOURS)..page.lines.len().min(lines.end + NEIGHBOURS);
    let first = &page.lines[lines.start];
    let edge = page.lines[around]
        .iter()
        .filter(|other| other.plain && (other.left - first.left).abs() < 2.0 * first.size)
        .filter(|other| other.size < first.size * SAME_SIZE && first.size < other.size * SAME_SIZE)
        .map(|other| other.right)
        .fold(first.right, f64::max);
    let broken = lines.len() - 1;
    let wrapped = page.lines[lines].windows(2).filter(|pair| {
        let text = &page.text[pair[1].range.clone()];
        let word = text.split(' ').next().unwrap_or_default().len();
        #[allow(clippy::cast_precision_loss)] // lines are short
        let word_width = (pair[1].right - pair[1].left) * word as f64 / text.len().max(1) as f64;
        let divided = page.text[..pair[0].range.end].ends_with(['-', '\u{2010}']);
        divided || pair[0].right + word_width + 0.2 * pair[1].size > edge
    });
    wrapped.count() * WRAPPED_OF >= broken * WRAPPED_MIN
}
