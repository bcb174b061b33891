//! OpenDocument (ISO/IEC 26300): text documents and slides. Workbooks are read with the other workbooks.
//!
//! Notes and comments stand where the text refers to them, as the format has them; headers and footers come once, before
//! and behind the text.

mod frames;
mod lists;
mod story;

use crate::archive::Archive;
use crate::ooxml::remember;
use crate::prose::Parts;
use crate::xml::Node;
use crate::{Extracted, ExtractionError, Limits};
pub(crate) use frames::{Frames, Seen};
pub(crate) use story::SLIDE_TITLE_LEVEL;
use story::{Story, Then};

const ENGINE: &str = "odf/3";

/// Reads a text document.
pub(crate) fn extract_text(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let mut extracted = describe(archive)?;
    let (headers, footers) = edges(archive)?;
    let mut story = Story::default();
    learn_lists(archive, &mut story)?;
    story.prose.push_paragraphs(&headers);
    let damaged = read_body(archive, &mut story, limits.text_bytes_max, |_| true)?;
    story.prose.push_paragraphs(&footers);

    let text = story.prose.take_marked();
    if damaged && text.text.is_empty() {
        return Err(ExtractionError::Unreadable("content.xml is damaged".to_owned()));
    }
    let mut parts = Parts::new(limits);
    parts.push_marked(text);
    extracted.title = extracted
        .title
        .or_else(|| story.title.as_deref().and_then(crate::metadata_value));
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || damaged;
    Ok(extracted)
}

/// Reads slides: one page for each, its notes included.
pub(crate) fn extract_slides(
    archive: &mut Archive<'_>,
    limits: &Limits,
) -> Result<Extracted, ExtractionError> {
    let mut extracted = describe(archive)?;
    extracted.paged = true;
    let mut parts = Parts::new(limits);
    let mut story = Story::default();
    learn_lists(archive, &mut story)?;
    let mut slides = 0_u32;
    let damaged = read_body(archive, &mut story, limits.text_bytes_max, |story| {
        slides += 1;
        let full = parts.is_full();
        parts.push_marked(story.prose.take_marked());
        !full
    })?;
    // A slide that breaks off has no end.
    let rest = story.prose.take_marked();
    if !rest.text.is_empty() {
        slides += 1;
        parts.push_marked(rest);
    }
    if damaged && parts.pages.is_empty() {
        return Err(ExtractionError::Unreadable("content.xml is damaged".to_owned()));
    }
    extracted
        .metadata
        .insert("slide_count".to_owned(), slides.to_string());
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || damaged;
    Ok(extracted)
}

/// Takes in how the lists and headings are numbered whose styles have names.
fn learn_lists(archive: &mut Archive<'_>, story: &mut Story) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml("styles.xml")? else {
        return Ok(());
    };
    while let Some(node) = xml.next()? {
        match &node {
            Node::Start(element) if element.name() != "style" => story.learn(element),
            Node::End(name) if name == "styles" => break,
            _ => {}
        }
    }
    Ok(())
}

/// Reads the content until its end, until there is more text than wanted, or until `end_slide`, which is called at the end
/// of every slide, says no. Says whether it was damaged.
fn read_body(
    archive: &mut Archive<'_>,
    story: &mut Story,
    text_bytes_max: usize,
    mut end_slide: impl FnMut(&mut Story) -> bool,
) -> Result<bool, ExtractionError> {
    let Some(mut xml) = archive.xml("content.xml")? else {
        return Err(ExtractionError::Unreadable("content.xml is missing".to_owned()));
    };
    let mut in_body = false;
    while let Some(node) = xml.next()? {
        match &node {
            Node::Start(element) if element.name() == "body" => in_body = true,
            Node::Start(element) if !in_body => story.learn(element),
            Node::End(name) if name == "page" && !end_slide(story) => return Ok(false),
            _ => {}
        }
        if in_body && story.take(&node) == Then::Skip {
            xml.skip()?;
        }
        if story.prose.len() > text_bytes_max {
            return Ok(false);
        }
    }
    Ok(xml.is_damaged())
}

