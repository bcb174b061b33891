//! What documents, slides and workbooks of Office Open XML have in common (ECMA-376, part 2): parts, and relationships
//! between them.

use std::collections::HashMap;

use domain::DocumentKind;

use crate::archive::Archive;
use crate::xml::Node;
use crate::{Extracted, ExtractionError, metadata_value};

/// How one part refers to another.
pub(crate) struct Relationship {
    /// The name by which the part refers to it.
    pub(crate) id: String,
    /// The last step of its type, such as `footnotes`: the older and the strict variant of the standard differ before it.
    pub(crate) kind: String,
    /// The part that is meant.
    pub(crate) target: String,
}

/// What a part refers to, in order; nothing outside of the archive is among it.
pub(crate) fn relationships(
    archive: &mut Archive<'_>,
    part: &str,
) -> Result<Vec<Relationship>, ExtractionError> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let list = format!("{folder}/_rels/{file}.rels");
    let mut relationships = Vec::new();
    let Some(mut xml) = archive.xml(list.trim_start_matches('/'))? else {
        return Ok(relationships);
    };
    while let Some(node) = xml.next()? {
        let Node::Start(element) = node else { continue };
        let external = element
            .attribute("TargetMode")
            .is_some_and(|mode| mode == "External");
        if element.name() != "Relationship" || external {
            continue;
        }
        if let (Some(id), Some(kind), Some(target)) = (
            element.attribute("Id"),
            element.attribute("Type"),
            element.attribute("Target"),
        ) {
            relationships.push(Relationship {
                id: id.into_owned(),
                kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
                target: resolve(folder, &target),
            });
        }
    }
    Ok(relationships)
}

/// The addresses that a part links to, by the name by which it refers to them.
pub(crate) fn links(
    archive: &mut Archive<'_>,
    part: &str,
) -> Result<HashMap<String, String>, ExtractionError> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let list = format!("{folder}/_rels/{file}.rels");
    let mut links = HashMap::new();
    let Some(mut xml) = archive.xml(list.trim_start_matches('/'))? else {
        return Ok(links);
    };
    while let Some(node) = xml.next()? {
        let Node::Start(element) = node else { continue };
        let kind = element.attribute("Type").unwrap_or_default();
        if let (true, Some(id), Some(target)) = (
            kind.ends_with("/hyperlink"),
            element.attribute("Id"),
            element.attribute("Target"),
        ) {
            links.insert(id.into_owned(), target.into_owned());
        }
    }
    Ok(links)
}

/// The part that the whole document hangs on.
pub(crate) fn main_part(archive: &mut Archive<'_>) -> Result<String, ExtractionError> {
    /// Where the programs of the big producers put it.
    const USUAL: [&str; 4] = [
        "word/document.xml",
        "ppt/presentation.xml",
        "xl/workbook.xml",
        "xl/workbook.bin",
    ];

    relationships(archive, "")?
        .into_iter()
        .find(|relationship| relationship.kind == "officeDocument")
        .map(|relationship| relationship.target)
        .filter(|part| archive.contains(part))
        .or_else(|| {
            let usual = USUAL.into_iter().find(|part| archive.contains(part))?;
            Some(usual.to_owned())
        })
        .ok_or_else(|| {
            ExtractionError::Unreadable("the archive does not say where its document is".to_owned())
        })
}

/// The kind of document that the archive holds, by the content type of its main part; `None` when there is no such thing.
pub(crate) fn kind(archive: &mut Archive<'_>) -> Result<Option<DocumentKind>, ExtractionError> {
    let Ok(main) = main_part(archive) else {
        return Ok(None);
    };
    let mut described = main.clone();
    if let Some(mut xml) = archive.xml("[Content_Types].xml")? {
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            let part = element.attribute("PartName").unwrap_or_default();
            if part.trim_start_matches('/').eq_ignore_ascii_case(&main) {
                described = element
                    .attribute("ContentType")
                    .unwrap_or_default()
                    .to_lowercase();
            }
        }
    }
    // The content type, or the folder where the type is missing.
    let says = |words: [&str; 3]| words.iter().any(|word| described.contains(word));
    Ok(if says(["wordprocessingml", "ms-word", "word/"]) {
        Some(DocumentKind::Docx)
    } else if says(["presentationml", "ms-powerpoint", "ppt/"]) {
        Some(DocumentKind::Pptx)
    } else if says(["spreadsheetml", "ms-excel", "xl/"]) {
        // Content types of binary parts differ by the version of the program.
        let binary = main.ends_with(".bin");
        Some(if binary {
            DocumentKind::Xlsb
        } else {
            DocumentKind::Xlsx
        })
    } else {
        None
    })
}

