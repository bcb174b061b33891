//! Chooses tags among the phrases: the best ones that do not say the same thing twice.

use rust_stemmers::{Algorithm, Stemmer};

use super::Choice;
use super::phrases::Phrase;
use super::terms::Terms;
use super::words::Text;

/// Candidates looked at per tag asked for; enough that inflections and overlaps leave the number asked for.
const CANDIDATES_PER_TAG: usize = 6;

/// A phrase with what it shares with others.
struct Candidate {
    phrase: Phrase,
    /// The stems of its words that are no stop words, sorted.
    stems: Vec<String>,
}

/// The best `max_tags` tags among `phrases`, best first.
pub(super) fn choose(
    text: &Text,
    terms: &Terms,
    mut phrases: Vec<Phrase>,
    language: Option<&str>,
    max_tags: usize,
) -> Vec<Choice> {
    let better = |a: &Phrase, b: &Phrase| {
        a.score
            .total_cmp(&b.score)
            .then(a.at.cmp(&b.at))
            .then(b.words().len().cmp(&a.words().len()))
    };
    let looked_at = max_tags.saturating_mul(CANDIDATES_PER_TAG);
    if phrases.len() > looked_at {
        phrases.select_nth_unstable_by(looked_at, better);
        phrases.truncate(looked_at);
    }
    phrases.sort_unstable_by(better);

    let stems = Stems::of(language);
    let mut merged: Vec<Candidate> = Vec::new();
    for phrase in phrases {
        let mut own: Vec<String> = phrase
            .words()
            .iter()
            .filter(|word| !terms.terms[**word as usize].stop)
            .map(|word| stems.stem(&text.vocabulary[*word as usize]))
            .collect();
        own.sort_unstable();
        match merged.iter_mut().find(|other| stems.same_set(&other.stems, &own)) {
            Some(other) => other.absorb(phrase),
            None => merged.push(Candidate { phrase, stems: own }),
        }
    }
    merged.sort_by(|a, b| better(&a.phrase, &b.phrase));

    let mut chosen: Vec<Candidate> = Vec::with_capacity(max_tags.min(merged.len()));
    for candidate in merged {
        if chosen.len() == max_tags {
            break;
        }
        if !chosen
            .iter()
            .any(|other| stems.overlap(&other.stems, &candidate.stems))
        {
            chosen.push(candidate);
        }
    }
    let best = chosen.first().map_or(1.0, |best| best.phrase.score);
    chosen
        .iter()
        .map(|candidate| dress(text, &candidate.phrase, best))
        .collect()
}

impl Candidate {
    /// Takes over another inflection of the same phrase; the most frequent form remains visible.
    fn absorb(&mut self, other: Phrase) {
        let count = self.phrase.count + other.count;
        let score = self.phrase.score * self.phrase.count as f32 / count as f32;
        if other.count > self.phrase.count {
            let at = self.phrase.at.min(other.at);
            self.phrase = other;
            self.phrase.at = at;
        }
        self.phrase.count = count;
        self.phrase.score = score;
    }
}

fn dress(text: &Text, phrase: &Phrase, best: f32) -> Choice {
    let words: Vec<&str> = phrase
        .words()
        .iter()
        .map(|word| &*text.vocabulary[*word as usize])
        .collect();
    // The root spreads scores that otherwise fall off too steeply to be looked at.
    Choice {
        value: words.join(" "),
        score: (best / phrase.score).sqrt().clamp(f32::MIN_POSITIVE, 1.0),
    }
}

/// Recognises inflections of one word.
struct Stems {
    stemmer: Option<Stemmer>,
}

impl Stems {
    fn of(language: Option<&str>) -> Self {
        let algorithm = match language {
            Some("ar") => Algorithm::Arabic,
            Some("da") => Algorithm::Danish,
            Some("de") => Algorithm::German,
            Some("el") => Algorithm::Greek,
            Some("en") => Algorithm::English,
            Some("es") => Algorithm::Spanish,
            Some("fi") => Algorithm::Finnish,
            Some("fr") => Algorithm::French,
            Some("hu") => Algorithm::Hungarian,
            Some("it") => Algorithm::Italian,
            Some("nl") => Algorithm::Dutch,
            Some("no") => Algorithm::Norwegian,
            Some("pt") => Algorithm::Portuguese,
            Some("ro") => Algorithm::Romanian,
            Some("ru") => Algorithm::Russian,
            Some("sv") => Algorithm::Swedish,
            Some("ta") => Algorithm::Tamil,
            Some("tr") => Algorithm::Turkish,
            _ => return Self { stemmer: None },
        };
        Self {
            stemmer: Some(Stemmer::create(algorithm)),
        }
    }

    fn stem(&self, word: &str) -> String {
        match &self.stemmer {
            Some(stemmer) => stemmer.stem(word).into_owned(),
            None => word.to_owned(),
        }
    }

    fn same(&self, a: &str, b: &str) -> bool {
        a == b || self.stemmer.is_none() && is_probably_an_inflection(a, b)
    }

    fn same_set(&self, a: &[String], b: &[String]) -> bool {
        a.len() == b.len() && self.shared(a, b) == b.len()
    }

    /// Whether two tags would say nearly the same: one holds the other, or they share most of their words.
    fn overlap(&self, a: &[String], b: &[String]) -> bool {
        2 * self.shared(a, b) > a.len().min(b.len())
    }

    fn shared(&self, a: &[String], b: &[String]) -> usize {
        b.iter()
            .filter(|stem| a.iter().any(|other| self.same(stem, other)))
            .count()
    }
}

/// Where nobody has written a stemmer: words that differ only in their last few letters.
fn is_probably_an_inflection(a: &str, b: &str) -> bool {
    let common = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let longer = a.chars().count().max(b.chars().count());
    common >= 4 && longer - common <= 3 && common * 4 >= longer * 3
}
