//! Documents of Word 97 to 2003 (MS-DOC), and what text there is in those of Word 6 and 95.
//!
//! The text lies in pieces of one stream; which piece comes where, what is a heading, a table or hidden, is told in another.
//! Beside the main text there are others, each behind the other: footnotes, headers, comments, endnotes, text boxes.

mod header;
mod lists;
mod pieces;
mod runs;
mod story;
mod styles;

use std::ops::Range;

use crate::locked::binary::StreamLock;
use crate::locked::unsupported;
use crate::numbering::Lists;
use crate::ole::CompoundFile;
use crate::prose::{Parts, Prose};
use crate::{Extracted, ExtractionError, Limits};
use header::{Header, Plan};
use pieces::Pieces;
use runs::{CharacterRuns, ParagraphRuns};
use story::Story;
use styles::Styles;

/// The stream by which such a document is known.
pub(crate) const STREAM: &str = "WordDocument";

const ENGINE: &str = "doc/2";

/// Bytes that share a key in a locked document, and those at the beginning that are not locked.
const BLOCK_BYTES: usize = 512;
const OPEN_BYTES: usize = 68;

pub(crate) fn extract(
    file: &CompoundFile<'_>,
    password: Option<&str>,
    limits: &Limits,
) -> Result<Extracted, ExtractionError> {
    let mut main = file.stream(STREAM).unwrap_or_default();
    let header = Header::read(&main)?;
    let mut tables = match header.tables {
        Some(name) => file.stream(name).unwrap_or_default(),
        None => Vec::new(),
    };
    if header.is_locked {
        unlock(&header, &mut main, &mut tables, password)?;
    }
    let document = Document::read(&header, &main, &tables)?;
    let mut extracted = Extracted {
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    file.describe(&mut extracted);
    let mut parts = Parts::new(limits);
    let mut text = document.text(limits.text_bytes_max);
    parts.push_marked(text.take_marked());
    if parts.pages.is_empty() {
        parts.pages.push(String::new());
    }
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || document.pieces.are_damaged();
    Ok(extracted)
}

/// Decrypts both streams in place.
fn unlock(
    header: &Header,
    main: &mut [u8],
    tables: &mut [u8],
    password: Option<&str>,
) -> Result<(), ExtractionError> {
    // What is only mixed with the password belongs to programs before Word 97, and is not read.
    if header.is_mixed || header.tables.is_none() {
        return Err(unsupported());
    }
    let about_bytes = header.lock_bytes.min(tables.len());
    let lock = StreamLock::open(&tables[..about_bytes], password)?;
    for (stream, open_bytes) in [(main, OPEN_BYTES), (tables, about_bytes)] {
        let open = stream[..open_bytes.min(stream.len())].to_vec();
        lock.decrypt(stream, BLOCK_BYTES);
        stream[..open.len()].copy_from_slice(&open);
    }
    Ok(())
}

/// A document, ready to be written down.
struct Document<'d> {
    plan: Plan<'d>,
    pieces: Pieces<'d>,
    paragraphs: ParagraphRuns,
    characters: CharacterRuns,
    styles: Styles,
    lists: Lists,
}

impl<'d> Document<'d> {
    fn read(header: &Header, main: &'d [u8], tables: &'d [u8]) -> Result<Self, ExtractionError> {
        let damaged =
            || ExtractionError::Unreadable("the document's description of its text is damaged".to_owned());
        if header.tables.is_none() {
            let plan = Plan::before_97(main).ok_or_else(damaged)?;
            return Ok(Self {
                pieces: Pieces::before_97(header, main).ok_or_else(damaged)?,
                plan,
                paragraphs: ParagraphRuns::default(),
                characters: CharacterRuns::default(),
                styles: Styles::default(),
                lists: Lists::default(),
            });
        }
        let plan = Plan::read(main, tables).ok_or_else(damaged)?;
        Ok(Self {
            pieces: Pieces::read(main, plan.pieces).ok_or_else(damaged)?,
            paragraphs: ParagraphRuns::read(main, plan.paragraphs),
            characters: CharacterRuns::read(main, plan.characters),
            styles: Styles::read(plan.styles),
            lists: lists::read(plan.definitions, plan.lists),
            plan,
        })
    }

    /// Headers first, footers last; notes, comments and text boxes behind the text.
    fn text(&self, bytes_max: usize) -> Prose {
        let mut prose = Prose::default();
        let (headers, footers) = self.edges(bytes_max);
        prose.push_paragraphs(&headers);
        let mut story = Story::new(self, prose, bytes_max);
        let stories = &self.plan.stories;
        story.main(stories.main.clone());
        for notes in [&stories.footnotes, &stories.endnotes] {
            story.notes(notes.clone());
        }
        for other in [&stories.comments, &stories.boxes, &stories.boxes_of_headers] {
            story.others(other.clone());
        }
        let mut prose = story.finish();
        prose.push_paragraphs(&footers);
        prose
    }

    /// The different headers, and the different footers.
    fn edges(&self, bytes_max: usize) -> (Vec<String>, Vec<String>) {
        /// Sections whose headers are looked at.
        const EDGES_MAX: usize = 600;
        /// Before them stand the lines that part notes from the text.
        const SEPARATORS: usize = 6;

        let (mut headers, mut footers) = (Vec::new(), Vec::new());
        let base = self.plan.stories.headers.start;
        let places = &self.plan.headers;
        for (index, pair) in places.windows(2).enumerate().skip(SEPARATORS).take(EDGES_MAX) {
            let range: Range<u32> = base.saturating_add(pair[0])..base.saturating_add(pair[1]);
            if range.end > self.plan.stories.headers.end || range.is_empty() {
                continue;
            }
            let mut story = Story::new(self, Prose::default(), bytes_max);
            story.others(range);
            let text = story.finish().take();
            // Of even pages, of odd pages, of the first page; headers and footers of each.
            let is_footer = matches!((index - SEPARATORS) % 6, 2 | 3 | 5);
            let edges = if is_footer { &mut footers } else { &mut headers };
            if !text.is_empty() && !edges.contains(&text) {
                edges.push(text);
            }
        }
        (headers, footers)
    }
}

#[cfg(test)]
mod tests;
