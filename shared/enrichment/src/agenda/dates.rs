//! Finds what a sentence says about days and times, and which day that is.

mod numbers;
mod words;

use chrono::{Datelike, Days, FixedOffset, Months, NaiveDate, NaiveDateTime, NaiveTime};

use super::lexicon::{Lexicon, Sign};
use super::times::{self, Times};
use super::tokens::Token;

/// What a stretch of a sentence says about when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct When {
    /// The day, or the first of several.
    pub(super) date: Option<NaiveDate>,
    /// The last day, where there are several.
    pub(super) last: Option<NaiveDate>,
    pub(super) times: Times,
    /// A week, a month or a year rather than a day.
    pub(super) vague: bool,
    /// What stands before it makes it a deadline.
    pub(super) deadline: bool,
    /// "last Friday", "two weeks ago": it is over.
    pub(super) over: bool,
    /// The year is written, so nothing was guessed.
    pub(super) exact: bool,
    /// A day of the week, and nothing else.
    pub(super) bare_weekday: bool,
    /// Its tokens, with the words before it that belong to it.
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Years outside are no dates of todos and events.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

/// A day without a year that is longer ago than this is meant to be next year.
const BACK_DAYS_MAX: i64 = 90;

/// The days and times of a sentence.
pub(super) fn find(tokens: &[Token], lexicon: &Lexicon, reference: NaiveDateTime) -> Vec<When> {
    let reader = Reader {
        tokens,
        lexicon,
        now: reference,
        today: reference.date(),
    };
    let mut found: Vec<When> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match reader.when(at) {
            Some(when) => {
                at = when.to.max(at + 1);
                reader.push(&mut found, when);
            }
            None => at += 1,
        }
    }
    join_lone_times(&mut found);
    found
}

struct Reader<'t> {
    tokens: &'t [Token],
    lexicon: &'t Lexicon,
    now: NaiveDateTime,
    today: NaiveDate,
}

/// A day, or several, as it was read.
#[derive(Debug, Clone, Copy)]
struct Day {
    date: NaiveDate,
    last: Option<NaiveDate>,
    vague: bool,
    over: bool,
    exact: bool,
    weekday: bool,
    deadline: bool,
    evening: bool,
    times: Times,
    to: usize,
}

impl Day {
    fn new(date: NaiveDate, to: usize) -> Self {
        Self {
            date,
            last: None,
            vague: false,
            over: false,
            exact: false,
            weekday: false,
            deadline: false,
            evening: false,
            times: Times::default(),
            to,
        }
    }
}

