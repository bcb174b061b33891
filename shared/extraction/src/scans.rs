//! Pages that are pictures of text: painting them for a program that reads pictures, and putting into place what that
//! program has read.
//!
//! Painting happens where the document was opened, in the process that may die of it; reading elsewhere. What goes from
//! one to the other is a [`Raster`], the simplest of all pictures.

use domain::DocumentKind;
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use crate::structure::Structure;
use crate::{Extracted, ExtractionError, picture, text};

/// Pixels of a painted page: a page of A4 at 400 dots per inch has fifteen million. Larger pages are painted smaller.
pub const RASTER_PIXELS_MAX: u32 = 20_000_000;

/// Pixels of a painted page in one direction; beyond, the painter itself has a bound.
const RASTER_SIDE_MAX: f32 = 12_000.0;

/// Points in an inch, the units of a PDF.
const POINTS_PER_INCH: f32 = 72.0;

/// The pages of a document that can be painted.
pub struct Scans(Source);

enum Source {
    Pdf(Box<Pdf>),
    Picture(DocumentKind, Vec<u8>),
}

/// A page as shades of grey, row by row from the top, one byte for each pixel: 0 is black.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Pixels in a row, at least one.
    pub width: u32,
    /// Rows, at least one.
    pub height: u32,
    /// Pixels in an inch of paper, where that is known.
    pub resolution_dpi: Option<u32>,
    /// The pixels, `width` times `height`.
    pub pixels: Vec<u8>,
}

/// What somebody has read on a painted page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// The text, with a line end behind each line and an empty line between paragraphs; may be empty.
    pub text: String,
    /// The number of words.
    pub words: u32,
    /// How sure of them the reader is, 0 to 100, summed up over the words.
    pub confidence_sum: f64,
}

impl Scans {
    pub(crate) fn of_pdf(pdf: Pdf) -> Self {
        Self(Source::Pdf(Box::new(pdf)))
    }

    pub(crate) fn of_picture(kind: DocumentKind, bytes: Vec<u8>) -> Self {
        Self(Source::Picture(kind, bytes))
    }

    /// Paints a page, given as an index into [`Extracted::pages`]. The resolution is a wish that holds for pages of a known
    /// size: pages of posters are painted smaller.
    ///
    /// # Errors
    /// When there is no such page, or it cannot be decoded.
    ///
    /// # Panics
    /// As [`open`](crate::open).
    pub fn paint(&self, page: u32, resolution_dpi: u32) -> Result<Raster, ExtractionError> {
        match &self.0 {
            Source::Pdf(pdf) => paint_page(pdf, page, resolution_dpi),
            Source::Picture(kind, bytes) => picture::decode(*kind, bytes, page),
        }
    }
}

fn paint_page(pdf: &Pdf, page: u32, resolution_dpi: u32) -> Result<Raster, ExtractionError> {
    let pages = pdf.pages();
    let page = usize::try_from(page).ok().and_then(|index| pages.get(index));
    let page = page.ok_or_else(|| ExtractionError::Unreadable("there is no such page".to_owned()))?;
    let (width, height) = page.render_dimensions();
    let sound = |side: f32| side.is_finite() && side > 0.0;
    if !sound(width) || !sound(height) {
        return Err(ExtractionError::Unreadable("a page has no size".to_owned()));
    }
    #[allow(clippy::cast_precision_loss, reason = "a resolution has few digits")]
    let wanted = resolution_dpi as f32 / POINTS_PER_INCH;
    #[allow(clippy::cast_precision_loss, reason = "a bound")]
    let by_area = (RASTER_PIXELS_MAX as f32 / width / height).sqrt();
    let by_side = RASTER_SIDE_MAX / width.max(height);
    let scale = wanted.min(by_area).min(by_side);
    // A strip so narrow that nothing can stand on it.
    if width * scale < 1.0 || height * scale < 1.0 {
        return Err(ExtractionError::Unreadable("a page has no width".to_owned()));
    }
    let pixmap = render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: WHITE,
        },
    );
    // On white nothing is transparent, so the colours are as they are.
    let (pixels, _) = pixmap.data_as_u8_slice().as_chunks::<4>();
    let pixels = pixels
        .iter()
        .map(|[red, green, blue, _]| grey(*red, *green, *blue));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and below the wish"
    )]
    let resolution_dpi = (scale * POINTS_PER_INCH).round() as u32;
    Ok(Raster {
        width: u32::from(pixmap.width()),
        height: u32::from(pixmap.height()),
        resolution_dpi: Some(resolution_dpi),
        pixels: pixels.collect(),
    })
}

