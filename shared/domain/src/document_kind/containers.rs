//! What the first bytes of archives and compound files tell of the document in them.

use super::DocumentKind;

/// First bytes of an entry of an archive.
const ENTRY: &[u8] = b"PK\x03\x04";
/// The length of an entry's fixed fields; its name follows.
const ENTRY_BYTES: usize = 30;

/// Media types in the `mimetype` entry with which OpenDocument and EPUB begin, templates included.
const MEDIA_TYPES: &[(&str, DocumentKind)] = &[
    ("application/vnd.oasis.opendocument.text", DocumentKind::Odt),
    (
        "application/vnd.oasis.opendocument.presentation",
        DocumentKind::Odp,
    ),
    (
        "application/vnd.oasis.opendocument.spreadsheet",
        DocumentKind::Ods,
    ),
    ("application/epub+zip", DocumentKind::Epub),
];

/// The kind of a document that is an archive; `None` for any other archive. Without proof to the contrary, the name is
/// believed: what the archive really holds is seen when it is opened.
pub(super) fn in_archive(head: &[u8], named: Option<DocumentKind>) -> Option<DocumentKind> {
    let entries = || {
        (0..head.len())
            .filter(|at| head[*at..].starts_with(ENTRY))
            .filter_map(|at| entry(&head[at..]))
    };
    let named = named.filter(|kind| is_archive(*kind));
    if let Some((b"mimetype", content)) = entries().next() {
        // It must not be packed, but some programs pack it.
        let packed = head.get(8..10) != Some(&[0, 0]);
        return if packed { named } else { of_media_type(content) };
    }
    let has = |beginning: &[u8]| entries().any(|(name, _)| name.starts_with(beginning));
    if has(b"word/") {
        Some(DocumentKind::Docx)
    } else if has(b"ppt/") {
        Some(DocumentKind::Pptx)
    } else if has(b"xl/") {
        let binary = named == Some(DocumentKind::Xlsb) || has(b"xl/workbook.bin");
        Some(if binary {
            DocumentKind::Xlsb
        } else {
            DocumentKind::Xlsx
        })
    } else if has(b"[Content_Types].xml") || has(b"_rels/") {
        // Office Open XML whose first parts are of no help.
        Some(named.unwrap_or(DocumentKind::Docx))
    } else {
        named
    }
}

/// The kind of a document that is a compound file, of which only the name tells: a document of old, a message saved by
/// Outlook, or a document of today behind a password.
pub(super) fn in_compound_file(named: Option<DocumentKind>) -> Option<DocumentKind> {
    use DocumentKind::{Doc, Docx, Msg, Ppt, Pptx, Xls, Xlsb, Xlsx};
    named.filter(|kind| matches!(kind, Doc | Ppt | Xls | Xlsx | Xlsb | Docx | Pptx | Msg))
}

/// Kinds whose files are archives.
const fn is_archive(kind: DocumentKind) -> bool {
    use DocumentKind::{Docx, Epub, Odp, Ods, Odt, Pptx, Xlsb, Xlsx};
    matches!(kind, Docx | Pptx | Xlsx | Xlsb | Odt | Odp | Ods | Epub)
}

/// An entry's name and what comes after it.
fn entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let number = |at: usize| {
        Some(usize::from(u16::from_le_bytes([
            *bytes.get(at)?,
            *bytes.get(at + 1)?,
        ])))
    };
    let (name_length, extra_length) = (number(26)?, number(28)?);
    let name = bytes.get(ENTRY_BYTES..ENTRY_BYTES + name_length)?;
    let content = bytes
        .get(ENTRY_BYTES + name_length + extra_length..)
        .unwrap_or_default();
    Some((name, content))
}

/// The kind of the longest known media type with which the content begins.
fn of_media_type(content: &[u8]) -> Option<DocumentKind> {
    MEDIA_TYPES
        .iter()
        .find(|(media_type, _)| content.starts_with(media_type.as_bytes()))
        .map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of an archive with these entries, none of them packed.
    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in entries {
            bytes.extend_from_slice(ENTRY);
            bytes.extend_from_slice(&[0; 22]);
            bytes.extend_from_slice(&[u8::try_from(name.len()).unwrap_or(0), 0, 0, 0]);
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(content.as_bytes());
        }
        bytes
    }

    fn kind(entries: &[(&str, &str)], name: &str) -> Option<DocumentKind> {
        DocumentKind::recognize(&archive(entries), name).ok()
    }

    #[test]
    fn the_media_type_entry_decides() {
        let text = [("mimetype", "application/vnd.oasis.opendocument.text-template")];
        assert_eq!(kind(&text, "a.docx"), Some(DocumentKind::Odt));
        assert_eq!(
            kind(&[("mimetype", "application/epub+zip")], ""),
            Some(DocumentKind::Epub)
        );
        assert_eq!(kind(&[("mimetype", "image/openraster")], "a.odt"), None);
        let mut packed = archive(&[("mimetype", "\x03\x04")]);
        packed[8] = 8;
        assert_eq!(DocumentKind::recognize(&packed, "a.ods"), Ok(DocumentKind::Ods));
    }

    #[test]
    fn parts_tell_a_document_from_a_workbook() {
        let types = ("[Content_Types].xml", "<Types/>");
        assert_eq!(
            kind(&[types, ("xl/workbook.xml", "")], "a.docx"),
            Some(DocumentKind::Xlsx)
        );
        assert_eq!(
            kind(&[types, ("xl/workbook.bin", "")], ""),
            Some(DocumentKind::Xlsb)
        );
        assert_eq!(
            kind(&[types, ("ppt/presentation.xml", "")], ""),
            Some(DocumentKind::Pptx)
        );
        assert_eq!(
            kind(&[types, ("word/document.xml", "")], "a.xlsx"),
            Some(DocumentKind::Docx)
        );
    }

    #[test]
    fn the_name_is_believed_where_the_beginning_tells_nothing() {
        let types = ("[Content_Types].xml", "<Types/>");
        assert_eq!(kind(&[types], "a.pptx"), Some(DocumentKind::Pptx));
        assert_eq!(kind(&[types], "unnamed"), Some(DocumentKind::Docx));
        assert_eq!(kind(&[("content.xml", "")], "a.ods"), Some(DocumentKind::Ods));
        assert_eq!(kind(&[("holiday.jpg", "")], "a.zip"), None);
        assert_eq!(kind(&[("holiday.jpg", "")], "a.txt"), None);
    }

    #[test]
    fn a_compound_file_is_what_its_name_says() {
        let head = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
        assert_eq!(DocumentKind::recognize(head, "old.XLS"), Ok(DocumentKind::Xls));
        assert_eq!(
            DocumentKind::recognize(head, "secret.docx"),
            Ok(DocumentKind::Docx)
        );
        assert_eq!(DocumentKind::recognize(head, "old.pps"), Ok(DocumentKind::Ppt));
        assert!(DocumentKind::recognize(head, "old.pub").is_err());
        assert!(DocumentKind::recognize(head, "notes.txt").is_err());
    }
}