impl Reader<'_> {
    fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    fn is(&self, at: usize, sign: Sign) -> bool {
        self.token(at).is_some_and(|token| token.is(sign))
    }

    fn is_sign(&self, at: usize, signs: &[char]) -> bool {
        self.token(at).is_some_and(|token| token.is_sign(signs))
    }

    fn number(&self, at: usize) -> Option<u32> {
        self.token(at).and_then(Token::number)
    }

    /// A number in digits or in words.
    fn count(&self, at: usize) -> Option<u32> {
        let token = self.token(at)?;
        token
            .number()
            .or_else(|| (token.meaning.number > 0).then(|| u32::from(token.meaning.number)))
    }

    /// Skips what may stand between the parts of a date and a time.
    fn after_connectors(&self, at: usize) -> usize {
        let connects = |token: &Token| {
            token.is_sign(&[',', '(', '|', '·', '–', '-', '@', '\''])
                || token.meaning.is_any(&[
                    Sign::At,
                    Sign::On,
                    Sign::Article,
                    Sign::From,
                    Sign::Of,
                    Sign::Morning,
                    Sign::Evening,
                ])
                || token.is(Sign::In) && self.is(at + 1, Sign::Article)
        };
        let mut next = at;
        while next < at + 4 && self.token(next).is_some_and(connects) {
            next += 1;
        }
        next
    }

    /// A day with its times, or times alone, that begin at this token.
    fn when(&self, at: usize) -> Option<When> {
        if let Some(day) = self.day(at) {
            return Some(self.with_times(at, day));
        }
        // "from 3 to 5 April" begins a day, not a time.
        if self.token(at)?.meaning.is_any(&[Sign::From, Sign::At]) && self.day(at + 1).is_some() {
            return None;
        }
        let times = times::read(self.tokens, at, false)?;
        let lone = When {
            date: None,
            last: None,
            times: times.0,
            vague: false,
            deadline: false,
            over: false,
            exact: false,
            bare_weekday: false,
            from: at,
            to: times.1,
        };
        // "5pm today", "um 10 Uhr am Montag"
        let next = self.after_connectors(times.1);
        let Some(day) = self.day(next) else {
            return Some(self.begun(lone));
        };
        let mut joined = self.when_of(at, day);
        joined.times = times.0;
        if day.evening {
            joined.times.shift_to_afternoon();
        }
        Some(self.begun(joined))
    }

    fn when_of(&self, at: usize, day: Day) -> When {
        When {
            date: Some(day.date),
            last: day.last,
            times: day.times,
            vague: day.vague,
            deadline: day.deadline,
            over: day.over,
            exact: day.exact,
            bare_weekday: day.weekday,
            from: at,
            to: day.to,
        }
    }

    fn with_times(&self, at: usize, day: Day) -> When {
        let mut when = self.when_of(at, day);
        let mut evening = day.evening;
        let mut next = day.to;
        while self.token(next).is_some_and(|token| {
            token.meaning.is_any(&[Sign::Morning, Sign::Evening]) && !token.is(Sign::Noon)
        }) {
            evening |= self.is(next, Sign::Evening);
            next += 1;
            when.to = next;
        }
        if when.times.start.is_none() && !when.vague {
            let from = self.after_connectors(next);
            let said = (next..from).any(|token| self.is(token, Sign::At));
            if let Some((times, to)) = times::read(self.tokens, from, said) {
                when.times = times;
                when.to = to;
                while self
                    .token(when.to)
                    .is_some_and(|token| token.meaning.is_any(&[Sign::Morning, Sign::Evening]))
                {
                    evening |= self.is(when.to, Sign::Evening);
                    when.to += 1;
                }
            }
        }
        if evening {
            when.times.shift_to_afternoon();
        }
        self.begun(when)
    }

    /// Takes the words before it in, and what they say of it.
    fn begun(&self, mut when: When) -> When {
        let mut from = when.from;
        while from > 0 {
            let before = &self.tokens[from - 1];
            let belongs = before
                .meaning
                .is_any(&[Sign::By, Sign::On, Sign::At, Sign::From, Sign::Within])
                || before.is(Sign::Article) && from >= 1
                || before.is(Sign::This)
                || before.is_sign(&['(']);
            if !belongs || when.from - from >= 3 {
                break;
            }
            when.deadline |= before.is(Sign::By);
            from -= 1;
        }
        when.from = from;
        when
    }

    /// Adds what was found, as the end of the one before where it is one.
    fn push(&self, found: &mut Vec<When>, when: When) {
        let Some(before) = found.last_mut() else {
            return found.push(when);
        };
        let between = &self.tokens[before.to.min(when.from)..when.from.max(before.to)];
        let joins = when.from >= before.to
            && between.len() <= 1
            && (between
                .iter()
                .all(|token| token.is(Sign::To) || token.is_sign(&['-', '–', '—']))
                && !between.is_empty()
                || between.is_empty() && self.is(when.from, Sign::To));
        match (before.date, when.date) {
            // "Monday to Friday": opening hours more often than one event.
            (Some(first), Some(last)) if joins && before.bare_weekday && when.bare_weekday => {
                before.last = Some(last.max(first));
                before.to = when.to;
            }
            (Some(first), Some(last)) if joins && last >= first && before.last.is_none() => {
                before.last = Some(last);
                before.times.end = when.times.start;
                before.bare_weekday = false;
                before.to = when.to;
            }
            _ => found.push(when),
        }
    }
}

fn add_months(date: NaiveDate, months: i64) -> Option<NaiveDate> {
    let number = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 {
        date.checked_sub_months(number)
    } else {
        date.checked_add_months(number)
    }
}

fn shift(date: NaiveDate, days: i64) -> Option<NaiveDate> {
    let number = Days::new(days.unsigned_abs());
    let shifted = if days < 0 {
        date.checked_sub_days(number)
    } else {
        date.checked_add_days(number)
    };
    shifted.filter(|date| YEARS.contains(&date.year()))
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    let year = i32::try_from(year).ok().filter(|year| YEARS.contains(year))?;
    NaiveDate::from_ymd_opt(year, month, day)
}

/// A whole month.
fn month_of(year: i32, month: u32, to: usize, exact: bool) -> Option<Day> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let mut day = Day::new(first, to);
    day.last = first
        .checked_add_months(Months::new(1))
        .and_then(|next| shift(next, -1));
    day.vague = true;
    day.exact = exact;
    Some(day)
}

/// A time that stands apart from the only day of its sentence belongs to it.
fn join_lone_times(found: &mut Vec<When>) {
    let lone = |when: &When| when.date.is_none();
    let dated = found.iter().filter(|when| !lone(when)).count();
    if dated == 1
        && found.len() == 2
        && let Some(times) = found.iter().find(|when| lone(when)).map(|when| when.times)
        && let Some(day) = found.iter_mut().find(|when| when.date.is_some())
        && day.times.start.is_none()
        && !day.vague
    {
        day.times = times;
    }
    found.retain(|when| when.date.is_some());
}

/// A time on a day.
pub(super) type Offset = FixedOffset;
/// A time of a day.
pub(super) type Time = NaiveTime;
