//! What a text is about, in a handful of words.
//!
//! Languages with spaces go through our own implementation of YAKE (Campos et al., "YAKE! Keyword extraction from
//! single documents using multiple local features", Information Sciences 509, 2020): words are judged by how they
//! stand in this one text (how often, how early, in how many sentences, written how, next to whom), without any
//! knowledge of the world. Languages without spaces are split by a dictionary, and their words counted.

mod calendar;
mod dress;
mod korean;
mod phrases;
mod places;
mod selection;
mod stopwords;
mod terms;
mod unspaced;
mod words;

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::languages::Languages;
use crate::sample::{SampleSize, sample};
pub use dress::names_in;
pub(crate) use stopwords::StopWords;

/// A word or short phrase that characterises a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// Lower case, one to three words, without digits.
    pub value: String,
    /// Above 0, and 1 for the best tag of the text, to which the others are compared. Scores of different texts
    /// cannot be compared.
    pub score: f32,
    /// ISO 639-1 code of the text's language, when it was known.
    pub lang: Option<String>,
    /// What the tag stands for.
    pub kind: TagKind,
    /// Where it stands in the text first: its first and its behind-last character. `None` where it does not stand there
    /// in just these words, as after merging what a line break had parted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<(u64, u64)>,
}

/// What a tag stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagKind {
    /// What the text is about.
    Topic,
    /// Somebody: who wrote or said something in the document, or has a form of address before the name.
    Person,
    /// A company or an institution, by its legal form or the word for what it is.
    Organisation,
    /// A country or a large city, or what stands behind a postal code.
    Place,
}

/// A chosen tag before it is dressed for the caller.
#[derive(Debug, PartialEq)]
struct Choice {
    value: String,
    /// 0 to 1, higher is better.
    score: f32,
}

/// The first pages nearly always say what a document is about; the spread pieces catch what comes later.
const LOOKED_AT: SampleSize = SampleSize {
    head_bytes: 64 * 1024,
    pieces: 16,
    piece_bytes: 2 * 1024,
};

/// Share of the letters from which on a text counts as written without spaces.
const UNSPACED_SHARE: f64 = 0.3;

/// More tags than this say nothing any more, and comparing them all with each other would take long.
const TAGS_MAX: usize = 100;

/// At most `max_tags` (and never more than 100) tags of `text`, best first; fewer, or none, when the text does not have as many.
///
/// `language` is an ISO 639-1 code as [`detect_language`](crate::detect_language) gives it. Without it, or for a
/// language whose common words are not known, long and frequent words win, which is noticeably worse.
///
/// Only the first 64 kB and 32 kB evenly spread over the rest of a longer text are looked at, so the cost is bounded
/// by a few milliseconds; a note of 2 kB costs about a twentieth of one. The same text always gives the same tags.
pub fn extract_tags(text: &str, language: Option<&str>, max_tags: usize) -> Vec<Tag> {
    if max_tags == 0 {
        return Vec::new();
    }
    let max_tags = max_tags.min(TAGS_MAX);
    let sampled = sample(text, LOOKED_AT);
    let composed = compose(&sampled);
    let stop_words = StopWords::of(language);
    let choices = if unspaced::share(&composed) > UNSPACED_SHARE {
        unspaced::choose(&composed, stop_words, max_tags)
    } else {
        let text = words::Text::read(&composed, language);
        let terms = terms::judge(&text, stop_words);
        let phrases = phrases::judge(&text, &terms);
        selection::choose(&text, &terms, phrases, language, max_tags)
    };
    let dress = |choice: Choice| Tag {
        value: choice.value,
        score: choice.score,
        lang: language.map(str::to_owned),
        kind: TagKind::Topic,
        span: None,
    };
    choices.into_iter().map(dress).collect()
}

/// At most `max_tags` tags of `text`, best first, each with what it stands for and where.
///
/// They are in the languages `asked` for (ISO 639-1), as far as the text has parts in them; otherwise, and when none is asked
/// for, in its main language. `people` are names of those who wrote or said something in it.
#[must_use]
pub fn find_tags(
    text: &str,
    languages: &Languages,
    asked: &[String],
    people: &[String],
    max_tags: usize,
) -> Vec<Tag> {
    let main = languages.main.as_ref().map(|language| language.code.as_str());
    let wanted: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|code| languages.has(code))
        .collect();
    let parts = wanted
        .iter()
        .filter_map(|code| Some((*code, languages.part(text, code)?)));
    let mut tags: Vec<Tag> = parts
        .flat_map(|(code, part)| extract_tags(&part, Some(code), max_tags))
        .collect();
    if tags.is_empty() {
        tags = extract_tags(text, main, max_tags);
    } else {
        tags.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut seen = HashSet::new();
        tags.retain(|tag| seen.insert(tag.value.clone()));
        tags.truncate(max_tags);
    }
    dress::dress(text, people, &mut tags);
    tags
}

/// Accents joined to their letters, ligatures taken apart, wide letters made narrow; otherwise one word would be
/// several, and stop words would not be recognised.
fn compose(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkc().collect())
    }
}
