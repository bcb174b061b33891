//! Date and time as chats write them.

/// Day, month and year in the order in which they stand, which only the whole chat can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatDate {
    numbers: [u16; 3],
    separator: char,
    year_first: bool,
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChatTime {
    /// From 0 to 23.
    pub hour: u8,
    /// From 0 to 59.
    pub minute: u8,
    /// From 0 to 60, where it is written.
    pub second: Option<u8>,
}

/// When a message was sent, in the time of whoever wrote it down; at least one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The day.
    pub date: Option<ChatDate>,
    /// The time of day.
    pub time: Option<ChatTime>,
    /// Whether the hours are counted twice a day.
    pub twelve_hours: bool,
}

/// How a chat writes the day of a date that does not begin with the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// Day, month, year.
    DayFirst,
    /// Month, day, year.
    MonthFirst,
}

impl ChatDate {
    /// Year, month and day; `None` when there is no such month or day in this order.
    #[must_use]
    pub fn resolve(self, order: DateOrder) -> Option<(u16, u8, u8)> {
        let [first, second, third] = self.numbers;
        let (year, month, day) = match order {
            _ if self.year_first => (first, second, third),
            DateOrder::DayFirst => (third, second, first),
            DateOrder::MonthFirst => (third, first, second),
        };
        let year = if year < 100 { year + 2000 } else { year };
        let fits = (1970..=2200).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        fits.then_some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
    }

    /// Whether points divide the numbers, as where the day stands first.
    #[must_use]
    pub const fn has_points(self) -> bool {
        self.separator == '.'
    }

    /// Whether the date begins with the year, so that its order is known.
    #[must_use]
    pub const fn is_year_first(self) -> bool {
        self.year_first
    }

    fn read(text: &str) -> Option<(Self, &str)> {
        let (first, digits, rest) = number(text)?;
        let separator = rest.chars().next().filter(|c| matches!(c, '/' | '.' | '-'))?;
        let (second, _, rest) = number(rest.strip_prefix(separator)?)?;
        // In some places a space follows the point.
        let rest = rest.strip_prefix(separator)?;
        let (third, last_digits, rest) = number(rest.trim_start_matches(' '))?;
        let year_first = digits == 4;
        if !(year_first && last_digits <= 2 || digits <= 2 && matches!(last_digits, 2 | 4)) {
            return None;
        }
        let date = Self {
            numbers: [first, second, third],
            separator,
            year_first,
        };
        let possible =
            date.resolve(DateOrder::DayFirst).is_some() || date.resolve(DateOrder::MonthFirst).is_some();
        possible.then_some((date, rest))
    }
}

impl Stamp {
    /// Reads date and time at the beginning of a text, and returns what follows.
    pub(super) fn read(text: &str) -> Option<(Self, &str)> {
        let Some((date, rest)) = ChatDate::read(text) else {
            let (time, twelve_hours, rest) = time(text)?;
            let stamp = Self {
                date: None,
                time: Some(time),
                twelve_hours,
            };
            return Some((stamp, rest));
        };
        let between = rest
            .trim_start_matches(',')
            .trim_start_matches(['T', ' ', '\u{a0}']);
        let between = ["à ", "at ", "um "]
            .iter()
            .find_map(|word| between.strip_prefix(word))
            .unwrap_or(between);
        let (time, twelve_hours, rest) = match time(between) {
            Some((time, twelve_hours, rest)) => (Some(time), twelve_hours, rest),
            None => (None, false, rest),
        };
        // A day alone stands before too many things that nobody said.
        time?;
        let stamp = Self {
            date: Some(date),
            time,
            twelve_hours,
        };
        Some((stamp, rest))
    }

    /// The stamp as `2026-03-14 18:04`, or the part of it that is known.
    #[must_use]
    pub fn show(self, order: DateOrder) -> String {
        let date = self.date.and_then(|date| date.resolve(order));
        let date = date.map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"));
        let time = self.time.map(|time| {
            let seconds = time
                .second
                .map_or_else(String::new, |second| format!(":{second:02}"));
            format!("{:02}:{:02}{seconds}", time.hour, time.minute)
        });
        [date, time].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// A time of day, whether it counts its hours twice, and what follows it.
fn time(text: &str) -> Option<(ChatTime, bool, &str)> {
    let (hour, digits, rest) = number(text)?;
    let (minute, minute_digits, mut rest) = number(rest.strip_prefix([':', '.'])?)?;
    if digits > 2 || minute_digits != 2 {
        return None;
    }
    let mut second = None;
    if let Some((seconds, 2, after)) = rest.strip_prefix([':', '.']).and_then(number) {
        second = Some(u8::try_from(seconds).ok()?);
        rest = after;
    }
    // Parts of a second and the zone are of no use to anybody who reads a chat.
    if let Some((_, _, after)) = rest.strip_prefix('.').and_then(number) {
        rest = after;
    }
    rest = rest.strip_prefix('Z').unwrap_or(rest);
    let marker = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}']);
    let lower: String = marker.chars().take(5).flat_map(char::to_lowercase).collect();
    let half = ["a.m.", "p.m.", "am", "pm", "a. m.", "p. m."]
        .iter()
        .find(|half| lower.starts_with(**half));
    let mut hour = hour;
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if half.starts_with('p') { 12 } else { 0 };
        // The marker is ASCII, so its letters are its bytes.
        rest = &marker[half.len()..];
    }
    let time = ChatTime {
        hour: u8::try_from(hour).ok().filter(|hour| *hour < 24)?,
        minute: u8::try_from(minute).ok().filter(|minute| *minute < 60)?,
        second: match second {
            Some(second) if second > 60 => return None,
            second => second,
        },
    };
    Some((time, half.is_some(), rest))
}

/// A number of at most four digits, how many they are, and what follows.
fn number(text: &str) -> Option<(u16, usize, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=4).contains(&digits) {
        return None;
    }
    Some((text[..digits].parse().ok()?, digits, &text[digits..]))
}
