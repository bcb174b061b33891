//! Stems: what inflections of a word have in common, by the Snowball rules of a language.

use rust_stemmers::{Algorithm, Stemmer};

use crate::expression::Expression;
use crate::marks::{language_mark, stem_mark};

/// Shorter words are not inflected, or would lose too much.
const WORD_CHARACTERS_MIN: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Arabic,
    Cyrillic,
    Greek,
    Latin,
    Tamil,
}

/// Languages (ISO 639-1) with rules, and the letters that they are written in.
const LANGUAGES: [(&str, Algorithm, Alphabet); 18] = [
    ("ar", Algorithm::Arabic, Alphabet::Arabic),
    ("da", Algorithm::Danish, Alphabet::Latin),
    ("de", Algorithm::German, Alphabet::Latin),
    ("el", Algorithm::Greek, Alphabet::Greek),
    ("en", Algorithm::English, Alphabet::Latin),
    ("es", Algorithm::Spanish, Alphabet::Latin),
    ("fi", Algorithm::Finnish, Alphabet::Latin),
    ("fr", Algorithm::French, Alphabet::Latin),
    ("hu", Algorithm::Hungarian, Alphabet::Latin),
    ("it", Algorithm::Italian, Alphabet::Latin),
    ("nl", Algorithm::Dutch, Alphabet::Latin),
    ("no", Algorithm::Norwegian, Alphabet::Latin),
    ("pt", Algorithm::Portuguese, Alphabet::Latin),
    ("ro", Algorithm::Romanian, Alphabet::Latin),
    ("ru", Algorithm::Russian, Alphabet::Cyrillic),
    ("sv", Algorithm::Swedish, Alphabet::Latin),
    ("ta", Algorithm::Tamil, Alphabet::Tamil),
    ("tr", Algorithm::Turkish, Alphabet::Latin),
];

fn alphabet(word: &str) -> Option<Alphabet> {
    match word.chars().next()? {
        'a'..='z' | '\u{df}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Some(Alphabet::Latin),
        '\u{370}'..='\u{3ff}' => Some(Alphabet::Greek),
        '\u{400}'..='\u{52f}' => Some(Alphabet::Cyrillic),
        '\u{600}'..='\u{6ff}' => Some(Alphabet::Arabic),
        '\u{b80}'..='\u{bff}' => Some(Alphabet::Tamil),
        _ => None,
    }
}

fn has_stem(word: &str) -> bool {
    word.chars().nth(WORD_CHARACTERS_MIN - 1).is_some() && !word.chars().any(char::is_numeric)
}

/// The rules of one language.
pub(crate) struct Language {
    code: &'static str,
    alphabet: Alphabet,
    stemmer: Stemmer,
}

impl Language {
    /// The rules of a language, if there are any.
    pub(crate) fn of(code: &str) -> Option<Self> {
        let (code, algorithm, alphabet) = *LANGUAGES.iter().find(|(known, ..)| *known == code)?;
        Some(Self {
            code,
            alphabet,
            stemmer: Stemmer::create(algorithm),
        })
    }

    /// That a document is in this language.
    pub(crate) fn mark(&self) -> String {
        language_mark(self.code)
    }

    /// The stem of a folded word; the word itself where the rules say nothing about it.
    pub(crate) fn stem_of(&self, word: &str) -> String {
        if alphabet(word) != Some(self.alphabet) || !has_stem(word) {
            return word.to_owned();
        }
        self.stemmer.stem(word).into_owned()
    }

    /// The term of a folded word's stem; `None` where the word itself is the stem, or has none.
    pub(crate) fn stem_term(&self, word: &str) -> Option<String> {
        if alphabet(word) != Some(self.alphabet) || !has_stem(word) {
            return None;
        }
        let stem = self.stemmer.stem(word);
        (stem != word).then(|| stem_mark(self.code, &stem))
    }
}

/// What finds the inflections of a folded word in documents of every language, each by the rules of its own: a query is too
/// short to have a language.
pub(crate) fn inflections(word: &str) -> Vec<Expression> {
    let Some(letters) = alphabet(word).filter(|_| has_stem(word)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // Languages that agree on a stem which is a word of its own.
    let mut bare: Vec<(String, Vec<Expression>)> = Vec::new();
    for (code, algorithm, alphabet) in LANGUAGES {
        if alphabet != letters {
            continue;
        }
        let stem = Stemmer::create(algorithm).stem(word).into_owned();
        found.push(Expression::Term(stem_mark(code, &stem)));
        if stem != word {
            let mark = Expression::Term(language_mark(code));
            match bare.iter_mut().find(|(known, _)| *known == stem) {
                Some((_, marks)) => marks.push(mark),
                None => bare.push((stem, vec![mark])),
            }
        }
    }
    // A word that is its own stem is stored as a word only.
    found.extend(
        bare.into_iter()
            .map(|(stem, marks)| Expression::All(vec![Expression::Term(stem), Expression::Any(marks)])),
    );
    found
}

/// The stems of a folded word by the rules of every language, in whatever document they stand: for ranking what was found by
/// [`inflections`], with less to look at.
pub(crate) fn stems(word: &str) -> Vec<Expression> {
    let mut stems = Vec::new();
    for form in inflections(word) {
        let stem = match form {
            Expression::All(parts) => parts.into_iter().next(),
            stem => Some(stem),
        };
        stems.extend(stem);
    }
    stems
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_a_stem_in_its_own_language_only() {
        let english = Language::of("en").unwrap();
        assert_eq!(english.stem_term("running").as_deref(), Some("~enrun"));
        assert_eq!(english.stem_term("run"), None, "it is its own stem");
        assert_eq!(english.stem_term("запуски"), None);
        assert_eq!(english.stem_term("b2b"), None);
        assert!(Language::of("ja").is_none());
    }

    #[test]
    fn the_inflections_of_a_word_meet_in_every_language() {
        for (language, one, other) in [
            ("en", "running", "runs"),
            ("de", "häuser", "hauses"),
            ("fr", "nationales", "nationale"),
            ("es", "trabajadores", "trabajador"),
            ("ru", "книгами", "книги"),
        ] {
            let rules = Language::of(language).unwrap();
            let term = rules.stem_term(one).unwrap_or_else(|| one.to_owned());
            let sought = inflections(other);
            let finds = sought.iter().any(|it| match it {
                Expression::Term(sought) => *sought == term,
                Expression::All(parts) => parts[0] == Expression::Term(term.clone()),
                _ => false,
            });
            assert!(
                finds,
                "{other} does not find {one} ({term}) in {language}: {sought:?}"
            );
        }
    }

    #[test]
    fn stems_for_ranking_ask_for_no_language() {
        let stems = stems("dies");
        assert!(stems.contains(&Expression::Term("die".to_owned())));
        assert!(
            stems.iter().all(|stem| matches!(stem, Expression::Term(_))),
            "{stems:?}"
        );
    }

    #[test]
    fn a_stem_that_is_a_word_counts_in_its_languages_only() {
        let sought = inflections("dies");
        assert!(!sought.contains(&Expression::Term("die".to_owned())));
    }
}
