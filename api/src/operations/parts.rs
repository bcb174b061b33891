//! Where the parts of a document lie in its text.

use database::documents::Document;
use domain::{DocumentPart, DocumentPartKind, PAGE_SEPARATOR};
use futures::TryStreamExt;
use storage::StorageKey;

use super::downloads::{self, Nothing};
use crate::context::Api;

/// Bytes of a stored list: ten thousand parts with the longest titles.
const LIST_BYTES_MAX: u64 = 32 << 20;

/// The parts of a document, in order; none for a text that has neither pages nor headings.
pub(crate) async fn of(api: &Api, document: &Document) -> Result<Vec<DocumentPart>, Nothing> {
    let fence = downloads::fence(document)?;
    let key = StorageKey::parts(document.user, document.id, fence);
    if let Some(list) = api.storage.read_all(&key, LIST_BYTES_MAX).await? {
        return serde_json::from_slice(&list).map_err(|_| Nothing::Missing(document.id));
    }
    // Without titles, the text itself shows where its pages are.
    if document.pages.is_none() {
        return Ok(Vec::new());
    }
    let key = StorageKey::text(document.user, document.id, fence);
    let text = api.storage.get(&key).await?;
    let mut text = text.ok_or(Nothing::Missing(document.id))?.stream;
    let mut pages = PageCounter::new(DocumentPartKind::of_pages(document.kind));
    while let Some(piece) = text.try_next().await? {
        pages.read(&piece);
    }
    Ok(pages.parts)
}

/// Finds the pages of a text that comes in pieces of any size.
struct PageCounter {
    kind: DocumentPartKind,
    /// The last one is still growing.
    parts: Vec<DocumentPart>,
}

impl PageCounter {
    fn new(kind: DocumentPartKind) -> Self {
        let first = DocumentPart {
            kind,
            number: 1,
            title: None,
            start: 0,
            end: 0,
            start_byte: 0,
            end_byte: 0,
        };
        Self {
            kind,
            parts: vec![first],
        }
    }

    fn read(&mut self, piece: &[u8]) {
        const SEPARATOR: u8 = PAGE_SEPARATOR as u8;
        for (index, on_page) in piece.split(|byte| *byte == SEPARATOR).enumerate() {
            if index > 0
                && let Some(before) = self.parts.last()
            {
                let (start, start_byte) = (before.end + 1, before.end_byte + 1);
                let part = DocumentPart {
                    kind: self.kind,
                    number: before.number.saturating_add(1),
                    title: None,
                    start,
                    end: start,
                    start_byte,
                    end_byte: start_byte,
                };
                self.parts.push(part);
            }
            if let Some(part) = self.parts.last_mut() {
                // The first byte of each character; the others begin with 10.
                part.end += on_page.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
                part.end_byte += on_page.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_however_the_text_is_cut() {
        let text = "one\x0czwölf\x0c\x0cfünf";
        for piece in 1..=text.len() {
            let mut pages = PageCounter::new(DocumentPartKind::Slide);
            for piece in text.as_bytes().chunks(piece) {
                pages.read(piece);
            }
            let bytes: Vec<_> = pages
                .parts
                .iter()
                .map(|part| &text[part.start_byte..part.end_byte])
                .collect();
            assert_eq!(bytes, ["one", "zwölf", "", "fünf"]);
            let characters: Vec<char> = text.chars().collect();
            let by_character: Vec<String> = pages
                .parts
                .iter()
                .map(|part| characters[part.start..part.end].iter().collect())
                .collect();
            assert_eq!(by_character, ["one", "zwölf", "", "fünf"]);
            assert!(pages.parts.iter().map(|part| part.number).eq(1..=4));
        }
    }
}
