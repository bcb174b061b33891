//! What is asked: in which language, what for, and by which words.

use rust_stemmers::{Algorithm, Stemmer};

use super::small_words::SmallWords;
use crate::language::detect_language;
use crate::tags::StopWords;

/// What a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// To know something that the documents say.
    Question,
    /// To know in short what the documents are about.
    Summary,
}

impl Intent {
    /// The word used in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Summary => "summary",
        }
    }
}

/// The kind of thing that would answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    Anything,
    /// A number, or a time, which is written with one more often than not.
    Number,
    Name,
}

/// A question that has been looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    language: Option<String>,
    intent: Intent,
    sought: Sought,
    words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq)]
struct Word {
    /// What all forms of the word have in common, as far as the stemmer knows.
    stem: String,
    /// What most forms of the word begin with.
    beginning: String,
}

/// Words of a question that are looked at; more make no question better.
const WORDS_MAX: usize = 16;

/// Languages of which the small words tell a short question apart.
const LANGUAGES: &[&str] = &[
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "ru",
];

// Beginnings of words that ask for a summary, and words that ask for a number or a name: English, German, French, Spanish.
const SUMMARY: &[&str] = &[
    "summar",
    "overview",
    "zusammenfass",
    "überblick",
    "résum",
    "resum",
    "aperçu",
];
const NUMBER: &[&str] = &[
    "when", "many", "much", "wann", "viel", "viele", "hoch", "teuer", "quand", "combien", "cuándo", "cuando",
    "cuánto", "cuánta", "cuántos", "cuántas",
];
const NAME: &[&str] = &[
    "who", "whom", "whose", "wer", "wem", "wen", "wessen", "qui", "quién", "quien", "quiénes",
];

impl Question {
    /// Looks at a question. Costs well under a millisecond, however long it is.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let lower: Vec<String> = words(text).map(str::to_lowercase).collect();
        let language = detect_language(text)
            .map(|language| language.code)
            .or_else(|| by_small_words(&lower));
        let starts = |beginnings: &[&str]| {
            lower
                .iter()
                .any(|word| beginnings.iter().any(|beginning| word.starts_with(beginning)))
        };
        let asks = |words: &[&str]| lower.iter().any(|word| words.contains(&word.as_str()));
        let small_words = SmallWords::of(language.as_deref());
        let says_something = |word: &&String| !small_words.contains(word);
        let mut found = Word::all(lower.iter().filter(says_something), language.as_deref());
        if found.is_empty() {
            // "Who is it?" consists of nothing but small words, and they are all there is.
            found = Word::all(lower.iter(), language.as_deref());
        }
        Self {
            intent: if starts(SUMMARY) {
                Intent::Summary
            } else {
                Intent::Question
            },
            sought: if asks(NUMBER) {
                Sought::Number
            } else if asks(NAME) {
                Sought::Name
            } else {
                Sought::Anything
            },
            words: found,
            language,
        }
    }

    /// Its language (ISO 639-1), if it can be told.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// What it wants.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.intent
    }

    /// The beginnings of the words to search for, in lower case; none when the question has no words.
    pub fn beginnings(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.beginning.as_str())
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.stem.as_str())
    }

    pub(super) fn sought(&self) -> Sought {
        self.sought
    }
}

impl Word {
    /// Each word once.
    fn all<'w>(words: impl Iterator<Item = &'w String>, language: Option<&str>) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for word in words {
            let word = Self::new(word, language);
            if !found.contains(&word) {
                found.push(word);
            }
            if found.len() == WORDS_MAX {
                break;
            }
        }
        found
    }

    fn new(word: &str, language: Option<&str>) -> Self {
        let stem = stem(word, language);
        let common: usize = word
            .chars()
            .zip(stem.chars())
            .take_while(|(a, b)| a == b)
            .map(|(c, _)| c.len_utf8())
            .sum();
        // "study" and "studies" differ in the last letter of their stem.
        let changed = stem.ends_with(['i', 'y']) && common == stem.len() && common > 3;
        let beginning = word[..common - usize::from(changed)].to_owned();
        Self {
            beginning: if beginning.is_empty() {
                word.to_owned()
            } else {
                beginning
            },
            stem,
        }
    }
}

