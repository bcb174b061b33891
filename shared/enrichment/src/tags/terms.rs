//! Judges the single words of a text by the features of YAKE.
//!
//! A low score means a characteristic word: written like a name, early, frequent but not everywhere beside
//! everything, and spread over many sentences.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::stopwords::StopWords;
use super::words::{Case, Text};

/// What is known about one distinct word.
#[derive(Debug, Clone, Default)]
pub(super) struct Term {
    pub(super) count: u32,
    /// Never the first or last word of a tag.
    pub(super) stop: bool,
    /// Lower is better; meaningless for stop words.
    pub(super) score: f32,
    acronyms: u32,
    proper: u32,
    /// Occurrences as the first word of a sentence.
    openings: u32,
    left: Neighbours,
    right: Neighbours,
}

/// The words on one side of a word.
#[derive(Debug, Clone, Copy, Default)]
struct Neighbours {
    total: u32,
    distinct: u32,
}

/// Two words that stand beside each other.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) count: u32,
    /// Index of the first word of the first occurrence.
    pub(super) at: u32,
}

/// The words and pairs of a text, judged.
#[derive(Debug)]
pub(super) struct Terms {
    /// In the order of the vocabulary.
    pub(super) terms: Vec<Term>,
    /// In the order of their first appearance.
    pub(super) pairs: Vec<Pair>,
    /// For every word of the text, the pair that it ends; [`NO_PAIR`] when it follows nothing.
    pub(super) pair_ending_at: Vec<u32>,
}

/// Marks a word that does not follow another one.
pub(super) const NO_PAIR: u32 = u32::MAX;

/// Shorter words of alphabets are particles, units and initials.
const CHARS_MIN: usize = 3;
/// The same where no stop list helps.
const CHARS_MIN_UNKNOWN: usize = 4;

/// How much worse the verbs of instructions are than the topics that they are about.
const INSTRUCTION_PENALTY: f32 = 3.0;

/// Counts and judges every word of `text`.
pub(super) fn judge(text: &Text, stop_words: &StopWords) -> Terms {
    let mut terms: Vec<Term> = text
        .vocabulary
        .iter()
        .map(|word| Term::new(word, stop_words))
        .collect();
    for word in &text.words {
        let term = &mut terms[word.term as usize];
        term.count += 1;
        term.acronyms += u32::from(word.case == Case::Acronym);
        term.proper += u32::from(word.case == Case::Proper);
        term.openings += u32::from(word.opens);
    }
    let (pairs, pair_ending_at) = count_pairs(text, &mut terms);
    let spread = Spread::of(text, &terms);
    let frequency = Frequency::of(&terms);
    for (index, term) in terms.iter_mut().enumerate() {
        term.score = term.judged(&frequency, spread.median(index), spread.share(index));
    }
    Terms {
        terms,
        pairs,
        pair_ending_at,
    }
}

fn count_pairs(text: &Text, terms: &mut [Term]) -> (Vec<Pair>, Vec<u32>) {
    let mut pairs: Vec<Pair> = Vec::with_capacity(text.words.len());
    let mut numbers: HashMap<u64, u32, RandomState> =
        HashMap::with_capacity_and_hasher(text.words.len(), RandomState::default());
    let mut pair_ending_at = vec![NO_PAIR; text.words.len()];
    for (at, beside) in text
        .words
        .windows(2)
        .enumerate()
        .filter(|(_, beside)| beside[1].follows)
    {
        let (left, right) = (beside[0].term, beside[1].term);
        let key = u64::from(left) << 32 | u64::from(right);
        let number = *numbers.entry(key).or_insert_with(|| {
            terms[left as usize].right.distinct += 1;
            terms[right as usize].left.distinct += 1;
            pairs.push(Pair {
                left,
                right,
                count: 0,
                at: at as u32,
            });
            pairs.len() as u32 - 1
        });
        pairs[number as usize].count += 1;
        terms[left as usize].right.total += 1;
        terms[right as usize].left.total += 1;
        pair_ending_at[at + 1] = number;
    }
    (pairs, pair_ending_at)
}

