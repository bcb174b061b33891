//! The part of a passage that shows best why it was found. Positions instead of markup: whoever shows it escapes it.

use std::ops::Range;

use super::terms::Terms;

/// Characters of an excerpt, about three lines.
const CHARACTERS_MAX: usize = 280;
/// Characters kept before the first word found.
const LEAD: usize = 60;

/// A part of a passage with the places of the words that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The text, without line breaks.
    pub text: String,
    /// The words found, as ranges of characters of `text`.
    pub highlights: Vec<Range<usize>>,
}

/// The part of `text` around the first word that begins with one of the terms.
pub(super) fn excerpt(text: &str, terms: &Terms) -> Excerpt {
    let characters: Vec<char> = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .collect();
    let found = find(&characters, terms);
    let first = found.first().map_or(0, |range| range.start);
    let start = start_of_word(&characters, first.saturating_sub(LEAD));
    let end = end_of_word(&characters, (start + CHARACTERS_MAX).min(characters.len()), start);
    let highlights = found
        .into_iter()
        .filter(|range| range.start >= start && range.end <= end)
        .map(|range| range.start - start..range.end - start)
        .collect();
    Excerpt {
        text: characters[start..end].iter().collect(),
        highlights,
    }
}

/// Words that begin with a term, as ranges of characters.
fn find(characters: &[char], terms: &Terms) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut position = 0;
    while position < characters.len() {
        if !characters[position].is_alphanumeric() {
            position += 1;
            continue;
        }
        let length = characters[position..]
            .iter()
            .take_while(|c| c.is_alphanumeric())
            .count();
        let word: String = characters[position..position + length]
            .iter()
            .flat_map(|c| c.to_lowercase())
            .collect();
        if terms.iter().any(|term| word.starts_with(term)) {
            found.push(position..position + length);
        }
        position += length;
    }
    found
}

fn start_of_word(characters: &[char], wanted: usize) -> usize {
    if wanted == 0 {
        return 0;
    }
    characters[wanted..]
        .iter()
        .take(LEAD)
        .position(|c| *c == ' ')
        .map_or(wanted, |space| wanted + space + 1)
}

fn end_of_word(characters: &[char], wanted: usize, start: usize) -> usize {
    if wanted == characters.len() {
        return wanted;
    }
    characters[start..wanted]
        .iter()
        .rposition(|c| *c == ' ')
        .map_or(wanted, |space| start + space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, query: &str) -> (String, Vec<String>) {
        let excerpt = excerpt(text, &Terms::parse(query));
        let characters: Vec<char> = excerpt.text.chars().collect();
        let words = excerpt
            .highlights
            .iter()
            .map(|range| characters[range.clone()].iter().collect())
            .collect();
        (excerpt.text, words)
    }

    #[test]
    fn words_and_beginnings_of_words_are_marked() {
        let (text, words) = shown("The Budget for\n2027: budgets grow.", "budget 2027");
        assert_eq!(text, "The Budget for 2027: budgets grow.");
        assert_eq!(words, ["Budget", "2027", "budgets"]);
    }

    #[test]
    fn a_long_passage_is_cut_at_words_around_the_first_hit() {
        let passage = format!("{} needle {}", "hay ".repeat(200), "straw ".repeat(200));
        let (text, words) = shown(&passage, "needle");
        assert!(text.chars().count() <= CHARACTERS_MAX);
        assert!(text.starts_with("hay ") && text.ends_with("straw"), "{text}");
        assert_eq!(words, ["needle"]);
    }

    #[test]
    fn letters_of_several_bytes_are_counted_as_characters() {
        let (_, words) = shown("Überraschung für Ökonomen", "ökonom");
        assert_eq!(words, ["Ökonomen"]);
    }

    #[test]
    fn a_text_without_spaces_is_cut_anyway() {
        let (text, _) = shown(&"字".repeat(1000), "字");
        assert_eq!(text.chars().count(), CHARACTERS_MAX);
    }
}
