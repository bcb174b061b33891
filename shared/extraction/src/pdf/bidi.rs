//! Arabic, Hebrew and their like: from the order on paper to the order of reading.

use super::canvas::Glyph;
use super::spacing::{self, Piece};

/// Letters that are written from right to left.
pub(super) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}') && !is_digit(c)
}

fn is_digit(c: char) -> bool {
    matches!(c, '0'..='9' | '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}')
}

/// Producers draw such lines from either side, and marks before or after their letters; only the place is reliable.
/// Marks come right before a right-to-left letter, which turning the line around makes right, and right after others.
pub(super) fn in_order_of_place<'g>(glyphs: &[&'g Glyph]) -> Vec<&'g Glyph> {
    let is_mark = |glyph: &Glyph| glyph.text.chars().all(spacing::is_mark);
    let place = |glyph: &'g Glyph| (along(glyphs[0], glyph), glyph);
    let mut letters: Vec<(f64, &Glyph)> = glyphs.iter().filter(|g| !is_mark(g)).map(|g| place(g)).collect();
    if letters.is_empty() {
        return glyphs.to_vec();
    }
    letters.sort_by(|(a, _), (b, _)| a.total_cmp(b));

    let mut marks: Vec<Vec<&Glyph>> = vec![Vec::new(); letters.len()];
    for (at, mark) in glyphs.iter().filter(|g| is_mark(g)).map(|g| place(g)) {
        let next = letters.partition_point(|(letter, _)| *letter < at);
        let nearest = [next.wrapping_sub(1), next]
            .into_iter()
            .filter(|index| *index < letters.len())
            .min_by(|a, b| (letters[*a].0 - at).abs().total_cmp(&(letters[*b].0 - at).abs()));
        if let Some(index) = nearest {
            marks[index].push(mark);
        }
    }
    let mut ordered = Vec::with_capacity(glyphs.len());
    for ((_, letter), marks) in letters.into_iter().zip(marks) {
        if letter.text.chars().any(is_right_to_left) {
            ordered.extend(marks.into_iter().rev());
            ordered.push(letter);
        } else {
            ordered.push(letter);
            ordered.extend(marks);
        }
    }
    ordered
}

/// How far the middle of a glyph stands along the baseline of another.
fn along(first: &Glyph, glyph: &Glyph) -> f64 {
    let advance = first.end - first.start;
    let length = advance.hypot();
    let away = glyph.start.midpoint(glyph.end) - first.start;
    if length > 1e-6 {
        away.dot(advance) / length
    } else {
        away.x
    }
}

/// How a piece takes part in the order of its line.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    RightToLeft,
    LeftToRight,
    Digit,
    /// Stands within numbers: `1,5`, `9:30`, `2026-03-04`.
    NumberMark,
    Neutral,
}

fn class(piece: &Piece<'_>) -> Class {
    let mut class = Class::Neutral;
    for c in piece.chars() {
        class = match c {
            _ if is_digit(c) => return Class::Digit,
            _ if is_right_to_left(c) => return Class::RightToLeft,
            _ if c.is_alphabetic() => return Class::LeftToRight,
            '.' | ',' | ':' | '/' | '-' | '\u{66b}' | '\u{66c}' => Class::NumberMark,
            _ => class,
        };
    }
    class
}