/// An empty result with what the document says of itself.
pub(crate) fn describe(archive: &mut Archive<'_>) -> Result<Extracted, ExtractionError> {
    let mut extracted = Extracted {
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    refuse_encrypted(archive)?;
    let Some(mut xml) = archive.xml("meta.xml")? else {
        return Ok(extracted);
    };
    let mut keywords = Vec::new();
    while let Some(node) = xml.next()? {
        let Node::Start(element) = node else { continue };
        let key = match element.name() {
            "title" => "title",
            "initial-creator" => "author",
            // Who saved it last, if nobody else is named.
            "creator" => "last_author",
            "subject" => "subject",
            "keyword" => "keyword",
            "generator" => "creator",
            "creation-date" => "created_at",
            "date" => "modified_at",
            "language" => "language",
            "document-statistic" => {
                if let Some(pages) = element.attribute("page-count") {
                    remember(&mut extracted, "page_count", &pages);
                }
                continue;
            }
            _ => continue,
        };
        let value = xml.text()?;
        match key {
            "keyword" => keywords.push(value),
            _ => remember(&mut extracted, key, &value),
        }
    }
    remember(&mut extracted, "keywords", &keywords.join(", "));
    if let Some(author) = extracted.metadata.remove("last_author") {
        extracted.metadata.entry("author".to_owned()).or_insert(author);
    }
    Ok(extracted)
}

/// OpenDocument encrypts its parts one by one and says so in its list of parts.
fn refuse_encrypted(archive: &mut Archive<'_>) -> Result<(), ExtractionError> {
    // Newer programs wrap the whole document into one encrypted part.
    let mut encrypted = archive.contains("encrypted-package");
    if let Some(mut xml) = archive.xml("META-INF/manifest.xml")? {
        let mut of_content = false;
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            match element.name() {
                "file-entry" => {
                    of_content = element
                        .attribute("full-path")
                        .is_some_and(|path| path == "content.xml");
                }
                "encryption-data" => encrypted |= of_content,
                _ => {}
            }
        }
    }
    if encrypted {
        return Err(ExtractionError::locked(None));
    }
    Ok(())
}

/// The texts of headers and of footers, each once.
pub(crate) fn edges(archive: &mut Archive<'_>) -> Result<(Vec<String>, Vec<String>), ExtractionError> {
    let (mut headers, mut footers) = (Vec::new(), Vec::new());
    let Some(mut xml) = archive.xml("styles.xml")? else {
        return Ok((headers, footers));
    };
    let mut story = Story::default();
    // Whether a header or footer is open.
    let mut open = false;
    while let Some(node) = xml.next()? {
        match &node {
            Node::Start(element)
                if element.name().starts_with("header") || element.name().starts_with("footer") =>
            {
                open = is_edge(element.name());
            }
            Node::End(name) if open && is_edge(name) => {
                open = false;
                let text = story.prose.take();
                let texts = if name.starts_with("header") {
                    &mut headers
                } else {
                    &mut footers
                };
                if !text.is_empty() && !texts.contains(&text) {
                    texts.push(text);
                }
            }
            _ => {}
        }
        if open && story.take(&node) == Then::Skip {
            xml.skip()?;
        }
    }
    Ok((headers, footers))
}

