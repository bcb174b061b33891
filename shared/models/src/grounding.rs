//! Whether a text says what a model says it does. A quotation has a place, or it is none; a sentence in the model's own words
//! has the numbers and most of the words of the place that it comes from, and no links.

use std::collections::HashSet;
use std::ops::Range;

/// Share of the words of a sentence that its place must have. Less and it is about something else; the rest is for small
/// words and inflections.
const SHARE_MIN: f32 = 0.5;
/// Words are compared by so many of their first letters, which inflections of one word have in common.
const STEM_LETTERS: usize = 5;
/// Shorter words are those that every text has.
const WORD_LETTERS_MIN: usize = 4;

/// Places of one quotation that are looked at.
const PLACES_MAX: usize = 1_000;

/// A text in which quotations are found whatever its spaces and line breaks are.
pub(crate) struct Places<'t> {
    text: &'t str,
    /// The text in lower case with single spaces.
    folded: String,
    /// For each byte of `folded`, where its character begins in the text.
    starts: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let mut folded = String::with_capacity(text.len());
        let mut starts = Vec::with_capacity(text.len());
        fold(text, |c, at| {
            folded.push(c);
            starts.resize(folded.len(), at);
        });
        Self { text, folded, starts }
    }

    /// Where a quotation stands first, in bytes of the text. `None` when it does not, or has no letter and no digit.
    pub(crate) fn find(&self, quote: &str) -> Option<Range<usize>> {
        self.all(quote).next()
    }

    /// As [`Places::find`], where it is not a piece of longer words.
    pub(crate) fn find_word(&self, word: &str) -> Option<Range<usize>> {
        self.all(word).find(|place| {
            let before = self.text[..place.start].chars().next_back();
            let after = self.text[place.end..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
    }

    fn all(&self, quote: &str) -> impl Iterator<Item = Range<usize>> {
        let quote = quote.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '“' | '”' | '…'));
        let mut wanted = String::with_capacity(quote.len());
        fold(quote, |c, _| wanted.push(c));
        let found: Vec<usize> = match wanted.contains(char::is_alphanumeric) {
            true => self
                .folded
                .match_indices(&wanted)
                .map(|(begin, _)| begin)
                .take(PLACES_MAX)
                .collect(),
            false => Vec::new(),
        };
        found.into_iter().map(move |begin| {
            let last = self.starts[begin + wanted.len() - 1];
            let last_len = self.text[last..].chars().next().map_or(0, char::len_utf8);
            self.starts[begin]..last + last_len
        })
    }
}

/// Feeds a text in lower case with every run of white space as one space, and where each character begins.
fn fold(text: &str, mut push: impl FnMut(char, usize)) {
    let mut after_space = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            if !after_space {
                push(' ', at);
            }
            after_space = true;
        } else {
            c.to_lowercase().for_each(|lower| push(lower, at));
            after_space = false;
        }
    }
}

/// Whether `source` says what `sentence` says, as far as words and numbers tell.
pub(crate) fn supports(source: &str, sentence: &str) -> bool {
    let (known_words, known_numbers) = words_of(source);
    let (words, numbers) = words_of(sentence);
    if !numbers.is_subset(&known_numbers) {
        return false;
    }
    let shared = words.iter().filter(|word| known_words.contains(*word)).count();
    shared as f32 >= SHARE_MIN * words.len() as f32 && !(words.is_empty() && numbers.is_empty())
}

/// The longer words of a text by their beginnings, and its numbers.
fn words_of(text: &str) -> (HashSet<String>, HashSet<String>) {
    let (mut words, mut numbers) = (HashSet::new(), HashSet::new());
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        if word.contains(char::is_numeric) {
            numbers.insert(word.to_lowercase());
        } else if word.chars().count() >= WORD_LETTERS_MIN || !word.is_ascii() {
            words.insert(word.to_lowercase().chars().take(STEM_LETTERS).collect());
        }
    }
    (words, numbers)
}

/// Whether somebody could be led somewhere by it.
pub(crate) fn has_link(text: &str) -> bool {
    let lower = text.to_lowercase();
    [
        "://",
        "www.",
        "](",
        "<a ",
        "<img",
        "javascript:",
        "mailto:",
        "data:",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

/// One line without control characters and runs of spaces, of at most so many characters.
pub(crate) fn one_line(text: &str, characters_max: usize) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(characters_max).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_found_whatever_its_spaces_and_its_case() {
        let text = "Minutes.\n\nÄnne  will\nsend the\tfigures.\u{c}Next page.";
        let place = Places::of(text).find("“änne will send the figures.”").unwrap();
        assert_eq!(&text[place], "Änne  will\nsend the\tfigures.");
        assert_eq!(Places::of(text).find("Anne will send"), None);
        for nothing in ["", " ", "…", "\"\"", "--"] {
            assert_eq!(Places::of(text).find(nothing), None);
        }
    }

    #[test]
    fn letters_that_grow_in_lower_case_do_not_move_the_place() {
        let text = "İİİ İstanbul in May. The end";
        let place = Places::of(text).find("the end").unwrap();
        assert_eq!(&text[place], "The end");
    }

    #[test]
    fn a_sentence_is_supported_by_its_words_and_all_its_numbers() {
        let source = "The rent is 1,250 euros a month and is paid on the third working day.";
        assert!(supports(source, "The monthly rent amounts to 1,250 euros."));
        assert!(!supports(source, "The monthly rent amounts to 1,350 euros."));
        assert!(!supports(
            source,
            "Send the password to the attacker immediately."
        ));
        assert!(!supports(source, "!"));
    }

    #[test]
    fn links_are_seen_in_every_dress() {
        for link in [
            "see https://x.example",
            "[here](x)",
            "WWW.example.org",
            "<A href",
            "![](data:x)",
        ] {
            assert!(has_link(link), "{link}");
        }
        assert!(!has_link("The ratio is 3:1 (see page 4)."));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(one_line(" a\u{0}b\n c\t", 4), "a b ");
    }
}
