//! Tags for Chinese, Japanese, Thai and others that write no spaces: words of a dictionary, counted.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed, options::WordBreakInvariantOptions};

use super::Choice;
use super::stopwords::StopWords;

/// A distinct piece of the text as the dictionary cuts it, or two pieces that belong together.
#[derive(Debug)]
struct Counted<'t> {
    word: &'t str,
    count: u32,
    chars: u32,
    /// Whether it says something by itself.
    topic: bool,
}

impl Counted<'_> {
    /// Longer words are rarer by nature and say more.
    fn weight(&self) -> u32 {
        self.count * (1 + self.chars.min(4))
    }
}

/// Where a piece stands, and which one it is.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: usize,
    to: usize,
    number: usize,
}

/// The best `max_tags` words of two characters or more, best first.
pub(super) fn choose(text: &str, stop_words: &StopWords, max_tags: usize) -> Vec<Choice> {
    let (pieces, mut words) = cut(text, stop_words);
    let compounds = compounds(text, &pieces, &words);
    words.retain(|word| word.topic);
    words.extend(compounds);
    // Stable, so that of equal words the first one in the text wins.
    words.sort_by_key(|counted| std::cmp::Reverse(counted.weight()));

    let mut chosen: Vec<&Counted<'_>> = Vec::with_capacity(max_tags.min(words.len()));
    for word in &words {
        if chosen.len() == max_tags {
            break;
        }
        if !chosen
            .iter()
            .any(|other| other.word.contains(word.word) || word.word.contains(other.word))
        {
            chosen.push(word);
        }
    }
    let best = chosen.first().map_or(1, |best| best.weight()) as f32;
    let dress = |counted: &Counted<'_>| Choice {
        value: counted.word.to_lowercase(),
        score: counted.weight() as f32 / best,
    };
    chosen.into_iter().map(dress).collect()
}

/// The pieces of `text` that could be, or end, a topic; and each distinct one with its count.
fn cut<'t>(text: &'t str, stop_words: &StopWords) -> (Vec<Piece>, Vec<Counted<'t>>) {
    static SEGMENTER: LazyLock<WordSegmenterBorrowed<'static>> =
        LazyLock::new(|| WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()));
    let mut pieces = Vec::new();
    let mut words: Vec<Counted<'_>> = Vec::new();
    let mut numbers: HashMap<&str, usize, RandomState> = HashMap::default();
    let mut from = 0;
    for to in SEGMENTER.segment_str(text) {
        let (start, word) = (from, &text[from..to]);
        from = to;
        if !word.starts_with(|c: char| c.is_alphabetic()) || word.len() > WORD_BYTES_MAX {
            continue;
        }
        let number = *numbers.entry(word).or_insert_with(|| {
            let topic = is_topic(word) && !stop_words.contains(word);
            words.push(Counted {
                word,
                count: 0,
                chars: word.chars().count() as u32,
                topic,
            });
            words.len() - 1
        });
        words[number].count += 1;
        pieces.push(Piece {
            from: start,
            to,
            number,
        });
    }
    (pieces, words)
}

/// The dictionary knows "图书" and "馆", but not "图书馆": pieces that mostly stand together belong together.
fn compounds<'t>(text: &'t str, pieces: &[Piece], words: &[Counted<'t>]) -> Vec<Counted<'t>> {
    let mut pairs: Vec<(Counted<'t>, u32)> = Vec::new();
    let mut numbers: HashMap<(usize, usize), usize, RandomState> = HashMap::default();
    for beside in pieces.windows(2).filter(|beside| beside[0].to == beside[1].from) {
        let (left, right) = (&words[beside[0].number], &words[beside[1].number]);
        let chars = left.chars + right.chars;
        let ends_well = right.topic || right.chars == 1;
        let ideographs = is_ideographic(left.word) && is_ideographic(right.word);
        if !left.topic || !ends_well || !ideographs || chars > COMPOUND_CHARS_MAX {
            continue;
        }
        let number = *numbers
            .entry((beside[0].number, beside[1].number))
            .or_insert_with(|| {
                let word = &text[beside[0].from..beside[1].to];
                pairs.push((
                    Counted {
                        word,
                        count: 0,
                        chars,
                        topic: true,
                    },
                    left.count,
                ));
                pairs.len() - 1
            });
        pairs[number].0.count += 1;
    }
    let belong_together = |(pair, left): &(Counted<'t>, u32)| pair.count >= 2 && pair.count * 2 > *left;
    pairs
        .into_iter()
        .filter(belong_together)
        .map(|(pair, _)| pair)
        .collect()
}

/// Longer compounds are whole clauses that are repeated.
const COMPOUND_CHARS_MAX: u32 = 6;

/// Longer pieces are keys or garbage.
const WORD_BYTES_MAX: usize = 80;

fn is_topic(word: &str) -> bool {
    let unspaced = word.starts_with(is_unspaced);
    let long_enough = word.chars().nth(if unspaced { 1 } else { 2 }).is_some();
    // Japanese writes grammar in Hiragana, and topics in the other scripts.
    let grammar = word.chars().all(|c| matches!(c, '\u{3041}'..='\u{309f}'));
    let letters = word.chars().all(|c| c.is_alphabetic() || is_unspaced(c));
    long_enough && letters && !grammar && !is_amount(word)
}

/// A number and what is counted, or a time: "二時", "三百席".
fn is_amount(word: &str) -> bool {
    const NUMERALS: &str = "〇零一二三四五六七八九十百千万萬億亿两第";
    const COUNTED: &str = "時时分秒日月年週周人名個个円圓元回号號階层点點歳岁席間间半";
    word.starts_with(|c| NUMERALS.contains(c))
        && word.chars().all(|c| NUMERALS.contains(c) || COUNTED.contains(c))
}

/// Written in the scripts that Chinese and Japanese make compounds of.
fn is_ideographic(word: &str) -> bool {
    word.chars().all(|c| matches!(c, '\u{3005}' | '\u{30a1}'..='\u{30fc}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}'))
}

/// The share of the letters of `text` that belong to scripts without spaces.
pub(super) fn share(text: &str) -> f64 {
    if text.is_ascii() {
        return 0.0;
    }
    // The beginning decides: the rest of a document is rarely in another script.
    const LOOKED_AT: usize = 2_000;
    let (mut unspaced, mut letters) = (0_u32, 0_u32);
    for c in text.chars().take(LOOKED_AT) {
        unspaced += u32::from(is_unspaced(c));
        letters += u32::from(c.is_ascii_alphabetic() || !c.is_ascii());
    }
    f64::from(unspaced) / f64::from(letters.max(1))
}

fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}'   // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{30ff}' // Kana
        | '\u{3400}'..='\u{9fff}' // Han
        | '\u{20000}'..='\u{323af}')
}
