//! Portable Document Format: the text of each page in the order in which it was written.
//!
//! hayro-interpret draws each page onto a [`Canvas`], which keeps the letters and their places instead of painting them;
//! [`layout`] finds lines among them, [`spacing`] the words of a line, [`tables`] rows and cells; [`page`] puts the text
//! together, and [`outline`] tells what its lines are. [`letters`] knows glyphs that the file does not name, [`bidi`] puts
//! Arabic and Hebrew into the order of reading, and [`annotations`] are what lies over a page.

mod annotations;
mod bidi;
mod canvas;
mod layout;
mod letters;
mod metadata;
mod outline;
mod page;
mod roles;
mod spacing;
mod tables;
#[cfg(test)]
mod tests;

use std::time::Instant;

use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Point, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, TransformExt, interpret_page};

use crate::structure::{Marks, Part};
use crate::{Extracted, ExtractionError, Limits, metadata_value};
use annotations::{Field, Link};
use canvas::Canvas;
use letters::Letters;
use page::PageText;
use roles::Roles;

/// Part of the results, so that those of older versions can be told apart.
const ENGINE: &str = "pdf/2 hayro-interpret 0.9";

/// Letters and digits below which a page with pictures counts as an image of text: a stamp or a page number may still
/// be there as text.
const LEGIBLE_LETTERS_MIN: usize = 32;

/// Paths on a page without text from which on they may be letters drawn as shapes.
const PICTURE_PATHS_MIN: u32 = 100;

/// Different addresses that a document links to and that are listed.
const ADDRESSES_MAX: usize = 200;

/// Bytes of a file's end in which readers look for the end of the document.
const END_BYTES: usize = 4096;

/// Reads a PDF, and gives back what its pages can be painted from.
pub(crate) fn open(
    bytes: Vec<u8>,
    password: Option<&str>,
    limits: &Limits,
) -> Result<(Extracted, Pdf), ExtractionError> {
    let pdf = Pdf::new_with_password(bytes, password.unwrap_or_default())
        .map_err(|error| refusal(error, password))?;
    let extracted = read(&pdf, limits)?;
    Ok((extracted, pdf))
}

#[cfg(test)]
fn extract(bytes: Vec<u8>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    open(bytes, None, limits).map(|(extracted, _)| extracted)
}

fn read(pdf: &Pdf, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let started = Instant::now();
    let until = limits.time_max.map(|time| started + time);
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(ExtractionError::Unreadable("the PDF has no pages".to_owned()));
    }

    let mut extracted = Extracted {
        paged: true,
        engine: ENGINE.to_owned(),
        title: metadata::title(pdf),
        metadata: metadata::of(pdf),
        ..Extracted::default()
    };
    extracted
        .metadata
        .insert("page_count".to_owned(), pages.len().to_string());

    let letters = Letters::new(pdf);
    let roles = Roles::new(pdf);
    let cache = InterpreterCache::new();
    let mut bytes_left = limits.text_bytes_max;
    let mut nothing_seen = true;
    let mut something_read = false;
    let mut written = Vec::new();
    let mut links = Links::default();
    for page in pages.iter() {
        let page_limit = usize::try_from(limits.pages_max).unwrap_or(usize::MAX);
        let late = limits.is_late(started) && !written.is_empty();
        if written.len() >= page_limit || bytes_left == 0 || late {
            extracted.truncated = true;
            break;
        }
        let transform = page.initial_transform(true).to_kurbo();
        let (width, height) = page.render_dimensions();
        let view = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
        let mut context = Context::new(
            transform,
            view,
            &cache,
            pdf.xref(),
            InterpreterSettings::default(),
        );
        let mut canvas = Canvas::new(&letters, &roles, view, bytes_left, until, something_read);
        canvas.fill(|canvas| interpret_page(page, &mut context, canvas));

        let (page_links, fields) = annotations::read(page, transform);
        let areas: Vec<Rect> = page_links.iter().map(|link| link.area).collect();
        let mut page_text = page::write(&canvas.glyphs, &areas);
        page_text.append(&unseen(&fields, &canvas));
        extracted.truncated |= canvas.cut_short | page_text.cut(bytes_left);
        bytes_left -= page_text.text.len();
        nothing_seen &= canvas.is_blank();
        something_read |= !page_text.text.is_empty() || canvas.images > 0;
        // What takes too long to draw takes too long to paint.
        if is_illegible(&page_text.text, &canvas) && !canvas.late {
            extracted.unread_pages.extend(u32::try_from(written.len()));
        }
        extracted.unmapped_glyphs = extracted.unmapped_glyphs.saturating_add(canvas.unmapped);
        extracted.unmapped_by_page.push(canvas.unmapped);
        links.add(written.len(), page_links, &page_text);
        written.push(page_text);
    }
    if nothing_seen && breaks_off(pdf) {
        return Err(ExtractionError::Unreadable(
            "the PDF breaks off before its end".to_owned(),
        ));
    }
    links.describe(&mut extracted);
    outline::mark(&written, &mut links.marks);
    extracted.structure = links.marks.into_structure();
    extracted.pages = written.into_iter().map(|page| page.text).collect();
    extracted.judge_unread_pages();
    Ok(extracted)
}

