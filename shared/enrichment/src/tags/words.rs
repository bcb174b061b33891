//! Cuts a text into words and numbers them, in one pass.
//!
//! Whatever cannot be part of a tag (numbers, addresses, file names, keys) is left out, but still separates its
//! neighbours, so that no tag is made of words that do not stand beside each other.

use std::collections::HashMap;

use domain::ChatLine;
use foldhash::fast::RandomState;
use unicode_normalization::char::is_combining_mark;

use super::korean;

/// A word where it stands in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// Index into [`Text::vocabulary`].
    pub(super) term: u32,
    /// Number of the sentence, from 0.
    pub(super) sentence: u32,
    pub(super) case: Case,
    /// Whether nothing but space lies between the previous word and this one.
    pub(super) follows: bool,
    /// Whether it is the first word of its sentence.
    pub(super) opens: bool,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Small letters, or capital only because a sentence begins.
    Plain,
    /// A capital where none is needed: a name, or a German noun.
    Proper,
    /// All capitals.
    Acronym,
}

/// A text as a sequence of numbered words.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) words: Vec<Word>,
    /// The distinct words in lower case, in order of their first appearance.
    pub(super) vocabulary: Vec<Box<str>>,
    pub(super) sentences: u32,
}

/// Longer runs of letters are keys or garbage.
const WORD_BYTES_MAX: usize = 80;

impl Text {
    /// Reads `text`; `language` decides only how words are cut, where languages differ.
    pub(super) fn read(text: &str, language: Option<&str>) -> Self {
        let mut reader = Reader::new(text.len(), language);
        let is_chat = text.lines().any(|line| said_by_somebody(line) == Some(true));
        for line in text.split('\n') {
            // That somebody joined is what the program says, not what the people talk about.
            if is_chat && said_by_somebody(line) == Some(false) {
                reader.end_sentence();
            } else {
                reader.line(line);
            }
        }
        reader.finish()
    }
}

/// Whether the line of a chat, as docmill writes chats, is somebody's or the program's; `None` for every other line.
fn said_by_somebody(line: &str) -> Option<bool> {
    if !line.starts_with('[') {
        return None;
    }
    let message = ChatLine::read(line).filter(|message| message.unmistakable)?;
    Some(message.speaker.is_some())
}

struct Reader {
    words: Vec<Word>,
    terms: HashMap<Box<str>, u32, RandomState>,
    sentence: u32,
    sentence_is_empty: bool,
    /// Something other than space was seen since the last word.
    separated: bool,
    /// The first half of a word that is hyphenated over the end of a line.
    half: String,
    /// The word being made, kept for its memory.
    lower: String,
    korean: bool,
}

impl Reader {
    fn new(bytes: usize, language: Option<&str>) -> Self {
        Self {
            words: Vec::with_capacity(bytes / 6),
            terms: HashMap::with_capacity_and_hasher(bytes / 12, RandomState::default()),
            sentence: 0,
            sentence_is_empty: true,
            separated: true,
            half: String::new(),
            lower: String::new(),
            korean: language == Some("ko"),
        }
    }

    fn line(&mut self, line: &str) {
        let Some(first) = line.chars().find(|c| !c.is_whitespace()) else {
            return self.end_sentence();
        };
        let line = line.trim_end();
        // A capital begins a sentence, a heading or an item; a small letter goes on with the line before.
        if first.is_uppercase() || !first.is_alphabetic() {
            self.end_sentence();
        }
        let mut rest = line;
        if let Some(begun) = line.strip_suffix(['-', '\u{ad}', '\u{2010}']) {
            let last = begun
                .rfind(|c: char| !is_word_char(c))
                .map_or(0, |at| begun.ceil_char_boundary(at + 1));
            rest = &line[..last];
            let half = &begun[last..];
            self.chunks(rest);
            self.half.push_str(half);
            return;
        }
        self.chunks(rest);
    }

    fn chunks(&mut self, line: &str) {
        for chunk in line.split(char::is_whitespace).filter(|chunk| !chunk.is_empty()) {
            if self.half.is_empty() {
                self.chunk(chunk);
            } else {
                let mut whole = std::mem::take(&mut self.half);
                if CONJUNCTIONS.contains(&chunk) {
                    // "Vor- und Nachteile": the hyphen stands for something that comes later.
                    self.chunk(&whole);
                    self.separated = true;
                    self.chunk(chunk);
                    continue;
                }
                if chunk.starts_with(char::is_uppercase) {
                    whole.push('-');
                }
                whole.push_str(chunk);
                self.chunk(&whole);
            }
        }
    }

    /// A stretch without white space: a word with its punctuation, or something that is no word.
    fn chunk(&mut self, chunk: &str) {
        if chunk.bytes().all(|b| b.is_ascii_alphabetic()) {
            return self.word(chunk);
        }
        if is_debris(chunk) {
            self.separated = true;
            return self.end_sentence_if(chunk.ends_with(is_sentence_end));
        }
        let mut from = None;
        for (at, c) in chunk.char_indices() {
            if is_word_char(c) {
                from.get_or_insert(at);
                continue;
            }
            if let Some(from) = from {
                let joins = is_joiner(c) && chunk[at + c.len_utf8()..].starts_with(is_word_char);
                if joins {
                    continue;
                }
                self.word(&chunk[from..at]);
            }
            from = None;
            self.separated = true;
            self.end_sentence_if(is_sentence_end(c));
        }
        if let Some(from) = from {
            self.word(&chunk[from..]);
        }
    }