/// The brightness that people see (ITU-R BT.601).
pub(crate) fn grey(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue);
    u8::try_from(sum >> 8).unwrap_or(u8::MAX)
}

impl Extracted {
    /// Puts into place what was read on a painted page. Where the page's own text has more to say, that stays. Either way
    /// the page counts as read.
    pub fn put_reading(&mut self, page: u32, reading: &Reading, text_bytes_max: usize) {
        self.unread_pages.retain(|unread| *unread != page);
        let others: usize = self.pages.iter().map(String::len).sum();
        let Some(place) = usize::try_from(page)
            .ok()
            .and_then(|index| self.pages.get_mut(index))
        else {
            return;
        };
        let legible = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        if legible(&reading.text) <= legible(place) {
            return;
        }
        let mut read = text::clean(&reading.text);
        let room = text_bytes_max.saturating_sub(others - place.len());
        self.truncated |= crate::cut_at_char(&mut read, room);
        let unmapped = place
            .chars()
            .filter(|c| *c == char::REPLACEMENT_CHARACTER)
            .count();
        self.unmapped_glyphs = self
            .unmapped_glyphs
            .saturating_sub(u32::try_from(unmapped).unwrap_or(u32::MAX));
        *place = read;
        // They told of the text that is gone.
        if let Structure::Marked(marks) = &mut self.structure {
            marks.retain(|mark| mark.page != page);
        }
    }

    /// Notes what is still unread: the document as a whole needs somebody who reads pictures when that is most of it.
    pub fn judge_unread_pages(&mut self) {
        const KEY: &str = "unread_page_count";

        self.needs_ocr = self.unread_pages.len() * 2 > self.pages.len();
        if self.unread_pages.is_empty() {
            self.metadata.remove(KEY);
        } else {
            let count = self.unread_pages.len().to_string();
            self.metadata.insert(KEY.to_owned(), count);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::structure::{Mark, Part};

    fn reading(text: &str) -> Reading {
        Reading {
            text: text.to_owned(),
            words: 1,
            confidence_sum: 90.0,
        }
    }

    fn scanned(pages: &[&str]) -> Extracted {
        let mut extracted = Extracted {
            pages: pages.iter().map(|page| (*page).to_owned()).collect(),
            paged: true,
            unread_pages: (0..).take(pages.len()).collect(),
            ..Extracted::default()
        };
        extracted.judge_unread_pages();
        extracted
    }

    #[test]
    fn what_was_read_takes_the_place_of_what_nobody_can_read() {
        let mut extracted = scanned(&["\u{fffd}\u{fffd}\u{fffd} 7", "", ""]);
        extracted.unmapped_glyphs = 3;
        let mark = |page| Mark {
            page,
            start: 0,
            end: 3,
            part: Part::Strong,
        };
        extracted.structure = Structure::Marked(vec![mark(0), mark(1)]);
        assert!(extracted.needs_ocr);
        assert_eq!(extracted.metadata["unread_page_count"], "3");

        extracted.put_reading(0, &reading("Rent for May: 700"), 1000);
        extracted.put_reading(2, &reading("Signed"), 1000);
        extracted.judge_unread_pages();
        assert_eq!(extracted.pages, ["Rent for May: 700", "", "Signed"]);
        assert_eq!((extracted.unmapped_glyphs, extracted.needs_ocr), (0, false));
        assert_eq!(extracted.structure, Structure::Marked(vec![mark(1)]));
        assert_eq!(extracted.unread_pages, [1]);
        assert_eq!(extracted.metadata["unread_page_count"], "1");
    }

    #[test]
    fn a_text_that_says_more_than_the_picture_stays() {
        let mut extracted = scanned(&["Page 12 of 40"]);
        extracted.put_reading(0, &reading("~ x"), 1000);
        extracted.judge_unread_pages();
        assert_eq!(extracted.pages, ["Page 12 of 40"]);
        assert!(!extracted.needs_ocr && !extracted.metadata.contains_key("unread_page_count"));
    }

    #[test]
    fn what_was_read_stays_within_the_bound_of_the_text() {
        let mut extracted = scanned(&["", "kept"]);
        extracted.put_reading(0, &reading("a very long page"), 10);
        assert_eq!(extracted.pages, ["a very", "kept"]);
        assert!(extracted.truncated);
    }
}
