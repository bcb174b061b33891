//! Which language a text is written in, or that nobody can say.

use serde::{Deserialize, Serialize};
use whatlang::{Detector, Lang};

use crate::votes::Votes;

/// The main language of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Language {
    /// ISO 639-1 code such as `en`.
    pub code: String,
    /// From 0 to 1; below 0.9 the common words of the text had to settle the matter.
    pub confidence: f32,
}

/// Letters below which a guess is as good as chance.
const LETTERS_MIN: usize = 40;

/// A character of these scripts says as much as several letters of an alphabet.
const LETTERS_PER_IDEOGRAPH: usize = 4;

/// Bytes of letters looked at; accuracy gains nothing beyond.
const HEAD_BYTES: usize = 600;
const PIECE_BYTES: usize = 200;

/// White space, digits and symbols that are skipped in search of letters before giving up, per piece.
const SKIPPED_BYTES: usize = 16 * 1024;

/// Confidence of whatlang above which it is nearly always right.
const RELIABLE: f64 = 0.9;

/// The language of `text`, from its beginning, middle and end.
///
/// `None` when the text has fewer than about 40 letters (10 ideographs) or fits no language well enough: tables of
/// numbers, keys, nonsense, equal parts of several languages. Costs well under 0.1 ms, however long the text.
pub fn detect_language(text: &str) -> Option<Language> {
    let letters = letters(text);
    let weight: usize = letters
        .chars()
        .filter(|c| c.is_alphabetic())
        .map(letter_weight)
        .sum();
    if weight < LETTERS_MIN {
        return None;
    }
    let lower = letters.to_lowercase();
    let votes = Votes::of(lower.split(' '));
    let detector = votes
        .short_list()
        .map_or_else(Detector::new, Detector::with_allowlist);
    let info = detector.detect(&lower)?;
    if info.confidence() < RELIABLE && !votes.confirm(info.lang()) {
        return None;
    }
    Some(Language {
        code: code(info.lang()).to_owned(),
        confidence: info.confidence().clamp(0.0, 1.0) as f32,
    })
}

fn letter_weight(letter: char) -> usize {
    match letter {
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' => LETTERS_PER_IDEOGRAPH,
        _ => 1,
    }
}

/// Words from the start, the middle and the end, separated by single spaces.
fn letters(text: &str) -> String {
    let mut letters = String::with_capacity(HEAD_BYTES + 2 * PIECE_BYTES + 16);
    let after_head = push_words(&mut letters, text, HEAD_BYTES);
    let rest = &text[after_head..];
    let middle = rest.floor_char_boundary((rest.len() / 2).saturating_sub(PIECE_BYTES / 2));
    let end = rest
        .floor_char_boundary(rest.len().saturating_sub(2 * PIECE_BYTES))
        .max(middle);
    let after_middle = middle + push_words(&mut letters, &rest[middle..], PIECE_BYTES);
    push_words(&mut letters, &rest[end.max(after_middle)..], PIECE_BYTES);
    letters
}

/// Appends about `budget` bytes of words of `text` to `letters`; says how far in `text` it came.
///
/// Whatever contains anything but letters (addresses, numbers, keys, markup) is left out: it is in no language.
fn push_words(letters: &mut String, text: &str, budget: usize) -> usize {
    let full = letters.len() + budget;
    let near = &text[..text.floor_char_boundary(budget + SKIPPED_BYTES)];
    let mut read = 0;
    for chunk in near.split_inclusive(char::is_whitespace) {
        if letters.len() >= full {
            break;
        }
        // A chunk without spaces may be a whole Chinese chapter, or one endless line of garbage.
        let taken = &chunk[..chunk.floor_char_boundary(full - letters.len())];
        read += chunk.len();
        let word = taken.trim_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() && !word.bytes().any(is_foreign_to_words) {
            letters.push_str(word);
            letters.push(' ');
        }
    }
    read
}

fn is_foreign_to_words(byte: u8) -> bool {
    byte.is_ascii_digit()
        || matches!(
            byte,
            b'@' | b'/' | b'\\' | b'_' | b'=' | b'<' | b'>' | b'{' | b'}' | b'.'
        )
}

/// Two-letter codes as the rest of the world uses them: Norwegian is `no`, whatever its spelling.
pub(crate) fn code(language: Lang) -> &'static str {
    match language {
        Lang::Afr => "af",
        Lang::Aka => "ak",
        Lang::Amh => "am",
        Lang::Ara => "ar",
        Lang::Aze => "az",
        Lang::Bel => "be",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh",
        Lang::Cym => "cy",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Epo => "eo",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Hye => "hy",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jav => "jv",
        Lang::Jpn => "ja",
        Lang::Kan => "kn",
        Lang::Kat => "ka",
        Lang::Khm => "km",
        Lang::Kor => "ko",
        Lang::Lat => "la",
        Lang::Lav => "lv",
        Lang::Lit => "lt",
        Lang::Mal => "ml",
        Lang::Mar => "mr",
        Lang::Mkd => "mk",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Nob => "no",
        Lang::Ori => "or",
        Lang::Pan => "pa",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Sin => "si",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Sna => "sn",
        Lang::Spa => "es",
        Lang::Srp => "sr",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tgl => "tl",
        Lang::Tha => "th",
        Lang::Tuk => "tk",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Uzb => "uz",
        Lang::Vie => "vi",
        Lang::Yid => "yi",
        Lang::Zul => "zu",
    }
}
