//! OpenDocument (ISO/IEC 26300): text documents and slides. Workbooks are read with the other workbooks.
//!
//! Notes and comments stand where the text refers to them, as the format has them; headers and footers come once, before
//! and behind the text.

mod story;

use crate::archive::Archive;
use crate::ooxml::remember;
use crate::prose::Parts;
use crate::xml::Node;
use crate::{Extracted, ExtractionError, Limits};
use story::{Story, Then};

const ENGINE: &str = "odf/1";

/// Reads a text document.
pub(crate) fn extract_text(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let mut extracted = describe(archive)?;
    let (headers, footers) = edges(archive)?;
    let mut story = Story::default();
    story.prose.push_paragraphs(&headers);
    let damaged = read_body(archive, &mut story, limits.text_bytes_max, |_| true)?;
    story.prose.push_paragraphs(&footers);

    let text = story.prose.take();
    if damaged && text.is_empty() {
        return Err(ExtractionError::Unreadable("content.xml is damaged".to_owned()));
    }
    let mut parts = Parts::new(limits);
    parts.push(&text);
    extracted.title = extracted
        .title
        .or_else(|| story.title.as_deref().and_then(crate::metadata_value));
    extracted.pages = parts.pages;
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
    let mut slides = 0_u32;
    let damaged = read_body(archive, &mut story, limits.text_bytes_max, |story| {
        slides += 1;
        let full = parts.is_full();
        parts.push(&story.prose.take());
        !full
    })?;
    // A slide that breaks off has no end.
    let rest = story.prose.take();
    if !rest.is_empty() {
        slides += 1;
        parts.push(&rest);
    }
    if damaged && parts.pages.is_empty() {
        return Err(ExtractionError::Unreadable("content.xml is damaged".to_owned()));
    }
    extracted
        .metadata
        .insert("slide_count".to_owned(), slides.to_string());
    extracted.pages = parts.pages;
    extracted.truncated = parts.truncated || damaged;
    Ok(extracted)
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
        return Err(ExtractionError::Encrypted(
            "it opens only with a password".to_owned(),
        ));
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
