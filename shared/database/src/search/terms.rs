//! The words of a query. What people type never reaches a query language: only its letters and digits do.

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

    /// As `to_tsquery` reads it: every word as a beginning.
    pub(super) fn for_postgres(&self) -> String {
        self.iter()
            .map(|term| format!("'{term}':*"))
            .collect::<Vec<_>>()
            .join(" & ")
    }

    /// As FTS5 reads it: every word as a beginning.
    pub(super) fn for_sqlite(&self) -> String {
        self.iter()
            .map(|term| format!("\"{term}\"*"))
            .collect::<Vec<_>>()
            .join(" ")
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