impl Term {
    fn new(word: &str, stop_words: &StopWords) -> Self {
        let short = word.chars().take(chars_min(word, stop_words)).count() < chars_min(word, stop_words);
        Self {
            stop: short || stop_words.contains(word) || stop_words.tells_time(word) || is_roman_number(word),
            ..Self::default()
        }
    }

    fn judged(&self, frequency: &Frequency, median_sentence: f32, sentences_share: f32) -> f32 {
        let count = self.count as f32;
        let written = self.acronyms.max(self.proper) as f32 / (1.0 + count.ln());
        let early = (3.0 + median_sentence).ln().ln();
        let frequent = count / frequency.usual;
        let related = 1.0 + (self.left.variety() + self.right.variety()) * count / frequency.most;
        let score = early * related / (written + frequent / related + sentences_share / related);
        if self.looks_like_an_instruction() {
            score * INSTRUCTION_PENALTY
        } else {
            score
        }
    }

    /// "Verify that ...": the verbs of a checklist open nearly every sentence they are in, its topics do not.
    fn looks_like_an_instruction(&self) -> bool {
        self.openings >= 3 && self.openings * 10 >= self.count * 7
    }
}

impl Neighbours {
    /// Near 1 for words that stand beside anything, like stop words; near 0 for parts of a fixed phrase.
    fn variety(self) -> f32 {
        self.distinct as f32 / self.total.max(1) as f32
    }
}

/// How often words are used in this text.
struct Frequency {
    /// Mean and standard deviation of the words that are no stop words, added.
    usual: f32,
    /// Of the most frequent word, stop word or not.
    most: f32,
}

impl Frequency {
    fn of(terms: &[Term]) -> Self {
        let counts = || {
            terms
                .iter()
                .filter(|term| !term.stop)
                .map(|term| term.count as f32)
        };
        let number = counts().count().max(1) as f32;
        let mean = counts().sum::<f32>() / number;
        let variance = counts().map(|count| (count - mean).powi(2)).sum::<f32>() / number;
        let most = terms.iter().map(|term| term.count).max().unwrap_or(1);
        // At least 1: a text of stop words only would divide by zero.
        Self {
            usual: (mean + variance.sqrt()).max(1.0),
            most: most as f32,
        }
    }
}

/// In which sentences each word stands.
struct Spread {
    /// The sentences of all words, word after word, each in order and without repetition.
    sentences: Vec<u32>,
    /// Where in `sentences` each word begins and ends.
    ranges: Vec<(u32, u32)>,
    all: u32,
}

impl Spread {
    fn of(text: &Text, terms: &[Term]) -> Self {
        let mut next = 0;
        let mut ranges = Vec::with_capacity(terms.len());
        for term in terms {
            ranges.push((next, next));
            next += term.count;
        }
        let mut sentences = vec![0; text.words.len()];
        for word in &text.words {
            let (from, to) = &mut ranges[word.term as usize];
            if from == to || sentences[*to as usize - 1] != word.sentence {
                sentences[*to as usize] = word.sentence;
                *to += 1;
            }
        }
        Self {
            sentences,
            ranges,
            all: text.sentences.max(1),
        }
    }

    fn median(&self, term: usize) -> f32 {
        let (from, to) = self.ranges[term];
        let sentences = &self.sentences[from as usize..to as usize];
        match sentences.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => sentences[odd / 2] as f32,
            even => (sentences[even / 2 - 1] + sentences[even / 2]) as f32 / 2.0,
        }
    }

    fn share(&self, term: usize) -> f32 {
        let (from, to) = self.ranges[term];
        (to - from) as f32 / self.all as f32
    }
}

fn chars_min(word: &str, stop_words: &StopWords) -> usize {
    match word.chars().next() {
        // A Korean syllable is two or three letters.
        Some('\u{ac00}'..='\u{d7af}') => 2,
        _ if stop_words.knows_the_language() => CHARS_MIN,
        _ => CHARS_MIN_UNKNOWN,
    }
}

/// Chapters and preliminary pages; the larger digits would make numbers of "mild" and "civic".
fn is_roman_number(word: &str) -> bool {
    word.bytes().all(|b| matches!(b, b'i' | b'v' | b'x'))
}
