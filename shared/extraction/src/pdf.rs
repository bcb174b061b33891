//! Portable Document Format: the text of each page in the order in which it was written.
//!
//! hayro-interpret draws each page onto a [`Canvas`], which keeps the letters and their places instead of painting them;
//! [`layout`] finds lines and paragraphs among them, [`spacing`] the words of a line. [`letters`] knows
//! glyphs that the file does not name, and [`bidi`] puts Arabic and Hebrew into the order of reading.

mod bidi;
mod canvas;
mod layout;
mod letters;
mod metadata;
mod spacing;
#[cfg(test)]
mod tests;

use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::Rect;
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, TransformExt, interpret_page};
use unicode_normalization::UnicodeNormalization;

use crate::{Extracted, ExtractionError, Limits, Structure, cut_at_char, text};
use canvas::Canvas;
use letters::Letters;

/// Part of the results, so that those of older versions can be told apart.
const ENGINE: &str = "pdf/1 hayro-interpret 0.9";

/// Letters and digits below which a page with pictures counts as an image of text: a stamp or a page number may still
/// be there as text.
const LEGIBLE_LETTERS_MIN: usize = 32;

/// Paths on a page without text from which on they may be letters drawn as shapes.
const PICTURE_PATHS_MIN: u32 = 100;

/// Bytes of a file's end in which readers look for the end of the document.
const END_BYTES: usize = 4096;

pub(crate) fn extract(bytes: Vec<u8>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let pdf = Pdf::new(bytes).map_err(refusal)?;
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(ExtractionError::Unreadable("the PDF has no pages".to_owned()));
    }

    let mut extracted = Extracted {
        paged: true,
        engine: ENGINE.to_owned(),
        title: metadata::title(&pdf),
        metadata: metadata::of(&pdf),
        structure: Structure::Marked(Vec::new()),
        ..Extracted::default()
    };
    extracted
        .metadata
        .insert("page_count".to_owned(), pages.len().to_string());

    let letters = Letters::new(&pdf);
    let cache = InterpreterCache::new();
    let mut bytes_left = limits.text_bytes_max;
    let mut illegible_pages = 0;
    let mut nothing_seen = true;
    for page in pages.iter() {
        let page_limit = usize::try_from(limits.pages_max).unwrap_or(usize::MAX);
        if extracted.pages.len() >= page_limit || bytes_left == 0 {
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
        let mut canvas = Canvas::new(&letters, view, bytes_left);
        interpret_page(page, &mut context, &mut canvas);

        let mut page_text = text::clean(&without_presentation_forms(layout::page_text(&canvas.glyphs)));
        extracted.truncated |= canvas.full | cut_at_char(&mut page_text, bytes_left);
        bytes_left -= page_text.len();
        nothing_seen &= canvas.is_blank();
        illegible_pages += usize::from(is_illegible(&page_text, &canvas));
        extracted.unmapped_glyphs = extracted.unmapped_glyphs.saturating_add(canvas.unmapped);
        extracted.pages.push(page_text);
    }
    if nothing_seen && breaks_off(&pdf) {
        return Err(ExtractionError::Unreadable(
            "the PDF breaks off before its end".to_owned(),
        ));
    }
    extracted.needs_ocr = illegible_pages * 2 > extracted.pages.len();
    Ok(extracted)
}

/// Every PDF ends with the place of its table of objects. Some still have their text without it, so this alone is no
/// fault.
fn breaks_off(pdf: &Pdf) -> bool {
    let bytes: &[u8] = pdf.data().as_ref();
    let end = &bytes[bytes.len().saturating_sub(END_BYTES)..];
    !end.windows(9).any(|window| window == b"startxref")
}

/// Ligatures (`ﬁ`) and the shapes of Arabic letters have code points of their own, which nobody types when searching.
fn without_presentation_forms(text: String) -> String {
    let is_form = |c: char| matches!(c, '\u{FB00}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}');
    if !text.contains(is_form) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_form(c) {
            plain.extend(std::iter::once(c).nfkc());
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Whether there is something to see on the page that its text does not say.
fn is_illegible(page_text: &str, canvas: &Canvas<'_>) -> bool {
    let legible = page_text.chars().filter(|c| c.is_alphanumeric()).count();
    let unmapped = usize::try_from(canvas.unmapped).unwrap_or(usize::MAX);
    let pictures = canvas.images > 0 || canvas.paths >= PICTURE_PATHS_MIN;
    unmapped > legible / 2 || (legible < LEGIBLE_LETTERS_MIN && pictures)
}

fn refusal(error: LoadPdfError) -> ExtractionError {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            ExtractionError::Encrypted("it opens only with a password".to_owned())
        }
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
