//! Where words begin and end.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters of a word that are looked at.
const WORD_CHARACTERS_MAX: usize = 64;

/// A part of a text that can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// A word between spaces or signs.
    Word(&'t str),
    /// Characters of a script that writes no spaces between words, or, as Korean, writes small words onto larger ones.
    Run(&'t str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Run,
    Between,
}

/// The pieces of a text with their places in bytes, in order.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = (Range<usize>, Piece<'_>)> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while let Some((start, first)) = rest.next() {
            let class = class_of(first);
            if class == Class::Between {
                continue;
            }
            let mut end = start + first.len_utf8();
            // A mark belongs to the letter before it, whatever its script.
            while let Some((at, c)) = rest.next_if(|(_, c)| is_mark(*c) || class_of(*c) == class) {
                end = at + c.len_utf8();
            }
            let range = start..end;
            let piece = &text[range.clone()];
            let piece = if class == Class::Run {
                Piece::Run(piece)
            } else {
                Piece::Word(piece)
            };
            return Some((range, piece));
        }
        None
    })
}

fn class_of(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() {
            Class::Word
        } else {
            Class::Between
        };
    }
    if is_unspaced(c) {
        Class::Run
    } else if c.is_alphanumeric() {
        Class::Word
    } else {
        Class::Between
    }
}

fn is_mark(c: char) -> bool {
    !c.is_ascii() && is_combining_mark(c)
}

/// Letters of Chinese, Japanese, Korean, Thai, Lao, Burmese and Khmer (Unicode, `Blocks.txt`).
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e01}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1100}'..='\u{11ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{3130}'..='\u{318f}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ffdc}' | '\u{20000}'..='\u{3ffff}')
        && (c.is_alphanumeric() || is_combining_mark(c))
}

/// A word or run as terms hold it: in lower case, composed, without signs, and not longer than a word can be.
pub(crate) fn folded(piece: &str) -> Cow<'_, str> {
    if piece.is_ascii() {
        let cut = &piece[..piece.len().min(WORD_CHARACTERS_MAX)];
        return if cut.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(cut.to_ascii_lowercase())
        } else {
            Cow::Borrowed(cut)
        };
    }
    // Compatible forms may hold signs and spaces.
    let folded: String = piece
        .nfkc()
        .flat_map(char::to_lowercase)
        .nfc()
        .filter(|c| c.is_alphanumeric() || is_mark(*c))
        .take(WORD_CHARACTERS_MAX)
        .collect();
    Cow::Owned(folded)
}

/// The terms of a run: each two neighbouring characters, and the last one alone, so that every part of a run is found by
/// the terms that it has in common with it.
pub(crate) fn pairs(run: &str) -> Vec<String> {
    // Longer than a word may be: nothing of a run may be lost.
    let characters: Vec<char> = run
        .nfkc()
        .flat_map(char::to_lowercase)
        .nfc()
        .filter(|c| c.is_alphanumeric() || is_mark(*c))
        .collect();
    (0..characters.len())
        .map(|at| characters[at..characters.len().min(at + 2)].iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        pieces(text)
            .map(|(range, piece)| match piece {
                Piece::Word(word) => {
                    assert_eq!(word, &text[range]);
                    folded(word).into_owned()
                }
                Piece::Run(run) => format!("[{}]", pairs(run).join(" ")),
            })
            .collect()
    }

    #[test]
    fn words_lie_between_signs() {
        assert_eq!(
            shown("Mail a.b@Example.com's \\ Ölförderung"),
            ["mail", "a", "b", "example", "com", "s", "ölförderung"]
        );
        assert_eq!(shown(" '\\':* -- \0"), Vec::<String>::new());
    }

    #[test]
    fn a_run_without_spaces_is_pairs_of_characters() {
        assert_eq!(shown("GPT模型2.0"), ["gpt", "[模型 型]", "2", "0"]);
        assert_eq!(shown("東京都、日本"), ["[東京 京都 都]", "[日本 本]"]);
        assert_eq!(shown("ﾃｽﾄ"), ["[テス スト ト]"]);
        assert_eq!(shown("서울에서 회의"), ["[서울 울에 에서 서]", "[회의 의]"]);
    }

    #[test]
    fn a_letter_and_its_accent_are_one_word_however_they_are_written() {
        assert_eq!(shown("cafe\u{301} CAFÉ"), ["café", "café"]);
        assert_eq!(shown("ﬁne ＡＢＣ"), ["fine", "abc"]);
    }

    #[test]
    fn what_is_folded_holds_nothing_but_letters_digits_and_marks() {
        for piece in ["\u{fdfa}", "½", "ŉ", "ǅ", "İ"] {
            let folded = folded(piece);
            assert!(
                folded.chars().all(|c| c.is_alphanumeric() || is_mark(c)),
                "{piece} became {folded:?}"
            );
        }
        assert_eq!(folded(&"x".repeat(500)).len(), 64);
        assert_eq!(folded(&"ä".repeat(500)).chars().count(), 64);
    }
}
