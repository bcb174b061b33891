//! Glyphs to lines, and lines to paragraphs.
//!
//! Glyphs are taken in the order in which they were drawn, which is the reading order of nearly every producer: sorting
//! by place would mix columns, and finding columns goes wrong more often than producers do.

use hayro_interpret::kurbo::Vec2;

use super::bidi;
use super::canvas::Glyph;

/// How far a glyph may stand beside the baseline, in parts of its size: superscripts still belong to the line.
const BESIDE_LINE_MAX: f64 = 0.45;

/// The widest gap within a line, in parts of the size. Beyond it is the next column.
const GAP_MAX: f64 = 8.0;

/// How far back a glyph may stand, in parts of the size: kerning and accents, but not the next line.
const BACK_MAX: f64 = 0.6;

/// Cosine of the angle between two glyphs of the same line.
const TURN_COSINE_MIN: f64 = 0.9;

/// Lines that are further apart than the usual distance, by this factor, belong to different paragraphs.
const PARAGRAPH_DISTANCE: f64 = 1.3;

/// Lines whose sizes differ by more than this factor are a heading and its text.
pub(super) const SAME_SIZE: f64 = 1.15;

/// The usual distance of lines in parts of their size, for headings that are larger than the text of the page.
const LINE_DISTANCE: f64 = 1.15;

/// Glyphs that read as one line.
pub(super) struct Line<'g> {
    pub(super) glyphs: Vec<&'g Glyph>,
}

/// What stands between two lines, of which the second is not beside the first.
pub(super) fn separator(before: &Line<'_>, line: &Line<'_>, usual: f64) -> &'static str {
    let (smaller, larger) = (
        size(&before.glyphs).min(size(&line.glyphs)),
        size(&before.glyphs).max(size(&line.glyphs)),
    );
    let usual = usual.max(LINE_DISTANCE * smaller);
    match distance(before, line) {
        Some(distance) if distance <= usual * PARAGRAPH_DISTANCE && larger <= smaller * SAME_SIZE => "\n",
        _ => "\n\n",
    }
}

/// Whether the second line stands on the same baseline as the first, further on.
pub(super) fn is_beside(before: &Line<'_>, line: &Line<'_>) -> bool {
    let (Some(last), Some(next)) = (before.glyphs.last(), line.glyphs.first()) else {
        return false;
    };
    let (along, beside) = offset(last, next);
    let parallel = direction(last).dot(direction(next)) >= TURN_COSINE_MIN;
    parallel && along > 0.0 && beside <= BESIDE_LINE_MAX * last.size.max(next.size)
}

/// Glyphs as lines, without those that have nothing but spaces.
pub(super) fn lines(glyphs: &[Glyph]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for glyph in glyphs {
        match lines.last_mut() {
            Some(line) if line.glyphs.last().is_some_and(|last| continues(last, glyph)) => {
                line.glyphs.push(glyph)
            }
            _ => lines.push(Line { glyphs: vec![glyph] }),
        }
    }
    lines.retain(|line| line.glyphs.iter().any(|glyph| !glyph.text.is_space()));
    lines
}

/// Where a glyph stands as seen from the end of another: along its baseline, and beside it.
pub(super) fn offset(last: &Glyph, next: &Glyph) -> (f64, f64) {
    let direction = direction(last);
    let away = next.start - last.end;
    (away.dot(direction), direction.cross(away).abs())
}

/// Where the baseline of a glyph runs, with length one; to the right for a glyph without width.
pub(super) fn direction(glyph: &Glyph) -> Vec2 {
    let advance = glyph.end - glyph.start;
    let length = advance.hypot();
    if length > 1e-6 {
        advance / length
    } else {
        Vec2::new(1.0, 0.0)
    }
}

fn continues(last: &Glyph, next: &Glyph) -> bool {
    let size = last.size.max(next.size);
    let (advance, next_advance) = (last.end - last.start, next.end - next.start);
    let lengths = advance.hypot() * next_advance.hypot();
    let turned = lengths > 1e-6 && advance.dot(next_advance) / lengths < TURN_COSINE_MIN;
    let (along, beside) = offset(last, next);
    let in_line = along <= GAP_MAX * size
        && (along >= -BACK_MAX * size - advance.hypot() || continues_leftwards(last, next, along));
    !turned && beside <= BESIDE_LINE_MAX * size && in_line
}

/// Right-to-left text that is drawn in the order of reading goes backwards, its spaces and numbers too.
fn continues_leftwards(last: &Glyph, next: &Glyph, along: f64) -> bool {
    let foreign = |glyph: &Glyph| {
        glyph
            .text
            .chars()
            .any(|c| c.is_alphabetic() && !bidi::is_right_to_left(c))
    };
    let right_to_left = |glyph: &Glyph| glyph.text.chars().any(bidi::is_right_to_left);
    let (both, either) = (
        right_to_left(last) && right_to_left(next),
        (right_to_left(last) || right_to_left(next)) && !foreign(last) && !foreign(next),
    );
    both || (either && along >= -GAP_MAX * last.size.max(next.size))
}

/// How far the second line stands below the first; `None` when it does not.
pub(super) fn distance(above: &Line<'_>, below: &Line<'_>) -> Option<f64> {
    let (first, next) = (above.glyphs.first()?, below.glyphs.first()?);
    let down = direction(first).cross(next.start - first.start);
    (down > 0.0).then_some(down)
}

/// The size of its largest glyph, for the others may be superscripts.
pub(super) fn size(glyphs: &[&Glyph]) -> f64 {
    glyphs.iter().map(|glyph| glyph.size).fold(0.0, f64::max)
}

/// The median (of two, the lesser) distance of lines that follow each other.
pub(super) fn usual_distance(lines: &[Line<'_>]) -> f64 {
    let mut distances: Vec<f64> = lines
        .windows(2)
        .filter_map(|pair| distance(&pair[0], &pair[1]))
        .filter(|distance| *distance > 1.0)
        .collect();
    if distances.is_empty() {
        return f64::INFINITY;
    }
    let middle = (distances.len() - 1) / 2;
    *distances.select_nth_unstable_by(middle, f64::total_cmp).1
}
