//! Tells whether a sentence announces something that takes place, and when.

use super::dates::When;
use super::lexicon::Sign;
use super::statements::Place;
use super::{Characters, Event, Moment, Read, titles};

/// What was found, before it is dressed.
pub(super) struct Found {
    title: String,
    start: Option<Moment>,
    end: Option<Moment>,
}

impl Found {
    pub(super) fn into_event(self, read: &Read<'_>, characters: &mut Characters<'_>) -> Event {
        Event {
            title: self.title,
            start: self.start,
            end: self.end,
            source: read.source(characters),
        }
    }
}

/// A longer sentence says something else than that something is planned.
const BRIEF_WORDS_MAX: usize = 10;

/// An event, if the sentence announces one.
pub(super) fn find(read: &Read<'_>) -> Option<Found> {
    let any = |sign: Sign| read.tokens.iter().any(|token| token.is(sign));
    let today = read.statement.reference.date();
    let live = |when: &&When| !when.over && !when.deadline;
    let Some(when) = read.whens.iter().find(live) else {
        let open = read.whens.is_empty() && any(Sign::Event) && any(Sign::Tbd);
        let title = titles::of(read, None)?;
        return open.then_some(Found {
            title,
            start: None,
            end: None,
        });
    };
    let date = when.date?;
    let over = date < today;
    let told = any(Sign::Past) && !any(Sign::Occurs);
    if over && (!when.exact || told)
        || told && (date <= today || when.bare_weekday || when.times.start.is_none())
    {
        return None;
    }
    if any(Sign::Again) || when.bare_weekday && when.last.is_some() {
        return None;
    }
    let named = any(Sign::Event);
    let timed = when.times.start.is_some();
    let stamped = any(Sign::Stamped) || is_log(read, when);
    let row = read.statement.place == Place::Row;
    let under_event = when.from <= 1 && read.statement.first && titles::heading_is_event(read);
    let evident = named || !row && (any(Sign::Occurs) || timed && !over) || under_event;
    let booked = row && !timed && is_booking(read, when);
    if !evident || booked || !named && stamped || any(Sign::Thanks) && !timed {
        return None;
    }
    let title = titles::of(read, Some(when))?;
    if when.vague {
        // A week or a month is no date; that it is planned is worth knowing, where that is what the sentence says.
        let brief = read.tokens.iter().filter(|token| token.is_word()).count() <= BRIEF_WORDS_MAX;
        return (named && !over && brief && !any(Sign::Past)).then_some(Found {
            title,
            start: None,
            end: None,
        });
    }
    let zone = when.times.zone;
    let end = match (when.last, when.times.end) {
        (Some(last), time) => Some(Moment::new(last, time, zone)),
        (None, Some(time)) => Some(Moment::new(date, Some(time), zone)),
        (None, None) => None,
    };
    Some(Found {
        title,
        start: Some(Moment::new(date, when.times.start, zone)),
        end,
    })
}

/// Whether the sentence says that something takes place, besides whatever it asks for.
pub(super) fn is_told(read: &Read<'_>) -> bool {
    let any = |signs: &[Sign]| read.tokens.iter().any(|token| token.meaning.is_any(signs));
    any(&[Sign::Occurs]) && !any(&[Sign::Ask, Sign::Please, Sign::Label])
}

/// Whether a row of a table has an amount of money in a cell beside that of the date: what was bought at the market is
/// no market.
fn is_booking(read: &Read<'_>, when: &When) -> bool {
    let row = read.statement.text;
    let dated = read.tokens.get(when.from).map_or(0, |token| token.from as usize);
    let mut end = 0;
    row.split_inclusive(['\t', '|']).any(|cell| {
        let start = end;
        end += cell.len();
        !(start..end).contains(&dated) && is_amount(cell)
    })
}

/// `37,45`, `€ 1,150.00`: two decimals, and thousands set apart or not.
fn is_amount(cell: &str) -> bool {
    let number = cell.trim_matches(|c: char| !c.is_ascii_digit());
    let Some((whole, decimals)) = number.rsplit_once(['.', ',']) else {
        return false;
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut thousands = whole.split(['.', ',', '\'', ' ']);
    thousands.next().is_some_and(digits)
        && thousands.all(|group| group.len() == 3 && digits(group))
        && decimals.len() == 2
        && digits(decimals)
}

/// A line that begins with seconds of a day was written by a program.
fn is_log(read: &Read<'_>, when: &When) -> bool {
    let written = read.tokens.get(when.from..when.to).unwrap_or_default();
    let colons = written.iter().filter(|token| token.is_sign(&[':'])).count();
    when.from == 0 && colons >= 2 && when.times.zone.is_none()
}
