//! Where the parts of a document lie in its text: pages, slides, sheets, chapters, messages, or the sections under its
//! headings. Whoever says where something stands can name the part.

use domain::DocumentKind;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde::{Deserialize, Serialize};

use crate::passages::PAGE_SEPARATOR;
use crate::{Extracted, Mark, Part, Structure, metadata_value};

/// Sections of a document that are told; the last one goes on to the end.
const SECTIONS_MAX: usize = 10_000;

/// What the parts of a document are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentPartKind {
    /// A page of paper.
    Page,
    /// A slide.
    Slide,
    /// A sheet of a workbook.
    Sheet,
    /// A chapter of a book.
    Chapter,
    /// A message of a mailbox.
    Message,
    /// A heading and what stands below it, up to the next heading.
    Section,
}

/// A part of a document and where it lies. Parts come in order and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentPart {
    /// What it is.
    pub kind: DocumentPartKind,
    /// Its number, counted from one.
    pub number: u32,
    /// Its first heading: the title of a slide or chapter, the name of a sheet, the subject of a message.
    pub title: Option<String>,
    /// Where it begins, in bytes of the [`full_text`](crate::full_text).
    pub start: usize,
    /// Where it ends, in bytes of the [`full_text`](crate::full_text).
    pub end: usize,
}

/// The parts of a document of this kind; none for a text that has neither pages nor headings.
#[must_use]
pub fn parts(kind: DocumentKind, extracted: &Extracted) -> Vec<DocumentPart> {
    let headings = headings(extracted);
    if extracted.paged {
        return pages(of_kind(kind), extracted, &headings);
    }
    let length = extracted.pages.first().map_or(0, String::len);
    let mut sections: Vec<DocumentPart> = headings
        .into_iter()
        .filter(|heading| heading.page == 0)
        .take(SECTIONS_MAX)
        .zip(1..)
        .map(|(heading, number)| DocumentPart {
            kind: DocumentPartKind::Section,
            number,
            title: heading.title,
            start: heading.start,
            end: length,
        })
        .collect();
    for index in 1..sections.len() {
        sections[index - 1].end = sections[index].start;
    }
    sections
}

fn of_kind(kind: DocumentKind) -> DocumentPartKind {
    match kind {
        DocumentKind::Pptx | DocumentKind::Odp => DocumentPartKind::Slide,
        DocumentKind::Xlsx | DocumentKind::Xlsb | DocumentKind::Xls | DocumentKind::Ods => {
            DocumentPartKind::Sheet
        }
        DocumentKind::Epub => DocumentPartKind::Chapter,
        DocumentKind::Mbox => DocumentPartKind::Message,
        _ => DocumentPartKind::Page,
    }
}

fn pages(kind: DocumentPartKind, extracted: &Extracted, headings: &[Heading]) -> Vec<DocumentPart> {
    let mut start = 0;
    let mut rest = headings;
    let pages = extracted.pages.iter().enumerate().zip(1..);
    let parts = pages.map(|((page, text), number)| {
        rest = &rest[rest.partition_point(|heading| heading.page < page)..];
        let first = rest.first().filter(|heading| heading.page == page);
        let part = DocumentPart {
            kind,
            number,
            title: first.and_then(|heading| heading.title.clone()),
            start,
            end: start + text.len(),
        };
        start = part.end + PAGE_SEPARATOR.len();
        part
    });
    parts.collect()
}

struct Heading {
    page: usize,
    /// In bytes of the page.
    start: usize,
    title: Option<String>,
}

/// The headings of a document in the order of its text.
fn headings(extracted: &Extracted) -> Vec<Heading> {
    match &extracted.structure {
        Structure::Unknown => Vec::new(),
        Structure::Markdown => extracted
            .pages
            .first()
            .map_or_else(Vec::new, |source| of_markdown(source)),
        Structure::Marked(marks) => {
            let marked = marks.iter().filter(|mark| matches!(mark.part, Part::Heading(_)));
            let mut headings: Vec<Heading> = marked.filter_map(|mark| of_mark(extracted, mark)).collect();
            headings.sort_by_key(|heading| (heading.page, heading.start));
            headings
        }
    }
}

fn of_mark(extracted: &Extracted, mark: &Mark) -> Option<Heading> {
    let place = |at: u32| usize::try_from(at).ok();
    let page = place(mark.page)?;
    let text = extracted.pages.get(page)?;
    let start = place(mark.start)?;
    let words = text.get(start..place(mark.end)?.min(text.len()))?;
    Some(Heading {
        page,
        start,
        title: metadata_value(words),
    })
}

fn of_markdown(source: &str) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut title: Option<String> = None;
    let options = Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
        match (event, &mut title) {
            (Event::Start(Tag::Heading { .. }), _) => {
                title = Some(String::new());
                headings.push(Heading {
                    page: 0,
                    start: range.start,
                    title: None,
                });
            }
            (Event::End(TagEnd::Heading(_)), Some(words)) => {
                let words = metadata_value(words);
                if let Some(heading) = headings.last_mut() {
                    heading.title = words;
                }
                title = None;
            }
            (Event::Text(text) | Event::Code(text), Some(words)) => words.push_str(&text),
            (Event::SoftBreak | Event::HardBreak, Some(words)) => words.push(' '),
            _ => {}
        }
    }
    headings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Limits, extract, full_text};

    fn parts_of(kind: DocumentKind, name: &str, bytes: &[u8]) -> (String, Vec<DocumentPart>) {
        let extracted = extract(kind, name, bytes.to_vec(), &Limits::default()).unwrap();
        (full_text(&extracted), parts(kind, &extracted))
    }

    #[test]
    fn the_messages_of_a_mailbox_are_named_by_their_subjects() {
        let mailbox = b"From a Mon Mar  2 18:04:11 2026\nSubject: one\n\nFirst.\n\n\
                        From b Mon Mar  2 18:05:11 2026\n\nSecond.\n";
        let (text, found) = parts_of(DocumentKind::Mbox, "m.mbox", mailbox);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].kind, found[0].title.as_deref()),
            (DocumentPartKind::Message, Some("one"))
        );
        assert_eq!((found[1].number, &found[1].title), (2, &None));
        assert!(text[found[1].start..found[1].end].starts_with("Second."));
    }

    #[test]
    fn a_text_with_headings_has_sections() {
        for (kind, name, source) in [
            (
                DocumentKind::Markdown,
                "a.md",
                "lead\n\n# One `x`\n\nword\n\nTwo\n---\n\nlast\n",
            ),
            (
                DocumentKind::Html,
                "a.html",
                "<p>lead<h1>One x</h1><p>word<h2>Two</h2><p>last",
            ),
        ] {
            let (text, found) = parts_of(kind, name, source.as_bytes());
            let titles: Vec<_> = found.iter().filter_map(|part| part.title.as_deref()).collect();
            assert_eq!(titles, ["One x", "Two"]);
            assert_eq!(found[0].end, found[1].start);
            assert!(text[found[0].start..found[0].end].contains("word"));
            assert!(text[found[1].start..found[1].end].trim_end().ends_with("last"));
        }
        assert!(parts_of(DocumentKind::Text, "a.txt", b"only words").1.is_empty());
    }
}
