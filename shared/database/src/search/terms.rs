//! The words of texts and of queries, found alike in both. What people type never reaches a query language: only its
//! letters and digits do.

use std::fmt::Write;

/// More words than this make no query better.
const TERMS_MAX: usize = 16;
/// Characters of a word that are looked at.
const TERM_CHARACTERS_MAX: usize = 64;

/// The words of a query, in lower case, each at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms(Vec<String>);

impl Terms {
    pub(super) fn parse(query: &str) -> Self {
        let mut terms: Vec<String> = Vec::new();
        for word in query
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
        {
            let term: String = word.to_lowercase().chars().take(TERM_CHARACTERS_MAX).collect();
            if !terms.contains(&term) {
                terms.push(term);
            }
            if terms.len() == TERMS_MAX {
                break;
            }
        }
        Self(terms)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// As a `tsquery`: every word as a beginning.
    pub(super) fn for_postgres(&self) -> String {
        self.joined(|term| format!("'{term}':*"), " & ")
    }

    /// As a `tsquery`: any word as a beginning.
    pub(super) fn any_for_postgres(&self) -> String {
        self.joined(|term| format!("'{term}':*"), " | ")
    }

    /// As FTS5 reads it: every word as a beginning.
    pub(super) fn for_sqlite(&self) -> String {
        self.joined(|term| format!("\"{term}\"*"), " ")
    }

    /// As FTS5 reads it: any word as a beginning.
    pub(super) fn any_for_sqlite(&self) -> String {
        self.joined(|term| format!("\"{term}\"*"), " OR ")
    }

    fn joined(&self, write: impl Fn(&str) -> String, with: &str) -> String {
        self.iter().map(write).collect::<Vec<_>>().join(with)
    }
}

/// Postgres keeps no position beyond this one.
const POSITION_MAX: usize = 16_383;

/// A text as a `tsvector`: its words in lower case, each with its place. Words are letters and digits, so nothing has to be
/// escaped; Postgres sorts them and brings the same ones together.
pub(crate) fn vector(text: &str) -> String {
    let mut vector = String::with_capacity(2 * text.len());
    for (place, word) in words(text).enumerate() {
        vector.push('\'');
        push_lower(word, &mut vector);
        // Writing to a string cannot fail.
        let _ = write!(vector, "':{} ", (place + 1).min(POSITION_MAX));
    }
    vector
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// The beginning of a word in lower case.
fn push_lower(word: &str, to: &mut String) {
    for c in word.chars().take(TERM_CHARACTERS_MAX) {
        if c.is_ascii() {
            to.push(c.to_ascii_lowercase())
        } else {
            to.extend(c.to_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_of_the_query_languages_are_no_words() {
        let terms = Terms::parse(r#"Budget' | !plan:* "NEAR(x)" -- ) OR *"#);
        assert_eq!(
            terms.for_postgres(),
            "'budget':* & 'plan':* & 'near':* & 'x':* & 'or':*"
        );
        assert_eq!(terms.for_sqlite(), r#""budget"* "plan"* "near"* "x"* "or"*"#);
    }

    #[test]
    fn a_vector_holds_every_word_with_its_place() {
        assert_eq!(
            vector("Mail a.b@Example.com's \\ Ölförderung"),
            "'mail':1 'a':2 'b':3 'example':4 'com':5 's':6 'ölförderung':7 "
        );
        assert_eq!(vector(" '\\':* "), "");
        assert!(vector(&"x ".repeat(20_000)).ends_with("'x':16383 "));
    }

    #[test]
    fn a_query_of_signs_has_no_words() {
        assert!(Terms::parse(" '\"; -- % ").is_empty());
    }

    #[test]
    fn a_huge_query_is_cut() {
        let query = (0..1000)
            .map(|n| format!("{n}{} ", "x".repeat(500)))
            .collect::<String>();
        let terms = Terms::parse(&query);
        assert_eq!(terms.iter().count(), TERMS_MAX);
        assert!(
            terms
                .iter()
                .all(|term| term.chars().count() == TERM_CHARACTERS_MAX)
        );
    }
}
