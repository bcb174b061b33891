//! One line of glyphs to text: which gaps are spaces, and in which order it reads.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::bidi;
use super::canvas::Glyph;
use super::layout::offset;

/// The narrowest gap that is a space, in parts of the size. Any value from 0.05 to 0.2 gives nearly the same text.
const SPACE_MIN: f64 = 0.12;

/// The same between two runs: what was positioned separately is a little more likely to be two words.
const SPACE_BETWEEN_RUNS_MIN: f64 = 0.1;

/// The same between Chinese, Japanese or Korean characters, which are often set apart.
const SPACE_BETWEEN_IDEOGRAPHS_MIN: f64 = 0.6;

/// Gaps from which a line may be letter-spaced.
const LETTER_SPACED_GAPS_MIN: usize = 11;

/// Appends the text of glyphs on one line in reading order, without white space around it. Says whether it reads from
/// left to right, and then notes where the text of each glyph begins, if that is wanted.
pub(super) fn write(glyphs: &[&Glyph], out: &mut String, mut places: Option<&mut Vec<usize>>) -> bool {
    let start = out.len();
    let mut rightwards = true;
    if glyphs
        .iter()
        .any(|glyph| glyph.text.chars().any(bidi::is_right_to_left))
    {
        rightwards = false;
        let in_place = bidi::in_order_of_place(glyphs);
        for c in bidi::to_reading_order(&with_spaces(&in_place)).chars() {
            push_plain(c, start, out);
        }
    } else {
        for piece in with_spaces(glyphs) {
            if let (Piece::Glyph(_), Some(places)) = (piece, &mut places) {
                places.push(out.len());
            }
            for c in piece.chars() {
                push_plain(c, start, out);
            }
        }
    }
    out.truncate(start + out[start..].trim_end().len());
    rightwards
}

/// Appends a character as people would type it. Ligatures (`ﬁ`) and the shapes of Arabic letters have code points of
/// their own, which nobody types when searching.
fn push_plain(c: char, line_start: usize, out: &mut String) {
    match c {
        _ if c.is_whitespace() && out.len() == line_start => {}
        '\u{FB00}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' => out.extend(std::iter::once(c).nfkc()),
        '\t' | '\n' => out.push(c),
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
        '\u{feff}' => {}
        _ if c.is_control() => {}
        _ => out.push(c),
    }
}

/// A glyph, or a space between two.
#[derive(Clone, Copy)]
pub(super) enum Piece<'g> {
    Glyph(&'g Glyph),
    Space,
}

impl Piece<'_> {
    pub(super) fn chars(&self) -> impl Iterator<Item = char> {
        let (space, glyph) = match self {
            Self::Space => (Some(' '), None),
            Self::Glyph(glyph) => (None, Some(glyph.text.chars())),
        };
        space.into_iter().chain(glyph.into_iter().flatten())
    }
}

fn with_spaces<'g>(glyphs: &[&'g Glyph]) -> Vec<Piece<'g>> {
    let letter_spacing = letter_spacing(glyphs);
    let mut pieces = Vec::with_capacity(glyphs.len() + glyphs.len() / 4);
    let mut last: Option<&Glyph> = None;
    for glyph in glyphs {
        // A mark stands somewhere over its letter, and takes no room of its own.
        let mark = glyph.text.chars().all(is_mark);
        if !mark {
            if last.is_some_and(|last| is_space_between(last, glyph, letter_spacing)) {
                pieces.push(Piece::Space);
            }
            last = Some(glyph);
        }
        pieces.push(Piece::Glyph(glyph));
    }
    pieces
}

fn is_space_between(last: &Glyph, next: &Glyph, letter_spacing: Option<f64>) -> bool {
    if last.text.is_space() || next.text.is_space() {
        return false;
    }
    let ideographs =
        last.text.last().is_some_and(is_ideograph) && next.text.first().is_some_and(is_ideograph);
    let least = match letter_spacing {
        _ if ideographs => SPACE_BETWEEN_IDEOGRAPHS_MIN,
        Some(spacing) => spacing * 1.35 + 0.05,
        None if last.run == next.run => SPACE_MIN,
        None => SPACE_BETWEEN_RUNS_MIN,
    };
    let (gap, _) = offset(last, next);
    gap > least * last.size.min(next.size)
}

/// The usual gap of a line whose letters are set apart, in parts of the size; `None` for any other line.
fn letter_spacing(glyphs: &[&Glyph]) -> Option<f64> {
    if glyphs.len() <= LETTER_SPACED_GAPS_MIN {
        return None;
    }
    let mut gaps: Vec<f64> = glyphs
        .windows(2)
        .filter(|pair| !pair[1].text.is_space())
        .map(|pair| offset(pair[0], pair[1]).0 / pair[1].size)
        .collect();
    if gaps.len() < LETTER_SPACED_GAPS_MIN {
        return None;
    }
    gaps.sort_unstable_by(f64::total_cmp);
    let (low, median) = (gaps[gaps.len() / 5], gaps[gaps.len() / 2]);
    let letters = glyphs
        .iter()
        .filter(|glyph| glyph.text.chars().any(char::is_alphabetic))
        .count();
    let spaced = low > 0.1 && median < 0.5 && letters * 3 > glyphs.len() * 2;
    spaced.then_some(median)
}

/// The table of marks is long, and most text has none.
pub(super) fn is_mark(c: char) -> bool {
    c >= '\u{300}' && is_combining_mark(c)
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}')
}
