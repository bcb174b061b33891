//! Reads times of the day: `15:00`, `7.30 pm`, `16–17 Uhr`, `19h30`, `a las 9`, "noon".

use super::dates::{Offset, Time};
use super::lexicon::Sign;
use super::tokens::Token;

/// When something begins and ends on its day.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Times {
    pub(super) start: Option<Time>,
    pub(super) end: Option<Time>,
    /// As the text says it; without, the time of wherever its reader is.
    pub(super) zone: Option<Offset>,
    /// Without "am" or "pm", and small enough to be either.
    half: bool,
}

/// Hours below are meant in the afternoon when nothing is said.
const FIRST_HOUR: u32 = 7;

impl Times {
    /// "tonight at 8": the hours are those after noon.
    pub(super) fn shift_to_afternoon(&mut self) {
        if self.half {
            self.start = self.start.map(after_noon);
            self.end = self.end.map(after_noon);
            self.half = false;
        }
    }
}

/// An hour as it was read.
#[derive(Debug, Clone, Copy)]
struct Hour {
    hour: u32,
    minute: u32,
    /// "am" is false, "pm" is true.
    half: Option<bool>,
    /// Whether something else than a bare number says that this is a time.
    sure: bool,
    seconds: bool,
    to: usize,
}

/// A time that begins at this token, and where it ends; `said` if the word before it announces a time.
pub(super) fn read(tokens: &[Token], at: usize, said: bool) -> Option<(Times, usize)> {
    let mut at = at;
    let mut said = said || at > 0 && tokens[at - 1].is(Sign::At);
    while tokens
        .get(at)
        .is_some_and(|token| token.is(Sign::At) || token.is(Sign::From) && !token.is(Sign::Of))
        && at < tokens.len()
    {
        said = true;
        at += 1;
    }
    let mut first = hour(tokens, at)?;
    let mut end = None;
    let mut bare = !first.sure;
    let mut to = first.to;
    // Behind seconds, "-05:00" is a time zone and no end.
    let zoned = first.seconds && zone(tokens, to).0.is_some();
    if !zoned
        && tokens
            .get(to)
            .is_some_and(|token| token.is(Sign::To) || token.is_sign(&['-', '–', '—']))
    {
        let mut next = to + 1;
        while tokens.get(next).is_some_and(|token| token.is(Sign::At)) {
            next += 1;
        }
        if let Some(second) = hour(tokens, next).filter(|second| first.sure || second.sure || said) {
            to = second.to;
            bare = !first.sure && !second.sure;
            first.sure = true;
            first.half = first.half.or(second.half);
            // "11-1pm" begins in the morning.
            if first.half == Some(true)
                && second.half == Some(true)
                && first.hour > second.hour
                && first.hour < 12
            {
                first.half = Some(false);
            }
            end = Some(second);
        }
    }
    if !first.sure && !said {
        return None;
    }
    // "at 5 apples" is no time, nor is "at 30 %".
    if !first.sure
        && tokens
            .get(to)
            .is_some_and(|next| next.is_sign(&['%', '€', '$', '°', '/']) || next.glued && next.is_word())
    {
        return None;
    }
    let (zone, to) = zone(tokens, to);
    let open = |hour: &Hour| hour.half.is_none() && (1..12).contains(&hour.hour);
    let mut times = Times {
        start: time(first),
        end: end.and_then(time),
        zone,
        half: open(&first) && end.as_ref().is_none_or(open),
    };
    times.start?;
    // "at 3": nobody meets at three in the morning. With minutes or "Uhr" it is a clock of 24 hours.
    if times.half && bare && first.hour < FIRST_HOUR {
        times.shift_to_afternoon();
    }
    if times
        .end
        .is_some_and(|end| times.start.is_some_and(|start| end <= start))
    {
        times.end = None;
    }
    Some((times, to))
}

