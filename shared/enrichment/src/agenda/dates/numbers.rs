//! Days that are written with digits: `2026-03-12`, `15.03.2026`, `3 to 5 April`, "on the 14th".

use chrono::{Datelike, Months};

use super::super::lexicon::Sign;
use super::super::times;
use super::super::tokens::Token;
use super::{BACK_DAYS_MAX, Day, Reader, YEARS, date, month_of};

impl Reader<'_> {
    /// `2026-03-12`, perhaps with `T14:00:00Z` behind it.
    pub(super) fn iso(&self, at: usize) -> Option<Day> {
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
    pub(super) fn digits(&self, at: usize) -> Option<Day> {
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
            Some(token) if token.glued && token.is_sign(&['º', '°']) => (at + 2, true),
            // "am 5. März", but "9.30 Uhr".
            Some(token) if token.glued && self.lexicon.dotted_days && token.is_sign(&['.']) => {
                let more = self
                    .token(at + 2)
                    .is_some_and(|next| next.glued && next.number().is_some());
                (at + 2 - usize::from(more), !more)
            }
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
    pub(super) fn day_and_month(&self, at: usize) -> Option<Day> {
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
    pub(super) fn month_and_day(&self, at: usize, token: &Token) -> Option<Day> {
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
    pub(super) fn day_of_month(&self, at: usize) -> Option<Day> {
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
}
