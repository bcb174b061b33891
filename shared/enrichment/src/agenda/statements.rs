//! Cuts a text into sentences, each with what its surroundings say: who speaks, when, under which heading.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use domain::ChatLine;

/// A sentence, or what stands for one: an item, a heading, the row of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'t> {
    pub(super) text: &'t str,
    /// Where it begins in the whole text, in bytes.
    pub(super) at: usize,
    /// Form feeds before it.
    pub(super) page: usize,
    /// What "today" is for it.
    pub(super) reference: NaiveDateTime,
    /// Who says it.
    pub(super) speaker: Option<&'t str>,
    pub(super) place: Place,
    /// The nearest heading above.
    pub(super) heading: Option<&'t str>,
    /// Whether it is the first sentence of its line, item or message.
    pub(super) first: bool,
}

/// What a statement is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Prose,
    Heading,
    Item,
    /// An item with an empty box before it.
    OpenBox,
    Row,
}

/// Longer sentences are tables or garbage.
const SENTENCE_BYTES_MAX: usize = 1_000;
/// A line this long has been wrapped: the next one goes on with it.
const WRAPPED_CHARS_MIN: usize = 60;
/// Longer lines are no headings.
const HEADING_BYTES_MAX: usize = 100;

/// Calls `each` with every statement of a text, in order, until it says that it has enough.
pub(super) fn read<'t>(
    text: &'t str,
    chat: bool,
    reference: NaiveDateTime,
    each: &mut impl FnMut(Statement<'t>) -> bool,
) {
    let mut reader = Reader {
        chat,
        document: reference,
        page: 0,
        reference,
        speaker: None,
        heading: None,
        block: None,
        header: false,
        skipping: Skipping::Nothing,
        each,
        enough: false,
    };
    let mut at = 0;
    for page in text.split('\u{c}') {
        reader.new_page();
        let mut line_at = at;
        for line in page.split('\n') {
            reader.line(text, line, line_at);
            if reader.enough {
                return;
            }
            line_at += line.len() + 1;
        }
        reader.flush(text);
        at += page.len() + 1;
        reader.page += 1;
    }
}

struct Reader<'t, 'e, F> {
    chat: bool,
    /// What "today" is where nothing else is said.
    document: NaiveDateTime,
    page: usize,
    reference: NaiveDateTime,
    speaker: Option<&'t str>,
    heading: Option<&'t str>,
    block: Option<Block>,
    /// Inside of the header of a message.
    header: bool,
    skipping: Skipping,
    each: &'e mut F,
    enough: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skipping {
    Nothing,
    /// Until the fence closes.
    Code,
    /// Until the next empty line.
    Paragraph,
}

/// Lines that belong together.
#[derive(Debug, Clone, Copy)]
struct Block {
    from: usize,
    to: usize,
    place: Place,
    /// Whether the last line was long enough to have been wrapped.
    wrapped: bool,
    /// Whether an empty line stood before it.
    apart: bool,
}

impl<'t, F: FnMut(Statement<'t>) -> bool> Reader<'t, '_, F> {
    fn new_page(&mut self) {
        self.reference = self.document;
        self.speaker = None;
        self.heading = None;
        self.header = false;
        self.skipping = Skipping::Nothing;
    }

