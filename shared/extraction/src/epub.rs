//! E-books: the chapters in reading order, each a page of its own.

use std::collections::{HashMap, HashSet};

use domain::Content;

use crate::archive::Archive;
use crate::ooxml::{remember, resolve};
use crate::prose::Parts;
use crate::xml::Node;
use crate::{Extracted, ExtractionError, Limits, html};

const ENGINE: &str = "epub/2";

pub(crate) fn extract(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let package = package_part(archive)?;
    let mut extracted = Extracted {
        paged: true,
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    let chapters = read_package(archive, &package, &mut extracted)?;
    if chapters.is_empty() {
        return Err(ExtractionError::Unreadable(
            "the e-book names no chapters".to_owned(),
        ));
    }
    let locked = encrypted_parts(archive)?;
    if chapters.iter().any(|chapter| locked.contains(chapter)) {
        return Err(ExtractionError::Encrypted(
            "its chapters are locked to a reader's device".to_owned(),
        ));
    }
    extracted
        .metadata
        .insert("chapter_count".to_owned(), chapters.len().to_string());

    // A chapter is all content, although it is written like a page.
    let of_chapter = Limits {
        content: Content::Full,
        ..*limits
    };
    let mut parts = Parts::new(limits);
    let mut missing = 0;
    for chapter in &chapters {
        if parts.is_full() {
            break;
        }
        // A chapter that is not there keeps its place, so that the others keep theirs.
        match archive.read(chapter)? {
            Some(content) => parts.push_document(html::extract(&content, &of_chapter)),
            None => {
                missing += 1;
                parts.push("");
            }
        }
    }
    if missing == chapters.len() {
        return Err(ExtractionError::Unreadable(
            "the chapters of the e-book are missing".to_owned(),
        ));
    }
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || missing > 0;
    Ok(extracted)
}

/// The part that lists all others.
fn package_part(archive: &mut Archive<'_>) -> Result<String, ExtractionError> {
    if let Some(mut xml) = archive.xml("META-INF/container.xml")? {
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            if element.name() == "rootfile"
                && let Some(path) = element.attribute("full-path")
            {
                return Ok(path.into_owned());
            }
        }
    }
    let by_ending = archive
        .names()
        .find(|name| name.ends_with(".opf"))
        .map(str::to_owned);
    by_ending.ok_or_else(|| ExtractionError::Unreadable("the e-book does not say what is in it".to_owned()))
}

/// Notes what the book says of itself, and returns its chapters in reading order.
fn read_package(
    archive: &mut Archive<'_>,
    package: &str,
    extracted: &mut Extracted,
) -> Result<Vec<String>, ExtractionError> {
    let Some(mut xml) = archive.xml(package)? else {
        return Err(ExtractionError::Unreadable(format!("{package} is missing")));
    };
    let folder = package.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut items = HashMap::new();
    let mut chapters = Vec::new();
    let mut authors = Vec::new();
    while let Some(node) = xml.next()? {
        let Node::Start(element) = node else { continue };
        let key = match (element.prefix(), element.name()) {
            ("dc", "title") => "title",
            ("dc", "creator") => "author",
            ("dc", "subject") => "subject",
            ("dc", "language") => "language",
            ("dc", "date") => "created_at",
            (_, "item") => {
                if let (Some(id), Some(href)) = (element.attribute("id"), element.attribute("href")) {
                    items.insert(id.into_owned(), resolve(folder, &unescape(&href)));
                }
                continue;
            }
            (_, "itemref") => {
                let item = element.attribute("idref").and_then(|id| items.get(&*id));
                chapters.extend(item.cloned());
                continue;
            }
            // `<meta property="dcterms:modified">` of version 3.
            (_, "meta") if element.attribute("property").as_deref() == Some("dcterms:modified") => {
                "modified_at"
            }
            _ => continue,
        };
        let value = xml.text()?;
        match key {
            "author" => authors.push(value),
            _ => remember(extracted, key, &value),
        }
    }
    remember(extracted, "author", &authors.join(", "));
    Ok(chapters)
}

