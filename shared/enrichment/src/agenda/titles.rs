//! What an event is called, and the day on which a text says that it was written.

use chrono::NaiveDateTime;

use super::dates::{self, When};
use super::lexicon::{Lexicon, Sign};
use super::statements::Place;
use super::tokens::{Token, Tokenizer};
use super::{Read, one_line};

/// The title of the event of a sentence: its words without the date, or the heading above where nothing else is left.
pub(super) fn of(read: &Read<'_>, when: Option<&When>) -> Option<String> {
    let text = read.statement.text;
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    if let Some(when) = when.filter(|when| can_be_cut(read, when)) {
        let (from, to) = span(read.tokens, when)?;
        kept.push_str(&text[at..from]);
        kept.push(' ');
        at = to;
    } else if when.is_some() {
        // The sentence would not be one without its date.
    } else if let Some(tbd) = read.tokens.iter().find(|token| token.is(Sign::Tbd)) {
        kept.push_str(&text[at..tbd.from as usize]);
        at = tbd.to as usize;
    }
    kept.push_str(&text[at..]);
    let own = tidy(&kept);
    let says_what = read
        .tokens
        .iter()
        .any(|token| token.meaning.is_any(&[Sign::Event, Sign::Occurs]));
    let heading = read.statement.heading.filter(|_| {
        !says_what && when.is_some_and(|when| when.from <= 1) && heading_is_event(read)
            || own.chars().filter(|c| c.is_alphabetic()).count() < 3
    });
    let title = match heading {
        Some(heading) => tidy(heading),
        None => own,
    };
    title.chars().any(char::is_alphabetic).then_some(title)
}

/// Words of a sentence out of whose middle a date may be cut: it is a line of an agenda.
const AGENDA_WORDS_MAX: usize = 8;

/// Whether a date can be taken out of its sentence: from its ends, or out of something short that is no sentence.
fn can_be_cut(read: &Read<'_>, when: &When) -> bool {
    let words = |tokens: &[Token]| tokens.iter().filter(|token| token.is_word()).count();
    let at_the_end = when.from <= 1 || read.tokens.get(when.to..).is_none_or(|behind| words(behind) == 0);
    let sentence = read.tokens.iter().any(|token| token.is(Sign::Occurs));
    !when.vague && (at_the_end || words(read.tokens) <= AGENDA_WORDS_MAX && !sentence)
}

/// Where a date stands in its sentence, in bytes.
fn span(tokens: &[Token], when: &When) -> Option<(usize, usize)> {
    let (first, last) = (tokens.get(when.from)?, tokens.get(when.to.checked_sub(1)?)?);
    Some((first.from as usize, last.to as usize))
}

/// Whether the heading above names something that takes place.
pub(super) fn heading_is_event(read: &Read<'_>) -> bool {
    const LANGUAGES: [&str; 4] = ["en", "de", "fr", "es"];
    let Some(heading) = read
        .statement
        .heading
        .filter(|_| read.statement.place != Place::Heading)
    else {
        return false;
    };
    let mut words = heading
        .split(|c: char| !c.is_alphabetic() && c != '-')
        .filter(|word| word.len() > 2);
    words.any(|word| {
        let lower = word.to_lowercase();
        LANGUAGES
            .iter()
            .any(|language| Lexicon::of(language).word(&lower).is(Sign::Event))
    })
}

/// Signs and small words that a date leaves behind are taken from both ends.
fn tidy(text: &str) -> String {
    let line = one_line(text);
    let loose = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                ',' | ':' | ';' | '-' | '–' | '—' | '.' | '(' | '|' | '@' | '#' | '·'
            )
    };
    let mut title = line.trim_matches(loose).to_owned();
    if !title.contains('(') {
        title = title.trim_end_matches([')', ' ']).to_owned();
    }
    title = title
        .replace("()", "")
        .replace(" ,", ",")
        .replace(" .", ".")
        .replace(" :", ":");
    const LEFT_BEHIND: &[&str] = &[
        "on", "at", "from", "the", "this", "next", "by", "am", "um", "ab", "vom", "von", "den", "der",
        "diesen", "le", "du", "à", "ce", "de", "el", "a las", "del", "este", "date", "datum", "fecha",
        "termin",
    ];
    loop {
        let before = title.len();
        for word in LEFT_BEHIND {
            if let Some(rest) = strip_last_word(&title, word) {
                title.truncate(rest);
            }
        }
        title.truncate(title.trim_end_matches(loose).len());
        if title.len() == before {
            break;
        }
    }
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where the title ends without this last word, if it is its last word and not its only one.
fn strip_last_word(title: &str, word: &str) -> Option<usize> {
    let at = title.len().checked_sub(word.len())?;
    let fits = title.is_char_boundary(at) && title[at..].to_lowercase() == word;
    let apart = title
        .get(..at)
        .is_some_and(|before| before.ends_with(|c: char| c.is_whitespace() || c == ':'));
    (fits && apart).then_some(at)
}

/// Lines at the beginning in which a text may say when it was written.
const LINES_LOOKED_AT: usize = 6;

/// The day at the head of a text: alone on its line, behind the name of a place or a label, or before a place.
pub(super) fn date_of(text: &str, lexicon: &Lexicon, reference: NaiveDateTime) -> Option<NaiveDateTime> {
    let mut tokens = Vec::new();
    let mut tokenizer = Tokenizer::default();
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(LINES_LOOKED_AT);
    for line in lines.filter(|line| line.len() <= 120 && line.bytes().any(|b| b.is_ascii_digit())) {
        tokenizer.read(line, lexicon, &mut tokens);
        let whens = dates::find(&tokens, lexicon, reference);
        let Some(when) = whens
            .first()
            .filter(|when| when.exact && !when.vague && when.last.is_none() && !when.deadline)
        else {
            continue;
        };
        // "Berlin, 4. März 2026", "Date: 4 March 2026", "4 March 2026, 18:30, room 2"
        let before = tokens[..when.from].iter().filter(|token| token.is_word());
        let plain = before
            .clone()
            .all(|token| token.meaning.is_nothing() && token.capital || token.is(Sign::Header));
        if before.count() <= 3 && plain {
            return when.date.map(|date| date.and_time(reference.time()));
        }
    }
    None
}
