//! Slides of Office Open XML: one page for each slide, in the order of the show, with its charts and diagrams, its notes and
//! its comments.

mod bullets;
mod shapes;

use std::collections::HashMap;

use crate::archive::Archive;
use crate::drawing;
use crate::ooxml::{self, Relationship};
use crate::prose::{Parts, Prose};
use crate::xml::Node;
use crate::{Extracted, ExtractionError, Limits};
use bullets::Layouts;
use shapes::{Shapes, Then};

const ENGINE: &str = "pptx/2";

pub(crate) fn extract(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let main = ooxml::main_part(archive)?;
    let mut extracted = Extracted {
        paged: true,
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    ooxml::properties(archive, &mut extracted)?;
    let slides = slides(archive, &main)?;
    extracted
        .metadata
        .insert("slide_count".to_owned(), slides.len().to_string());

    let authors = comment_authors(archive, &main)?;
    let mut parts = Parts::new(limits);
    let mut layouts = Layouts::default();
    let mut damaged = 0;
    for slide in &slides {
        if parts.is_full() {
            break;
        }
        let mut prose = Prose::default();
        let relationships = ooxml::relationships(archive, slide)?;
        let layout = layouts.of_slide(archive, &relationships)?;
        let shapes = Shapes::new(&mut prose, &["sldNum"])
            .with_bullets(layout)
            .with_links(ooxml::links(archive, slide)?);
        let whole = append_shapes(archive, slide, &relationships, shapes)?;
        for relationship in &relationships {
            if prose.len() > parts.bytes_left() {
                break;
            }
            match &*relationship.kind {
                "notesSlide" => {
                    let edges = ["sldNum", "dt", "hdr", "ftr"];
                    let shapes = Shapes::new(&mut prose, &edges);
                    append_shapes(archive, &relationship.target, &[], shapes)?;
                }
                "comments" => append_comments(archive, &relationship.target, &authors, &mut prose)?,
                _ => {}
            }
        }
        damaged += usize::from(!whole);
        parts.push_marked(prose.take_marked());
    }
    if damaged > 0 && parts.pages.iter().all(String::is_empty) {
        return Err(ExtractionError::Unreadable("no slide can be read".to_owned()));
    }
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || damaged > 0;
    Ok(extracted)
}

/// The parts of the slides in the order in which they are shown.
fn slides(archive: &mut Archive<'_>, main: &str) -> Result<Vec<String>, ExtractionError> {
    let relationships = ooxml::relationships(archive, main)?;
    let Some(mut xml) = archive.xml(main)? else {
        return Err(ExtractionError::Unreadable(format!("{main} is missing")));
    };
    let mut slides = Vec::new();
    while let Some(node) = xml.next()? {
        let Node::Start(element) = node else { continue };
        if element.name() != "sldId" {
            continue;
        }
        // It has two attributes of that name: a number of its own, and the reference with a prefix.
        let id = element.prefixed_attribute("id");
        let slide = relationships
            .iter()
            .find(|it| Some(it.id.as_str()) == id.as_deref());
        slides.extend(slide.map(|slide| slide.target.clone()));
    }
    if xml.is_damaged() && slides.is_empty() {
        let by_relationship = relationships.into_iter().filter(|it| it.kind == "slide");
        slides.extend(by_relationship.map(|slide| slide.target));
    }
    Ok(slides)
}

/// Appends the text of all shapes of a slide or of its notes, in their order, but for placeholders of the types left out.
/// Says whether the part was whole.
fn append_shapes(
    archive: &mut Archive<'_>,
    part: &str,
    relationships: &[Relationship],
    mut shapes: Shapes<'_>,
) -> Result<bool, ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(false);
    };
    while let Some(node) = xml.next()? {
        if shapes.take(&node) == Then::Skip {
            xml.skip()?;
        }
    }
    let whole = !xml.is_damaged();
    let Shapes { drawings, prose, .. } = shapes;
    for drawing in relationships
        .iter()
        .filter(|relationship| drawings.contains(&relationship.id))
    {
        drawing::append(archive, &drawing.target, prose)?;
    }
    prose.paragraph();
    Ok(whole)
}

/// The names of those who made comments, by their number.
fn comment_authors(
    archive: &mut Archive<'_>,
    main: &str,
) -> Result<HashMap<String, String>, ExtractionError> {
    let mut names = HashMap::new();
    for relationship in ooxml::relationships(archive, main)? {
        if !matches!(&*relationship.kind, "commentAuthors" | "authors") {
            continue;
        }
        let Some(mut xml) = archive.xml(&relationship.target)? else {
            continue;
        };
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            if let (Some(id), Some(name)) = (element.attribute("id"), element.attribute("name")) {
                names.insert(id.into_owned(), name.into_owned());
            }
        }
    }
    Ok(names)
}

/// Appends each comment with the name of who made it. Newer programs write the text as a shape has it, older ones plainly.
fn append_comments(
    archive: &mut Archive<'_>,
    part: &str,
    authors: &HashMap<String, String>,
    prose: &mut Prose,
) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(());
    };
    let mut texts = 0_usize;
    while let Some(node) = xml.next()? {
        match node {
            Node::Start(element) => match element.name() {
                "cm" | "reply" => {
                    prose.line();
                    let author = element.attribute("authorId").and_then(|id| authors.get(&*id));
                    if let Some(author) = author {
                        prose.push(&format!("{author}: "));
                    }
                }
                "text" | "t" => texts += 1,
                _ => {}
            },
            Node::End(name) => match &*name {
                "text" | "t" => texts = texts.saturating_sub(1),
                "p" => prose.line(),
                _ => {}
            },
            Node::Text(text) if texts > 0 => prose.push(&text),
            _ => {}
        }
    }
    Ok(())
}