/// The parts that are encrypted. Fonts often are, by a method that locks nothing; chapters are by those who sell them.
fn encrypted_parts(archive: &mut Archive<'_>) -> Result<HashSet<String>, ExtractionError> {
    let mut parts = HashSet::new();
    if let Some(mut xml) = archive.xml("META-INF/encryption.xml")? {
        while let Some(node) = xml.next()? {
            if let Node::Start(element) = node
                && element.name() == "CipherReference"
                && let Some(part) = element.attribute("URI")
            {
                parts.insert(unescape(&part));
            }
        }
    }
    Ok(parts)
}

/// A reference without its fragment, and with what stands behind percent signs.
fn unescape(reference: &str) -> String {
    let path = reference.split('#').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::archive::tests::pack;

    const CONTAINER: &[u8] =
        b"<container><rootfiles><rootfile full-path='OEBPS/book.opf'/></rootfiles></container>";
    const PACKAGE: &[u8] = "<package xmlns:dc='d'><metadata><dc:title>Wege</dc:title><dc:creator>Ana Ruiz</dc:creator>\
        <dc:creator>Ben Otto</dc:creator><dc:language>de</dc:language><dc:date>2026-03-04</dc:date></metadata><manifest>\
        <item id='b' href='two%20.xhtml'/><item id='a' href='../one.xhtml'/><item id='n' href='nav.xhtml'/></manifest>\
        <spine><itemref idref='a'/><itemref idref='b'/><itemref idref='missing'/></spine></package>"
        .as_bytes();

    fn read(parts: &[(&str, &[u8])]) -> Result<Extracted, ExtractionError> {
        extract(&mut Archive::open(&pack(parts)).unwrap(), &Limits::default())
    }

    #[test]
    fn chapters_come_in_the_order_of_reading() {
        let book = read(&[
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/book.opf", PACKAGE),
            (
                "OEBPS/two .xhtml",
                b"<html><body><h1>Second</h1><p>It goes on.</p></body></html>",
            ),
            ("one.xhtml", b"<html><body><p>It begins.</p></body></html>"),
            ("OEBPS/nav.xhtml", b"<html><body>never</body></html>"),
        ])
        .unwrap();
        assert_eq!(book.pages, ["It begins.\n", "Second\n\nIt goes on.\n"]);
        assert!(book.paged && !book.truncated);
        assert_eq!(book.title.as_deref(), Some("Wege"));
        assert_eq!(book.metadata["author"], "Ana Ruiz, Ben Otto");
        assert_eq!(book.metadata["created_at"], "2026-03-04T00:00:00+00:00");
        assert_eq!(book.metadata["chapter_count"], "2");
    }

    #[test]
    fn a_missing_chapter_keeps_its_place() {
        let book = read(&[
            ("META-INF/container.xml", CONTAINER),
            ("OEBPS/book.opf", PACKAGE),
            ("OEBPS/two .xhtml", b"<p>Second"),
        ])
        .unwrap();
        assert_eq!(book.pages, ["", "Second\n"]);
        assert!(book.truncated);
    }

    #[test]
    fn a_book_locked_to_a_device_is_encrypted() {
        let locks = b"<encryption><EncryptedData><CipherData><CipherReference URI='one.xhtml'/></CipherData>\
            </EncryptedData></encryption>";
        let error = read(&[
            ("META-INF/container.xml", CONTAINER),
            ("META-INF/encryption.xml", locks),
            ("OEBPS/book.opf", PACKAGE),
            ("one.xhtml", b"\x01\x02"),
        ])
        .unwrap_err();
        assert_eq!(error.code(), "encrypted");
    }

    #[test]
    fn a_book_without_chapters_is_unreadable() {
        assert_eq!(
            read(&[("META-INF/container.xml", CONTAINER)]).unwrap_err().code(),
            "unreadable"
        );
        let only_package: &[(&str, &[u8])] =
            &[("META-INF/container.xml", CONTAINER), ("OEBPS/book.opf", PACKAGE)];
        assert_eq!(read(only_package).unwrap_err().code(), "unreadable");
    }
}