/// The links of a document: where they stand in its text, and where they lead.
#[derive(Default)]
struct Links {
    marks: Marks,
    addresses: Vec<String>,
    count: usize,
}

impl Links {
    fn add(&mut self, number: usize, links: Vec<Link>, page: &PageText) {
        for (range, link) in &page.areas {
            let address = links[*link].address.clone();
            self.marks.add(number, range.clone(), Part::Link(address));
        }
        self.count += links.len();
        for Link { address, .. } in links {
            if self.addresses.len() < ADDRESSES_MAX && !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
    }

    /// Notes how many there are, and where they lead.
    fn describe(&self, extracted: &mut Extracted) {
        if let Some(addresses) = metadata_value(&self.addresses.join(" ")) {
            extracted.metadata.insert("links".to_owned(), addresses);
            let count = self.count.to_string();
            extracted.metadata.insert("link_count".to_owned(), count);
        }
    }
}

/// A line for each field that is filled in but not drawn, as by programs that leave the drawing to the viewer.
fn unseen(fields: &[Field], canvas: &Canvas<'_>) -> Vec<String> {
    if fields.is_empty() {
        return Vec::new();
    }
    let solid = canvas.glyphs.iter().filter(|glyph| !glyph.text.is_space());
    let places: Vec<Point> = solid.map(page::middle).collect();
    let drawn = |field: &Field| places.iter().any(|place| field.area.contains(*place));
    let unseen = fields.iter().filter(|field| !drawn(field));
    let lines = unseen.map(|field| match &field.name {
        Some(name) => format!("{name}: {}", field.value),
        None => field.value.clone(),
    });
    lines.collect()
}

/// Every PDF ends with the place of its table of objects. Some still have their text without it, so this alone is no
/// fault.
fn breaks_off(pdf: &Pdf) -> bool {
    let bytes: &[u8] = pdf.data().as_ref();
    let end = &bytes[bytes.len().saturating_sub(END_BYTES)..];
    !end.windows(9).any(|window| window == b"startxref")
}

/// Whether there is something to see on the page that its text does not say.
fn is_illegible(page_text: &str, canvas: &Canvas<'_>) -> bool {
    let legible = page_text.chars().filter(|c| c.is_alphanumeric()).count();
    let unmapped = usize::try_from(canvas.unmapped).unwrap_or(usize::MAX);
    let pictures = canvas.images > 0 || canvas.paths >= PICTURE_PATHS_MIN;
    unmapped > legible / 2 || (legible < LEGIBLE_LETTERS_MIN && pictures)
}

fn refusal(error: LoadPdfError, password: Option<&str>) -> ExtractionError {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => ExtractionError::locked(password),
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => {
            ExtractionError::Encrypted("its encryption is not supported".to_owned())
        }
        LoadPdfError::Decryption(_) => {
            ExtractionError::Unreadable("the encryption of the PDF is damaged".to_owned())
        }
        LoadPdfError::Invalid => {
            ExtractionError::Unreadable("this is not a PDF, or damaged beyond repair".to_owned())
        }
    }
}
