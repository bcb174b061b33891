//! Words that are one slip of the fingers away.

use std::collections::HashSet;

use foldhash::fast::RandomState;

/// Shorter words have too many neighbours that mean something else.
const CHARACTERS_MIN: usize = 4;
/// Nobody mistypes longer ones; the number of neighbours grows with the length.
const CHARACTERS_MAX: usize = 24;

const LATIN: &str = "abcdefghijklmnopqrstuvwxyz";
const CYRILLIC: &str = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ";
const GREEK: &str = "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ";

/// Letters, and what is written for them without a foreign keyboard.
const ACCENTS: [(char, &str); 14] = [
    ('a', "äàáâãåąă"),
    ('c', "çćč"),
    ('d', "ď"),
    ('e', "èéêëęěė"),
    ('g', "ğ"),
    ('i', "ìíîïıī"),
    ('l', "łľ"),
    ('n', "ñńň"),
    ('o', "öòóôõøő"),
    ('r', "ř"),
    ('s', "ßśşšș"),
    ('t', "ťț"),
    ('u', "üùúûůű"),
    ('z', "źżž"),
];

/// A letter of the Latin alphabet in all its forms; nothing for one that has only one.
fn forms(letter: char) -> impl Iterator<Item = char> {
    let group = ACCENTS
        .iter()
        .find(|(plain, accented)| *plain == letter || accented.contains(letter));
    group
        .into_iter()
        .flat_map(|(plain, accented)| std::iter::once(*plain).chain(accented.chars()))
}

/// Every word that differs from a folded word by one letter: one too many, one missing, another one, or two that changed
/// places. A letter with an accent is only tried for the one without, and the other way round. None for words of scripts whose letters are not few, and for those that are too short or too long.
#[must_use]
pub fn neighbours(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let alphabet = match letters.first() {
        Some('\u{370}'..='\u{3ff}') => GREEK,
        Some('\u{400}'..='\u{52f}') => CYRILLIC,
        Some(c) if c.is_ascii_lowercase() || forms(*c).next().is_some() => LATIN,
        _ => return Vec::new(),
    };
    // A number with another digit is another number.
    if !(CHARACTERS_MIN..=CHARACTERS_MAX).contains(&letters.len()) || letters.iter().all(|c| c.is_numeric()) {
        return Vec::new();
    }
    let mut found: HashSet<String, RandomState> = HashSet::default();
    for at in 0..=letters.len() {
        let (before, after) = letters.split_at(at);
        let word = |middle: &[char], after: &[char]| -> String {
            before.iter().chain(middle).chain(after).collect()
        };
        for letter in alphabet.chars() {
            found.insert(word(&[letter], after));
            if let [_, rest @ ..] = after {
                found.insert(word(&[letter], rest));
            }
        }
        if let [first, rest @ ..] = after {
            found.insert(word(&[], rest));
            found.extend(forms(*first).map(|letter| word(&[letter], rest)));
        }
        if let [first, second, rest @ ..] = after {
            found.insert(word(&[*second, *first], rest));
        }
    }
    found.remove(word);
    let mut found: Vec<String> = found.into_iter().collect();
    found.sort_unstable(); // the same question is asked with the same words
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slip_is_among_the_neighbours() {
        let of = neighbours("zepelin");
        for word in ["zeppelin", "zepeln", "zepelinn", "zeepelin", "zelepin"] {
            assert_eq!(of.contains(&word.to_owned()), word != "zelepin", "{word}");
        }
        assert!(neighbours("ezppelin").contains(&"zeppelin".to_owned()));
        assert!(neighbours("muller").contains(&"müller".to_owned()));
        assert!(neighbours("müller").contains(&"muller".to_owned()));
        assert!(neighbours("кнга").contains(&"книга".to_owned()));
        assert!(!of.contains(&"zepelin".to_owned()));
    }

    #[test]
    fn short_words_numbers_and_other_scripts_have_none() {
        for word in ["", "cat", "2027", "東京", "ab\u{301}"] {
            assert!(neighbours(word).is_empty(), "{word}");
        }
        assert!(neighbours(&"x".repeat(500)).is_empty());
    }

    #[test]
    fn there_are_not_too_many() {
        assert!(neighbours("incomprehensibilities").len() < 1_300);
        assert!(neighbours("zeppelin").len() < 500);
    }
}
