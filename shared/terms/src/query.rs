//! The query language: words, "phrases", -exclusions, beginnings*. Every text is a query; what makes no sense is passed over.

use crate::expression::Expression;
use crate::pieces::{Piece, folded, pairs, pieces};
use crate::stems::{inflections, stems};

/// More words than this make no query better.
const ITEMS_MAX: usize = 16;
/// A shorter word is looked up as it is; as a beginning it would find almost everything.
const BEGINNING_CHARACTERS_MIN: usize = 3;

/// What somebody looks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// What a document must have, all of it.
    pub wanted: Vec<Wanted>,
    /// What it must not have, any of it.
    pub unwanted: Vec<Wanted>,
}

/// One thing that a document must have, or must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A word, its inflections, and words that begin with it.
    Word(String),
    /// Words that begin so.
    Beginning(String),
    /// These words or characters, one right behind the other, exactly as they are. A single word too.
    Phrase(Vec<String>),
    /// The single character of a script without spaces, wherever it stands.
    Character(String),
}

impl Query {
    /// Reads a query. There is no text that is not one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() && query.wanted.len() + query.unwanted.len() < ITEMS_MAX {
            let unwanted = rest
                .strip_prefix('-')
                .filter(|rest| !rest.starts_with(char::is_whitespace));
            let item = unwanted.unwrap_or(rest);
            let (items, after) = match item.strip_prefix('"') {
                Some(quoted) => {
                    let (phrase, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                    (phrase_of(phrase).into_iter().collect(), after)
                }
                None => {
                    let end = item
                        .find(|c: char| c.is_whitespace() || c == '"')
                        .unwrap_or(item.len());
                    (words_of(&item[..end]), &item[end..])
                }
            };
            let place = if unwanted.is_some() {
                &mut query.unwanted
            } else {
                &mut query.wanted
            };
            for item in items {
                if !place.contains(&item) {
                    place.push(item);
                }
            }
            rest = after.trim_start();
        }
        query.wanted.truncate(ITEMS_MAX);
        query.unwanted.truncate(ITEMS_MAX);
        query
    }

    /// Whether nothing is looked for. A query that only excludes finds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What a document must not have, if there is anything.
    #[must_use]
    pub fn unwanted(&self) -> Option<Expression> {
        let unwanted: Vec<_> = self.unwanted.iter().map(Wanted::strict).collect();
        (!unwanted.is_empty()).then_some(Expression::Any(unwanted))
    }
}

impl Wanted {
    /// What finds exactly this: the word and its inflections, the phrase, the beginning that was asked for.
    #[must_use]
    pub fn strict(&self) -> Expression {
        match self {
            Self::Word(word) => {
                let mut forms = vec![Expression::Term(word.clone())];
                forms.extend(inflections(word));
                Expression::Any(forms)
            }
            Self::Beginning(beginning) => Expression::Prefix(beginning.clone()),
            Self::Phrase(terms) => match terms.as_slice() {
                [term] => Expression::Term(term.clone()),
                terms => Expression::Phrase(terms.to_vec()),
            },
            // Every occurrence is the first of a pair, or the end of a run.
            Self::Character(character) => Expression::Prefix(character.clone()),
        }
    }

    /// What a document that has it is ranked by; `None` for beginnings, which stand everywhere and say little.
    #[must_use]
    pub fn ranked(&self) -> Option<Expression> {
        match self {
            Self::Word(word) => {
                let mut forms = vec![Expression::Term(word.clone())];
                forms.extend(stems(word));
                Some(Expression::Any(forms))
            }
            Self::Phrase(_) => Some(self.strict()),
            Self::Beginning(_) | Self::Character(_) => None,
        }
    }

    /// What may stand for it, and is worth less: words that begin with the word.
    #[must_use]
    pub fn loose(&self) -> Option<Expression> {
        match self {
            Self::Word(word) if word.chars().count() >= BEGINNING_CHARACTERS_MIN => {
                Some(Expression::Prefix(word.clone()))
            }
            _ => None,
        }
    }

