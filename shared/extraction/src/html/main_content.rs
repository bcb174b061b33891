//! The main content of a page: its text without navigation, advertisements, comments and the like.
//!
//! Judged line by line. What the page says of itself counts first (`<main>`, `<nav>`, the names of its elements); then what
//! its text is like: content is long lines with few links, and whatever stands between such lines.

use std::ops::Range;

use super::regions::Line;
use crate::structure::Mark;

/// Bytes below which a main content was not found, so that the whole page is better.
const CONTENT_BYTES_MIN: usize = 140;

/// Words that make a line one of prose.
const PROSE_WORDS: usize = 12;

/// Lines other than prose that may stand between two lines of prose of one content: lists and tables are made of them.
const GAP_LINES_MAX: usize = 15;

/// A line as it is judged.
struct Judged {
    range: Range<usize>,
    words: usize,
    /// The share of the line that is links, in hundredths.
    links: usize,
    heading: Option<u8>,
    content: bool,
    surroundings: bool,
}

impl Judged {
    fn is_prose(&self) -> bool {
        self.heading.is_none() && self.words >= PROSE_WORDS && self.links <= 33
    }
}

/// The parts of a page's text that are its main content, in their order; `None` when none can be told from the rest.
pub(super) fn find(text: &str, lines: &[Line], links: &[Range<usize>]) -> Option<Vec<Range<usize>>> {
    let lines = judge(text, lines, links);
    let bytes = |which: &dyn Fn(&Judged) -> bool| -> usize {
        lines
            .iter()
            .filter(|line| which(line))
            .map(|line| line.range.len())
            .sum()
    };
    let all = bytes(&|line| !line.surroundings);
    let declared = bytes(&|line| !line.surroundings && line.content && line.links <= 50);
    let mut kept = if declared >= CONTENT_BYTES_MIN && declared * 4 >= all {
        lines
            .iter()
            .map(|line| line.content && !line.surroundings && line.links <= 50)
            .collect()
    } else {
        by_prose(&lines)
    };
    keep_title(&lines, &mut kept);
    let found: Vec<Range<usize>> = lines
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| **kept)
        .map(|(line, _)| line.range.clone())
        .collect();
    (found.iter().map(Range::len).sum::<usize>() >= CONTENT_BYTES_MIN).then_some(found)
}

fn judge(text: &str, lines: &[Line], links: &[Range<usize>]) -> Vec<Judged> {
    let mut links = links.iter().peekable();
    let ends = lines.iter().skip(1).map(|line| line.start).chain([text.len()]);
    lines
        .iter()
        .zip(ends)
        .map(|(line, end)| {
            let linked = linked_bytes(line.start..end, &mut links);
            let words = text[line.start..end].trim();
            let range = line.start..line.start + text[line.start..end].trim_end().len();
            // Where no spaces are written, about three characters make a word.
            let wide = words.chars().filter(|c| u32::from(*c) >= 0x3000).count();
            Judged {
                words: words.split_whitespace().count() + wide / 3,
                links: (linked * 100).checked_div(words.len()).unwrap_or(100),
                range,
                heading: line.heading,
                content: line.place.content,
                surroundings: line.place.surroundings,
            }
        })
        .collect()
}

/// Bytes of a line that are in links. Links come in the order of the text, as lines do.
fn linked_bytes<'a>(
    line: Range<usize>,
    links: &mut std::iter::Peekable<impl Iterator<Item = &'a Range<usize>>>,
) -> usize {
    let mut linked = 0;
    while let Some(link) = links.peek() {
        linked += link.end.min(line.end).saturating_sub(link.start.max(line.start));
        if link.end > line.end {
            break;
        }
        links.next();
    }
    linked
}

/// Lines of prose that follow each other closely are one text; the longest is the content, with others of some length.
fn by_prose(lines: &[Judged]) -> Vec<bool> {
    let mut texts: Vec<(Range<usize>, usize)> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if line.surroundings || !line.is_prose() {
            continue;
        }
        match texts.last_mut() {
            Some((text, bytes)) if index - text.end <= GAP_LINES_MAX => {
                text.end = index + 1;
                *bytes += line.range.len();
            }
            _ => texts.push((index..index + 1, line.range.len())),
        }
    }
    let longest = texts.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    let mut kept = vec![false; lines.len()];
    for (text, bytes) in texts {
        if bytes * 4 < longest {
            continue;
        }
        // Its heading and a line or two below that stand before the first line of prose.
        let before = (text.start.saturating_sub(3)..text.start)
            .find(|index| lines[*index].heading.is_some())
            .unwrap_or(text.start);
        // Lists and tables may end it; they are not far from prose, and mostly no links.
        let after = (text.end..lines.len())
            .take(GAP_LINES_MAX)
            .take_while(|index| {
                lines[*index].heading.is_none() && lines[*index].links == 0 && !lines[*index].surroundings
            })
            .count();
        for index in before..text.end + after {
            kept[index] = !lines[index].surroundings && lines[index].links <= 50;
        }
    }
    kept
}

/// The one heading of the first level is the title, wherever the page puts it before its content.
fn keep_title(lines: &[Judged], kept: &mut [bool]) {
    let Some(first) = kept.iter().position(|kept| *kept) else {
        return;
    };
    let mut titles = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.heading == Some(1));
    if let (Some((title, _)), None) = (titles.next(), titles.next())
        && title < first
    {
        kept[title] = true;
    }
}

/// Keeps only these parts of a text, each on lines of its own, and moves the marks along. Marks that hold something that
/// was left out go with it.
pub(super) fn keep(text: &str, parts: &[Range<usize>], marks: Vec<Mark>) -> (String, Vec<Mark>) {
    let mut kept = String::with_capacity(text.len());
    /// A part of the old text, and where it begins in the new one.
    struct Moved {
        old: Range<usize>,
        new: usize,
    }
    let mut moved: Vec<Moved> = Vec::with_capacity(parts.len());
    for part in parts {
        if let Some(before) = moved.last() {
            let between = &text[before.old.end..part.start];
            let breaks = between.bytes().filter(|byte| *byte == b'\n').count();
            kept.push_str(if breaks > 1 || !between.trim().is_empty() {
                "\n\n"
            } else {
                "\n"
            });
        }
        moved.push(Moved {
            old: part.clone(),
            new: kept.len(),
        });
        kept.push_str(&text[part.clone()]);
    }
    let place = |offset: u32, is_end: bool| {
        let offset = usize::try_from(offset).ok()?;
        let index = moved.partition_point(|part| part.old.end < offset + usize::from(!is_end));
        let part = moved.get(index)?;
        // White space around a part is not kept; a mark may begin or end in it.
        let within = offset.checked_sub(part.old.start)?;
        Some((index, u32::try_from(part.new + within).ok()?))
    };
    let marks = marks
        .into_iter()
        .filter_map(|mark| {
            let ((first, start), (last, end)) = (place(mark.start, false)?, place(mark.end, true)?);
            let whole = (first..last).all(|index| {
                let between = moved[index].old.end..moved[index + 1].old.start;
                text[between].trim().is_empty()
            });
            (whole && start < end).then_some(Mark { start, end, ..mark })
        })
        .collect();
    (kept, marks)
}
