//! What todos and events have in common: where they were found, an id that follows from that, how they are stored and listed.

mod found;
mod listing;

use domain::{DocumentId, Moment};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(crate) use found::{Findable, Found, replaced};
pub(crate) use listing::Listing;

/// The place in a document's text that something was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its page, from 1, where the document has pages.
    pub page: Option<i32>,
    /// Where it begins, in characters of the text.
    pub start: i64,
    /// Where it ends, in characters of the text.
    pub end: i64,
    /// What stands there.
    pub quote: String,
}

/// Where moments that are not known stand in the order: behind the year 9999.
pub(crate) const UNSCHEDULED: i64 = 253_402_300_800;

pub(crate) fn first_second(moment: Option<&Moment>) -> i64 {
    moment.map_or(UNSCHEDULED, Moment::first_second)
}

/// The ids of what was found in a document by these quotations, in their order: the same sentence of the same document has
/// the same id at every run, and a sentence that stands there twice has two. They begin with the time of the document, so
/// that new ones lie together in an index.
pub(crate) fn ids<'q>(document: DocumentId, what: &str, quotes: impl Iterator<Item = &'q str>) -> Vec<Uuid> {
    let mut seen: std::collections::HashMap<&str, u32> = std::collections::HashMap::new();
    quotes
        .map(|quote| {
            let nth = seen.entry(quote).or_default();
            *nth += 1;
            let mut digest = Sha256::new();
            digest.update(document.uuid());
            digest.update(what);
            digest.update(nth.to_be_bytes());
            digest.update(quote);
            let mut bytes = [0; 16];
            bytes[..6].copy_from_slice(&document.uuid().as_bytes()[..6]);
            bytes[6..].copy_from_slice(&digest.finalize()[..10]);
            uuid_v8(bytes)
        })
        .collect()
}

/// RFC 9562, section 5.8: version and variant are set, the rest is ours.
fn uuid_v8(mut bytes: [u8; 16]) -> Uuid {
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}

/// Which stretch of time a list shows, in seconds since 1970; moments that are not known lie outside of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// From here on.
    pub from: Option<i64>,
    /// Up to here.
    pub to: Option<i64>,
    /// Only those with a moment, or only those without.
    pub scheduled: Option<bool>,
}

/// Where a list in the order of moments goes on: behind this moment and id.
pub type After = (i64, Uuid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sentence_has_the_same_id_and_every_other_one_its_own() {
        let document = DocumentId::new();
        let found = ["pay the rent", "call Ada", "pay the rent"];
        let first = ids(document, "todo", found.into_iter());
        assert_eq!(ids(document, "todo", found.into_iter()), first);
        // Another sentence before them changes nothing.
        let more = ids(document, "todo", ["new"].into_iter().chain(found));
        assert_eq!(more[1..], first);
        assert_ne!(first[0], first[2]);
        assert_ne!(ids(document, "event", found.into_iter())[0], first[0]);
        assert_ne!(ids(DocumentId::new(), "todo", found.into_iter())[0], first[0]);
        assert!(first.iter().all(|id| id.get_version_num() == 8));
    }
}
