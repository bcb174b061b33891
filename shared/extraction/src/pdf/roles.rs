//! What a tagged PDF calls its headings.

use std::collections::HashMap;

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Dict, Name};

/// Names of the file's own that are looked at.
const NAMES_MAX: usize = 1_000;

/// The levels of headings by the names that the file has for them, beside those of the standard (ISO 32000-2, 14.8.4).
#[derive(Debug, Default)]
pub(super) struct Roles {
    own: HashMap<Vec<u8>, u8>,
}

impl Roles {
    pub(super) fn new(pdf: &Pdf) -> Self {
        Self {
            own: own_names(pdf).unwrap_or_default(),
        }
    }

    /// The level of the heading that the tag stands for; zero for a tag of anything else that begins a line of its own, and
    /// `None` where the tag says nothing of the kind.
    pub(super) fn heading(&self, tag: &[u8]) -> Option<u8> {
        standard(tag).or_else(|| self.own.get(tag).copied())
    }
}

fn standard(tag: &[u8]) -> Option<u8> {
    match tag {
        b"Title" | b"H" | b"H1" => Some(1),
        [b'H', level @ b'2'..=b'6'] => Some(level - b'0'),
        b"P" | b"L" | b"LI" | b"Lbl" | b"LBody" | b"Table" | b"TR" | b"TH" | b"TD" | b"Artifact" => Some(0),
        _ => None,
    }
}

fn own_names(pdf: &Pdf) -> Option<HashMap<Vec<u8>, u8>> {
    let catalog: Dict<'_> = pdf.xref().get(pdf.xref().root_id())?;
    let names = catalog
        .get::<Dict<'_>>("StructTreeRoot")?
        .get::<Dict<'_>>("RoleMap")?;
    let own = names.keys().take(NAMES_MAX).filter_map(|name| {
        let level = standard(&names.get::<Name<'_>>(&*name)?)?;
        Some((name.to_vec(), level))
    });
    Some(own.collect())
}
