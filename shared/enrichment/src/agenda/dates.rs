//! Finds what a sentence says about days and times, and which day that is.

use chrono::{Datelike, Days, FixedOffset, Months, NaiveDate, NaiveDateTime, NaiveTime};

use super::lexicon::{Lexicon, Sign, Unit};
use super::times::{self, Times};
use super::tokens::{Kind, Token};

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
            joined.times.to_afternoon();
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
            when.times.to_afternoon();
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

    /// A day that begins at this token.
    fn day(&self, at: usize) -> Option<Day> {
        let token = self.token(at)?;
        match token.kind {
            Kind::Number(..) => self
                .iso(at)
                .or_else(|| self.digits(at))
                .or_else(|| self.day_and_month(at))
                .or_else(|| self.day_of_month(at))
                .or_else(|| self.distance(at)),
            Kind::Word => self.day_in_words(at, token),
            Kind::Sign(_) => None,
        }
    }

    fn day_in_words(&self, at: usize, token: &Token) -> Option<Day> {
        let meaning = token.meaning;
        if meaning.is_nothing() {
            return None;
        }
        if let Some(days) = meaning.day {
            let mut day = Day::new(self.shifted(i64::from(days))?, at + 1);
            day.over = days < 0;
            day.evening = meaning.is(Sign::Evening);
            return Some(day);
        }
        if meaning.is(Sign::EndOf) {
            return self.end_of_unit(meaning.unit?, at + 1);
        }
        if meaning.is_any(&[Sign::End, Sign::Begin, Sign::Middle])
            && let Some(day) = self.edge(at)
        {
            return Some(day);
        }
        if meaning.is_any(&[Sign::In, Sign::Within, Sign::AgoBefore])
            && let Some(day) = self.distance(at)
        {
            return Some(day);
        }
        if meaning.is_any(&[Sign::Next, Sign::This, Sign::Last])
            && let Some(day) = self.next_or_last(at)
        {
            return Some(day);
        }
        if meaning.weekday > 0
            && let Some(day) = self.weekday(at, token)
        {
            return Some(day);
        }
        if meaning.month > 0
            && let Some(day) = self.month_and_day(at, token)
        {
            return Some(day);
        }
        if meaning.unit.is_some()
            && let Some(day) = self.unit_and_next(at)
        {
            return Some(day);
        }
        if meaning.number > 0 {
            return self.distance(at);
        }
        None
    }

    /// `2026-03-12`, perhaps with `T14:00:00Z` behind it.
    fn iso(&self, at: usize) -> Option<Day> {
        let (year, month, day) = (self.number(at)?, self.number(at + 2)?, self.number(at + 4)?);
        let glued = (at + 1..=at + 4).all(|part| self.token(part).is_some_and(|token| token.glued));
        let dashes = [at + 1, at + 3]
            .into_iter()
            .all(|sign| self.is_sign(sign, &['-', '/', '.']));
        if self.token(at)?.digits() != 4 || !glued || !dashes {
            return None;
        }
        let mut found = Day::new(date(year, month, day)?, at + 5);
        found.exact = true;
        // "T14" is a word and a number.
        let mark = self
            .token(at + 5)
            .filter(|token| token.is_word() && token.glued && token.to - token.from == 1);
        if mark.is_some()
            && let Some((times, to)) = times::read(self.tokens, at + 6, false)
        {
            found.times = times;
            found.to = to;
        }
        Some(found)
    }

    /// `15.03.2026`, `12.3.`, `3/15/2026`, `20/03`.
    fn digits(&self, at: usize) -> Option<Day> {
        let (first, second) = (self.number(at)?, self.number(at + 2)?);
        let sign = |at: usize, signs: &[char]| {
            self.token(at)
                .is_some_and(|token| token.glued && token.is_sign(signs))
        };
        if !sign(at + 1, &['.', '/', '-']) || !self.token(at + 2)?.glued && !self.is_sign(at + 1, &['.']) {
            return None;
        }
        if self.token(at)?.digits() > 2 || self.token(at + 2)?.digits() > 2 {
            return None;
        }
        let month_first =
            self.is_sign(at + 1, &['/']) && (self.lexicon.month_first && first <= 12 || second > 12);
        let (day, month) = if month_first {
            (second, first)
        } else {
            (first, second)
        };
        let same_sign =
            self.token(at + 3).map(|token| token.kind) == self.token(at + 1).map(|token| token.kind);
        if let Some(year) = self.token(at + 4).filter(|token| matches!(token.digits(), 2 | 4))
            && sign(at + 3, &['.', '/', '-'])
            && same_sign
            && (year.glued || self.is_sign(at + 3, &['.']))
        {
            let value = year.number()?;
            let value = if year.digits() == 2 { 2000 + value } else { value };
            let mut found = Day::new(date(value, month, day)?, at + 5);
            found.exact = true;
            return Some(found);
        }
        // Without a year it may be a fraction or the number of a chapter.
        let dotted = self.lexicon.dotted_days && self.is_sign(at + 1, &['.']) && sign(at + 3, &['.']);
        let asked = at > 0
            && self.tokens[at - 1]
                .meaning
                .is_any(&[Sign::On, Sign::By, Sign::Article]);
        let slashed = !self.lexicon.month_first && self.is_sign(at + 1, &['/']) && asked;
        let written = dotted && (asked || self.after_weekday(at)) || slashed;
        written.then(|| self.in_coming_year(day, month, if dotted { at + 4 } else { at + 3 }))?
    }

    fn after_weekday(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).and_then(|at| self.token(at));
        let is_weekday = |token: Option<&Token>| token.is_some_and(|token| token.meaning.weekday > 0);
        is_weekday(before(1))
            || is_weekday(before(2)) && before(1).is_some_and(|token| token.is_sign(&[',', '.']))
    }

    /// The day without a year that is meant.
    fn in_coming_year(&self, day: u32, month: u32, to: usize) -> Option<Day> {
        let this = date(u32::try_from(self.today.year()).ok()?, month, day);
        let meant = match this {
            Some(this) if (self.today - this).num_days() <= BACK_DAYS_MAX => this,
            _ => date(u32::try_from(self.today.year() + 1).ok()?, month, day)?,
        };
        Some(Day::new(meant, to))
    }

    /// Behind the number of a day: "th", "er", ".", "º".
    fn after_ordinal(&self, at: usize) -> (usize, bool) {
        match self.token(at + 1) {
            Some(token) if token.glued && token.is_sign(&['.', 'º', '°']) => (at + 2, true),
            Some(token)
                if token.glued
                    && token.is_word()
                    && token.to - token.from == 2
                    && !token.is(Sign::Am)
                    && !token.is(Sign::Pm) =>
            {
                (at + 2, true)
            }
            _ => (at + 1, false),
        }
    }

    /// `12 March 2026`, `3 to 5 April`, `20 de marzo de 2026`, `the 3rd of April`.
    fn day_and_month(&self, at: usize) -> Option<Day> {
        let first = self.number(at).filter(|day| (1..=31).contains(day))?;
        if self.token(at)?.digits() > 2 {
            return None;
        }
        let (mut next, _) = self.after_ordinal(at);
        let mut last = None;
        let ranges = self.is(next, Sign::To) || self.is_sign(next, &['-', '–', '/', '+', '&']);
        if ranges
            && let Some(second) = self
                .number(next + 1)
                .filter(|day| (1..=31).contains(day) && *day > first)
        {
            let (after, _) = self.after_ordinal(next + 1);
            last = Some(second);
            next = after;
        }
        while self.token(next).is_some_and(|token| token.is(Sign::Of)) || self.is_sign(next, &['-', '.']) {
            next += 1;
        }
        let month = self.token(next).filter(|token| token.meaning.month > 0)?;
        let month = u32::from(month.meaning.month);
        let (mut found, to) = self.with_year(first, month, next + 1)?;
        found.to = to;
        if let Some(last) = last {
            found.last = date(u32::try_from(found.date.year()).ok()?, month, last);
        }
        Some(found)
    }

    /// The day with the year behind it, if there is one, and where it ends.
    fn with_year(&self, day: u32, month: u32, at: usize) -> Option<(Day, usize)> {
        let mut next = at;
        while self.is(next, Sign::Of) || self.is_sign(next, &[',', '.']) {
            next += 1;
        }
        let year = self
            .token(next)
            .filter(|token| token.digits() == 4)
            .and_then(Token::number)
            .filter(|year| YEARS.contains(&(*year as i32)));
        match year {
            Some(year) => {
                let mut found = Day::new(date(year, month, day)?, next + 1);
                found.exact = true;
                Some((found, next + 1))
            }
            None => Some((self.in_coming_year(day, month, at)?, at)),
        }
    }

    /// `April 22nd`, `Apr 3, 2026`, `June 2026`, `in May`.
    fn month_and_day(&self, at: usize, token: &Token) -> Option<Day> {
        let month = u32::from(token.meaning.month);
        let mut next = at + 1;
        if self.is_sign(next, &['.']) {
            next += 1;
        }
        let number = self.token(next);
        if let Some(day) = number
            .filter(|number| (1..=2).contains(&number.digits()))
            .and_then(Token::number)
            && self.lexicon.month_first
            && (1..=31).contains(&day)
            && !self.is_sign(next + 1, &[':'])
            && !self
                .token(next + 1)
                .is_some_and(|after| after.meaning.is_any(&[Sign::Am, Sign::Pm]) || after.is_sign(&['%']))
        {
            let (mut after, _) = self.after_ordinal(next);
            if self.is_sign(next + 1, &['.']) {
                after = next + 1;
            }
            let mut last = None;
            if (self.is(after, Sign::To) || self.is_sign(after, &['-', '–']))
                && let Some(second) = self
                    .number(after + 1)
                    .filter(|second| *second > day && *second <= 31)
                && !self.is_sign(after + 2, &[':'])
            {
                last = Some(second);
                after = self.after_ordinal(after + 1).0;
            }
            let (mut found, to) = self.with_year(day, month, after)?;
            found.to = to;
            found.last = last.and_then(|last| date(u32::try_from(found.date.year()).ok()?, month, last));
            return Some(found);
        }
        let mut year_at = next;
        if self.is(year_at, Sign::Of) {
            year_at += 1;
        }
        let year = self
            .token(year_at)
            .filter(|year| year.digits() == 4)
            .and_then(Token::number);
        if let Some(year) = year.filter(|year| YEARS.contains(&(*year as i32))) {
            return month_of(i32::try_from(year).ok()?, month, year_at + 1, true);
        }
        // "in May", but not "May I".
        let asked = at > 0
            && self.tokens[at - 1]
                .meaning
                .is_any(&[Sign::In, Sign::By, Sign::Within, Sign::This, Sign::On]);
        if !asked || !token.capital && self.lexicon.month_first {
            return None;
        }
        let year = self.today.year() + i32::from(month < self.today.month());
        month_of(year, month, at + 1, false)
    }

    /// "on the 14th", "am 14.", "le 14", "el día 14".
    fn day_of_month(&self, at: usize) -> Option<Day> {
        let day = self.number(at).filter(|day| (1..=31).contains(day))?;
        let (to, ordinal) = self.after_ordinal(at);
        let before = at.checked_sub(1).and_then(|before| self.token(before))?;
        let asked = before.meaning.is_any(&[Sign::On, Sign::By, Sign::Article]);
        // "the 3 largest", "für 12 Leute": German and English need the ordinal; the others the end of the phrase.
        let alone = match self.token(to) {
            None => true,
            Some(after) => {
                after.is_sign(&['.', ',', '!', '?', ')', ';', ':'])
                    && !self
                        .token(to + 1)
                        .is_some_and(|next| next.glued && next.number().is_some())
                    || after.meaning.is_any(&[Sign::At, Sign::Morning, Sign::Evening])
            }
        };
        let needs_ordinal = self.lexicon.month_first || self.lexicon.dotted_days;
        if !asked
            || !(if needs_ordinal {
                ordinal
            } else {
                alone && before.meaning.is_any(&[Sign::Article, Sign::By])
            })
        {
            return None;
        }
        // "the 2nd item": something that is counted follows.
        if ordinal
            && self
                .token(to)
                .is_some_and(|after| after.is_word() && after.meaning.is_nothing())
            && !self.lexicon.dotted_days
        {
            return None;
        }
        if self.token(to).is_some_and(|after| {
            after.is_word() && after.capital && after.meaning.is_nothing() && self.lexicon.dotted_days
        }) {
            return None;
        }
        let mut first = self.today.with_day(1)?;
        for _ in 0..3 {
            if let Some(meant) = first.with_day(day)
                && meant >= self.today
            {
                return Some(Day::new(meant, to));
            }
            first = first.checked_add_months(Months::new(1))?;
        }
        None
    }

    /// "in two weeks", "within 48 hours", "3 days ago", "vor zwei Wochen", "il y a 3 jours".
    fn distance(&self, at: usize) -> Option<Day> {
        let token = self.token(at)?;
        let leading = token.meaning.is_any(&[Sign::In, Sign::Within, Sign::AgoBefore]);
        let mut next = at + usize::from(leading);
        if leading && self.is(next, Sign::Article) {
            next += 1;
        }
        let count = self.count(next)?;
        let unit = self.token(next + 1)?.meaning.unit?;
        if self.is(next + 1, Sign::EndOf) {
            return None;
        }
        let after = next + 2;
        let ago = self.is(after, Sign::Ago) || token.is(Sign::AgoBefore);
        let count = i64::from(count.min(10_000));
        if !leading && !ago {
            return None;
        }
        let signed = if ago { -count } else { count };
        let (date, vague) = match unit {
            Unit::Minute => (
                self.now
                    .checked_add_signed(chrono::TimeDelta::minutes(signed))?
                    .date(),
                false,
            ),
            Unit::Hour => (
                self.now
                    .checked_add_signed(chrono::TimeDelta::hours(signed))?
                    .date(),
                false,
            ),
            Unit::Day => (self.shifted(signed)?, false),
            Unit::Week => (self.shifted(7 * signed)?, false),
            Unit::Month => (self.months_later(signed)?, false),
            Unit::Year => (self.months_later(12 * signed)?, true),
        };
        let mut day = Day::new(date, after + usize::from(self.is(after, Sign::Ago)));
        day.over = ago;
        day.vague = vague;
        day.deadline = token.is(Sign::Within) && !token.is(Sign::In) || token.is(Sign::By);
        Some(day)
    }

    /// "next Tuesday", "this week", "last month", "nächste Woche", "próximo lunes".
    fn next_or_last(&self, at: usize) -> Option<Day> {
        let meaning = self.token(at)?.meaning;
        let behind = self.token(at + 1)?;
        let (next, over) = (meaning.is(Sign::Next), meaning.is(Sign::Last));
        if behind.meaning.weekday > 0 {
            let mut day = self.weekday(at + 1, behind)?;
            if !day.exact {
                day.date = self.modified_weekday(behind.meaning.weekday, next, over)?;
            }
            day.over = over;
            day.weekday = false;
            // "mercredi prochain" has been read with its day; "next Friday next" is nobody's.
            return Some(day);
        }
        if behind.meaning.month > 0 && (next || over || meaning.is(Sign::This)) {
            let month = u32::from(behind.meaning.month);
            let year = self.today.year() + i32::from(month < self.today.month()) - i32::from(over);
            let mut day = month_of(year, month, at + 2, false)?;
            day.over = over;
            return Some(day);
        }
        let mut day = self.unit_around(behind.meaning.unit?, next, over, at + 2)?;
        day.over = over;
        Some(day)
    }

    /// "la semaine prochaine", "la semana que viene", "le mois dernier": the unit first.
    fn unit_and_next(&self, at: usize) -> Option<Day> {
        let unit = self.token(at)?.meaning.unit?;
        let (next, over) = (self.is(at + 1, Sign::Next), self.is(at + 1, Sign::Last));
        if !next && !over {
            return None;
        }
        let mut day = self.unit_around(unit, next, over, at + 2)?;
        day.over = over;
        Some(day)
    }

    fn unit_around(&self, unit: Unit, next: bool, over: bool, to: usize) -> Option<Day> {
        let steps = i64::from(next) - i64::from(over);
        let mut day = match unit {
            Unit::Week => {
                let monday = self.monday()?;
                let first = shift(monday, 7 * steps)?;
                let mut day = Day::new(first, to);
                day.last = shift(first, 6);
                day
            }
            Unit::Month => {
                let first = self.today.with_day(1)?;
                let first = add_months(first, steps)?;
                return month_of(first.year(), first.month(), to, false);
            }
            Unit::Year => {
                let year = self.today.year() + i32::try_from(steps).ok()?;
                let mut day = Day::new(NaiveDate::from_ymd_opt(year, 1, 1)?, to);
                day.last = NaiveDate::from_ymd_opt(year, 12, 31);
                day
            }
            _ => return None,
        };
        day.vague = true;
        Some(day)
    }

    /// A day of the week, with the date behind it if there is one.
    fn weekday(&self, at: usize, token: &Token) -> Option<Day> {
        let mut next = at + 1;
        if self.is_sign(next, &['.']) && token.to - token.from <= 4 {
            next += 1;
        }
        let mut from = next;
        while from < next + 3
            && (self.is_sign(from, &[',', '('])
                || self
                    .token(from)
                    .is_some_and(|it| it.meaning.is_any(&[Sign::Article, Sign::On, Sign::By])))
        {
            from += 1;
        }
        let dated = self.token(from).and_then(|date| match date.kind {
            Kind::Number(..) => self
                .iso(from)
                .or_else(|| self.digits(from))
                .or_else(|| self.day_and_month(from))
                .or_else(|| self.day_of_month(from)),
            _ if date.meaning.month > 0 => self.month_and_day(from, date).filter(|day| !day.vague),
            _ => None,
        });
        if let Some(mut day) = dated {
            day.evening |= token.is(Sign::Evening);
            return Some(day);
        }
        // "Sun is shining", "so what": short names need company.
        let announced = at > 0
            && self.tokens[at - 1].meaning.is_any(&[
                Sign::On,
                Sign::By,
                Sign::Next,
                Sign::This,
                Sign::Last,
                Sign::Article,
            ])
            && !self.tokens[at - 1].is(Sign::Article);
        if token.is(Sign::Shy) && !(announced && token.capital) {
            return None;
        }
        // "The first Saturday of the month" comes every month.
        let of = (next..next + 3)
            .take_while(|at| self.is(*at, Sign::Of) || self.is(*at, Sign::Article))
            .count();
        if of > 0
            && self
                .token(next + of)
                .is_some_and(|token| token.meaning.unit == Some(Unit::Month))
        {
            return None;
        }
        let (follows, over) = (self.is(next, Sign::Next), self.is(next, Sign::Last));
        if self.lexicon.habitual_article
            && !follows
            && !over
            && at > 0
            && self.is(at - 1, Sign::Article)
            && !self.is(at - 1, Sign::This)
        {
            return None;
        }
        let date = self.modified_weekday(token.meaning.weekday, follows, over)?;
        let mut day = Day::new(date, next + usize::from(follows || over));
        day.over = over;
        day.weekday = !follows && !over;
        day.evening = token.is(Sign::Evening);
        Some(day)
    }

    fn modified_weekday(&self, weekday: u8, next: bool, over: bool) -> Option<NaiveDate> {
        let today = i64::from(self.today.weekday().number_from_monday());
        let ahead = (i64::from(weekday) - today).rem_euclid(7);
        if over {
            return self.shifted(if ahead == 0 { -7 } else { ahead - 7 });
        }
        if next && !self.lexicon.next_is_coming {
            return shift(self.monday()?, 7 + i64::from(weekday) - 1);
        }
        self.shifted(if ahead == 0 { 7 } else { ahead })
    }

    /// "end of the month", "fin mars", "Anfang Mai", "mid-June".
    fn edge(&self, at: usize) -> Option<Day> {
        let meaning = self.token(at)?.meaning;
        let mut next = at + 1;
        let mut ahead = false;
        let mut pointed = false;
        while next < at + 5
            && self.token(next).is_some_and(|token| {
                token
                    .meaning
                    .is_any(&[Sign::Of, Sign::Article, Sign::Next, Sign::This])
                    || token.is_sign(&['-'])
            })
        {
            ahead |= self.is(next, Sign::Next);
            pointed = true;
            next += 1;
        }
        let token = self.token(next)?;
        let mut to = next + 1;
        let span = if token.meaning.month > 0 {
            let month = self.month_and_day(next, token).filter(|day| day.vague);
            match month {
                Some(month) => {
                    to = month.to;
                    month
                }
                None => {
                    let month = u32::from(token.meaning.month);
                    let year = self.today.year() + i32::from(month < self.today.month());
                    month_of(year, month, to, false)?
                }
            }
        } else {
            let unit = token.meaning.unit.filter(|_| pointed || meaning.is(Sign::End))?;
            if self.is(to, Sign::Next) {
                ahead = true;
                to += 1;
            }
            if meaning.is(Sign::End) && !ahead {
                return self.end_of_unit(unit, to);
            }
            self.unit_around(unit, ahead, false, to)?
        };
        let meant = if meaning.is(Sign::End) {
            span.last?
        } else if meaning.is(Sign::Middle) {
            shift(span.date, 14)?
        } else {
            span.date
        };
        let mut day = Day::new(meant, to);
        day.vague = !meaning.is(Sign::End);
        Some(day)
    }

    fn end_of_unit(&self, unit: Unit, to: usize) -> Option<Day> {
        let date = match unit {
            Unit::Day | Unit::Hour | Unit::Minute => self.today,
            // The working week ends on Friday; who asks on a weekend means its end.
            Unit::Week => {
                let friday = shift(self.monday()?, 4)?;
                if friday < self.today {
                    shift(friday, 2)?
                } else {
                    friday
                }
            }
            Unit::Month => self.unit_around(Unit::Month, false, false, to)?.last?,
            Unit::Year => NaiveDate::from_ymd_opt(self.today.year(), 12, 31)?,
        };
        Some(Day::new(date, to))
    }

    fn monday(&self) -> Option<NaiveDate> {
        self.shifted(-i64::from(self.today.weekday().num_days_from_monday()))
    }

    fn shifted(&self, days: i64) -> Option<NaiveDate> {
        shift(self.today, days)
    }

    fn months_later(&self, months: i64) -> Option<NaiveDate> {
        add_months(self.today, months)
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
