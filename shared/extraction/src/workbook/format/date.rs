//! Dates and times, which sheets count in days.

use super::Sign;

/// Days after which there are no dates any more: the end of the year 9999.
const DAYS_MAX: f64 = 2_958_466.0;

/// What of a point in time a format shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    date: bool,
    time: bool,
    seconds: bool,
    /// Hours, minutes or seconds beyond a day, such as the length of a trip.
    elapsed: bool,
}

impl Shape {
    /// `None` for a section that shows no date and no time.
    pub(super) fn of(section: &[Sign<'_>]) -> Option<Self> {
        let has = |letters: &str| {
            section
                .iter()
                .any(|sign| matches!(sign, Sign::Code(c) if letters.contains(c.to_ascii_lowercase())))
        };
        // General is a word with an `e`, and so are the signs of numbers that look like those of dates.
        if (has("0#?") && !has("ydhs")) || (has("g") && !has("ydhsm")) {
            return None;
        }
        let elapsed = section.iter().any(|sign| {
            matches!(sign, Sign::Bracket(text) if !text.is_empty()
                && (text.bytes().all(|b| b.eq_ignore_ascii_case(&b'h'))
                    || text.bytes().all(|b| b.eq_ignore_ascii_case(&b'm'))
                    || text.bytes().all(|b| b.eq_ignore_ascii_case(&b's'))))
        });
        let clock = has("hs") || elapsed;
        // `m` is a month, unless hours or seconds make it minutes.
        let date = has("yd") || (has("m") && !clock);
        (date || clock).then_some(Self {
            date,
            time: clock,
            seconds: has("s"),
            elapsed,
        })
    }

    /// A number of days as a point in time; `None` where the calendar ends.
    pub(super) fn show(self, days: f64, from_1904: bool) -> Option<String> {
        if !days.is_finite() || days.abs() >= DAYS_MAX || (days < 0.0 && !self.elapsed) {
            return None;
        }
        if self.elapsed {
            let seconds = whole_seconds(days.abs());
            let sign = if days < 0.0 { "-" } else { "" };
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            return Some(format!("{sign}{hours}:{minutes:02}:{seconds:02}"));
        }
        let seconds = whole_seconds(days);
        let (day, second) = (seconds / 86_400, seconds % 86_400);
        let clock = clock(second, self.seconds);
        // A time of day alone is less than a day.
        if !self.date {
            return Some(clock);
        }
        let date = date(day, from_1904);
        Some(if self.time {
            format!("{date} {clock}")
        } else {
            date
        })
    }
}

fn whole_seconds(days: f64) -> i64 {
    // Days are below three million, so this fits.
    #[allow(clippy::cast_possible_truncation)]
    let seconds = (days * 86_400.0).round() as i64;
    seconds
}

fn clock(second: i64, with_seconds: bool) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    if with_seconds {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else {
        format!("{hour:02}:{minute:02}")
    }
}

/// The date of a day as sheets count them: from the last day of 1899, with a 29 February 1900 that never was, or from the
/// first day of 1904.
fn date(day: i64, from_1904: bool) -> String {
    /// Days from 1899-12-30 to 1970-01-01.
    const TO_1970: i64 = 25_569;
    let since_1970 = match (from_1904, day) {
        (true, _) => day + 1_462 - TO_1970,
        (false, 60) => return "1900-02-29".to_owned(),
        (false, 0..60) => day + 1 - TO_1970,
        (false, _) => day - TO_1970,
    };
    let (year, month, day) = civil(since_1970);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The Gregorian date of a day counted from 1970-01-01. Years begin in March here, so that the leap day is the last one.
fn civil(day: i64) -> (i64, i64, i64) {
    let from_march_0 = day + 719_468;
    let era = from_march_0.div_euclid(146_097);
    let day_of_era = from_march_0.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A point in time, in seconds since 1970 in universal time, in the form of RFC 3339.
pub(crate) fn rfc_3339(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

/// A date in the form of ISO 8601, as some programs write it into cells, in the way of all others.
pub(crate) fn iso_date_time(written: &str) -> String {
    let written = written.trim().trim_end_matches('Z');
    let (date, time) = written.split_once('T').unwrap_or((written, ""));
    let time = time.split('.').next().unwrap_or_default();
    let time = time
        .strip_suffix(":00")
        .filter(|rest| rest.len() == 5)
        .unwrap_or(time);
    match time {
        "" | "00:00" => date.to_owned(),
        _ => format!("{date} {time}").trim_start().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    fn show(code: &str, days: f64) -> String {
        Format::parse(code).show(days, false)
    }

    #[test]
    fn dates_are_dates_whatever_their_format() {
        for code in [
            "d/m/yyyy",
            "[$-409]mmmm d, yyyy;@",
            "dd.mm.yy",
            "mmm-yy",
            "yyyy\"年\"m\"月\"d\"日\"",
        ] {
            assert_eq!(show(code, 46_085.4), "2026-03-04", "{code}");
        }
        assert_eq!(show("m/d/yy h:mm", 46_085.4), "2026-03-04 09:36");
        assert_eq!(show("h:mm AM/PM", 0.75), "18:00");
        assert_eq!(show("mm:ss", 0.000_5), "00:00:43");
        assert_eq!(show("[h]:mm:ss", 10.632_060_185), "255:10:10");
        assert_eq!(show("[hh]:mm", -0.25), "-6:00:00");
    }

    #[test]
    fn numbers_are_not_taken_for_dates() {
        assert_eq!(show("0.00E+00", 2.0), "2.00E+00");
        assert_eq!(show("General\" days\"", 2.0), "2");
        assert_eq!(show("0\"d\"", 2.0), "2d");
        assert_eq!(show("[Magenta]0", 2.0), "2");
    }

    #[test]
    fn the_calendar_has_its_edges() {
        assert_eq!(show("yyyy-mm-dd", 1.0), "1900-01-01");
        assert_eq!(show("yyyy-mm-dd", 60.0), "1900-02-29");
        assert_eq!(show("yyyy-mm-dd", 61.0), "1900-03-01");
        assert_eq!(show("yyyy-mm-dd", 2_958_465.0), "9999-12-31");
        assert_eq!(show("yyyy-mm-dd", 3e6), "3000000");
        assert_eq!(show("yyyy-mm-dd", -5.0), "-5");
        assert_eq!(Format::parse("yyyy-mm-dd").show(0.0, true), "1904-01-01");
    }

    #[test]
    fn written_dates_are_tidied() {
        assert_eq!(iso_date_time("2021-01-01T00:00:00"), "2021-01-01");
        assert_eq!(iso_date_time("2021-01-01T10:10:10.500Z"), "2021-01-01 10:10:10");
        assert_eq!(iso_date_time("2021-01-01"), "2021-01-01");
    }
}
