//! What a text asks somebody to do, and what takes place when.
//!
//! Rules, not models: sentences are cut into words, the words of four languages (English, German, French, Spanish) say
//! what is a request, a promise, a gathering or a date, and a date is worked out against the moment at which its sentence
//! was written. Other languages keep what needs no words: boxes to tick and dates in digits.

mod dates;
mod events;
mod lexicon;
mod statements;
mod times;
mod titles;
mod todos;
mod tokens;

use chrono::NaiveDateTime;
pub use domain::{Moment, TodoPriority as Priority};
use serde::{Deserialize, Serialize};

use lexicon::Lexicon;
use statements::Statement;
use tokens::{Token, Tokenizer};

/// Todos of one text that are kept; a text with more is a form or a log.
pub const TODOS_MAX: usize = 200;
/// Events of one text that are kept.
pub const EVENTS_MAX: usize = 200;

/// Bytes of a text that are read for todos and events.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// What is known of a text beside its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// What "today" is, unless a message of the text says when it was written.
    pub reference: NaiveDateTime,
    /// Whether lines are messages, so that a name before a colon is who speaks and not who has to act.
    pub chat: bool,
}

/// What somebody is asked, or promises, to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Todo {
    /// The sentence that says so, without box, label and owner.
    pub text: String,
    /// Who has to act, as the text says it. [`WRITER`] when that is who wrote the text and it does not give the name.
    pub owner: Option<String>,
    /// How pressing it is.
    pub priority: Priority,
    /// When it has to be done.
    pub due: Option<Moment>,
    /// Where it says so.
    pub source: Source,
}

/// The owner of a promise whose writer is not named.
pub const WRITER: &str = "me";

/// Something that takes place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What takes place: its sentence without the date, or the heading above.
    pub title: String,
    /// When it begins; `None` when that is not decided, or only a week or a month is said.
    pub start: Option<Moment>,
    /// When it ends, if the text says so. A day means its end.
    pub end: Option<Moment>,
    /// Where it says so.
    pub source: Source,
}

/// The place in a text that something was found in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The page, counted by the form feeds of the text, from 1.
    pub page: u32,
    /// Where it begins, in characters of the whole text.
    pub start: u64,
    /// Where it ends, in characters of the whole text.
    pub end: u64,
    /// What stands there, on one line, shortened to about 500 bytes.
    pub quote: String,
}

/// What was found in a text, in the order in which it says it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agenda {
    /// What has to be done.
    pub todos: Vec<Todo>,
    /// What takes place.
    pub events: Vec<Event>,
}

/// The todos and events of a text, at most 200 of each, from its first megabyte.
///
/// `language` is an ISO 639-1 code; without one the language of the four whose small words are most frequent is taken.
/// The cost grows with the text: about 20 ms for each megabyte.
#[must_use]
pub fn extract_agenda(text: &str, language: Option<&str>, context: Context) -> Agenda {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let lexicon = Lexicon::of(language.unwrap_or_else(|| likely_language(text)));
    let reference = titles::date_of(text, lexicon, context.reference).unwrap_or(context.reference);
    let mut agenda = Agenda::default();
    let mut tokenizer = Tokenizer::default();
    let mut tokens: Vec<Token> = Vec::new();
    let mut characters = Characters {
        text,
        byte: 0,
        count: 0,
    };
    statements::read(text, context.chat, reference, &mut |statement: Statement<'_>| {
        tokenizer.read(statement.text, lexicon, &mut tokens);
        if !tokens
            .iter()
            .any(|token| !token.meaning.is_nothing() || token.number().is_some())
            && statement.place != statements::Place::OpenBox
        {
            return true;
        }
        let whens = dates::find(&tokens, lexicon, statement.reference);
        let read = Read {
            statement,
            tokens: &tokens,
            whens: &whens,
        };
        let todo = todos::find(&read);
        // "We meet on the 10th, I'll make soup": both. "Please come to the meeting on the 10th": the request only.
        if (todo.is_none() || events::is_told(&read))
            && agenda.events.len() < EVENTS_MAX
            && let Some(event) = events::find(&read)
        {
            agenda.events.push(event.into_event(&read, &mut characters));
        }
        if let Some(todo) = todo
            && agenda.todos.len() < TODOS_MAX
        {
            agenda.todos.push(todo.into_todo(&read, &mut characters));
        }
        agenda.todos.len() < TODOS_MAX || agenda.events.len() < EVENTS_MAX
    });
    agenda
}

/// The days that a text speaks of, worked out against `reference`, in the order of the text; of several days the first.
#[must_use]
pub fn find_dates(text: &str, language: &str, reference: NaiveDateTime) -> Vec<Moment> {
    let lexicon = Lexicon::of(language);
    let mut tokens = Vec::new();
    Tokenizer::default().read(text, lexicon, &mut tokens);
    dates::find(&tokens, lexicon, reference)
        .into_iter()
        .filter_map(|when| Some(Moment::new(when.date?, when.times.start, when.times.zone)))
        .collect()
}

/// A sentence with its words and dates.
struct Read<'r> {
    statement: Statement<'r>,
    tokens: &'r [Token],
    whens: &'r [dates::When],
}

/// Counts the characters before a byte, from the byte that was asked for last.
struct Characters<'t> {
    text: &'t str,
    byte: usize,
    count: u64,
}

impl Characters<'_> {
    fn before(&mut self, byte: usize) -> u64 {
        if byte < self.byte {
            self.count -= self.text[byte..self.byte].chars().count() as u64;
        } else {
            self.count += self.text[self.byte..byte].chars().count() as u64;
        }
        self.byte = byte;
        self.count
    }
}

/// Bytes of a quotation, a title or a todo that are kept.
const QUOTE_BYTES_MAX: usize = 500;

impl Read<'_> {
    fn source(&self, characters: &mut Characters<'_>) -> Source {
        let from = self.statement.at;
        Source {
            page: u32::try_from(self.statement.page + 1).unwrap_or(u32::MAX),
            start: characters.before(from),
            end: characters.before(from + self.statement.text.len()),
            quote: one_line(self.statement.text),
        }
    }
}

/// A text on one line, without marks of emphasis around words, cut to a bearable length.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(QUOTE_BYTES_MAX));
    for word in text.split_whitespace() {
        let word = word.trim_matches(['*', '`']);
        if line.len() + word.len() > QUOTE_BYTES_MAX {
            line.push('…');
            break;
        }
        if !line.is_empty() && !word.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The language of the four whose words are most frequent at the beginning.
fn likely_language(text: &str) -> &'static str {
    const WORDS_LOOKED_AT: usize = 200;
    let mut best = ("en", 0);
    for language in ["en", "de", "fr", "es"] {
        let lexicon = Lexicon::of(language);
        let words = text
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| word.len() > 1);
        let known = words
            .take(WORDS_LOOKED_AT)
            .filter(|word| lexicon.knows(&word.to_lowercase()))
            .count();
        if known > best.1 {
            best = (language, known);
        }
    }
    best.0
}
