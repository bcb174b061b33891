//! When something is due or takes place, and how pressing it is: words that the text, the database and the API share.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::states::UnknownWord;

/// How pressing a todo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TodoPriority {
    /// It can wait, the text says.
    Low,
    /// Nothing is said.
    Medium,
    /// The text says so, or it is due within two days of when that was written.
    High,
}

impl TodoPriority {
    /// Every priority, the least pressing first.
    pub const ALL: &'static [Self] = &[Self::Low, Self::Medium, Self::High];

    /// The word used in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for TodoPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TodoPriority {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().find(|priority| priority.as_str() == word);
        found.copied().ok_or_else(|| UnknownWord {
            word: word.to_owned(),
            known: "low, medium, high".to_owned(),
        })
    }
}

/// A day, or a time on a day. Written `2026-03-12`, `2026-03-12T15:00:00` where no time zone is known, and
/// `2026-03-12T15:00:00+01:00` where one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// The day.
    pub date: NaiveDate,
    /// The time; `None` for all day.
    pub time: Option<NaiveTime>,
    /// Seconds east of UTC, when a time zone is known. Otherwise the time is that of wherever it takes place.
    pub offset_seconds: Option<i32>,
}

/// A text that is no [`Moment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a date (2026-03-12), or a date and time with or without a time zone (2026-03-12T15:00:00+01:00)"
)]
pub struct InvalidMoment;

impl Moment {
    /// A whole day.
    #[must_use]
    pub const fn day(date: NaiveDate) -> Self {
        Self {
            date,
            time: None,
            offset_seconds: None,
        }
    }

    /// A time on a day; the offset counts only with a time.
    #[must_use]
    pub fn new(date: NaiveDate, time: Option<NaiveTime>, zone: Option<FixedOffset>) -> Self {
        Self {
            date,
            time,
            offset_seconds: zone.filter(|_| time.is_some()).map(|zone| zone.local_minus_utc()),
        }
    }

    /// Seconds since 1970 of its beginning, to put moments in order. Without a time zone it is taken for UTC.
    #[must_use]
    pub fn first_second(&self) -> i64 {
        let local = self.date.and_time(self.time.unwrap_or_default());
        local.and_utc().timestamp() - i64::from(self.offset_seconds.unwrap_or(0))
    }

    /// Seconds since 1970 of its end: the last second of a day, or the same as [`Self::first_second`].
    #[must_use]
    pub fn last_second(&self) -> i64 {
        const DAY: i64 = 24 * 60 * 60;
        self.first_second() + if self.time.is_none() { DAY - 1 } else { 0 }
    }

    /// As a point in time, where the time zone is known.
    #[must_use]
    pub fn instant(&self) -> Option<DateTime<Utc>> {
        let offset = self.offset_seconds?;
        let local = self.date.and_time(self.time?).and_utc();
        local.checked_sub_signed(TimeDelta::seconds(i64::from(offset)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date)?;
        let Some(time) = self.time else { return Ok(()) };
        write!(f, "T{}", time.format("%H:%M:%S"))?;
        match self.offset_seconds {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(seconds) => {
                let minutes = seconds.abs() / 60;
                let sign = if seconds < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Self::day(date)).and_then(Self::in_range);
        }
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            let local = instant.naive_local();
            return Self::new(local.date(), Some(local.time()), Some(*instant.offset())).in_range();
        }
        for form in ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"] {
            if let Ok(local) = NaiveDateTime::parse_from_str(text, form) {
                return Self::new(local.date(), Some(local.time()), None).in_range();
            }
        }
        Err(InvalidMoment)
    }
}

impl Moment {
    /// Years with four digits, which every calendar understands.
    fn in_range(self) -> Result<Self, InvalidMoment> {
        use chrono::Datelike;
        (1..=9999)
            .contains(&self.date.year())
            .then_some(self)
            .ok_or(InvalidMoment)
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back() {
        for text in [
            "2026-03-12",
            "2026-03-12T15:00:00",
            "2026-03-12T15:00:00Z",
            "2026-03-12T15:00:00+01:00",
            "2026-03-12T15:00:00-03:30",
        ] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        }
        assert_eq!(
            "2026-03-12T15:00".parse::<Moment>().unwrap().to_string(),
            "2026-03-12T15:00:00"
        );
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-03-12T25:00:00",
            "12.03.2026",
            "+12026-03-12",
            "-0001-03-12",
            "15:00",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(InvalidMoment), "{text}");
        }
    }

    #[test]
    fn moments_are_ordered_by_when_they_are() {
        let second = |text: &str| text.parse::<Moment>().unwrap().first_second();
        assert!(second("2026-03-12") < second("2026-03-12T00:00:01"));
        assert_eq!(
            second("2026-03-12T15:00:00+01:00"),
            second("2026-03-12T14:00:00Z")
        );
        let day: Moment = "2026-03-12".parse().unwrap();
        assert_eq!(day.last_second() + 1, second("2026-03-13"));
        let instant = "2026-03-12T00:30:00+01:00"
            .parse::<Moment>()
            .unwrap()
            .instant()
            .unwrap();
        assert_eq!(instant.to_rfc3339(), "2026-03-11T23:30:00+00:00");
    }
}
