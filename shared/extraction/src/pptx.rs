//! Slides of Office Open XML: one page for each slide, in the order of the show, with its charts and diagrams, the
//! descriptions of its pictures, its notes and its comments.

mod bullets;
mod shapes;

use std::collections::HashMap;

use crate::archive::Archive;
use crate::drawing::{self, Values};
use crate::ooxml::{self, Relationship};
use crate::prose::{Parts, Prose};
use crate::xml::Node;
use crate::{Extracted, ExtractionError, Limits};
use bullets::Layouts;
use shapes::{Shapes, Then};

const ENGINE: &str = "pptx/4";

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
        drawing::append(archive, &drawing.target, Values::InChart, prose)?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::archive::tests::pack;

    const ROOT: &[u8] =
        b"<Relationships><Relationship Id='r' Type='x/officeDocument' Target='ppt/presentation.xml'/></Relationships>";
    const SHOW: &[u8] =
        b"<p:presentation><p:sldIdLst><p:sldId id='256' r:id='r1'/></p:sldIdLst></p:presentation>";
    const SHOW_RELATIONSHIPS: &[u8] =
        b"<Relationships><Relationship Id='r1' Type='x/slide' Target='slides/s.xml'/></Relationships>";
    const SLIDE_RELATIONSHIPS: &[u8] =
        b"<Relationships><Relationship Id='r1' Type='x/slideLayout' Target='../l.xml'/><Relationship Id='r2' \
          Type='x/hyperlink' TargetMode='External' Target='https://a.example/'/></Relationships>";
    const LAYOUT: &[u8] =
        b"<p:sldLayout><p:sp><p:nvPr><p:ph idx='2'/></p:nvPr><p:txBody><a:lstStyle><a:lvl1pPr>\
        <a:buNone/></a:lvl1pPr></a:lstStyle></p:txBody></p:sp></p:sldLayout>";
    const LAYOUT_RELATIONSHIPS: &[u8] =
        b"<Relationships><Relationship Id='r1' Type='x/slideMaster' Target='m.xml'/></Relationships>";
    const MASTER: &[u8] = b"<p:sldMaster><p:txStyles><p:titleStyle><a:lvl1pPr><a:buNone/></a:lvl1pPr></p:titleStyle>\
        <p:bodyStyle><a:lvl1pPr><a:buChar char='x'/></a:lvl1pPr><a:lvl2pPr><a:buChar char='x'/></a:lvl2pPr></p:bodyStyle>\
        </p:txStyles></p:sldMaster>";

    fn markdown_of(shapes: &str) -> String {
        let slide = format!("<p:sld><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>");
        let packed = pack(&[
            ("_rels/.rels", ROOT),
            ("ppt/presentation.xml", SHOW),
            ("ppt/_rels/presentation.xml.rels", SHOW_RELATIONSHIPS),
            ("ppt/slides/s.xml", slide.as_bytes()),
            ("ppt/slides/_rels/s.xml.rels", SLIDE_RELATIONSHIPS),
            ("ppt/l.xml", LAYOUT),
            ("ppt/_rels/l.xml.rels", LAYOUT_RELATIONSHIPS),
            ("ppt/m.xml", MASTER),
        ]);
        let read = extract(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap();
        crate::markdown(&read).unwrap()
    }

    fn shape(placeholder: &str, paragraphs: &[(&str, &str)]) -> String {
        let paragraph = |(properties, text): &(&str, &str)| {
            format!("<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>")
        };
        let paragraphs: String = paragraphs.iter().map(paragraph).collect();
        format!("<p:sp><p:nvPr>{placeholder}</p:nvPr><p:txBody>{paragraphs}</p:txBody></p:sp>")
    }

    #[test]
    fn titles_are_headings_and_bullets_come_from_the_master() {
        let markdown = markdown_of(
            &[
                shape("<p:ph type='title'/>", &[("", "Harvest")]),
                shape(
                    "<p:ph idx='1'/>",
                    &[
                        ("", "apples"),
                        ("<a:pPr lvl='1'/>", "late ones"),
                        ("<a:pPr><a:buNone/></a:pPr>", "all of them"),
                    ],
                ),
                shape("<p:ph idx='2'/>", &[("", "no bullet in this layout")]),
                shape("", &[("", "a box of its own")]),
            ]
            .concat(),
        );
        assert_eq!(
            markdown,
            "## Harvest\n\n- apples\n    - late ones\n\nall of them\n\nno bullet in this layout\n\na box of its own\n"
        );
    }

    #[test]
    fn a_picture_says_what_its_author_wrote_about_it() {
        let picture = "<p:pic><p:nvPicPr><p:cNvPr id='4' name='Picture 3' descr='The press &amp; its owner'/></p:nvPicPr></p:pic>\
            <p:pic><p:nvPicPr><p:cNvPr id='5' name='Picture 4'/></p:nvPicPr></p:pic>\
            <p:pic><p:nvPicPr><p:cNvPr id='7' name='Picture 6' descr='image3.png'/></p:nvPicPr></p:pic>\
            <p:sp><p:nvSpPr><p:cNvPr id='6' name='Box' descr='decoration'/></p:nvSpPr></p:sp>";
        let shapes = [shape("", &[("", "before")]), picture.to_owned()].concat();
        assert_eq!(markdown_of(&shapes), "before\n\nThe press & its owner\n");
    }

    #[test]
    fn numbers_count_on_and_links_lead_out() {
        let numbered = "<a:pPr><a:buAutoNum type='arabicPeriod' startAt='3'/></a:pPr>";
        let link = "<a:pPr/><a:r><a:rPr><a:hlinkClick r:id='r2'/></a:rPr><a:t>the map</a:t></a:r>";
        let markdown = markdown_of(&shape(
            "",
            &[(numbered, "pick"), (numbered, "press"), (link, " here")],
        ));
        assert_eq!(
            markdown,
            "3. pick\n4. press\n\n[the map](https://a.example/) here\n"
        );
    }
}
