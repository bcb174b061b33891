//! Cuts a sentence into words, numbers and signs, and looks every word up once.

use super::lexicon::{Lexicon, Meaning, Sign};

/// A word, a number or a sign of a sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// Where it stands in the sentence, in bytes.
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) kind: Kind,
    /// Of words and groups of words.
    pub(super) meaning: Meaning,
    /// Whether nothing stands between the one before and this one.
    pub(super) glued: bool,
    /// Of words: whether the first letter is a capital.
    pub(super) capital: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// Digits: their value, at most 99,999,999, and how many there are.
    Number(u32, u8),
    Sign(char),
}

/// Longer runs of digits are no date.
const DIGITS_MAX: usize = 8;

/// Tokens of one sentence that are looked at; what is longer is a table or garbage.
const TOKENS_MAX: usize = 400;

impl Token {
    pub(super) fn number(&self) -> Option<u32> {
        match self.kind {
            Kind::Number(value, _) => Some(value),
            _ => None,
        }
    }

    pub(super) fn digits(&self) -> u8 {
        match self.kind {
            Kind::Number(_, digits) => digits,
            _ => 0,
        }
    }

    pub(super) fn is_sign(&self, signs: &[char]) -> bool {
        matches!(self.kind, Kind::Sign(sign) if signs.contains(&sign))
    }

    pub(super) fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }

    pub(super) fn is(&self, sign: Sign) -> bool {
        self.meaning.is(sign)
    }

    pub(super) fn text<'t>(&self, sentence: &'t str) -> &'t str {
        &sentence[self.from as usize..self.to as usize]
    }
}

/// Reads sentence after sentence, keeping its memory.
#[derive(Debug, Default)]
pub(super) struct Tokenizer {
    lower: String,
    /// The lower-case words of the tokens, and where each begins and ends.
    words: String,
    spans: Vec<(u32, u32)>,
    raw: Vec<Token>,
}

impl Tokenizer {
    /// The tokens of a sentence, with groups of words that mean something together as one.
    pub(super) fn read(&mut self, sentence: &str, lexicon: &Lexicon, tokens: &mut Vec<Token>) {
        tokens.clear();
        self.cut(sentence, lexicon);
        let mut at = 0;
        while at < self.raw.len() {
            let mut token = self.raw[at];
            let mut length = 1;
            if token.is_word()
                && let Some((words, meaning)) = self.group_at(at, lexicon)
            {
                length = words;
                token.meaning = meaning;
                token.to = self.raw[at + words - 1].to;
            }
            tokens.push(token);
            at += length;
        }
    }

    fn group_at(&self, at: usize, lexicon: &Lexicon) -> Option<(usize, Meaning)> {
        let groups = lexicon.groups(self.word(at));
        groups.iter().find_map(|(rest, meaning)| {
            let fits = rest.len() < self.raw.len() - at
                && (1..)
                    .zip(rest)
                    .all(|(ahead, word)| self.word(at + ahead) == *word);
            fits.then_some((rest.len() + 1, *meaning))
        })
    }

    /// The word of a raw token in lower case; empty for numbers and signs.
    fn word(&self, at: usize) -> &str {
        let (from, to) = self.spans[at];
        &self.words[from as usize..to as usize]
    }

    fn cut(&mut self, sentence: &str, lexicon: &Lexicon) {
        self.raw.clear();
        self.words.clear();
        self.spans.clear();
        let mut end_before = u32::MAX;
        let mut rest = sentence;
        while let Some(first) = rest.chars().next() {
            if self.raw.len() == TOKENS_MAX {
                break;
            }
            let from = sentence.len() - rest.len();
            if first.is_whitespace() || is_mark_up(first) {
                rest = &rest[first.len_utf8()..];
                // Marks of emphasis do not part a word from its number.
                if is_mark_up(first) && end_before == from as u32 {
                    end_before += first.len_utf8() as u32;
                }
                continue;
            }
            let length = if first.is_ascii_digit() {
                rest.bytes().take_while(u8::is_ascii_digit).count()
            } else if first.is_alphabetic() {
                word_length(rest)
            } else {
                first.len_utf8()
            };
            let (written, after) = rest.split_at(length);
            let word_from = self.words.len() as u32;
            let (kind, meaning) = if first.is_ascii_digit() {
                let value = if length > DIGITS_MAX {
                    0
                } else {
                    written.parse().unwrap_or(0)
                };
                (
                    Kind::Number(value, u8::try_from(length).unwrap_or(u8::MAX)),
                    Meaning::default(),
                )
            } else if first.is_alphabetic() {
                self.lower_case(written);
                let meaning = lexicon.word(&self.lower);
                self.words.push_str(&self.lower);
                (Kind::Word, meaning)
            } else {
                (Kind::Sign(first), Meaning::default())
            };
            self.spans.push((word_from, self.words.len() as u32));
            self.raw.push(Token {
                from: from as u32,
                to: (from + length) as u32,
                kind,
                meaning,
                glued: end_before == from as u32,
                capital: first.is_uppercase(),
            });
            end_before = (from + length) as u32;
            rest = after;
        }
    }

    /// The word in lower case, with plain apostrophes, and without the full stops of "p.m.".
    fn lower_case(&mut self, written: &str) {
        self.lower.clear();
        if written.is_ascii() {
            self.lower.extend(
                written
                    .bytes()
                    .filter(|b| *b != b'.')
                    .map(|b| char::from(b.to_ascii_lowercase())),
            );
            return;
        }
        for c in written.chars() {
            match c {
                '.' => {}
                '’' | 'ʼ' => self.lower.push('\''),
                '‐' | '‑' => self.lower.push('-'),
                _ => self.lower.extend(c.to_lowercase()),
            }
        }
    }
}

/// Asterisks, underscores and backticks of Markdown.
fn is_mark_up(c: char) -> bool {
    matches!(c, '*' | '_' | '`')
}

/// How many bytes belong to the word at the beginning: letters, with single hyphens and apostrophes between them, or
/// letters that alternate with full stops.
fn word_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut end = 0;
    let mut letters = 0;
    while let Some((at, c)) = chars.next() {
        if c.is_alphabetic() || is_combining(c) {
            end = at + c.len_utf8();
            letters += 1;
            continue;
        }
        let next_is_letter = chars.peek().is_some_and(|(_, next)| next.is_alphabetic());
        match c {
            '-' | '\'' | '’' | 'ʼ' | '‐' | '‑' if next_is_letter => {}
            // "p.m.", "z.B.": single letters, each with a full stop.
            '.' if letters == 1 && next_is_letter => {
                let abbreviation = abbreviation_length(text);
                return if abbreviation > 0 { abbreviation } else { end };
            }
            _ => break,
        }
    }
    end
}

/// Bytes of `a.b.` or `a.b` at the beginning, where nothing longer follows; else 0.
fn abbreviation_length(text: &str) -> usize {
    let mut end = 0;
    let mut pairs = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !c.is_alphabetic() {
            break;
        }
        match chars.peek() {
            Some((_, '.')) => {
                chars.next();
                pairs += 1;
                end = at + c.len_utf8() + 1;
            }
            Some((_, next)) if next.is_alphabetic() => return 0,
            _ => {
                pairs += 1;
                end = at + c.len_utf8();
                break;
            }
        }
    }
    if pairs >= 2 { end } else { 0 }
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}