/// Turns the order of place, from left to right, into the order of reading.
pub(super) fn to_reading_order(pieces: &[Piece<'_>]) -> String {
    let mut pieces: Vec<(Class, String)> = pieces
        .iter()
        .map(|piece| (class(piece), piece.chars().collect()))
        .collect();
    if words(&pieces, Class::RightToLeft) >= words(&pieces, Class::LeftToRight) {
        turn(&mut pieces);
    } else {
        turn_right_to_left_runs(&mut pieces);
    }
    pieces.into_iter().map(|(_, text)| text).collect()
}

/// Stretches of pieces of one class.
fn words(pieces: &[(Class, String)], wanted: Class) -> usize {
    pieces
        .chunk_by(|(a, _), (b, _)| a == b)
        .filter(|word| word[0].0 == wanted)
        .count()
}

/// Within a line that reads from left to right: turns each stretch from one right-to-left letter to the last one before
/// the next left-to-right letter.
fn turn_right_to_left_runs(pieces: &mut [(Class, String)]) {
    let mut at = 0;
    while let Some(start) = position(pieces, at, |class| class == Class::RightToLeft) {
        let end = position(pieces, start, |class| class == Class::LeftToRight).unwrap_or(pieces.len());
        let last = pieces[start..end]
            .iter()
            .rposition(|(class, _)| *class == Class::RightToLeft)
            .map_or(start, |last| start + last);
        turn(&mut pieces[start..=last]);
        at = end;
    }
}

/// Turns a stretch around, and what reads from left to right within it back again.
fn turn(pieces: &mut [(Class, String)]) {
    pieces.reverse();
    for (class, text) in &mut *pieces {
        if *class == Class::Neutral {
            *text = text.chars().map(mirrored).collect();
        }
    }
    let mut at = 0;
    while let Some(start) = position(pieces, at, |class| {
        matches!(class, Class::LeftToRight | Class::Digit)
    }) {
        let last = left_to_right_end(pieces, start);
        pieces[start..=last].reverse();
        for (class, text) in &mut pieces[start..=last] {
            if *class == Class::Neutral {
                *text = text.chars().map(mirrored).collect();
            }
        }
        at = last + 1;
    }
}

/// The last piece of the left-to-right stretch that begins at `start`: letters and digits with what stands between
/// them; two numbers without letters between them are two stretches, unless a number mark joins them.
fn left_to_right_end(pieces: &[(Class, String)], start: usize) -> usize {
    let mut last = start;
    let mut letters = pieces[start].0 == Class::LeftToRight;
    for at in start + 1..pieces.len() {
        match pieces[at].0 {
            Class::RightToLeft => break,
            Class::LeftToRight => {
                letters = true;
                last = at;
            }
            Class::Digit => {
                let joined = pieces[last + 1..at]
                    .iter()
                    .all(|(class, _)| *class == Class::NumberMark);
                if letters || joined {
                    last = at;
                }
            }
            Class::NumberMark | Class::Neutral => {}
        }
    }
    last
}

fn position(pieces: &[(Class, String)], from: usize, wanted: impl Fn(Class) -> bool) -> Option<usize> {
    let found = pieces[from..].iter().position(|(class, _)| wanted(*class))?;
    Some(from + found)
}

/// Brackets open towards the text they precede.
fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use hayro_interpret::kurbo::Point;

    use super::super::canvas::{Glyph, GlyphText};
    use super::super::page;

    /// Glyphs of ten points, each at the given tens of points from the left.
    fn glyphs(placed: &[(char, f64)]) -> Vec<Glyph> {
        let glyph = |(c, x): &(char, f64)| Glyph {
            text: GlyphText::One(*c),
            start: Point::new(x * 10.0, 100.0),
            end: Point::new(x * 10.0 + if *c == '\u{64b}' { 0.0 } else { 10.0 }, 100.0),
            size: 10.0,
            run: 1,
            vertical: false,
            heading: 0,
        };
        placed.iter().map(glyph).collect()
    }

    /// A line as it looks on paper.
    fn seen(line: &str) -> Vec<(char, f64)> {
        line.chars()
            .enumerate()
            .map(|(at, c)| (c, f64::from(u16::try_from(at).unwrap_or(0))))
            .collect()
    }

    fn read(placed: &[(char, f64)]) -> String {
        page::write(&glyphs(placed), &[]).text
    }

    #[test]
    fn a_line_is_read_from_the_right_however_it_was_drawn() {
        let line = seen("םלוע םולש");
        assert_eq!(read(&line), "שלום עולם");
        let from_the_right: Vec<_> = line.into_iter().rev().collect();
        assert_eq!(read(&from_the_right), "שלום עולם");
    }

    #[test]
    fn numbers_and_foreign_words_keep_their_order() {
        assert_eq!(read(&seen("1.30 ,25 ריחמ")), "מחיר 25, 1.30");
        assert_eq!(read(&seen("הז Jeremy Fox ימש")), "שמי Jeremy Fox זה");
        assert_eq!(read(&seen("call לאומש today")), "call שמואל today");
    }

    #[test]
    fn brackets_open_towards_what_they_enclose() {
        assert_eq!(read(&seen("(ןכ) אל")), "לא (כן)");
    }

    #[test]
    fn a_mark_follows_its_letter() {
        // The mark stands over the middle of the second letter from the left.
        let mut line = seen("ابحرم");
        line.push(('\u{64b}', 1.5));
        assert_eq!(read(&line), "مرحب\u{64b}ا");
    }
}