/// Whether an element is a header or footer, and not a style of one.
fn is_edge(name: &str) -> bool {
    matches!(
        name,
        "header" | "header-left" | "header-first" | "footer" | "footer-left" | "footer-first"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::archive::tests::pack;

    fn text(styles: &str, body: &str) -> Extracted {
        let content = format!(
            "<office:document-content><office:automatic-styles>{styles}</office:automatic-styles>\
             <office:body><office:text>{body}</office:text></office:body></office:document-content>"
        );
        let packed = pack(&[("content.xml", content.as_bytes())]);
        extract_text(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap()
    }

    #[test]
    fn notes_and_comments_come_behind_their_paragraph() {
        let read = text(
            "",
            "<text:p>The hives<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Two of \
             them.</text:p></text:note-body></text:note> face<office:annotation><dc:creator>Ana</dc:creator>\
             <text:p>Sure?</text:p></office:annotation> south.</text:p><text:p>End</text:p>",
        );
        assert_eq!(
            read.pages,
            ["The hives[1] face south.\n\n[1] Two of them.\n\nSure?\n\nEnd\n"]
        );
    }

    #[test]
    fn lists_are_numbered_as_their_style_says() {
        let styles = "<text:list-style style:name='L'><text:list-level-style-number text:level='1' style:num-format='a' \
                      style:num-suffix=')' text:start-value='3'/></text:list-style>";
        let read = text(
            styles,
            "<text:list text:style-name='L'><text:list-item><text:p>one</text:p><text:p>more</text:p></text:list-item>\
             <text:list-item><text:p>two</text:p><text:list><text:list-item><text:p>inner</text:p></text:list-item>\
             </text:list></text:list-item></text:list><text:p>after</text:p>",
        );
        assert_eq!(read.pages, ["c) one\nmore\nd) two\n- inner\n\nafter\n"]);
    }

    #[test]
    fn styles_with_names_number_lists_and_headings() {
        let styles = b"<office:document-styles><office:styles><text:outline-style><text:outline-level-style text:level='1' \
            style:num-format='1' style:num-suffix='.'/><text:outline-level-style text:level='2' style:num-format='A' \
            text:display-levels='2'/><text:outline-level-style text:level='3' style:num-format=''/></text:outline-style>\
            <style:style style:name='Title' style:parent-style-name='Heading'/><text:list-style style:name='N'>\
            <text:list-level-style-number text:level='1' style:num-format='1' style:num-suffix='.'/>\
            <text:list-level-style-number text:level='2' style:num-format='1' text:display-levels='2' text:start-value='3'/>\
            </text:list-style></office:styles></office:document-styles>";
        let item = |content: &str| format!("<text:list-item>{content}</text:list-item>");
        let list = |attributes: &str, items: &str| {
            format!("<text:list text:style-name='N' {attributes}>{items}</text:list>")
        };
        let body = [
            "<text:p text:style-name='Title'>Bees</text:p><text:h text:outline-level='1'>One</text:h>",
            "<text:h text:outline-level='2'>Two</text:h><text:h text:outline-level='3'>Three</text:h>",
            "<text:h text:outline-level='1' text:is-list-header='true'>No number</text:h>",
            "<text:h text:outline-level='1'>Four</text:h><text:h text:outline-level='2'>Five</text:h>",
            &list(
                "",
                &[
                    item("<text:p>a</text:p>"),
                    item(&["<text:p>b</text:p>", &list("", &item("<text:p>c</text:p>"))].concat()),
                ]
                .concat(),
            ),
            "<text:p>between</text:p>",
            &list(
                "text:continue-numbering='true'",
                &[
                    item(&list("", &item("<text:p>d</text:p>"))),
                    item("<text:p>e</text:p>"),
                    item(&list("", &item("<text:p>f</text:p>"))),
                ]
                .concat(),
            ),
            &list("", &item("<text:p>anew</text:p>")),
        ]
        .concat();
        let content = format!(
            "<office:document-content><office:body><office:text>{body}</office:text></office:body></office:document-content>"
        );
        let packed = pack(&[("content.xml", content.as_bytes()), ("styles.xml", styles)]);
        let read = extract_text(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap();
        assert_eq!(
            read.pages,
            [
                "Bees\n\n1. One\n\n1.A Two\n\nThree\n\nNo number\n\n2. Four\n\n2.A Five\n\n1. a\n2. b\n2.3 c\n\nbetween\n\n\
              2.4 d\n3. e\n3.3 f\n\n1. anew\n"
            ]
        );
        assert_eq!(read.title.as_deref(), Some("Bees"));
    }

    #[test]
    fn headings_items_tables_and_links_are_told_by_the_document() {
        let styles = "<style:style style:name='P1' style:parent-style-name='Title'/><text:list-style style:name='L'>\
                      <text:list-level-style-number text:level='1' style:num-format='1' style:num-suffix='.'/>\
                      </text:list-style>";
        let read = text(
            styles,
            "<text:p text:style-name='P1'>Bees</text:p><text:h text:outline-level='2'>The <text:a xlink:href='https://a.example/'>\
             hive</text:a></text:h><text:list text:style-name='L'><text:list-item><text:p>one</text:p><text:p>more</text:p>\
             <text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list></text:list-item><text:list-item>\
             <text:p>two</text:p></text:list-item></text:list><table:table><table:table-header-rows><table:table-row>\
             <table:table-cell><text:p>who</text:p></table:table-cell><table:table-cell><text:p>pays</text:p></table:table-cell>\
             </table:table-row></table:table-header-rows><table:table-row><table:table-cell/><table:table-cell><text:p>Ana\
             </text:p></table:table-cell></table:table-row></table:table>",
        );
        assert_eq!(
            crate::markdown(&read).as_deref(),
            Some(
                "# Bees\n\n## The [hive](https://a.example/)\n\n1. one\\\n   more\n    - inner\n2. two\n\n\
                 | who | pays |\n|---|---|\n|  | Ana |\n"
            )
        );
    }

    #[test]
    fn the_title_of_a_slide_is_a_heading() {
        let content = "<office:document-content><office:body><office:presentation><draw:page><draw:frame presentation:class='title'>\
                       <draw:text-box><text:p>Bees</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box>\
                       <text:p>Why</text:p></draw:text-box></draw:frame></draw:page></office:presentation></office:body>\
                       </office:document-content>";
        let packed = pack(&[("content.xml", content.as_bytes())]);
        let read = extract_slides(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap();
        assert_eq!(crate::markdown(&read).as_deref(), Some("## Bees\n\nWhy\n"));
    }

    #[test]
    fn deleted_text_is_left_out() {
        let read = text(
            "",
            "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:p>kept \
             <text:title>of</text:title><text:tab/>a\
             <text:s text:c='3'/>b<text:line-break/>c</text:p>",
        );
        assert_eq!(read.pages, ["kept of\ta   b\nc\n"]);
    }

    #[test]
    fn the_description_of_a_picture_comes_behind_its_paragraph() {
        let picture = |said: &str| format!("<draw:frame draw:name='Image1'><draw:image/>{said}</draw:frame>");
        let read = text(
            "",
            &[
                "<text:p>Turn the ",
                &picture("<svg:title>Handle</svg:title><svg:desc>It is on the left.</svg:desc>"),
                " slowly.</text:p><text:p>",
                &picture("<svg:desc>image3.png</svg:desc>"),
                &picture("<svg:title>Image1</svg:title>"),
                "<draw:frame><draw:object/><draw:image/><svg:desc>formula</svg:desc></draw:frame>",
                "<draw:custom-shape><svg:desc>decoration</svg:desc></draw:custom-shape>",
                "<draw:frame><draw:text-box><text:p>Boxed ",
                &picture("<svg:desc>The barrel</svg:desc>"),
                "</text:p></draw:text-box><svg:desc>a box</svg:desc></draw:frame></text:p>",
            ]
            .concat(),
        );
        assert_eq!(
            read.pages,
            ["Turn the slowly.\n\nHandle: It is on the left.\n\nBoxed\n\nThe barrel\n"]
        );
    }

    #[test]
    fn the_description_of_a_picture_on_a_slide_stands_where_the_picture_does() {
        let content = "<office:document-content><office:body><office:presentation><draw:page><draw:frame><draw:text-box>\
                       <text:p>Bees</text:p></draw:text-box></draw:frame><draw:frame><draw:image><text:p/></draw:image>\
                       <svg:desc>The hive &amp; its keeper</svg:desc></draw:frame><draw:frame><draw:text-box><text:p>Why\
                       </text:p></draw:text-box></draw:frame></draw:page></office:presentation></office:body>\
                       </office:document-content>";
        let packed = pack(&[("content.xml", content.as_bytes())]);
        let read = extract_slides(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap();
        assert_eq!(read.pages, ["Bees\n\nThe hive & its keeper\n\nWhy\n"]);
    }

    #[test]
    fn an_encrypted_document_says_so() {
        let manifest =
            b"<manifest><file-entry full-path='content.xml'><encryption-data/></file-entry></manifest>";
        let packed = pack(&[("META-INF/manifest.xml", manifest), ("content.xml", b"\x01\x02")]);
        let error = extract_text(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "encrypted");
    }
}
