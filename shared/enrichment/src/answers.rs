//! Answers a question from the passages of documents, without a model: by the sentences that say most about what is asked.
//!
//! What is shown is always a piece of a passage, byte for byte, so every answer can be looked up where it stands.

mod question;
mod sentences;
mod small_words;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use foldhash::fast::RandomState;

pub use question::{Intent, Question};
use question::{Sought, terms_of};

/// A piece of a passage that answers a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Which passage, by its place in the list.
    pub passage: usize,
    /// Which part of it, in bytes.
    pub range: Range<usize>,
    /// Higher is better; comparable within one answer only.
    pub score: f32,
}

/// A sentence that says less than this share of what the best one says is no answer.
const SHARE_MIN: f32 = 0.5;
/// What a sentence gains that holds the kind of thing that is asked for: a number, a date, a name.
const SOUGHT_BONUS: f32 = 1.25;
/// What the first passage gains over the last one: they come in the order of the search, which has seen more than a sentence.
const RANK_BONUS: f32 = 0.2;
/// Sentences of a summary stand further at the front of their text more often than not.
const LEAD_BONUS: f32 = 0.3;
/// Words below which a sentence is a heading or a scrap rather than a statement.
const SUMMARY_WORDS_MIN: usize = 5;

/// The sentences of `passages` that answer `question` best, `count` at most; a summary's in the order of the text, others
/// the best first. None when nothing fits.
///
/// The passages stand in the order of a search, the best first; for a summary, in the order of the text.
#[must_use]
pub fn answer(question: &Question, passages: &[&str], count: usize) -> Vec<Claim> {
    let sentences: Vec<Sentence> = passages
        .iter()
        .enumerate()
        .flat_map(|(passage, text)| {
            sentences::split(text).into_iter().map(move |range| Sentence {
                passage,
                terms: terms_of(&text[range.clone()], question.language()),
                range,
            })
        })
        .filter(|sentence| !sentences::is_running_line(&passages[sentence.passage][sentence.range.clone()]))
        .collect();
    let mut claims = match question.intent() {
        Intent::Question => about(question, passages, &sentences),
        Intent::Summary => central(&sentences),
    };
    claims.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut seen: HashSet<&str, RandomState> = HashSet::default();
    claims.retain(|claim| seen.insert(&passages[claim.passage][claim.range.clone()]));
    claims.truncate(count);
    if question.intent() == Intent::Summary {
        claims.sort_by_key(|claim| (claim.passage, claim.range.start));
    }
    claims
}

struct Sentence {
    passage: usize,
    range: Range<usize>,
    terms: Vec<String>,
}

/// Sentences that hold the words of the question, rare ones counting more (inverse document frequency, K. Spärck Jones,
/// 1972, over sentences).
fn about(question: &Question, passages: &[&str], sentences: &[Sentence]) -> Vec<Claim> {
    let holding = |term: &str| sentences.iter().filter(|sentence| sentence.has(term)).count();
    let weights: Vec<(&str, f32)> = question
        .terms()
        .map(|term| {
            let rarity = sentences.len() as f32 / (1 + holding(term)) as f32;
            (term, (1.0 + rarity).ln())
        })
        .collect();
    let mut claims: Vec<Claim> = Vec::new();
    for (number, sentence) in sentences.iter().enumerate() {
        let found: f32 = weights
            .iter()
            .filter(|(term, _)| sentence.has(term))
            .map(|(_, weight)| weight)
            .sum();
        if found == 0.0 {
            continue;
        }
        let text = &passages[sentence.passage][sentence.range.clone()];
        let sought = if holds(question.sought(), text) {
            SOUGHT_BONUS
        } else {
            1.0
        };
        let rank = 1.0 + RANK_BONUS * (1.0 - sentence.passage as f32 / passages.len() as f32);
        claims.push(Claim {
            passage: sentence.passage,
            range: with_what_follows_a_heading(
                passages[sentence.passage],
                sentence,
                sentences.get(number + 1),
            ),
            score: found * sought * rank,
        });
    }
    let best = claims.iter().map(|claim| claim.score).fold(0.0, f32::max);
    claims.retain(|claim| claim.score >= SHARE_MIN * best);
    claims
}

/// Sentences whose words are the words of the whole (H. P. Luhn, "The Automatic Creation of Literature Abstracts", 1958).
fn central(sentences: &[Sentence]) -> Vec<Claim> {
    let mut counts: HashMap<&str, f32, RandomState> = HashMap::default();
    for term in sentences.iter().flat_map(|sentence| &sentence.terms) {
        *counts.entry(term).or_default() += 1.0;
    }
    let all = sentences.len() as f32;
    sentences
        .iter()
        .enumerate()
        .filter(|(_, sentence)| sentence.terms.len() >= SUMMARY_WORDS_MIN)
        .map(|(number, sentence)| {
            let sum: f32 = sentence
                .terms
                .iter()
                .map(|term| counts[term.as_str()].ln_1p())
                .sum();
            let lead = 1.0 + LEAD_BONUS * (1.0 - number as f32 / all);
            Claim {
                passage: sentence.passage,
                range: sentence.range.clone(),
                score: sum / sentence.terms.len() as f32 * lead,
            }
        })
        .collect()
}

impl Sentence {
    fn has(&self, term: &str) -> bool {
        self.terms.iter().any(|own| own == term)
    }
}

/// Bytes below which a sentence may be a heading, whose answer is what follows.
const HEADING_BYTES_MAX: usize = 40;

fn with_what_follows_a_heading(text: &str, sentence: &Sentence, next: Option<&Sentence>) -> Range<usize> {
    match next {
        Some(next) if next.passage == sentence.passage && is_heading(text, &sentence.range, &next.range) => {
            sentence.range.start..next.range.end
        }
        _ => sentence.range.clone(),
    }
}

/// Whether a piece is a short line of its own without a full stop; neither a row of a table nor a message, which say
/// nothing about what comes next.
fn is_heading(text: &str, piece: &Range<usize>, next: &Range<usize>) -> bool {
    let line = &text[piece.clone()];
    let is_message = |at: usize| text[..at].rsplit('\n').next() == Some("") && text[at..].starts_with('[');
    line.len() <= HEADING_BYTES_MAX
        && !line.ends_with(['.', '!', '?', '…', ',', ';'])
        && !sentences::is_row(line)
        && text[piece.end..next.start].contains('\n')
        && !is_message(piece.start)
        && !is_message(next.start)
}

/// Whether a sentence holds the kind of thing that is asked for.
fn holds(sought: Sought, text: &str) -> bool {
    match sought {
        Sought::Anything => false,
        Sought::Number => text.contains(|c: char| c.is_numeric()),
        // A capital letter that does not begin the sentence.
        Sought::Name => text
            .split_whitespace()
            .skip(1)
            .any(|word| word.starts_with(char::is_uppercase)),
    }
}
