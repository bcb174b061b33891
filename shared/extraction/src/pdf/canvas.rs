//! What a page is drawn onto: keeps letters with their places, and counts what else there is to see.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use hayro_interpret::font::{Glyph as Drawn, GlyphRun, PositionedGlyph};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::hayro_syntax::object::{Dict, String as PdfString};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect};
use hayro_interpret::{BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask};

use super::letters::Letters;
use super::metadata;
use super::roles::Roles;

/// Glyphs of a page. A poster full of small print has some ten thousand; a page made to exhaust memory has millions.
const GLYPHS_MAX: usize = 500_000;

/// Things drawn between two looks at the clock: a fraction of a millisecond.
const LOOK_EVERY: u32 = 256;

/// Runs that begin at about the same place and are compared to find text drawn twice. More is a page made to be slow.
const TWINS_MAX: usize = 8;

/// How far apart the two drawings of a letter may be to count as one, in parts of its height: far less than the
/// distance of two letters, and more than bold faces and shadows are shifted.
const TWIN_DISTANCE: f64 = 0.08;

/// Letters at a place. The page's upper left corner is the origin, points (1/72 inch) the unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Glyph {
    /// One letter; several for ligatures and replaced text.
    pub(super) text: GlyphText,
    /// Where on its baseline it begins.
    pub(super) start: Point,
    /// Where the next letter is expected.
    pub(super) end: Point,
    /// The height of its font, never zero.
    pub(super) size: f64,
    /// The run it was drawn in: the letters of one run were positioned together.
    pub(super) run: u32,
    /// Whether the letters stand below each other.
    pub(super) vertical: bool,
    /// The level of the heading that the file says it is part of; zero for none.
    pub(super) heading: u8,
}

/// Nearly every glyph is one letter, and needs no memory of its own for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum GlyphText {
    One(char),
    Many(Box<str>),
}

impl GlyphText {
    pub(super) fn first(&self) -> Option<char> {
        self.chars().next()
    }

    pub(super) fn last(&self) -> Option<char> {
        match self {
            Self::One(c) => Some(*c),
            Self::Many(text) => text.chars().next_back(),
        }
    }

    pub(super) fn chars(&self) -> impl Iterator<Item = char> {
        let (one, many) = match self {
            Self::One(c) => (Some(*c), ""),
            Self::Many(text) => (None, &**text),
        };
        one.into_iter().chain(many.chars())
    }

    pub(super) fn is_space(&self) -> bool {
        self.chars().all(char::is_whitespace)
    }
}

impl From<BfString> for GlyphText {
    fn from(text: BfString) -> Self {
        match text {
            BfString::Char(c) => Self::One(c),
            BfString::String(text) => Self::Many(text.into()),
        }
    }
}

/// A piece of the page that the file says something of.
struct Marked {
    /// The text to read instead of its glyphs.
    actual: Option<Box<str>>,
    /// Where its glyphs begin among those of the page.
    from: usize,
    /// The level of the heading around it; zero for none.
    heading_around: u8,
}

/// What unwinds a page that is left.
struct Enough;

/// Gathers the glyphs of one page.
pub(super) struct Canvas<'p> {
    letters: &'p Letters<'p>,
    pub(super) glyphs: Vec<Glyph>,
    /// Glyphs whose letter is not known.
    pub(super) unmapped: u32,
    pub(super) images: u32,
    pub(super) paths: u32,
    /// Whether the page has more than was kept: there were too many glyphs, or its time was over.
    pub(super) cut_short: bool,
    /// Whether that was for its time.
    pub(super) late: bool,
    glyphs_max: usize,
    /// When the page is left as it is, if there is anything to keep of the document by then.
    until: Option<Instant>,
    /// Whether there is something on the pages before.
    follows: bool,
    /// Things drawn so far.
    drawn: u32,
    runs: u32,
    /// Text outside was cut off, as by a producer that took a page out of a larger one.
    page: Rect,
    /// Where runs begin, in cells of the size of a letter, to find those drawn twice.
    run_starts: HashMap<(i64, i64), Vec<std::ops::Range<usize>>>,
    /// Marked content that is open.
    marked: Vec<Marked>,
    /// Names of the file's own for kinds of headings.
    roles: &'p Roles,
    heading: u8,
}

