//! Terms that say something about a whole document. They begin with a sign, which no word does.

use std::ops::RangeInclusive;

use crate::pieces::{folded, is_unspaced};

/// The documents of one owner. `owner` is any text of letters and digits.
#[must_use]
pub fn owner_mark(owner: &str) -> String {
    format!("@{owner}")
}

/// The documents in a language.
pub(crate) fn language_mark(language: &str) -> String {
    format!("={language}")
}

/// A stem in a language.
pub(crate) fn stem_mark(language: &str, stem: &str) -> String {
    format!("~{language}{stem}")
}

/// The documents with a tag. Tags that differ in case or signs only have the same mark.
#[must_use]
pub fn tag_mark(tag: &str) -> String {
    let mut mark = String::with_capacity(tag.len() + 1);
    mark.push('#');
    for (number, word) in tag
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if number > 0 {
            mark.push('_');
        }
        mark.push_str(&folded(word));
        if mark.len() > MARK_BYTES_MAX {
            break;
        }
    }
    mark
}

/// Characters of a beginning that has a mark. Fewer begin too much, and more begin few enough words to look them up one by one.
const MARKED: RangeInclusive<usize> = 2..=3;

/// The beginnings of a word that have a mark, for indexes that would have to look up every word that begins so.
pub(crate) fn marked_beginnings(word: &str) -> impl Iterator<Item = &str> {
    let has_marks = has_marked_beginnings(word);
    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    (1..)
        .zip(ends)
        .skip_while(|(count, _)| !MARKED.contains(count))
        .take_while(move |(count, _)| has_marks && MARKED.contains(count))
        .map(|(_, end)| &word[..end])
}

/// The mark of the words that begin so, where there is one.
pub(crate) fn marked_beginning(beginning: &str) -> Option<String> {
    // Longer ones need not be counted to their ends.
    let count = beginning.chars().take(MARKED.end() + 1).count();
    (MARKED.contains(&count) && has_marked_beginnings(beginning)).then(|| beginning_mark(beginning))
}

/// Pairs of characters are short already.
fn has_marked_beginnings(term: &str) -> bool {
    term.chars().next().is_some_and(|first| !is_unspaced(first))
}

/// The words that begin so.
pub(crate) fn beginning_mark(beginning: &str) -> String {
    format!("^{beginning}")
}

/// Longer marks are cut, at the end of a word. Postgres takes no term of two kilobytes.
const MARK_BYTES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_a_mark_for_each_short_beginning() {
        let marks = |word| marked_beginnings(word).map(beginning_mark).collect::<Vec<_>>();
        assert_eq!(marks("harvest"), ["^ha", "^har"]);
        assert_eq!(marks("ära"), ["^är", "^ära"]);
        assert_eq!(
            (marks("at"), marks("a"), marks("")),
            (vec!["^at".to_owned()], vec![], vec![])
        );
        assert_eq!(marks("京都"), [""; 0], "a pair of characters is short already");
        for word in ["harvest", "ära", "at"] {
            for end in word.char_indices().map(|(at, c)| at + c.len_utf8()) {
                let asked = marked_beginning(&word[..end]);
                assert_eq!(
                    asked.as_ref().is_some_and(|mark| marks(word).contains(mark)),
                    asked.is_some()
                );
            }
        }
    }

    #[test]
    fn a_tag_has_one_mark_however_it_is_written() {
        assert_eq!(tag_mark("Tax  Return"), "#tax_return");
        assert_eq!(tag_mark("tax-return"), "#tax_return");
        assert_eq!(tag_mark("'; DROP"), "#drop");
        assert!(tag_mark(&"word ".repeat(1000)).len() < 1000);
    }
}