fn hour(tokens: &[Token], at: usize) -> Option<Hour> {
    let token = tokens.get(at)?;
    let fixed = |hour| Hour {
        hour,
        minute: 0,
        half: Some(hour >= 12),
        sure: true,
        seconds: false,
        to: at + 1,
    };
    if token.is(Sign::Noon) {
        return Some(fixed(12));
    }
    if token.is(Sign::Midnight) {
        return Some(Hour {
            half: Some(false),
            ..fixed(0)
        });
    }
    let spelled = u32::from(token.meaning.number);
    let hour = token.number().or((spelled > 0).then_some(spelled))?;
    if hour > 24 || token.digits() > 2 {
        return None;
    }
    let mut read = Hour {
        hour,
        minute: 0,
        half: None,
        sure: false,
        seconds: false,
        to: at + 1,
    };
    minutes(tokens, at, &mut read);
    if let Some(mark) = tokens.get(read.to) {
        if mark.is(Sign::Pm) || mark.is(Sign::Am) {
            read.half = Some(mark.is(Sign::Pm));
            read.sure = true;
            read.to += 1;
        } else if mark.is(Sign::OClock) {
            read.sure = true;
            read.to += 1;
            // "14 h 30", "10 Uhr 30"
            if let Some(minute) = tokens
                .get(read.to)
                .filter(|it| it.digits() == 2 && read.minute == 0)
                .and_then(Token::number)
                && minute < 60
                && !tokens.get(read.to + 1).is_some_and(|next| {
                    next.meaning.month > 0
                        || next.is_sign(&['.'])
                            && next.glued
                            && tokens.get(read.to + 2).is_some_and(|it| it.number().is_some())
                })
            {
                read.minute = minute;
                read.to += 1;
            }
        }
    }
    Some(read)
}

/// `:30`, `:30:15`, or `.30` where an hour's mark follows.
fn minutes(tokens: &[Token], at: usize, read: &mut Hour) {
    let glued = |at: usize| tokens.get(at).filter(|token| token.glued);
    let Some(sign) = glued(at + 1) else { return };
    let Some(minute) = glued(at + 2)
        .filter(|token| token.digits() == 2)
        .and_then(Token::number)
    else {
        return;
    };
    let marked = tokens
        .get(at + 3)
        .is_some_and(|token| token.meaning.is_any(&[Sign::Am, Sign::Pm, Sign::OClock]));
    // "9.30 to 11 am": the end of the range says that this is a time.
    let ranged = tokens
        .get(at + 3)
        .is_some_and(|token| token.is(Sign::To) || token.is_sign(&['-', '–']));
    if minute < 60 && (sign.is_sign(&[':']) || sign.is_sign(&['.']) && (marked || ranged)) {
        read.minute = minute;
        read.sure = marked || sign.is_sign(&[':']);
        read.to = at + 3;
        if glued(at + 3).is_some_and(|token| token.is_sign(&[':']))
            && glued(at + 4).is_some_and(|it| it.digits() == 2)
        {
            read.to = at + 5;
            read.seconds = true;
            // Fractions of seconds.
            if glued(at + 5).is_some_and(|token| token.is_sign(&['.']))
                && glued(at + 6).is_some_and(|it| it.digits() > 0)
            {
                read.to = at + 7;
            }
        }
    }
}

fn time(hour: Hour) -> Option<Time> {
    let value = match (hour.half, hour.hour) {
        (Some(true), 1..12) => hour.hour + 12,
        (Some(false), 12) => 0,
        (_, 24) => 0,
        (_, value) => value,
    };
    Time::from_hms_opt(value, hour.minute, 0)
}

fn after_noon(time: Time) -> Time {
    use chrono::Timelike;
    if time.hour() < 12 {
        time.with_hour(time.hour() + 12).unwrap_or(time)
    } else {
        time
    }
}

/// `Z`, `+01:00`, `UTC`, `MEZ` behind a time.
fn zone(tokens: &[Token], at: usize) -> (Option<Offset>, usize) {
    let Some(token) = tokens.get(at) else {
        return (None, at);
    };
    if token.is_word() {
        // "est" is a word in several languages; the zone is written in capitals.
        let minutes = token.meaning.zone.filter(|_| token.capital).map(i32::from);
        return match minutes.and_then(|minutes| Offset::east_opt(minutes * 60)) {
            Some(zone) => (Some(zone), at + 1),
            None => (None, at),
        };
    }
    let sign = match () {
        () if token.is_sign(&['+']) => 1,
        () if token.is_sign(&['-', '−']) && token.glued => -1,
        () => return (None, at),
    };
    let part = |at: usize| {
        tokens
            .get(at)
            .filter(|token| token.glued)
            .and_then(|token| Some((token.number()?, token.digits())))
    };
    let (hours, minutes, to) = match part(at + 1) {
        Some((value, 4)) => (value / 100, value % 100, at + 2),
        Some((hours, 1 | 2)) => match (tokens.get(at + 2), part(at + 3)) {
            (Some(colon), Some((minutes, 2))) if colon.is_sign(&[':']) => (hours, minutes, at + 4),
            _ => return (None, at),
        },
        _ => return (None, at),
    };
    if hours > 14 || minutes > 59 {
        return (None, at);
    }
    let seconds = sign * i32::try_from(hours * 60 + minutes).unwrap_or(0) * 60;
    match Offset::east_opt(seconds) {
        Some(zone) => (Some(zone), to),
        None => (None, at),
    }
}