impl<'p> Canvas<'p> {
    pub(super) fn new(
        letters: &'p Letters<'p>,
        roles: &'p Roles,
        page: Rect,
        text_bytes_max: usize,
        until: Option<Instant>,
        follows: bool,
    ) -> Self {
        Self {
            letters,
            glyphs: Vec::new(),
            unmapped: 0,
            images: 0,
            paths: 0,
            cut_short: false,
            late: false,
            glyphs_max: text_bytes_max.min(GLYPHS_MAX),
            until,
            follows,
            drawn: 0,
            runs: 0,
            page,
            run_starts: HashMap::new(),
            marked: Vec::new(),
            roles,
            heading: 0,
        }
    }

    /// Has a page drawn, as far as there is room and time for it. What was drawn until then stays.
    pub(super) fn fill(&mut self, draw: impl FnOnce(&mut Self)) {
        // Who draws cannot be told to stop, and a page of three kilobytes can be drawn for days. So the canvas unwinds it.
        if let Err(reason) = catch_unwind(AssertUnwindSafe(|| draw(self)))
            && !reason.is::<Enough>()
        {
            resume_unwind(reason);
        }
    }

    /// Leaves the page as it is.
    fn leave(&mut self) -> ! {
        self.cut_short = true;
        // Not a panic: no hook is called for it.
        resume_unwind(Box::new(Enough))
    }

    /// Looks at the clock from time to time. A document of which nothing was read is better off with the reason that it
    /// takes too long than with an empty text.
    fn go_on(&mut self) {
        self.drawn = self.drawn.wrapping_add(1);
        let worth_keeping = self.follows || !self.glyphs.is_empty();
        if worth_keeping
            && self.drawn.is_multiple_of(LOOK_EVERY)
            && self.until.is_some_and(|until| Instant::now() > until)
        {
            self.late = true;
            self.leave();
        }
    }

    /// Whether nothing at all was drawn.
    pub(super) fn is_blank(&self) -> bool {
        self.glyphs.is_empty() && self.images == 0 && self.paths == 0
    }

    fn push(&mut self, drawn: &PositionedGlyph<'_>, transform: Affine, advance_scale: f64, vertical: bool) {
        let [a, b, c, d, ..] = transform.as_coeffs();
        let (across, up) = (a.hypot(b), c.hypot(d));
        let size = 1000.0 * if up > 0.0 { up } else { across };
        let start = transform * Point::ZERO;
        let usable = start.is_finite() && size.is_finite() && size > 1e-3;
        if !usable || !self.page.inflate(size, size).contains(start) {
            return;
        }
        let text = match self.letters.of(drawn) {
            Some(text) => GlyphText::from(text),
            None => {
                self.unmapped += 1;
                GlyphText::One('\u{fffd}')
            }
        };
        if matches!(&text, GlyphText::Many(text) if text.is_empty()) {
            return;
        }
        let end = if vertical {
            transform * Point::new(0.0, -1000.0)
        } else {
            transform * Point::new(advance(drawn) * advance_scale, 0.0)
        };
        self.glyphs.push(Glyph {
            text,
            start,
            end: if end.is_finite() { end } else { start },
            size,
            run: self.runs,
            vertical,
            heading: self.heading,
        });
    }

    /// Forgets the glyphs from `from` on if the same text stands at (almost) the same place already, as in bold faces
    /// and shadows made by drawing twice.
    fn drop_twin(&mut self, from: usize) {
        let Some(first) = self.glyphs.get(from) else {
            return;
        };
        // Two cells wide on each side of the distance, so that a twin lies in one of four cells.
        let cell = 2.0 * TWIN_DISTANCE * first.size;
        #[allow(clippy::cast_possible_truncation)] // saturates, which only makes the cells at the edge larger
        let cell_of = |shift_x: f64, shift_y: f64| {
            let at = |place: f64, shift: f64| ((place + shift * cell) / cell).floor() as i64;
            (at(first.start.x, shift_x), at(first.start.y, shift_y))
        };
        let nearby = [(-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)].map(|(x, y)| cell_of(x, y));
        let run = &self.glyphs[from..];
        let twin = nearby
            .iter()
            .filter_map(|cell| self.run_starts.get(cell))
            .flatten()
            // Runs that a replacement text stands for are gone.
            .filter_map(|other| self.glyphs.get(other.clone()))
            .any(|other| is_twin(run, other));
        if twin {
            self.glyphs.truncate(from);
        } else {
            let starts = self.run_starts.entry(cell_of(0.0, 0.0)).or_default();
            if starts.len() < TWINS_MAX {
                starts.push(from..self.glyphs.len());
            }
        }
    }
}

