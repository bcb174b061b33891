//! Letters for glyphs, also for those that the file does not name.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use hayro_interpret::font::{Glyph, OutlineGlyph};
use hayro_interpret::hayro_cmap::{self, BfString, CMap, CidFamily};
use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};
use skrifa::MetadataProvider;

/// Letters by the number of the glyph in its font.
type ByGlyph = HashMap<u32, char>;

/// What the codes of a composite font without a map to Unicode stand for.
enum Codes {
    /// The characters of an East Asian collection.
    Collection(Box<CMap>),
    /// Unicode itself.
    Unicode,
}

/// Finds letters for the glyphs of one document.
pub(super) struct Letters<'p> {
    pdf: &'p Pdf,
    /// By the name of the font; made when the first unknown glyph is met, for it looks at every object.
    composite_fonts: OnceCell<HashMap<String, Codes>>,
    embedded_fonts: RefCell<HashMap<u128, Rc<ByGlyph>>>,
}

impl<'p> Letters<'p> {
    pub(super) fn new(pdf: &'p Pdf) -> Self {
        Self {
            pdf,
            composite_fonts: OnceCell::new(),
            embedded_fonts: RefCell::default(),
        }
    }

    /// The letters of a glyph; `None` when nothing in the file tells them. Guesses would be wrong letters, which are
    /// worse than none: they cannot be told from right ones.
    pub(super) fn of(&self, glyph: &Glyph<'_>) -> Option<BfString> {
        if let Some(text) = glyph.as_unicode() {
            return Some(text);
        }
        match glyph {
            Glyph::Type3(glyph) => of_shape(glyph.char_code()),
            Glyph::Outline(glyph) => self.of_outline(glyph),
        }
    }

    fn of_outline(&self, glyph: &OutlineGlyph) -> Option<BfString> {
        let font = glyph.font_data()?;
        let by_code =
            font.postscript_name
                .as_deref()
                .and_then(|name| match self.composite_fonts().get(name)? {
                    Codes::Collection(map) => map.lookup_bf_string(glyph.char_code()),
                    Codes::Unicode => char::from_u32(glyph.char_code())
                        .filter(|c| *c >= ' ')
                        .map(BfString::Char),
                });
        by_code.or_else(|| {
            let mut fonts = self.embedded_fonts.borrow_mut();
            let by_glyph = fonts
                .entry(font.cache_key)
                .or_insert_with(|| Rc::new(letters_by_glyph((*font.data).as_ref())));
            by_glyph.get(&glyph.char_code()).copied().map(BfString::Char)
        })
    }

    fn composite_fonts(&self) -> &HashMap<String, Codes> {
        self.composite_fonts.get_or_init(|| {
            let fonts = self.pdf.objects().into_iter().filter_map(|object| match object {
                Object::Dict(font) => codes_of(&font),
                _ => None,
            });
            fonts.collect()
        })
    }
}

/// Nameless shapes are mostly bitmaps of TeX fonts, numbered by the codes of TeX's T1 encoding: ASCII, quotes, dashes,
/// ligatures, and accented letters where Latin-1 has them.
fn of_shape(code: u32) -> Option<BfString> {
    let ligature = |letters: &str| Some(BfString::String(letters.to_owned()));
    let letter = match code {
        0x10 => '“',
        0x11 => '”',
        0x15 => '–',
        0x16 => '—',
        // The older encoding has its ligatures sixteen places before.
        0x0B | 0x1B => return ligature("ff"),
        0x0C | 0x1C => return ligature("fi"),
        0x0D | 0x1D => return ligature("fl"),
        0x0E | 0x1E => return ligature("ffi"),
        0x0F | 0x1F => return ligature("ffl"),
        0xD7 => 'Œ',
        0xF7 => 'œ',
        0xFF => 'ß',
        0x20..=0x7E | 0xC0..=0xDE | 0xE0..=0xFE => char::from_u32(code)?,
        _ => return None,
    };
    Some(BfString::Char(letter))
}

/// Name and codes of a composite font that has no map to Unicode but is made in a way that tells.
fn codes_of(font: &Dict<'_>) -> Option<(String, Codes)> {
    let composite = font.get::<Name<'_>>("Subtype")?.as_str() == "Type0";
    if !composite || font.get::<Stream<'_>>("ToUnicode").is_some() {
        return None;
    }
    let base_font = font.get::<Name<'_>>("BaseFont")?;
    let name = without_subset_tag(base_font.as_str()).to_owned();
    let descendant = font
        .get::<Array<'_>>("DescendantFonts")?
        .iter::<Dict<'_>>()
        .next()?;
    if let Some(map) = collection(&descendant) {
        return Some((name, Codes::Collection(Box::new(map))));
    }
    // Producers that map codes to glyphs by a table of their own use Unicode for the codes.
    let own_table = descendant.get::<Stream<'_>>("CIDToGIDMap").is_some();
    let identity = font
        .get::<Name<'_>>("ToUnicode")
        .is_some_and(|map| map.as_str().starts_with("Identity"));
    (own_table || identity).then_some((name, Codes::Unicode))
}

/// The map of an East Asian character collection, if the font uses one.
fn collection(descendant: &Dict<'_>) -> Option<CMap> {
    let info = descendant.get::<Dict<'_>>("CIDSystemInfo")?;
    let registry = info.get::<PdfString<'_>>("Registry")?;
    let ordering = info.get::<PdfString<'_>>("Ordering")?;
    let family = CidFamily::from_registry_ordering(registry.as_bytes(), ordering.as_bytes());
    CMap::parse(
        hayro_cmap::load_embedded(family.ucs2_cmap()?)?,
        hayro_cmap::load_embedded,
    )
}

/// `ABCDEF+Name` is a part of the font `Name`.
fn without_subset_tag(name: &str) -> &str {
    match name.split_once('+') {
        Some((tag, rest)) if tag.len() == 6 => rest,
        _ => name,
    }
}

/// Turns the character map of an embedded font around.
fn letters_by_glyph(font: &[u8]) -> ByGlyph {
    let mut letters = ByGlyph::new();
    let Ok(font) = skrifa::FontRef::new(font) else {
        return letters;
    };
    for (code, glyph) in font.charmap().mappings() {
        let private = 0xE000..=0xF8FF;
        if let Some(c) = char::from_u32(code).filter(|c| *c >= ' ' && !private.contains(&code)) {
            letters.entry(glyph.to_u32()).or_insert(c);
        }
    }
    letters
}
