//! Cuts a text into sentences, each with what its surroundings say: who speaks, when, under which heading.

mod lines;
mod sentences;

use chrono::NaiveDateTime;

use lines::{item, message, name_of, stamp, way};
use sentences::sentences;

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
