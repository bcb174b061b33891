//! What the beginning of a line says: an item with its box, a message with who and when, the way that a message went.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use domain::ChatLine;

use super::Place;
use crate::agenda::lexicon::Lexicon;

/// The marker of an item and what follows; without a place for a box that is ticked.
pub(super) fn item(body: &str) -> Option<(Option<Place>, &str)> {
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
    Lexicon::of("de").word(&word).month > 0
}

/// When, who, and what is said, of the first line of a message.
pub(super) fn message(body: &str, chat: bool) -> Option<(Option<NaiveDateTime>, Option<&str>, &str)> {
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

/// The line that extraction writes above a message: when, from whom, to whom, as far as it is known:
/// `2026-03-14 18:04 · Nora <nora@a.example> → Ben <ben@a.example> · cc Ida`. Gives when, and the sender.
pub(super) fn way(body: &str) -> Option<(Option<NaiveDateTime>, &str)> {
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
pub(super) fn name_of(person: &str) -> Option<&str> {
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

/// `2026-03-14 18:04`, perhaps with seconds and an offset, which does not matter for "today".
pub(super) fn stamp(text: &str) -> Option<NaiveDateTime> {
    let date: NaiveDate = text.get(..10)?.parse().ok()?;
    let time = text
        .get(11..16)
        .and_then(|time| NaiveTime::parse_from_str(time, "%H:%M").ok());
    Some(date.and_time(time.unwrap_or_default()))
}
