//! When a schedule is due: by a cron expression in a time zone, or at an interval.
//!
//! Two rules at the edges of daylight saving time. An expression with plain numbers in minutes and hours means a time on the
//! wall: when the clock jumps over it, it comes at the first moment after the jump; when the clock shows it twice, it comes
//! the first time only. So it comes exactly once a day. An expression with `*` or `*/n` in minutes or hours means a distance: it
//! follows real time, passes over what the clock passes over, and comes again when an hour does.

use std::str::FromStr;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// The longest interval, in seconds: a leap year.
pub const EVERY_SECONDS_MAX: u32 = 366 * 24 * 3600;
/// Longer ones are no expressions.
const CRON_CHARS_MAX: usize = 200;

/// The points in time at which a schedule is due.
#[derive(Debug, Clone)]
pub struct Timetable(Rhythm);

#[derive(Debug, Clone)]
enum Rhythm {
    Cron(Box<Cron>, Tz),
    /// At whole multiples since 1970, which every scheduler computes alike.
    Every(TimeDelta),
}

/// Words that do not say when.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimetable {
    /// Neither a cron expression nor an interval, or both.
    #[error("give either `cron` or `every_seconds`")]
    NotOne,
    /// The cron expression cannot be read.
    #[error(
        "must be five fields: minute (0-59), hour (0-23), day of month (1-31), month (1-12 or JAN-DEC), day of week \
         (0-7 or SUN-SAT); each a number, *, a range a-b, a step */n or a list a,b: {0}"
    )]
    Cron(String),
    /// The cron expression can be read and names no day that exists.
    #[error("never comes: there is no such day")]
    Never,
    /// The interval is too short or too long.
    #[error("must be between 1 and {EVERY_SECONDS_MAX}")]
    Every,
    /// Nobody knows the time zone.
    #[error("must be a name of the IANA time zone database, such as UTC, Europe/Berlin or America/New_York")]
    TimeZone,
}

impl InvalidTimetable {
    /// The part that is wrong, as plans call it.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::NotOne | Self::Cron(_) | Self::Never => "cron",
            Self::Every => "every_seconds",
            Self::TimeZone => "time_zone",
        }
    }
}

impl Timetable {
    /// Reads a timetable: a cron expression of five fields or an interval in seconds, and the IANA name of a time zone,
    /// which an interval does not care for.
    ///
    /// # Errors
    /// When exactly one of both is not there, or a part cannot be understood.
    pub fn read(
        cron: Option<&str>,
        every_seconds: Option<u32>,
        time_zone: &str,
    ) -> Result<Self, InvalidTimetable> {
        let zone = Tz::from_str(time_zone).map_err(|_| InvalidTimetable::TimeZone)?;
        match (cron, every_seconds) {
            (Some(cron), None) => {
                let timetable = Self(Rhythm::Cron(Box::new(expression(cron)?), zone));
                // Any day that ever comes does so within a few leap years; 2024 is no special year.
                let after = DateTime::from_timestamp(1_704_067_200, 0).unwrap_or_default();
                timetable.next_after(after).ok_or(InvalidTimetable::Never)?;
                Ok(timetable)
            }
            (None, Some(seconds)) if (1..=EVERY_SECONDS_MAX).contains(&seconds) => {
                Ok(Self(Rhythm::Every(TimeDelta::seconds(i64::from(seconds)))))
            }
            (None, Some(_)) => Err(InvalidTimetable::Every),
            (Some(_), Some(_)) | (None, None) => Err(InvalidTimetable::NotOne),
        }
    }

    /// The first slot after a point in time; whole seconds. `None` when there is none before the year 5000.
    #[must_use]
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            // A slot is a whole second, so that what lies within this one has come.
            Rhythm::Cron(cron, zone) => {
                let from = time.trunc_subsecs(0).with_timezone(zone);
                let next = cron.find_next_occurrence(&from, false).ok()?;
                Some(next.to_utc())
            }
            Rhythm::Every(every) => floor(time, *every)?.checked_add_signed(*every),
        }
    }

    /// The last slot that has come at a point in time. `None` when there was none.
    #[must_use]
    pub fn last_at(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.0 {
            Rhythm::Cron(cron, zone) => {
                let from = time.trunc_subsecs(0).with_timezone(zone);
                let last = cron.find_previous_occurrence(&from, true).ok()?;
                Some(last.to_utc())
            }
            Rhythm::Every(every) => floor(time, *every),
        }
    }

    /// The next `count` slots after a point in time.
    #[must_use]
    pub fn upcoming(&self, time: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
        std::iter::successors(self.next_after(time), |slot| self.next_after(*slot))
            .take(count)
            .collect()
    }
}

