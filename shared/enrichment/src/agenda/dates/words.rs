//! Days that are said in words: "tomorrow", "next Tuesday", "in two weeks", "end of the month".

use chrono::{Datelike, NaiveDate};

use super::super::lexicon::{Sign, Unit};
use super::super::tokens::{Kind, Token};
use super::{Day, Reader, add_months, month_of, shift};

impl Reader<'_> {
    /// A day that begins at this token.
    pub(super) fn day(&self, at: usize) -> Option<Day> {
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