/// The words of a text as [`Question::terms`] knows them, each as often as it stands there.
pub(super) fn terms_of(text: &str, language: Option<&str>) -> Vec<String> {
    let small_words = SmallWords::of(language);
    words(text)
        .map(str::to_lowercase)
        .filter(|word| !small_words.contains(word))
        .map(|word| stem(&word, language))
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// The language of which a short question has most small words, unless two have as many.
fn by_small_words(words: &[String]) -> Option<String> {
    let mut counts: Vec<(usize, &str)> = LANGUAGES
        .iter()
        .map(|language| {
            let small = StopWords::of(Some(language));
            (
                words.iter().filter(|word| small.contains(word)).count(),
                *language,
            )
        })
        .collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    match counts[..] {
        [(most, language), (second, _), ..] if most > second => Some(language.to_owned()),
        _ => None,
    }
}

fn stem(word: &str, language: Option<&str>) -> String {
    match language.and_then(algorithm) {
        Some(algorithm) => Stemmer::create(algorithm).stem(word).into_owned(),
        None => word.to_owned(),
    }
}

fn algorithm(language: &str) -> Option<Algorithm> {
    Some(match language {
        "ar" => Algorithm::Arabic,
        "da" => Algorithm::Danish,
        "de" => Algorithm::German,
        "el" => Algorithm::Greek,
        "en" => Algorithm::English,
        "es" => Algorithm::Spanish,
        "fi" => Algorithm::Finnish,
        "fr" => Algorithm::French,
        "hu" => Algorithm::Hungarian,
        "it" => Algorithm::Italian,
        "nl" => Algorithm::Dutch,
        "no" => Algorithm::Norwegian,
        "pt" => Algorithm::Portuguese,
        "ro" => Algorithm::Romanian,
        "ru" => Algorithm::Russian,
        "sv" => Algorithm::Swedish,
        "ta" => Algorithm::Tamil,
        "tr" => Algorithm::Turkish,
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn short_questions_are_told_apart_by_their_small_words() {
        for (question, language) in [
            ("When is the invoice due?", "en"),
            ("Wann ist die Rechnung fällig?", "de"),
            ("Quand est-ce que la facture est due ?", "fr"),
            ("¿Cuándo vence la factura de los servicios?", "es"),
        ] {
            assert_eq!(Question::read(question).language(), Some(language), "{question}");
        }
        assert_eq!(Question::read("Budget 2027").language(), None);
    }

    #[test]
    fn a_question_is_searched_for_by_what_its_words_begin_with() {
        let question = Question::read("Which studies did the companies pay for?");
        let beginnings: Vec<&str> = question.beginnings().collect();
        assert_eq!(beginnings, ["stud", "compan", "pay"]);
    }

    #[test]
    fn what_is_wanted_is_read_from_the_words() {
        for question in [
            "Summarise this",
            "Bitte eine Zusammenfassung",
            "Un résumé ?",
            "Dame un resumen",
        ] {
            assert_eq!(Question::read(question).intent(), Intent::Summary, "{question}");
        }
        assert_eq!(Question::read("What does it cost?").intent(), Intent::Question);
        assert_eq!(
            Question::read("Combien coûte la licence ?").sought(),
            Sought::Number
        );
        assert_eq!(Question::read("Wer unterschreibt?").sought(), Sought::Name);
    }

    #[test]
    fn a_question_without_words_searches_for_nothing() {
        assert_eq!(Question::read("?! …").beginnings().count(), 0);
        assert_eq!(Question::read(&"harbour ".repeat(10_000)).beginnings().count(), 1);
    }

    #[test]
    fn beginnings_never_split_a_character() {
        for word in ["ü", "äi", "студии", "ééé", "漢字", "ıi", "ﬁi"] {
            for language in [None, Some("en"), Some("de"), Some("ru"), Some("tr"), Some("fr")] {
                let word = Word::new(word, language);
                assert!(!word.beginning.is_empty());
            }
        }
    }
}