    /// The word, where another spelling of it may be meant.
    #[must_use]
    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The words between two spaces, for example of an address; a star belongs to the last one.
fn words_of(text: &str) -> Vec<Wanted> {
    let mut items = Vec::new();
    for (range, piece) in pieces(text) {
        match piece {
            Piece::Word(word) => {
                let word = folded(word).into_owned();
                if word.is_empty() {
                    continue;
                }
                let starred = &text[range.end..] == "*";
                items.push(if starred {
                    Wanted::Beginning(word)
                } else {
                    Wanted::Word(word)
                });
            }
            Piece::Run(run) => items.extend(run_of(run)),
        }
    }
    items
}

fn run_of(run: &str) -> Option<Wanted> {
    let mut pairs = pairs(run);
    let last = pairs.pop()?;
    Some(if pairs.is_empty() {
        Wanted::Character(last)
    } else {
        Wanted::Phrase(pairs)
    })
}

fn phrase_of(text: &str) -> Option<Wanted> {
    let pieces: Vec<_> = pieces(text).map(|(_, piece)| piece).collect();
    if let [Piece::Run(run)] = pieces.as_slice() {
        return run_of(run);
    }
    let mut terms = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Word(word) => terms.push(folded(word).into_owned()),
            Piece::Run(run) => {
                let mut pairs = pairs(run);
                // The run may go on behind the phrase, unless a word follows.
                if at + 1 == pieces.len() && pairs.len() > 1 {
                    pairs.pop();
                }
                terms.extend(pairs);
            }
        }
    }
    terms.retain(|term| !term.is_empty());
    terms.truncate(4 * ITEMS_MAX);
    (!terms.is_empty()).then_some(Wanted::Phrase(terms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str) -> Wanted {
        Wanted::Word(word.to_owned())
    }

    fn phrase(words: &[&str]) -> Wanted {
        Wanted::Phrase(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn words_phrases_exclusions_and_beginnings_are_told_apart() {
        let query = Query::parse(r#"Budget "annual  Report" -draft -"for review" plan* budget"#);
        let wanted = [
            word("budget"),
            phrase(&["annual", "report"]),
            Wanted::Beginning("plan".to_owned()),
        ];
        assert_eq!(query.wanted, wanted);
        assert_eq!(query.unwanted, [word("draft"), phrase(&["for", "review"])]);
    }

    #[test]
    fn a_sign_within_a_word_parts_it_and_excludes_nothing() {
        assert_eq!(Query::parse("state-of a.b@c").wanted.len(), 5);
        assert!(Query::parse("state-of").unwanted.is_empty());
        assert_eq!(Query::parse("a - b").unwanted, []);
    }

    #[test]
    fn every_text_is_a_query() {
        for text in [
            "", "  ", "'", "\"", "*", "-", "--", "-\"", "\"\"", "- *", "\0", "NEAR(", "%", "🙂", "-\"\" *",
        ] {
            assert!(
                Query::parse(text).wanted.iter().all(|it| *it == word("near")),
                "{text:?}"
            );
        }
        assert_eq!(
            Query::parse("a:* | !b & \"c").wanted,
            [word("a"), word("b"), phrase(&["c"])]
        );
        assert_eq!(
            Query::parse("\"open phrase").wanted,
            [phrase(&["open", "phrase"])]
        );
    }

    #[test]
    fn a_run_is_found_by_what_it_holds() {
        assert_eq!(Query::parse("京都").wanted, [phrase(&["京都"])]);
        assert_eq!(Query::parse("東京都").wanted, [phrase(&["東京", "京都"])]);
        assert_eq!(Query::parse("都").wanted, [Wanted::Character("都".to_owned())]);
        assert_eq!(
            Query::parse("\"東京 abc\"").wanted,
            [phrase(&["東京", "京", "abc"])]
        );
    }

    #[test]
    fn a_huge_query_is_cut() {
        let text: String = (0..1000)
            .map(|n| format!("{n}{} -no{n} ", "x".repeat(500)))
            .collect();
        let query = Query::parse(&text);
        assert!(query.wanted.len() + query.unwanted.len() <= ITEMS_MAX);
        assert!(
            Query::parse(&format!("\"{}\"", "a b ".repeat(5_000)))
                .wanted
                .len()
                == 1
        );
        let joined = Query::parse(&"a1.".repeat(5_000));
        assert!(joined.wanted.len() <= ITEMS_MAX);
    }

    #[test]
    fn short_words_are_no_beginnings_unless_asked_for() {
        assert_eq!(word("ab").loose(), None);
        assert_eq!(word("abc").loose(), Some(Expression::Prefix("abc".to_owned())));
        let asked = Query::parse("ab*").wanted;
        assert_eq!(asked[0].strict(), Expression::Prefix("ab".to_owned()));
    }
}