/// A reference as it is written in a part of that folder, as the name of a part.
pub(crate) fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop();
            }
            _ => steps.push(step),
        }
    }
    steps.join("/")
}

/// What the document says of itself, under the keys of [`Extracted::metadata`].
pub(crate) fn properties(
    archive: &mut Archive<'_>,
    extracted: &mut Extracted,
) -> Result<(), ExtractionError> {
    let mut parts: Vec<String> = relationships(archive, "")?
        .into_iter()
        .filter(|relationship| matches!(&*relationship.kind, "core-properties" | "extended-properties"))
        .map(|relationship| relationship.target)
        .collect();
    if parts.is_empty() {
        parts = vec!["docProps/core.xml".to_owned(), "docProps/app.xml".to_owned()];
    }
    for part in parts {
        let Some(mut xml) = archive.xml(&part)? else {
            continue;
        };
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            let key = match element.name() {
                "title" => "title",
                "creator" => "author",
                "subject" => "subject",
                "keywords" => "keywords",
                "language" => "language",
                "created" => "created_at",
                "modified" => "modified_at",
                "Application" => "creator",
                "Pages" => "page_count",
                _ => continue,
            };
            let value = xml.text()?;
            remember(extracted, key, &value);
        }
    }
    Ok(())
}

/// Notes what a document says of itself; what was noted first stays. Of times only those count that are whole.
pub(crate) fn remember(extracted: &mut Extracted, key: &str, value: &str) {
    let Some(mut value) = metadata_value(value) else {
        return;
    };
    match key {
        "title" => {
            extracted.title.get_or_insert(value);
            return;
        }
        "created_at" | "modified_at" => {
            let Some(time) = rfc_3339(&value) else { return };
            value = time;
        }
        "page_count" if value.parse::<u32>().is_ok_and(|pages| pages > 0) => {}
        "page_count" => return,
        _ => {}
    }
    extracted.metadata.entry(key.to_owned()).or_insert(value);
}

/// A W3C date and time as RFC 3339: fractions of seconds go, and a time without zone is taken for universal time.
fn rfc_3339(time: &str) -> Option<String> {
    let bytes = time.as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<u32> { time.get(range)?.parse().ok() };
    let date = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') && digits(0..4)? > 0;
    let (month, day) = (digits(5..7)?, digits(8..10)?);
    if !date || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let date = &time[..10];
    let Some(rest) = time[10..].strip_prefix('T') else {
        return time[10..].is_empty().then(|| format!("{date}T00:00:00+00:00"));
    };
    let clock = rest.get(..8)?;
    let in_range = digits(11..13)? < 24 && digits(14..16)? < 60 && digits(17..19)? < 60;
    if !in_range || clock.as_bytes()[2] != b':' || clock.as_bytes()[5] != b':' {
        return None;
    }
    let zone = rest[8..].trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit());
    let zone = match zone {
        "" | "Z" | "z" => "+00:00",
        _ if zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes()[3] == b':' => zone,
        _ => return None,
    };
    Some(format!("{date}T{clock}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_from_their_folder() {
        assert_eq!(resolve("word", "footnotes.xml"), "word/footnotes.xml");
        assert_eq!(
            resolve("ppt/slides", "../notesSlides/n1.xml"),
            "ppt/notesSlides/n1.xml"
        );
        assert_eq!(
            resolve("xl", "/xl/worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml"
        );
        assert_eq!(resolve("", "../../x.xml"), "x.xml");
    }

    #[test]
    fn times_are_told_in_one_way() {
        for (written, told) in [
            ("2026-03-04T09:30:00Z", Some("2026-03-04T09:30:00+00:00")),
            ("2026-03-04T09:30:00.123456789", Some("2026-03-04T09:30:00+00:00")),
            ("2026-03-04T09:30:00+02:00", Some("2026-03-04T09:30:00+02:00")),
            ("2026-03-04", Some("2026-03-04T00:00:00+00:00")),
            ("2026-13-04T09:30:00Z", None),
            ("2026-03-04T99:30:00Z", None),
            ("yesterday", None),
            ("Mär-é-04T09:30:00Z", None),
            ("", None),
        ] {
            assert_eq!(rfc_3339(written).as_deref(), told, "{written}");
        }
    }
}