fn expression(cron: &str) -> Result<Cron, InvalidTimetable> {
    if cron.chars().count() > CRON_CHARS_MAX {
        return Err(InvalidTimetable::Cron("it is too long".to_owned()));
    }
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
        .parse(cron)
        .map_err(|error| InvalidTimetable::Cron(error.to_string()))
}

/// The last whole multiple of the interval.
fn floor(time: DateTime<Utc>, every: TimeDelta) -> Option<DateTime<Utc>> {
    let every = every.num_seconds();
    DateTime::from_timestamp(time.timestamp().div_euclid(every).checked_mul(every)?, 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::{Datelike, Days, NaiveDate, TimeZone};
    use proptest::prelude::*;

    use super::*;

    fn cron(expression: &str, zone: &str) -> Timetable {
        Timetable::read(Some(expression), None, zone).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn slots(timetable: &Timetable, from: &str, count: usize) -> Vec<String> {
        let upcoming = timetable.upcoming(at(from), count);
        upcoming
            .iter()
            .map(|slot| slot.format("%m-%d %H:%M").to_string())
            .collect()
    }

    #[test]
    fn a_time_that_the_clock_jumps_over_comes_right_after_the_jump() {
        let berlin = cron("30 2 * * *", "Europe/Berlin"); // on 29 March 2026, 02:00 is followed by 03:00
        assert_eq!(
            slots(&berlin, "2026-03-27T12:00:00Z", 4),
            ["03-28 01:30", "03-29 01:00", "03-30 00:30", "03-31 00:30"]
        );
        let new_york = cron("30 2 * * *", "America/New_York"); // on 8 March 2026, 02:00 is followed by 03:00
        assert_eq!(
            slots(&new_york, "2026-03-06T12:00:00Z", 3),
            ["03-07 07:30", "03-08 07:00", "03-09 06:30"]
        );
        let lord_howe = cron("15 2 * * *", "Australia/Lord_Howe"); // on 4 October 2026, 02:00 is followed by 02:30
        assert_eq!(
            slots(&lord_howe, "2026-10-02T00:00:00Z", 3),
            ["10-02 15:45", "10-03 15:30", "10-04 15:15"]
        );
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_comes_the_first_time_only() {
        let berlin = cron("30 2 * * *", "Europe/Berlin"); // on 25 October 2026, 03:00 is followed by 02:00
        assert_eq!(
            slots(&berlin, "2026-10-23T12:00:00Z", 3),
            ["10-24 00:30", "10-25 00:30", "10-26 01:30"]
        );
        let new_york = cron("30 1 * * *", "America/New_York"); // on 1 November 2026, 02:00 is followed by 01:00
        assert_eq!(
            slots(&new_york, "2026-10-30T12:00:00Z", 3),
            ["10-31 05:30", "11-01 05:30", "11-02 06:30"]
        );
        let lord_howe = cron("45 1 * * *", "Australia/Lord_Howe"); // on 5 April 2026, 02:00 is followed by 01:30
        assert_eq!(
            slots(&lord_howe, "2026-04-03T00:00:00Z", 3),
            ["04-03 14:45", "04-04 14:45", "04-05 15:15"]
        );
    }

    #[test]
    fn a_zone_of_half_an_hour_without_daylight_saving_is_plain() {
        let kolkata = cron("0 2 * * *", "Asia/Kolkata");
        assert_eq!(
            slots(&kolkata, "2026-03-28T00:00:00Z", 2),
            ["03-28 20:30", "03-29 20:30"]
        );
    }

    #[test]
    fn a_distance_follows_real_time() {
        let quarters = cron("*/15 * * * *", "Europe/Berlin");
        for edge in ["2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z"] {
            let found = quarters.upcoming(at(edge), 12);
            assert!(
                found
                    .windows(2)
                    .all(|pair| pair[1] - pair[0] == TimeDelta::minutes(15)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn an_interval_comes_at_whole_multiples() {
        let hourly = Timetable::read(None, Some(3600), "UTC").unwrap();
        assert_eq!(
            slots(&hourly, "2026-03-04T09:00:00.250Z", 2),
            ["03-04 10:00", "03-04 11:00"]
        );
        assert_eq!(slots(&hourly, "2026-03-04T09:00:00Z", 1), ["03-04 10:00"]);
        assert_eq!(
            hourly.last_at(at("2026-03-04T09:00:00Z")),
            Some(at("2026-03-04T09:00:00Z"))
        );
    }

    #[test]
    fn what_says_no_time_is_refused_with_the_part_that_is_wrong() {
        let refused = |cron: Option<&str>, every: Option<u32>, zone: &str| {
            Timetable::read(cron, every, zone).unwrap_err().field()
        };
        for expression in [
            "",
            "2",
            "* * * *",
            "* * * * * *",
            "61 * * * *",
            "0 24 * * *",
            "0 2 * * MOO",
            "0 0 30 2 *",
            &"1,".repeat(200),
        ] {
            assert_eq!(refused(Some(expression), None, "UTC"), "cron", "{expression}");
        }
        assert_eq!(refused(None, None, "UTC"), "cron");
        assert_eq!(refused(Some("0 2 * * *"), Some(5), "UTC"), "cron");
        assert_eq!(refused(None, Some(0), "UTC"), "every_seconds");
        assert_eq!(refused(None, Some(EVERY_SECONDS_MAX + 1), "UTC"), "every_seconds");
        for zone in ["", "Berlin", "CEST", "Europe/Atlantis", "+02:00"] {
            assert_eq!(refused(Some("0 2 * * *"), None, zone), "time_zone", "{zone}");
        }
    }

    const ZONES: [&str; 4] = [
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
    ];

    #[test]
    fn a_time_on_the_wall_comes_once_on_every_day_of_years() {
        for zone in ZONES {
            let tz: Tz = zone.parse().unwrap();
            for (hour, minute) in [
                (0, 0),
                (1, 0),
                (1, 30),
                (1, 45),
                (2, 0),
                (2, 15),
                (2, 30),
                (3, 0),
                (23, 59),
            ] {
                let timetable = cron(&format!("{minute} {hour} * * *"), zone);
                let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
                let start = tz
                    .from_local_datetime(&first.and_hms_opt(0, 0, 0).unwrap())
                    .unwrap();
                let found = timetable.upcoming(start.to_utc() - TimeDelta::seconds(1), 3 * 365);
                let days: BTreeSet<NaiveDate> = found
                    .iter()
                    .map(|slot| slot.with_timezone(&tz).date_naive())
                    .collect();
                assert_eq!(days.len(), found.len(), "{zone} {hour}:{minute}: a day has two");
                let last = first.checked_add_days(Days::new(3 * 365 - 1)).unwrap();
                assert_eq!(days.last(), Some(&last), "{zone} {hour}:{minute}: a day has none");
                assert!(found.iter().all(|slot| slot.with_timezone(&tz).year() <= 2026));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn looking_back_finds_what_looking_forward_finds(
            zone in proptest::sample::select(&ZONES[..]),
            expression in proptest::sample::select(vec![
                "30 2 * * *", "*/7 * * * *", "0 */3 * * *", "15,45 1-3 * * *", "0 2 * * SUN", "0 0 1 * *", "30 1 */2 * *",
                "5 * * * MON-FRI",
            ]),
            // Around both edges of every zone, and anywhere.
            start in prop_oneof![
                1_772_900_000_i64..1_775_400_000, 1_790_900_000_i64..1_793_600_000, 1_700_000_000_i64..1_900_000_000,
            ],
        ) {
            let timetable = cron(expression, zone);
            let start = DateTime::from_timestamp(start, 250_000_000).unwrap();
            let forward = timetable.upcoming(start, 60);
            let last = *forward.last().unwrap();
            let mut backward: Vec<_> = std::iter::successors(timetable.last_at(last), |slot| {
                timetable.last_at(*slot - TimeDelta::seconds(1))
            })
            .take_while(|slot| *slot > start)
            .take(100)
            .collect();
            backward.reverse();
            prop_assert_eq!(forward, backward);
        }
    }
}