/// Whether a run repeats the beginning of another, letter by letter.
fn is_twin(run: &[Glyph], other: &[Glyph]) -> bool {
    let same = |a: &Glyph, b: &Glyph| {
        let distance = TWIN_DISTANCE * a.size;
        a.text == b.text
            && (a.start.x - b.start.x).abs() < distance
            && (a.start.y - b.start.y).abs() < distance
    };
    run.len() <= other.len() && run.iter().zip(other).all(|(a, b)| same(a, b))
}

fn advance(drawn: &Drawn<'_>) -> f64 {
    let width = match drawn {
        Drawn::Outline(glyph) => glyph.advance_width(),
        Drawn::Type3(glyph) => glyph.advance_width(),
    };
    // Half its height is about the width of a letter.
    f64::from(width.unwrap_or(500.0))
}

/// What the advances of a run must be multiplied with. Substitutes for fonts that are not embedded are stretched glyph
/// by glyph to the width of the missing font, which the advance already has.
fn advance_scales(run: &GlyphRun<'_, '_>) -> impl Fn(&Affine) -> f64 {
    let ratio = |transform: &Affine| {
        let [a, b, c, d, ..] = transform.as_coeffs();
        a.hypot(b) / c.hypot(d)
    };
    let mut ratios = run.glyphs().iter().map(|glyph| ratio(&glyph.transform()));
    let first = ratios.next().unwrap_or(1.0);
    let stretched = ratios.any(|ratio| (ratio - first).abs() > 1e-4 * first);
    move |transform| if stretched { 1.0 / ratio(transform) } else { 1.0 }
}

impl Device<'_> for Canvas<'_> {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, _: &DrawMode) {
        self.go_on();
        if self.glyphs.len() + run.glyphs().len() > self.glyphs_max {
            self.leave();
        }
        self.runs += 1;
        let from = self.glyphs.len();
        let unmapped = self.unmapped;
        let vertical = run.writing_mode() == WritingMode::Vertical;
        let scale = advance_scales(run);
        for drawn in run.glyphs() {
            let transform = drawn.transform();
            self.push(drawn, props.transform * transform, scale(&transform), vertical);
        }
        self.drop_twin(from);
        if self.glyphs.len() == from {
            self.unmapped = unmapped;
        }
    }

    fn begin_marked_content(&mut self, tag: &[u8], properties: Option<&Dict<'_>>) {
        let text = properties.and_then(|properties| properties.get::<PdfString<'_>>("ActualText"));
        self.marked.push(Marked {
            actual: text.map(|text| metadata::text_string(text.as_bytes()).into()),
            from: self.glyphs.len(),
            heading_around: self.heading,
        });
        if let Some(level) = self.roles.heading(tag) {
            self.heading = level;
        }
    }

    fn end_marked_content(&mut self) {
        let Some(marked) = self.marked.pop() else {
            return;
        };
        self.heading = marked.heading_around;
        let Some(actual) = marked.actual else {
            return;
        };
        let replaced = self.glyphs.split_off(marked.from.min(self.glyphs.len()));
        let (Some(first), Some(last)) = (replaced.first(), replaced.last()) else {
            return;
        };
        let unmapped = replaced
            .iter()
            .filter(|glyph| glyph.text == GlyphText::One('\u{fffd}'))
            .count();
        self.unmapped = self
            .unmapped
            .saturating_sub(u32::try_from(unmapped).unwrap_or(u32::MAX));
        if !actual.is_empty() {
            self.glyphs.push(Glyph {
                text: GlyphText::Many(actual),
                end: last.end,
                ..first.clone()
            });
        }
    }

    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {
        self.go_on();
        self.images = self.images.saturating_add(1);
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {
        self.go_on();
        self.paths = self.paths.saturating_add(1);
    }

    // What is clipped away is kept: more often it is text behind a picture of itself than text that nobody may see.
    fn push_clip_path(&mut self, _: &ClipPath) {
        // Every drawing within a drawing clips, also those that draw nothing but others.
        self.go_on();
    }
    fn pop_clip(&mut self) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn pop_transparency_group(&mut self) {}
}
