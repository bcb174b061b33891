//! The part of a passage that shows best why it was found. Positions instead of markup: whoever shows it escapes it.

use std::ops::Range;

use terms::Finder;

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

/// The part of `text` around the first place that was found.
pub(super) fn excerpt(text: &str, finder: &Finder<'_>) -> Excerpt {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let characters: Vec<char> = text.chars().collect();
    let found = in_characters(&text, finder);
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

/// What was found, as ranges of characters that neither touch nor overlap.
fn in_characters(text: &str, finder: &Finder<'_>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut byte, mut character) = (0, 0);
    for place in finder.find(text) {
        // Places begin one behind the other.
        character += text[byte..place.range.start].chars().count();
        byte = place.range.start;
        let range = character..character + text[place.range].chars().count();
        match ranges.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => ranges.push(range),
        }
    }
    ranges
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
    use terms::Query;

    fn shown(text: &str, query: &str) -> (String, Vec<String>) {
        let wanted: Vec<_> = Query::parse(query)
            .wanted
            .into_iter()
            .map(|wanted| (wanted, Vec::new()))
            .collect();
        let excerpt = excerpt(text, &Finder::new(&wanted, Some("en")));
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
        let (_, words) = shown("は東京都と。", "東京都");
        assert_eq!(words, ["東京都"], "found within a run");
    }
}
