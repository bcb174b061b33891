//! What lies over a page: links, and the fields of forms.

use hayro_interpret::RectExt;
use hayro_interpret::hayro_syntax::object::{
    Array, Dict, Name, Object, Rect as PdfRect, String as PdfString,
};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, Rect};

use super::metadata::text_string;
use crate::metadata_value;

/// Annotations of a page that are looked at.
const ANNOTATIONS_MAX: usize = 1_000;

/// Fields around a field: names of forms are parts of each other.
const PARENTS_MAX: usize = 16;

/// Flags of annotations: nobody sees them.
const HIDDEN: u32 = 1 << 1;
const NO_VIEW: u32 = 1 << 5;

/// Flags of fields: a secret, and buttons that keep no state.
const PASSWORD: u32 = 1 << 13;
const PUSH_BUTTON: u32 = 1 << 16;

/// A place that leads somewhere.
pub(super) struct Link {
    pub(super) area: Rect,
    pub(super) address: String,
}

/// A field that is filled in.
pub(super) struct Field {
    pub(super) area: Rect,
    pub(super) name: Option<String>,
    pub(super) value: String,
}

/// The links and fields of a page, where the transform puts them.
pub(super) fn read(page: &Page<'_>, transform: Affine) -> (Vec<Link>, Vec<Field>) {
    let (mut links, mut fields) = (Vec::new(), Vec::new());
    let Some(annotations) = page.raw().get::<Array<'_>>("Annots") else {
        return (links, fields);
    };
    for annotation in annotations.iter::<Dict<'_>>().take(ANNOTATIONS_MAX) {
        let flags = annotation.get::<u32>("F").unwrap_or(0);
        let Some(area) = annotation
            .get::<PdfRect>("Rect")
            .filter(|_| flags & (HIDDEN | NO_VIEW) == 0)
        else {
            continue;
        };
        let area = transform.transform_rect_bbox(area.to_kurbo());
        match annotation.get::<Name<'_>>("Subtype").as_deref() {
            Some(b"Link") => links.extend(address(&annotation).map(|address| Link { area, address })),
            Some(b"Widget") => fields.extend(value(&annotation).map(|value| Field {
                area,
                name: name(&annotation),
                value,
            })),
            _ => {}
        }
    }
    (links, fields)
}

/// Where a link leads, if it leads out of the document.
fn address(link: &Dict<'_>) -> Option<String> {
    let action = link.get::<Dict<'_>>("A")?;
    if action.get::<Name<'_>>("S").as_deref() != Some(b"URI") {
        return None;
    }
    metadata_value(&text_string(action.get::<PdfString<'_>>("URI")?.as_bytes()))
}

/// What a field says of itself, or what is said of it further up.
fn inherited<'a, T>(field: &Dict<'a>, get: impl Fn(&Dict<'a>) -> Option<T>) -> Option<T> {
    let mut field = field.clone();
    for _ in 0..PARENTS_MAX {
        if let Some(found) = get(&field) {
            return Some(found);
        }
        field = field.get::<Dict<'a>>("Parent")?;
    }
    None
}

/// What the field is called: for people if there is such a name, else by its parts.
fn name(field: &Dict<'_>) -> Option<String> {
    let text = |dict: &Dict<'_>, key: &str| {
        let text = dict.get::<PdfString<'_>>(key)?;
        metadata_value(&text_string(text.as_bytes()))
    };
    if let Some(name) = text(field, "TU") {
        return Some(name);
    }
    let mut parts = Vec::new();
    let mut at = Some(field.clone());
    while let Some(field) = at.filter(|_| parts.len() < PARENTS_MAX) {
        parts.extend(text(&field, "T"));
        at = field.get::<Dict<'_>>("Parent");
    }
    parts.reverse();
    (!parts.is_empty()).then(|| parts.join("."))
}

/// What is filled in, on one line; `None` for an empty field, for a secret, and for what is no field of text or choice.
fn value(field: &Dict<'_>) -> Option<String> {
    let flags = inherited(field, |field| field.get::<u32>("Ff")).unwrap_or(0);
    let kind = inherited(field, |field| field.get::<Name<'_>>("FT"))?;
    let shown = match &*kind {
        b"Tx" if flags & PASSWORD != 0 => return None,
        b"Tx" | b"Ch" => {
            inherited(field, |field| field.get::<Object<'_>>("V")).and_then(|value| words(&value))?
        }
        b"Btn" if flags & PUSH_BUTTON == 0 => {
            // The name of its look; all but one are names of the file's own for being on.
            let state = field.get::<Name<'_>>("AS")?;
            if &*state == b"Off" {
                return None;
            }
            "✓".to_owned()
        }
        _ => return None,
    };
    metadata_value(&shown)
}

fn words(value: &Object<'_>) -> Option<String> {
    match value {
        Object::String(text) => Some(text_string(text.as_bytes())),
        Object::Name(name) => Some(String::from_utf8_lossy(name).into_owned()),
        Object::Array(choices) => {
            let choices = choices.iter::<PdfString<'_>>().take(PARENTS_MAX);
            let shown: Vec<String> = choices.map(|choice| text_string(choice.as_bytes())).collect();
            Some(shown.join(", "))
        }
        _ => None,
    }
}