    fn line(&mut self, text: &'t str, line: &'t str, at: usize) {
        let body = line.trim();
        if body.starts_with("```") {
            self.flush(text);
            self.skipping = if self.skipping == Skipping::Code {
                Skipping::Nothing
            } else {
                Skipping::Code
            };
            return;
        }
        if body.is_empty() {
            self.flush_before_gap(text);
            self.header = false;
            if self.skipping == Skipping::Paragraph {
                self.skipping = Skipping::Nothing;
            }
            return;
        }
        if self.skipping != Skipping::Nothing {
            return;
        }
        // Quoted replies were read where they were written; a signature says nothing.
        if body.starts_with('>') || line == "-- " || body == "--" {
            self.flush(text);
            if !body.starts_with('>') {
                self.skipping = Skipping::Paragraph;
            }
            return;
        }
        if self.header_line(body) {
            return self.flush(text);
        }
        if (self.chat || body.starts_with('['))
            && let Some((when, speaker, said)) = message(body, self.chat)
        {
            self.flush(text);
            self.reference = when.unwrap_or(self.reference);
            self.speaker = speaker;
            self.heading = None;
            let from = at + offset(line, said);
            self.begin(from, at + line.trim_end().len(), Place::Prose, line);
            return;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some((place, rest)) = item(body) {
            self.flush(text);
            if let Some(place) = place {
                self.begin(at + offset(line, rest), at + line.trim_end().len(), place, line);
            } else {
                // A box that is ticked: done, with what is wrapped behind it.
                self.block = None;
            }
            return;
        }
        if body.starts_with('|') || body.contains('\t') {
            self.flush(text);
            self.begin(at + indent, at + line.trim_end().len(), Place::Row, line);
            return self.flush(text);
        }
        if body.starts_with('#') {
            self.flush(text);
            let title = body.trim_start_matches('#').trim();
            self.begin(
                at + offset(line, title),
                at + offset(line, title) + title.len(),
                Place::Heading,
                line,
            );
            return self.flush(text);
        }
        let goes_on = self.block.as_ref().is_some_and(|block| {
            block.wrapped
                || indent >= 2 && block.place != Place::Prose
                || body.starts_with(char::is_lowercase) && !self.chat
        });
        let end = at + line.trim_end().len();
        match &mut self.block {
            Some(block) if goes_on => {
                block.to = end;
                block.wrapped = is_wrapped(line);
            }
            _ => {
                let apart = self.block.is_none();
                self.flush(text);
                self.begin(at + indent, end, Place::Prose, line);
                if let Some(block) = &mut self.block {
                    block.apart = apart;
                }
            }
        }
    }

    /// The heads of messages: those that extraction writes, and those that mail programs put before what is forwarded. Says
    /// whether the line is part of one.
    fn header_line(&mut self, body: &'t str) -> bool {
        if let Some((when, sender)) = way(body) {
            self.header = true;
            self.reference = when.unwrap_or(self.reference);
            self.speaker = name_of(sender);
            return true;
        }
        let Some((key, value)) = body.split_once(": ") else {
            return self.header && body.ends_with(':');
        };
        if key == "From" && (value.contains('@') || self.header) {
            self.header = true;
            self.speaker = name_of(value);
            return true;
        }
        if !self.header {
            return false;
        }
        if key == "Date"
            && let Some(when) = stamp(value)
        {
            self.reference = when;
        }
        matches!(
            key,
            "To" | "Cc" | "Bcc" | "Date" | "Subject" | "Reply-To" | "Sent"
        )
    }

    fn begin(&mut self, from: usize, to: usize, place: Place, line: &str) {
        self.block = (from < to).then_some(Block {
            from,
            to,
            place,
            wrapped: is_wrapped(line),
            apart: true,
        });
    }

    /// A short line between empty ones, without the end of a sentence, is a heading.
    fn flush_before_gap(&mut self, text: &'t str) {
        if let Some(block) = &mut self.block
            && block.place == Place::Prose
            && block.apart
            && self.speaker.is_none()
        {
            let line = &text[block.from..block.to];
            let ends = line.ends_with(['.', '!', '?', ',', ';']);
            // A line with a date on it is what stands under a heading.
            let digits = line.bytes().filter(u8::is_ascii_digit).count();
            if line.len() <= HEADING_BYTES_MAX && !ends && !line.contains('\n') && digits <= 2 {
                block.place = Place::Heading;
            }
        }
        self.flush(text);
    }

    fn flush(&mut self, text: &'t str) {
        let Some(block) = self.block.take() else { return };
        let whole = &text[block.from..block.to];
        let mut first = true;
        sentences(whole, |from, sentence| {
            if sentence.len() > SENTENCE_BYTES_MAX {
                return true;
            }
            let statement = Statement {
                text: sentence,
                at: block.from + from,
                page: self.page,
                reference: self.reference,
                speaker: self.speaker,
                place: block.place,
                heading: self.heading,
                first,
            };
            first = false;
            self.enough = !(self.each)(statement);
            !self.enough
        });
        let introduces =
            block.place == Place::Prose && whole.len() <= HEADING_BYTES_MAX && whole.ends_with(':');
        if block.place == Place::Heading || introduces {
            self.heading = Some(whole.trim_end_matches(':'));
        }
    }
}

fn is_wrapped(line: &str) -> bool {
    line.chars().count() >= WRAPPED_CHARS_MIN
}

/// Where a part of a line begins in it.
fn offset(line: &str, part: &str) -> usize {
    (part.as_ptr() as usize)
        .saturating_sub(line.as_ptr() as usize)
        .min(line.len())
}

/// The marker of an item and what follows; without a place for a box that is ticked.
fn item(body: &str) -> Option<(Option<Place>, &str)> {
    let bullet = body
        .strip_prefix(['-', '*', '•', '–', '·', '+', '‣', '▪'])
        .filter(|rest| rest.starts_with(' '));
    let numbered = || {
        let digits = body.bytes().take_while(u8::is_ascii_digit).count();
        let rest = body[digits..]
            .strip_prefix(['.', ')'])
            .filter(|rest| rest.starts_with(' '))?;
        // "3. April" is a date.
        (1..=2)
            .contains(&digits)
            .then_some(rest)
            .filter(|_| body[digits..].starts_with(')') || !is_month(rest))
    };
    let rest = bullet.or_else(numbered).unwrap_or(body).trim_start();
    let boxed = |open: bool, mark: &str| {
        let after = rest.strip_prefix(mark)?;
        Some((open.then_some(Place::OpenBox), after.trim_start()))
    };
    for (open, mark) in [
        (true, "[ ]"),
        (true, "[]"),
        (true, "☐"),
        (false, "[x]"),
        (false, "[X]"),
        (false, "☑"),
        (false, "✓"),
        (false, "✔"),
        (false, "☒"),
    ] {
        if let Some(found) = boxed(open, mark) {
            return Some(found);
        }
    }
    (rest.len() < body.len()).then_some((Some(Place::Item), rest))
}

fn is_month(rest: &str) -> bool {
    let word = rest.split_whitespace().next().unwrap_or_default().to_lowercase();
    super::lexicon::Lexicon::of("de").word(&word).month > 0
}

/// When, who, and what is said, of the first line of a message.
fn message(body: &str, chat: bool) -> Option<(Option<NaiveDateTime>, Option<&str>, &str)> {
    if let Some(inside) = body.strip_prefix('[')
        && let Some((time, rest)) = inside.split_once(']')
        && let Some(when) = stamp(time)
    {
        let rest = rest.trim_start();
        let named = rest
            .split_once(": ")
            .filter(|(name, _)| name.len() <= 60 && !name.starts_with("- "));
        let (speaker, said) = named.map_or((None, rest), |(name, said)| (Some(name), said));
        return Some((Some(when), speaker, said));
    }
    if !chat {
        return None;
    }
    let line = ChatLine::read(body)?;
    Some((None, line.speaker, line.text))
}

/// `2026-03-14 18:04`, perhaps with seconds and an offset, which does not matter for "today".
/// The line that extraction writes above a message: when, from whom, to whom, as far as it is known:
/// `2026-03-14 18:04 · Nora <nora@a.example> → Ben <ben@a.example> · cc Ida`. Gives when, and the sender.
fn way(body: &str) -> Option<(Option<NaiveDateTime>, &str)> {
    const STAMP_BYTES: usize = 16;
    let stamped = body
        .split_at_checked(STAMP_BYTES)
        .and_then(|(when, rest)| Some((minute(when)?, rest)));
    if let Some((when, people)) = stamped {
        // Without a sender, an arrow or nothing follows the time.
        let sender = match people.strip_prefix(" · ") {
            Some(people) => people.split(" → ").next().unwrap_or_default(),
            None if people.is_empty() || people.starts_with(" → ") => "",
            None => return None,
        };
        return Some((Some(when), sender));
    }
    // Without a time, an arrow may be anything, unless there are addresses on both sides.
    let (sender, recipients) = body.split_once(" → ")?;
    (sender.contains('@') && recipients.contains('@')).then_some((None, sender))
}

/// What somebody is called in `Name <address>`; `None` where there is only an address.
fn name_of(person: &str) -> Option<&str> {
    let name = person
        .split('<')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches('"');
    (!name.is_empty() && !name.contains('@')).then_some(name)
}

fn minute(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok()
}

fn stamp(text: &str) -> Option<NaiveDateTime> {
    let date: NaiveDate = text.get(..10)?.parse().ok()?;
    let time = text
        .get(11..16)
        .and_then(|time| NaiveTime::parse_from_str(time, "%H:%M").ok());
    Some(date.and_time(time.unwrap_or_default()))
}

/// Words that end with a full stop without ending a sentence.
const ABBREVIATIONS: &[&str] = &[
    "abs", "apr", "approx", "apt", "art", "aug", "av", "bd", "bzw", "ca", "cf", "chap", "dec", "dept", "dez",
    "dr", "dra", "ed", "eg", "etc", "evtl", "exp", "feb", "fig", "fr", "ggf", "gov", "hr", "inkl", "jan",
    "jr", "jul", "jun", "kap", "lt", "max", "min", "mme", "mr", "mrs", "ms", "nr", "no", "nov", "núm", "oct",
    "okt", "pág", "pp", "prof", "rev", "sept", "sr", "sra", "st", "str", "tel", "usw", "vgl", "vol", "vs",
    "zb", "zzgl",
];

/// Cuts where a sentence ends; a full stop does so before a capital only. Calls `each` with where each begins.
fn sentences<'t>(text: &'t str, mut each: impl FnMut(usize, &'t str) -> bool) {
    let mut from = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let ends = matches!(byte, b'.' | b'!' | b'?' | b';')
            && bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace)
            && (matches!(byte, b'!' | b'?' | b';')
                || ends_sentence(&text[from..at], text[at + 1..].trim_start()));
        at += 1;
        if ends {
            if !give(text, from, at, &mut each) {
                return;
            }
            from = at;
        }
    }
    give(text, from, text.len(), &mut each);
}

fn give<'t>(text: &'t str, from: usize, to: usize, each: &mut impl FnMut(usize, &'t str) -> bool) -> bool {
    let sentence = &text[from..to];
    let trimmed = sentence.trim();
    trimmed.is_empty() || each(from + (sentence.len() - sentence.trim_start().len()), trimmed)
}

/// Whether the full stop between these two is the end of a sentence.
fn ends_sentence(before: &str, after: &str) -> bool {
    if !after.starts_with(|c: char| {
        c.is_uppercase() || c.is_ascii_digit() || matches!(c, '¿' | '¡' | '"' | '“' | '„' | '«' | '@' | '[')
    }) {
        return false;
    }
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    let letters = word.rsplit('.').next().unwrap_or_default();
    // Initials; but "de 9 h à 16 h." ends with a unit.
    let unit = before.len() > word.len()
        && before[..before.len() - word.len()]
            .trim_end()
            .ends_with(|c: char| c.is_ascii_digit());
    if letters.chars().count() <= 1 && !letters.is_empty() && !unit {
        return false;
    }
    // "am 5. Mai", "12.3. um"
    if letters.len() <= 2 && letters.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    letters.len() > 6 || !ABBREVIATIONS.contains(&letters.to_lowercase().as_str())
}