    /// A run of letters with single hyphens or apostrophes inside.
    fn word(&mut self, written: &str) {
        if written.len() > WORD_BYTES_MAX {
            self.separated = true;
            return;
        }
        if let Some((before, after)) = written.split_once(['\'', '\u{2019}', '\u{2bc}']) {
            // "l'énergie", "dell'acqua": two words; "company's": one with an ending; "don't", "aujourd'hui": one.
            if is_possessive(after) {
                return self.word(before);
            }
            if before.chars().count() <= ELIDED_CHARS_MAX && after.chars().count() > 2 && before != "O" {
                self.word(before);
                return self.word(after);
            }
        }
        let case = self.case(written);
        self.lower.clear();
        push_lower(&mut self.lower, written);
        let lower = if self.korean {
            korean::without_particle(&self.lower)
        } else {
            self.lower.as_str()
        };
        let next = u32::try_from(self.terms.len()).expect("a sample has fewer words than bytes");
        let term = match self.terms.get(lower) {
            Some(term) => *term,
            None => *self.terms.entry(lower.into()).or_insert(next),
        };
        self.words.push(Word {
            term,
            sentence: self.sentence,
            case,
            follows: !self.separated && !self.words.is_empty(),
            opens: self.sentence_is_empty,
        });
        self.separated = false;
        self.sentence_is_empty = false;
    }

    fn case(&self, written: &str) -> Case {
        let mut chars = written.chars();
        if !chars.next().is_some_and(char::is_uppercase) {
            return Case::Plain;
        }
        let mut rest = chars.filter(|c| is_letter(*c)).peekable();
        if rest.peek().is_some() && rest.all(char::is_uppercase) {
            Case::Acronym
        } else if self.sentence_is_empty {
            Case::Plain
        } else {
            Case::Proper
        }
    }

    fn end_sentence_if(&mut self, ends: bool) {
        if ends {
            self.end_sentence();
        }
    }

    fn end_sentence(&mut self) {
        self.separated = true;
        if !self.sentence_is_empty {
            self.sentence += 1;
            self.sentence_is_empty = true;
        }
    }

    fn finish(mut self) -> Text {
        let half = std::mem::take(&mut self.half);
        self.chunks(&half);
        self.end_sentence();
        let mut vocabulary = vec![Box::default(); self.terms.len()];
        for (word, term) in self.terms {
            vocabulary[term as usize] = word;
        }
        Text {
            words: self.words,
            vocabulary,
            sentences: self.sentence,
        }
    }
}

/// "l", "dell", "qu", "jusqu", "quell", "presqu" before an apostrophe.
const ELIDED_CHARS_MAX: usize = 6;

/// What may follow a hyphen that does not break a word.
const CONJUNCTIONS: &[&str] = &["and", "bzw.", "en", "et", "of", "or", "och", "og", "oder", "und"];

fn is_possessive(ending: &str) -> bool {
    matches!(ending, "s" | "S" | "")
}

fn is_word_char(c: char) -> bool {
    is_letter(c)
        || (!c.is_ascii() && (is_combining_mark(c) || matches!(c, '\u{200c}' | '\u{200d}' | '\u{ad}')))
}

/// The letters of the most frequent alphabets without the search through all of Unicode, which took half of the time.
fn is_letter(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphabetic(),
        'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ɏ' | 'Ѐ'..='ҁ' | 'א'..='ת' | 'ؠ'..='ي' => true,
        _ => c.is_alphabetic(),
    }
}

/// What may stand once between two letters of a word.
fn is_joiner(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}' | '\'' | '\u{2019}' | '\u{2bc}')
}

fn is_sentence_end(c: char) -> bool {
    matches!(
        c,
        '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '۔' | '।' | '։'
    )
}

/// Numbers, addresses, paths, file names, identifiers and abbreviations with inner full stops.
fn is_debris(chunk: &str) -> bool {
    let mut slashes = 0;
    for (at, byte) in chunk.bytes().enumerate() {
        match byte {
            b'0'..=b'9' | b'@' | b'\\' | b'=' | b'<' | b'>' | b'{' | b'}' | b'~' | b'^' | b'|' | b'$' => {
                return true;
            }
            b'_' if joins_letters(chunk, at) => return true,
            b'/' => slashes += 1,
            // "example.com", "z.B.": not the end of a sentence that lacks its space.
            b'.' if joins_letters(chunk, at) && !chunk[at + 1..].starts_with(char::is_uppercase) => {
                return true;
            }
            b'.' if at == 1 && joins_letters(chunk, at) => return true,
            _ => {}
        }
    }
    slashes > 1 || !chunk.is_ascii() && chunk.chars().any(|c| !is_letter(c) && c.is_numeric())
}

/// Whether there are letters on both sides of the ASCII character at `at`.
fn joins_letters(chunk: &str, at: usize) -> bool {
    chunk[..at].ends_with(is_letter) && chunk[at + 1..].starts_with(is_letter)
}

/// Appends `written` in lower case, without soft hyphens.
fn push_lower(lower: &mut String, written: &str) {
    if written.is_ascii() {
        lower.push_str(written);
        lower.make_ascii_lowercase();
        return;
    }
    // `char::to_lowercase` does not know the final sigma, `str::to_lowercase` does.
    let lowered = if written.chars().any(char::is_uppercase) {
        written.to_lowercase()
    } else {
        written.to_owned()
    };
    for c in lowered.chars() {
        match c {
            // The dot that lower-casing a Turkish capital leaves behind.
            '\u{ad}' | '\u{307}' => {}
            '\u{2010}' | '\u{2011}' => lower.push('-'),
            '\u{2019}' | '\u{2bc}' => lower.push('\''),
            _ => lower.push(c),
        }
    }
}
