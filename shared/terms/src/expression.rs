//! What a database looks up, written down for each of them.

/// Terms and how they belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// This term.
    Term(String),
    /// Every term that begins so.
    Prefix(String),
    /// These terms, one right behind the other.
    Phrase(Vec<String>),
    /// At least one of these.
    Any(Vec<Expression>),
    /// All of these.
    All(Vec<Expression>),
    /// The first, and not the second.
    Except(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// As a `tsquery`.
    #[must_use]
    pub fn for_postgres(&self) -> String {
        match self {
            Self::Term(term) => quoted_for_postgres(term),
            Self::Prefix(term) => format!("{}:*", quoted_for_postgres(term)),
            Self::Phrase(terms) => {
                let terms: Vec<_> = terms.iter().map(|term| quoted_for_postgres(term)).collect();
                format!("({})", terms.join(" <-> "))
            }
            Self::Any(parts) => joined(parts, " | ", Self::for_postgres),
            Self::All(parts) => joined(parts, " & ", Self::for_postgres),
            Self::Except(wanted, unwanted) => {
                format!("({} & !{})", wanted.for_postgres(), unwanted.for_postgres())
            }
        }
    }

    /// As FTS5 reads it.
    #[must_use]
    pub fn for_sqlite(&self) -> String {
        match self {
            Self::Term(term) => quoted_for_sqlite(term),
            Self::Prefix(term) => format!("{}*", quoted_for_sqlite(term)),
            Self::Phrase(terms) => quoted_for_sqlite(&terms.join(" ")),
            Self::Any(parts) => joined(parts, " OR ", Self::for_sqlite),
            Self::All(parts) => joined(parts, " AND ", Self::for_sqlite),
            Self::Except(wanted, unwanted) => {
                format!("({} NOT {})", wanted.for_sqlite(), unwanted.for_sqlite())
            }
        }
    }
}

// Terms hold letters, digits, marks and our own signs, none of which ends a quotation. Doubling costs nothing, and keeps that
// true if it ever changes.
pub(crate) fn quoted_for_postgres(term: &str) -> String {
    format!("'{}'", term.replace('\\', "\\\\").replace('\'', "''"))
}

fn quoted_for_sqlite(term: &str) -> String {
    format!("\"{}\"", term.replace('"', "\"\""))
}

fn joined(parts: &[Expression], operator: &str, show: fn(&Expression) -> String) -> String {
    let parts: Vec<_> = parts.iter().map(show).collect();
    format!("({})", parts.join(operator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let term = |word: &str| Expression::Term(word.to_owned());
        let expression = Expression::Except(
            Box::new(Expression::All(vec![
                Expression::Any(vec![term("a"), Expression::Prefix("b".to_owned())]),
                Expression::Phrase(vec!["c".to_owned(), "d".to_owned()]),
            ])),
            Box::new(term("e'\\\"")),
        );
        assert_eq!(
            expression.for_postgres(),
            r#"((('a' | 'b':*) & ('c' <-> 'd')) & !'e''\\"')"#
        );
        assert_eq!(
            expression.for_sqlite(),
            r#"((("a" OR "b"*) AND "c d") NOT "e'\""")"#
        );
    }
}
