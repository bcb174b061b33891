//! Finds in a text what a query asked for, to show it.

use std::ops::Range;

use crate::pieces::{Piece, folded, pieces};
use crate::query::Wanted;
use crate::stems::Language;

/// What is looked for in the texts of one document.
pub struct Finder<'q> {
    wanted: Vec<Sought<'q>>,
    language: Option<Language>,
}

struct Sought<'q> {
    what: &'q Wanted,
    stem: Option<String>,
    other_spellings: &'q [String],
}

/// A place where something stands: its bytes, and which of the things it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In bytes of the text.
    pub range: Range<usize>,
    /// The number of what is wanted, from 0.
    pub number: usize,
}

impl<'q> Finder<'q> {
    /// For documents in a language (ISO 639-1). Beside each thing that is wanted stand the other spellings that will do.
    #[must_use]
    pub fn new(wanted: &'q [(Wanted, Vec<String>)], language: Option<&str>) -> Self {
        let language = language.and_then(Language::of);
        let wanted = wanted
            .iter()
            .map(|(what, other_spellings)| Sought {
                stem: what
                    .word()
                    .and_then(|word| language.as_ref().map(|language| language.stem_of(word))),
                what,
                other_spellings,
            })
            .collect();
        Self { wanted, language }
    }

    /// Every place, in order of their beginnings.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Place> {
        let terms = terms(text);
        let mut places = Vec::new();
        for (at, (range, term)) in terms.iter().enumerate() {
            for (number, sought) in self.wanted.iter().enumerate() {
                let end = match sought.what {
                    Wanted::Phrase(phrase) => self.phrase_end(&terms[at..], phrase),
                    _ => self.is_found(sought, term).then_some(match sought.what {
                        // The term is a pair of characters.
                        Wanted::Character(_) => range.start + term.chars().next().map_or(0, char::len_utf8),
                        _ => range.end,
                    }),
                };
                if let Some(end) = end.filter(|end| text.is_char_boundary(*end)) {
                    places.push(Place {
                        range: range.start..end,
                        number,
                    });
                    break;
                }
            }
        }
        places
    }

    fn is_found(&self, sought: &Sought<'_>, term: &str) -> bool {
        match sought.what {
            Wanted::Word(word) => {
                let begins = sought.what.loose().is_some() && term.starts_with(word.as_str());
                let inflected = || {
                    sought.stem.as_ref().is_some_and(|stem| {
                        self.language
                            .as_ref()
                            .is_some_and(|language| language.stem_of(term) == *stem)
                    })
                };
                begins
                    || term == word
                    || sought.other_spellings.iter().any(|other| other == term)
                    || inflected()
            }
            Wanted::Beginning(beginning) | Wanted::Character(beginning) => {
                term.starts_with(beginning.as_str())
            }
            Wanted::Phrase(_) => false,
        }
    }

    fn phrase_end(&self, terms: &[(Range<usize>, String)], phrase: &[String]) -> Option<usize> {
        let found = terms.get(..phrase.len())?;
        let same = found.iter().zip(phrase).all(|((_, term), wanted)| term == wanted);
        same.then(|| found.last().map(|(range, _)| range.end)).flatten()
    }
}

/// The terms of a text with their places; of a run, its pairs.
fn terms(text: &str) -> Vec<(Range<usize>, String)> {
    let mut terms = Vec::new();
    for (range, piece) in pieces(text) {
        match piece {
            Piece::Word(word) => terms.push((range, folded(word).into_owned())),
            Piece::Run(run) => {
                let mut characters = run.char_indices().peekable();
                while let Some((at, first)) = characters.next() {
                    let end = characters
                        .peek()
                        .map_or(at + first.len_utf8(), |(next, c)| next + c.len_utf8());
                    let term = folded(&run[at..end]).into_owned();
                    terms.push((range.start + at..range.start + end, term));
                }
            }
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;

    fn found<'t>(query: &str, language: &str, text: &'t str) -> Vec<&'t str> {
        let wanted: Vec<_> = Query::parse(query)
            .wanted
            .into_iter()
            .map(|wanted| (wanted, vec!["quince".to_owned()]))
            .collect();
        let finder = Finder::new(&wanted, Some(language));
        finder
            .find(text)
            .into_iter()
            .map(|place| &text[place.range])
            .collect()
    }

    #[test]
    fn words_are_found_in_all_the_ways_in_which_the_search_finds_them() {
        assert_eq!(
            found("budget 2027", "en", "The Budget for\n2027: budgets grow."),
            ["Budget", "2027", "budgets"]
        );
        assert_eq!(
            found("running", "en", "He runs, she ran, running"),
            ["runs", "running"]
        );
        assert_eq!(found("qince", "en", "a Quince"), ["Quince"], "another spelling");
        assert_eq!(found("ökonom", "de", "Überraschung für Ökonomen"), ["Ökonomen"]);
        assert_eq!(
            found("\"annual report\"", "en", "report, annual, Annual  Report"),
            ["Annual  Report"]
        );
        assert_eq!(found("\"budget\"", "en", "budgets, budget"), ["budget"]);
        assert_eq!(found("pl*", "en", "a plan"), ["plan"]);
    }

    #[test]
    fn characters_are_found_within_runs() {
        assert_eq!(found("京都", "ja", "東京都と京都"), ["京都", "京都"]);
        assert_eq!(found("都", "ja", "東京都と京都"), ["都", "都"]);
        assert_eq!(found("東京都", "ja", "は東京都。"), ["東京都"]);
    }
}
