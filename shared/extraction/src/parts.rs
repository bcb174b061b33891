//! Where the parts of a document lie in its text: pages, slides, sheets, chapters, messages, or the sections under its
//! headings. Whoever says where something stands can name the part.

use domain::{DocumentKind, DocumentPart, DocumentPartKind, PAGE_SEPARATOR};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::{Extracted, Mark, Part, Structure, metadata_value};

/// Sections of a document that are told; the last one goes on to the end.
const SECTIONS_MAX: usize = 10_000;

/// The parts of a document of this kind; none for a text that has neither pages nor headings.
#[must_use]
pub fn parts(kind: DocumentKind, extracted: &Extracted) -> Vec<DocumentPart> {
    let headings = headings(extracted);
    if extracted.paged {
        return pages(DocumentPartKind::of_pages(kind), extracted, &headings);
    }
    let text = extracted.pages.first().map_or("", String::as_str);
    let mut sections: Vec<DocumentPart> = Vec::new();
    let (mut at, mut at_byte) = (0, 0);
    for heading in headings.into_iter().filter(|heading| heading.page == 0) {
        // Headings come in order, so that every character is counted once.
        let Some(between) = text.get(at_byte..heading.start) else {
            continue;
        };
        (at, at_byte) = (at + between.chars().count(), heading.start);
        if let Some(before) = sections.last_mut() {
            (before.end, before.end_byte) = (at, at_byte);
        }
        let Ok(number) = u32::try_from(sections.len() + 1) else {
            break;
        };
        sections.push(DocumentPart {
            kind: DocumentPartKind::Section,
            number,
            title: heading.title,
            start: at,
            end: at,
            start_byte: at_byte,
            end_byte: at_byte,
        });
        if sections.len() == SECTIONS_MAX {
            break;
        }
    }
    if let Some(last) = sections.last_mut() {
        last.end = at + text.get(at_byte..).map_or(0, |rest| rest.chars().count());
        last.end_byte = text.len();
    }
    sections
}

fn pages(kind: DocumentPartKind, extracted: &Extracted, headings: &[Heading]) -> Vec<DocumentPart> {
    let (mut start, mut start_byte) = (0, 0);
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
            end: start + text.chars().count(),
            start_byte,
            end_byte: start_byte + text.len(),
        };
        start = part.end + 1;
        start_byte = part.end_byte + PAGE_SEPARATOR.len_utf8();
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
        assert!(text[found[1].start_byte..found[1].end_byte].starts_with("Second."));
    }

    #[test]
    fn a_text_with_headings_has_sections() {
        for (kind, name, source) in [
            (
                DocumentKind::Markdown,
                "a.md",
                "lead\n\n# One `x`\n\nwörd\n\nTwo\n---\n\nlast\n",
            ),
            (
                DocumentKind::Html,
                "a.html",
                "<p>lead<h1>One x</h1><p>wörd<h2>Two</h2><p>last",
            ),
        ] {
            let (text, found) = parts_of(kind, name, source.as_bytes());
            let titles: Vec<_> = found.iter().filter_map(|part| part.title.as_deref()).collect();
            assert_eq!(titles, ["One x", "Two"]);
            assert_eq!(found[0].end, found[1].start);
            assert!(text[found[0].start_byte..found[0].end_byte].contains("wörd"));
            assert!(
                text[found[1].start_byte..found[1].end_byte]
                    .trim_end()
                    .ends_with("last")
            );
            for part in &found {
                let before = &text[..part.start_byte];
                let words = &text[part.start_byte..part.end_byte];
                assert_eq!(part.start, before.chars().count());
                assert_eq!(part.end - part.start, words.chars().count());
            }
        }
        assert!(parts_of(DocumentKind::Text, "a.txt", b"only words").1.is_empty());
    }
}
