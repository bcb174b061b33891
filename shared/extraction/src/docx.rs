//! Word processing documents of Office Open XML.
//!
//! The text is what the body's paragraphs and tables say, in their order. Headers come once before it, footers once behind
//! it; notes, comments, charts and diagrams stand at the end of the page that refers to them. Pages are known where the
//! program that saved the document left marks of them. Deleted text, instructions of fields and fallbacks are left out.

mod numbering;
mod story;

use std::collections::{BTreeMap, HashSet};

use crate::archive::Archive;
use crate::ooxml::{self, Relationship};
use crate::prose::Parts;
use crate::xml::Node;
use crate::{Extracted, ExtractionError, Limits};
use numbering::Numbering;
use story::{Reference, Story, Then};

const ENGINE: &str = "docx/1";

pub(crate) fn extract(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let main = ooxml::main_part(archive)?;
    let relationships = ooxml::relationships(archive, &main)?;
    let mut extracted = Extracted {
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    ooxml::properties(archive, &mut extracted)?;

    let numbering = Numbering::read(archive, &relationships)?;
    let notes = Notes::read(archive, &relationships, &numbering)?;
    let headers = edge_stories(archive, &relationships, "header", &numbering)?;
    let footers = edge_stories(archive, &relationships, "footer", &numbering)?;

    let Some(mut xml) = archive.xml(&main)? else {
        return Err(ExtractionError::Unreadable(format!("{main} is missing")));
    };
    let mut parts = Parts::new(limits);
    let mut story = Story::new(&numbering);
    story.prose.push_paragraphs(&headers);
    while let Some(node) = xml.next()? {
        if story.take(&node) == Then::Skip {
            xml.skip()?;
        }
        if story.take_page_end() {
            extracted.paged = true;
            finish_page(archive, &mut story, &notes, &relationships)?;
            if parts.is_full() {
                break;
            }
            parts.push(&story.prose.take());
        }
        if story.prose.len() > parts.bytes_left() {
            break;
        }
    }
    let damaged = xml.is_damaged();
    finish_page(archive, &mut story, &notes, &relationships)?;
    story.prose.push_paragraphs(&footers);
    let rest = story.prose.take();
    if damaged && rest.is_empty() && parts.pages.is_empty() {
        return Err(ExtractionError::Unreadable(format!("{main} is damaged")));
    }
    parts.push(&rest);
    if extracted.title.is_none() {
        extracted.title = story.title.as_deref().and_then(crate::metadata_value);
    }
    extracted.pages = parts.pages;
    extracted.truncated = parts.truncated || damaged;
    Ok(extracted)
}

/// What stands at the end of a page: the notes it refers to, and the texts of its charts and diagrams.
fn finish_page(
    archive: &mut Archive<'_>,
    story: &mut Story<'_>,
    notes: &Notes,
    relationships: &[Relationship],
) -> Result<(), ExtractionError> {
    for reference in std::mem::take(&mut story.references) {
        match &reference {
            Reference::Footnote(id) => story.prose.push_paragraphs(notes.footnotes.get(id)),
            Reference::Endnote(id) => story.prose.push_paragraphs(notes.endnotes.get(id)),
            Reference::Comment(id) => story.prose.push_paragraphs(notes.comments.get(id)),
            Reference::Part(id) => {
                let part = relationships.iter().find(|relationship| relationship.id == *id);
                if let Some(part) = part {
                    crate::drawing::append(archive, &part.target, &mut story.prose)?;
                }
            }
        }
    }
    Ok(())
}

/// The texts of all headers, or all footers, each once.
fn edge_stories(
    archive: &mut Archive<'_>,
    relationships: &[Relationship],
    kind: &str,
    numbering: &Numbering,
) -> Result<Vec<String>, ExtractionError> {
    let mut seen = HashSet::new();
    let mut stories = Vec::new();
    for relationship in relationships.iter().filter(|it| it.kind == kind) {
        let Some(mut xml) = archive.xml(&relationship.target)? else {
            continue;
        };
        let mut story = Story::new(numbering);
        while let Some(node) = xml.next()? {
            if story.take(&node) == Then::Skip {
                xml.skip()?;
            }
        }
        let text = story.prose.take();
        if !text.is_empty() && seen.insert(text.clone()) {
            stories.push(text);
        }
    }
    Ok(stories)
}

/// The texts that the body refers to by a number.
#[derive(Default)]
struct Notes {
    footnotes: BTreeMap<String, String>,
    endnotes: BTreeMap<String, String>,
    comments: BTreeMap<String, String>,
}

impl Notes {
    fn read(
        archive: &mut Archive<'_>,
        relationships: &[Relationship],
        numbering: &Numbering,
    ) -> Result<Self, ExtractionError> {
        let mut notes = Self::default();
        for relationship in relationships {
            let (texts, element) = match &*relationship.kind {
                "footnotes" => (&mut notes.footnotes, "footnote"),
                "endnotes" => (&mut notes.endnotes, "endnote"),
                "comments" => (&mut notes.comments, "comment"),
                _ => continue,
            };
            read_notes(archive, &relationship.target, element, numbering, texts)?;
        }
        Ok(notes)
    }
}

/// Reads the notes of a part into a map by their number. A comment begins with the name of who made it.
fn read_notes(
    archive: &mut Archive<'_>,
    part: &str,
    element: &str,
    numbering: &Numbering,
    texts: &mut BTreeMap<String, String>,
) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(());
    };
    let mut story = Story::new(numbering);
    let mut open: Option<(String, String)> = None;
    while let Some(node) = xml.next()? {
        match &node {
            Node::Start(start) if start.name() == element => {
                // Separators between text and notes are kept among the notes.
                let is_note = start.attribute("type").is_none_or(|kind| kind == "normal");
                let id = start
                    .attribute("id")
                    .filter(|_| is_note)
                    .map(|id| id.into_owned());
                let label = match (element, start.attribute("author"), &id) {
                    ("comment", Some(author), _) => format!("{author}: "),
                    ("comment", None, _) | (_, _, None) => String::new(),
                    (_, _, Some(id)) => story::mark(id),
                };
                story.prose.take();
                open = id.map(|id| (id, label));
                continue;
            }
            Node::End(name) if name == element => {
                if let Some((id, label)) = open.take() {
                    let text = story.prose.take();
                    if !text.is_empty() {
                        texts.insert(id, format!("{label}{}", text.trim_start()));
                    }
                }
                continue;
            }
            _ => {}
        }
        if story.take(&node) == Then::Skip {
            xml.skip()?;
        }
    }
    Ok(())
}
