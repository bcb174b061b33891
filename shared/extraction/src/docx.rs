//! Word processing documents of Office Open XML.
//!
//! The text is what the body's paragraphs and tables say, in their order. Headers come once before it, footers once behind
//! it; notes, comments, charts and diagrams stand at the end of the page that refers to them. Pages are known where the
//! program that saved the document left marks of them. Deleted text, instructions of fields and fallbacks are left out.

mod numbering;
mod story;

use std::collections::{BTreeMap, HashSet};

use domain::DocumentKind;

use crate::archive::Archive;
use crate::drawing::{self, Values};
use crate::ooxml::{self, Relationship};
use crate::prose::{Parts, Prose};
use crate::xml::Node;
use crate::{Extracted, ExtractionError, Limits, html};
use numbering::Numbering;
use story::{Reference, Story, Then};

const ENGINE: &str = "docx/3";

pub(crate) fn extract(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let main = ooxml::main_part(archive)?;
    let mut relationships = ooxml::relationships(archive, &main)?;
    let mut extracted = Extracted {
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    ooxml::properties(archive, &mut extracted)?;

    let numbering = Numbering::read(archive, &relationships)?;
    let mut notes = Notes::read(archive, &relationships, &numbering)?;
    let headers = edge_stories(archive, &relationships, "header", &numbering)?;
    let footers = edge_stories(archive, &relationships, "footer", &numbering)?;

    let Some(mut xml) = archive.xml(&main)? else {
        return Err(ExtractionError::Unreadable(format!("{main} is missing")));
    };
    let mut parts = Parts::new(limits);
    let mut story = Story::new(&numbering).with_links(ooxml::links(archive, &main)?);
    story.prose.push_paragraphs(&headers);
    while let Some(node) = xml.next()? {
        if story.take(&node) == Then::Skip {
            xml.skip()?;
        }
        if story.take_page_end() {
            extracted.paged = true;
            finish_page(archive, &mut story, &mut notes, &mut relationships)?;
            if parts.is_full() {
                break;
            }
            parts.push_marked(story.prose.take_marked());
        }
        if story.prose.len() > parts.bytes_left() {
            break;
        }
    }
    let damaged = xml.is_damaged();
    finish_page(archive, &mut story, &mut notes, &mut relationships)?;
    story.prose.push_paragraphs(&footers);
    let rest = story.prose.take_marked();
    if damaged && rest.text.is_empty() && parts.pages.is_empty() {
        return Err(ExtractionError::Unreadable(format!("{main} is damaged")));
    }
    parts.push_marked(rest);
    if extracted.title.is_none() {
        extracted.title = story.title.as_deref().and_then(crate::metadata_value);
    }
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || damaged;
    Ok(extracted)
}

/// What stands at the end of a page: the notes it refers to, and the texts of its charts and diagrams. Each comes once, where
/// it is first referred to; a document of references alone would otherwise be endless.
fn finish_page(
    archive: &mut Archive<'_>,
    story: &mut Story<'_>,
    notes: &mut Notes,
    relationships: &mut Vec<Relationship>,
) -> Result<(), ExtractionError> {
    for reference in std::mem::take(&mut story.references) {
        match &reference {
            Reference::Footnote(id) => story.prose.push_paragraphs(&notes.footnotes.remove(id)),
            Reference::Endnote(id) => story.prose.push_paragraphs(&notes.endnotes.remove(id)),
            Reference::Comment(id) => story.prose.push_paragraphs(&notes.comments.remove(id)),
            Reference::Part(id) => {
                let place = relationships
                    .iter()
                    .position(|relationship| relationship.id == *id);
                if let Some(part) = place.map(|place| relationships.swap_remove(place)) {
                    append_part(archive, &part, &mut story.prose)?;
                }
            }
        }
    }
    Ok(())
}

/// Appends the text of a chart or diagram, or of a web page that the document holds.
fn append_part(
    archive: &mut Archive<'_>,
    part: &Relationship,
    prose: &mut Prose,
) -> Result<(), ExtractionError> {
    if part.kind != "aFChunk" {
        return drawing::append(archive, &part.target, Values::InChart, prose);
    }
    let is_page = DocumentKind::from_file_name(&part.target) == Some(DocumentKind::Html);
    if let Some(content) = archive.read(&part.target)?.filter(|_| is_page) {
        prose.push_paragraphs(&html::extract(&content, &Limits::default()).pages);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::archive::tests::pack;

    const ROOT: &[u8] =
        b"<Relationships><Relationship Id='r' Type='x/officeDocument' Target='word/document.xml'/></Relationships>";
    const RELATIONSHIPS: &[u8] = b"<Relationships><Relationship Id='r1' Type='x/footnotes' Target='footnotes.xml'/>\
        <Relationship Id='r2' Type='x/numbering' Target='numbering.xml'/>\
        <Relationship Id='r3' Type='x/styles' Target='styles.xml'/>\
        <Relationship Id='r4' Type='x/chart' Target='charts/chart1.xml'/>\
        <Relationship Id='r5' Type='x/image' TargetMode='External' Target='http://127.0.0.1/never'/></Relationships>";

    fn read_with(body: &str, others: &[(&str, &[u8])]) -> Result<Extracted, ExtractionError> {
        let document = format!("<w:document><w:body>{body}</w:body></w:document>");
        let mut parts: Vec<(&str, &[u8])> = vec![
            ("_rels/.rels", ROOT),
            ("word/document.xml", document.as_bytes()),
            ("word/_rels/document.xml.rels", RELATIONSHIPS),
        ];
        parts.extend_from_slice(others);
        extract(&mut Archive::open(&pack(&parts)).unwrap(), &Limits::default())
    }

    fn read(body: &str) -> Vec<String> {
        read_with(body, &[]).unwrap().pages
    }

    #[test]
    fn what_was_deleted_or_is_an_instruction_is_left_out() {
        let body = "<w:p><w:r><w:t>We </w:t></w:r><w:del><w:r><w:delText>never</w:delText></w:r></w:del>\
            <w:ins><w:r><w:t>meet</w:t></w:r></w:ins><w:r><w:instrText>PAGE</w:instrText></w:r>\
            <mc:AlternateContent><mc:Choice><w:r><w:t> once</w:t></w:r></mc:Choice><mc:Fallback><w:r><w:t>twice</w:t>\
            </w:r></mc:Fallback></mc:AlternateContent></w:p>";
        assert_eq!(read(body), ["We meet once\n"]);
    }

    #[test]
    fn notes_and_charts_stand_at_the_end_of_their_page() {
        let footnotes = b"<w:footnotes><w:footnote w:id='-1' w:type='separator'><w:p><w:r><w:t>never</w:t></w:r></w:p>\
            </w:footnote><w:footnote w:id='2'><w:p><w:r><w:t>a note</w:t></w:r></w:p></w:footnote></w:footnotes>";
        let chart = b"<c:chart><c:title><a:t>Growth</a:t></c:title><c:v>4.4000000000000004</c:v></c:chart>";
        let body = "<w:p><w:r><w:t>One</w:t><w:footnoteReference w:id='2'/></w:r></w:p>\
            <w:p><w:r><w:drawing><c:chart r:id='r4'/></w:drawing></w:r></w:p>\
            <w:p><w:r><w:lastRenderedPageBreak/><w:t>Two</w:t></w:r></w:p>";
        let others: &[(&str, &[u8])] = &[
            ("word/footnotes.xml", footnotes),
            ("word/charts/chart1.xml", chart),
        ];
        let read = read_with(body, others).unwrap();
        assert_eq!(read.pages, ["One[2]\n\n[2] a note\n\nGrowth4.4\n", "Two\n"]);
        assert!(read.paged);
    }

    #[test]
    fn the_categories_that_series_of_a_chart_share_come_once() {
        let series = |name: &str, categories: [&str; 2], values: [&str; 2]| {
            let points = |values: [&str; 2]| {
                values
                    .map(|value| format!("<c:pt><c:v>{value}</c:v></c:pt>"))
                    .concat()
            };
            format!(
                "<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:cat>{}</c:cat><c:val>{}</c:val></c:ser>",
                points(categories),
                points(values)
            )
        };
        let chart = [
            series("Apples", ["2025", "2026"], ["4", "6"]),
            series("Pears", ["2025", "2026"], ["3", "2.5000000000000004"]),
            series("Plums", ["early", "late"], ["1", "2"]),
        ]
        .concat();
        let body = "<w:p><w:r><w:drawing><c:chart r:id='r4'/></w:drawing></w:r></w:p>";
        let read = read_with(body, &[("word/charts/chart1.xml", chart.as_bytes())]).unwrap();
        assert_eq!(
            read.pages,
            ["Apples\n2025\t2026\n4\t6\nPears\n3\t2.5\nPlums\nearly\tlate\n1\t2\n"]
        );
    }

    #[test]
    fn the_description_of_a_picture_comes_behind_its_paragraph() {
        let drawing = |of_drawing: &str, of_picture: &str| {
            format!(
                "<w:r><w:drawing><wp:docPr name='Picture 1' {of_drawing}/><pic:pic><pic:nvPicPr><pic:cNvPr {of_picture}/>\
                 </pic:nvPicPr></pic:pic></w:drawing></w:r>"
            )
        };
        let body = [
            "<w:p><w:r><w:t>Turn the </w:t></w:r>",
            &drawing(
                "descr='The handle&#xA;on the left'",
                "descr='The handle&#xA;on the left'",
            ),
            "<w:r><w:t>slowly.</w:t></w:r></w:p><w:p>",
            &drawing("descr='image3.png'", "descr='C:\\press'"),
            &drawing("descr='Picture 1'", "descr='The barrel'"),
            "<w:r><w:drawing><wp:docPr descr='a box'/><wps:txbx><w:txbxContent><w:p><w:r><w:t>Boxed</w:t></w:r></w:p>",
            "</w:txbxContent></wps:txbx></w:drawing></w:r><w:r><w:pict><v:shape alt='The barn'><v:imagedata o:title='b'/>",
            "</v:shape></w:pict></w:r></w:p>",
        ];
        assert_eq!(
            read(&body.concat()),
            ["Turn the slowly.\n\nThe handle\non the left\n\nBoxed\n\nThe barrel\n\nThe barn\n"]
        );
    }

    #[test]
    fn a_note_that_is_referred_to_without_end_comes_once() {
        let note = format!(
            "<w:footnotes><w:footnote w:id='2'><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:footnote></w:footnotes>",
            "ha ".repeat(10_000)
        );
        let body = format!(
            "<w:p><w:r>{}</w:r></w:p>",
            "<w:footnoteReference w:id='2'/>".repeat(10_000)
        );
        let read = read_with(&body, &[("word/footnotes.xml", note.as_bytes())]).unwrap();
        assert!(!read.truncated && read.pages[0].len() < 100_000);
    }

    #[test]
    fn headings_are_numbered_by_their_style() {
        let numbering =
            b"<w:numbering><w:abstractNum w:abstractNumId='7'><w:lvl w:ilvl='0'><w:start w:val='2'/>\
            <w:numFmt w:val='decimal'/><w:lvlText w:val='%1.'/></w:lvl><w:lvl w:ilvl='1'><w:start w:val='1'/>\
            <w:numFmt w:val='lowerLetter'/><w:lvlText w:val='%1.%2)'/></w:lvl></w:abstractNum>\
            <w:num w:numId='5'><w:abstractNumId w:val='7'/></w:num></w:numbering>";
        let styles = b"<w:styles><w:style w:styleId='H1'><w:pPr><w:numPr><w:numId w:val='5'/></w:numPr></w:pPr></w:style>\
            <w:style w:styleId='H2'><w:basedOn w:val='H1'/><w:pPr><w:numPr><w:ilvl w:val='1'/></w:numPr></w:pPr>\
            </w:style></w:styles>";
        let heading = |style: &str, text: &str| {
            format!("<w:p><w:pPr><w:pStyle w:val='{style}'/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
        };
        let body = [
            ("H1", "A"),
            ("H2", "B"),
            ("H2", "C"),
            ("H1", "D"),
            ("H2", "E"),
            ("Title", "T"),
        ]
        .map(|(style, text)| heading(style, text))
        .concat();
        let others: &[(&str, &[u8])] = &[("word/numbering.xml", numbering), ("word/styles.xml", styles)];
        let read = read_with(&body, others).unwrap();
        assert_eq!(read.pages, ["2. A\n2.a) B\n2.b) C\n3. D\n3.a) E\n\nT\n"]);
        assert_eq!(read.title.as_deref(), Some("T"));
    }

    #[test]
    fn levels_that_are_passed_over_count_and_some_go_on_counting() {
        let numbering = b"<w:numbering><w:abstractNum w:abstractNumId='7'><w:lvl w:ilvl='0'><w:start w:val='1'/><w:lvlText w:val='%1'/></w:lvl>\
            <w:lvl w:ilvl='1'><w:start w:val='1'/><w:numFmt w:val='lowerLetter'/><w:lvlText w:val='%1.%2'/></w:lvl><w:lvl w:ilvl='2'><w:start w:val='1'/>\
            <w:lvlRestart w:val='1'/><w:lvlText w:val='%1.%2.%3'/></w:lvl><w:lvl w:ilvl='3'><w:start w:val='1'/><w:numFmt w:val='none'/>\
            <w:lvlText w:val=''/></w:lvl><w:lvl w:ilvl='4'><w:lvlText w:val='%1%4.%5'/></w:lvl></w:abstractNum>\
            <w:num w:numId='1'><w:abstractNumId w:val='7'/></w:num></w:numbering>";
        let body: String = [0, 1, 2, 1, 2, 0, 2, 1, 4]
            .map(|level| {
                format!(
                    "<w:p><w:pPr><w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='1'/></w:numPr></w:pPr><w:r><w:t>{level}\
                     </w:t></w:r></w:p>"
                )
            })
            .concat();
        let read = read_with(&body, &[("word/numbering.xml", numbering)]).unwrap();
        assert_eq!(
            read.pages,
            ["1 0\n1.a 1\n1.a.1 2\n1.b 1\n1.b.2 2\n2 0\n2.a.1 2\n2.b 1\n2.0 4\n"]
        );
    }

    #[test]
    fn a_list_may_number_a_level_in_its_own_way() {
        let numbering = b"<w:numbering><w:abstractNum w:abstractNumId='7'><w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='upperRoman'/>\
            <w:lvlText w:val='Article %1'/></w:lvl><w:lvl w:ilvl='1'><w:start w:val='1'/><w:isLgl/><w:lvlText w:val='%1.%2'/></w:lvl>\
            </w:abstractNum><w:num w:numId='1'><w:abstractNumId w:val='7'/></w:num><w:num w:numId='2'>\
            <w:abstractNumId w:val='7'/><w:lvlOverride w:ilvl='0'><w:startOverride w:val='4'/><w:lvl w:ilvl='0'><w:start w:val='1'/>\
            <w:numFmt w:val='lowerLetter'/><w:lvlText w:val='(%1)'/></w:lvl></w:lvlOverride></w:num></w:numbering>";
        let item = |list: u8, level: u8, text: &str| {
            format!(
                "<w:p><w:pPr><w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='{list}'/></w:numPr></w:pPr><w:r><w:t>{text}\
                 </w:t></w:r></w:p>"
            )
        };
        let body = [
            item(1, 0, "Trees"),
            item(1, 1, "Apples"),
            item(2, 0, "Bees"),
            item(2, 1, "Hives"),
        ]
        .concat();
        let read = read_with(&body, &[("word/numbering.xml", numbering)]).unwrap();
        assert_eq!(read.pages, ["Article I Trees\n1.1 Apples\n(d) Bees\n4.1 Hives\n"]);
    }

    #[test]
    fn headings_items_tables_and_links_are_told_by_the_document() {
        let styles = b"<w:styles><w:style w:styleId='T'><w:name w:val='heading 2'/></w:style><w:style w:styleId='Sub'>\
            <w:name w:val='Own'/><w:basedOn w:val='T'/></w:style></w:styles>";
        let numbering = b"<w:numbering><w:abstractNum w:abstractNumId='7'><w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='bullet'/>\
            </w:lvl><w:lvl w:ilvl='1'><w:start w:val='1'/><w:numFmt w:val='decimal'/><w:lvlText w:val='%2)'/></w:lvl><w:lvl w:ilvl='2'><w:start w:val='1'/>\
            <w:numFmt w:val='lowerLetter'/><w:lvlText w:val='%3)'/></w:lvl></w:abstractNum>\
            <w:num w:numId='5'><w:abstractNumId w:val='7'/></w:num></w:numbering>";
        let relationships = b"<Relationships><Relationship Id='r2' Type='x/numbering' Target='numbering.xml'/>\
            <Relationship Id='r3' Type='x/styles' Target='styles.xml'/><Relationship Id='r6' Type='x/hyperlink' \
            TargetMode='External' Target='https://a.example/'/></Relationships>";
        let paragraph = |properties: &str, text: &str| {
            format!("<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
        };
        let item = |level: u8| format!("<w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='5'/></w:numPr>");
        let row = |first: &str, text: &str| {
            format!(
                "<w:tr>{first}<w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr>",
                paragraph("", text),
                paragraph("", "x")
            )
        };
        let body = [
            paragraph("<w:pStyle w:val='Sub'/>", "Part"),
            paragraph("<w:outlineLvl w:val='3'/>", "Detail"),
            paragraph("<w:outlineLvl w:val='9'/>", "Text"),
            paragraph(&item(0), "tent"),
            paragraph(&item(1), "poles"),
            paragraph(&item(2), "long"),
            "<w:p><w:r><w:t>See </w:t></w:r><w:hyperlink r:id='r6'><w:r><w:t>the map</w:t></w:r></w:hyperlink></w:p>".to_owned(),
            format!("<w:tbl>{}{}</w:tbl>", row("<w:trPr><w:tblHeader/></w:trPr>", "who"), row("", "Ana")),
            format!(
                "<w:tbl><w:tblPr><w:tblStyle w:val='TableGrid'/><w:tblLook w:firstRow='1'/></w:tblPr>{}{}</w:tbl>",
                row("", "a"),
                row("", "b")
            ),
        ];
        let document = format!("<w:document><w:body>{}</w:body></w:document>", body.concat());
        let parts: &[(&str, &[u8])] = &[
            ("_rels/.rels", ROOT),
            ("word/document.xml", document.as_bytes()),
            ("word/_rels/document.xml.rels", relationships),
            ("word/numbering.xml", numbering),
            ("word/styles.xml", styles),
        ];
        let read = extract(&mut Archive::open(&pack(parts)).unwrap(), &Limits::default()).unwrap();
        assert_eq!(
            crate::markdown(&read).as_deref(),
            Some(
                "## Part\n\n#### Detail\n\nText\n\n- tent\n    1. poles\n        - a) long\n\n\
                 See [the map](https://a.example/)\n\n| who | x |\n|---|---|\n| Ana | x |\n\n\
                 |  |  |\n|---|---|\n| a | x |\n| b | x |\n"
            )
        );
    }

    #[test]
    fn a_document_that_breaks_off_is_kept_up_to_there() {
        let parts: &[(&str, &[u8])] = &[
            ("_rels/.rels", ROOT),
            (
                "word/document.xml",
                b"<w:document><w:p><w:r><w:t>kept</w:t></w:r></w:p><w:p",
            ),
        ];
        let packed = pack(parts);
        let read = extract(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap();
        assert_eq!((read.pages[0].as_str(), read.truncated), ("kept\n", true));
    }

    #[test]
    fn a_document_that_declares_entities_is_refused() {
        let parts: &[(&str, &[u8])] = &[
            ("_rels/.rels", ROOT),
            (
                "word/document.xml",
                b"<!DOCTYPE d [<!ENTITY a 'ha'>]><w:document>&a;</w:document>",
            ),
        ];
        let packed = pack(parts);
        let error = extract(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "unreadable");
    }
}
