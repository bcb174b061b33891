//! Words and short phrases that could be tags, judged.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::terms::{NO_PAIR, Term, Terms};
use super::words::Text;

/// One to three words in a row, of which the first and the last are no stop words.
#[derive(Debug, Clone)]
pub(super) struct Phrase {
    words: [u32; 3],
    length: usize,
    pub(super) count: u32,
    /// Index of the first word of the first occurrence.
    pub(super) at: u32,
    /// Lower is better.
    pub(super) score: f32,
}

impl Phrase {
    /// Indexes into the vocabulary.
    pub(super) fn words(&self) -> &[u32] {
        &self.words[..self.length]
    }
}

/// Every phrase of the text, in no useful order, but always the same.
pub(super) fn judge(text: &Text, terms: &Terms) -> Vec<Phrase> {
    let mut phrases = Vec::with_capacity(terms.terms.len() + terms.pairs.len());
    single_words(text, terms, &mut phrases);
    pairs(terms, &mut phrases);
    triples(text, terms, &mut phrases);
    phrases
}

fn single_words(text: &Text, terms: &Terms, phrases: &mut Vec<Phrase>) {
    let mut seen = vec![false; terms.terms.len()];
    for (at, word) in text.words.iter().enumerate() {
        let term = &terms.terms[word.term as usize];
        if !term.stop && !std::mem::replace(&mut seen[word.term as usize], true) {
            let score = term.score / (term.count as f32 * (1.0 + term.score));
            phrases.push(Phrase {
                words: [word.term, 0, 0],
                length: 1,
                count: term.count,
                at: at as u32,
                score,
            });
        }
    }
}

fn pairs(terms: &Terms, phrases: &mut Vec<Phrase>) {
    for pair in &terms.pairs {
        let (left, right) = (
            &terms.terms[pair.left as usize],
            &terms.terms[pair.right as usize],
        );
        if left.stop || right.stop || pair.left == pair.right {
            continue;
        }
        let score = left.score * right.score / (pair.count as f32 * (1.0 + left.score + right.score));
        phrases.push(Phrase {
            words: [pair.left, pair.right, 0],
            length: 2,
            count: pair.count,
            at: pair.at,
            score,
        });
    }
}

/// "state of emergency", "protección de datos": only those that occur again, the others are mostly chance.
fn triples(text: &Text, terms: &Terms, phrases: &mut Vec<Phrase>) {
    let mut numbers: HashMap<u64, usize, RandomState> = HashMap::default();
    let first = phrases.len();
    for at in 2..text.words.len() {
        let (left, right) = (terms.pair_ending_at[at - 1], terms.pair_ending_at[at]);
        if left == NO_PAIR || right == NO_PAIR {
            continue;
        }
        let (left, right) = (&terms.pairs[left as usize], &terms.pairs[right as usize]);
        if left.count < 2 || right.count < 2 {
            continue;
        }
        let words = [left.left, right.left, right.right];
        let ends = |word: u32| terms.terms[word as usize].stop;
        if ends(words[0]) || ends(words[2]) || words[0] == words[2] {
            continue;
        }
        let key = u64::from(terms.pair_ending_at[at - 1]) << 32 | u64::from(words[2]);
        let number = *numbers.entry(key).or_insert_with(|| {
            phrases.push(Phrase {
                words,
                length: 3,
                count: 0,
                at: at as u32 - 2,
                score: 0.0,
            });
            phrases.len() - 1
        });
        phrases[number].count += 1;
    }
    let mut kept = first;
    for number in first..phrases.len() {
        if phrases[number].count >= 2 {
            phrases.swap(kept, number);
            phrases[kept].score = triple_score(&phrases[kept], terms);
            kept += 1;
        }
    }
    phrases.truncate(kept);
}

fn triple_score(phrase: &Phrase, terms: &Terms) -> f32 {
    let [left, middle, right] = phrase.words.map(|word| &terms.terms[word as usize]);
    let (product, sum) = if middle.stop {
        // A stop word counts by how surely it is part of the phrase.
        let share = |term: &Term| phrase.count as f32 / term.count as f32;
        let surely = share(left) * share(right);
        (
            left.score * right.score * (2.0 - surely),
            left.score + right.score - (1.0 - surely),
        )
    } else {
        (
            left.score * middle.score * right.score,
            left.score + middle.score + right.score,
        )
    };
    product / (phrase.count as f32 * (1.0 + sum.max(0.0)))
}
