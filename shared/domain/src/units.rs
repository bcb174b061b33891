//! Durations and sizes as people write them, so that settings carry their unit and nobody counts zeros.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Names of sizes with their factors, the largest first. Decimal names mean decimal factors.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// A text that is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a size such as 512MiB, 1GiB or 4096B")]
pub struct InvalidSize;

/// A number of bytes, written as `512MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(u64);

impl ByteSize {
    /// That many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// That many times 1,024 bytes; `u64::MAX` bytes at most.
    #[must_use]
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// That many times 1,048,576 bytes; `u64::MAX` bytes at most.
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// That many times 1,073,741,824 bytes; `u64::MAX` bytes at most.
    #[must_use]
    pub const fn from_gib(gib: u64) -> Self {
        Self(gib.saturating_mul(1 << 30))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    /// The largest binary unit that leaves a whole number, so that it reads back as itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = SIZES[..3]
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        match binary {
            Some((unit, factor)) => f.pad(&format!("{}{unit}", self.0 / factor)),
            None => f.pad(&format!("{}B", self.0)),
        }
    }
}

impl FromStr for ByteSize {
    type Err = InvalidSize;

    /// Reads a whole number and a unit (B, KB, MB, GB, KiB, MiB, GiB, in any case), with or without a space. A
    /// number alone is bytes.
    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let (number, unit) = split_number(text.trim()).ok_or(InvalidSize)?;
        let factor = match unit {
            "" => 1,
            _ => {
                SIZES
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(unit))
                    .ok_or(InvalidSize)?
                    .1
            }
        };
        number.checked_mul(factor).map(Self).ok_or(InvalidSize)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as 512MiB")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
                u64::try_from(bytes)
                    .map(ByteSize)
                    .map_err(|_| E::custom(InvalidSize))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A whole number of at least one digit, and what follows it after optional spaces.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest.trim_start()))
}

/// `Duration` as `30s`, `15m` or `1h30m`: use it as `#[serde(with = "domain::units::duration")]`.
pub mod duration {
    use std::fmt;
    use std::time::Duration;

    use serde::{Deserializer, Serializer, de};

    use super::split_number;

    /// Units with their milliseconds, the largest first.
    const UNITS: [(&str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];

    /// A text that is not a duration.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
    #[error("not a duration such as 500ms, 30s, 15m, 24h or 1h30m")]
    pub struct InvalidDuration;

    /// Reads numbers with units (ms, s, m, h, d), the larger units first and each at most once. A number without a
    /// unit is refused, for nobody could tell which was meant; only `0` needs none.
    ///
    /// # Errors
    /// When the text is anything else, or the sum does not fit.
    pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Duration::ZERO);
        }
        let mut units = UNITS.iter();
        let mut millis: u64 = 0;
        loop {
            let (number, after) = split_number(rest).ok_or(InvalidDuration)?;
            let end = after
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            // The iterator goes on where the last unit was found: a repeated or larger unit is never found.
            let (_, factor) = units.find(|(name, _)| *name == unit).ok_or(InvalidDuration)?;
            millis = number
                .checked_mul(*factor)
                .and_then(|part| millis.checked_add(part))
                .ok_or(InvalidDuration)?;
            rest = after.trim_start();
            if rest.is_empty() {
                return Ok(Duration::from_millis(millis));
            }
        }
    }

    /// Shows a duration so that [`parse`] reads it back; what is below a millisecond is cut off.
    #[must_use]
    pub fn show(duration: Duration) -> String {
        let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return "0s".to_owned();
        }
        let mut text = String::new();
        for (unit, factor) in UNITS {
            let count = millis / factor;
            if count > 0 {
                text.push_str(&format!("{count}{unit}"));
                millis %= factor;
            }
        }
        text
    }

    /// Writes the duration as [`show`] does.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*duration))
    }

    /// Reads the duration as [`parse`] does.
    ///
    /// # Errors
    /// When the value is not a text, or not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 30s")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer, U64Deserializer};

    use super::*;

    #[test]
    fn sizes_are_read_in_binary_and_decimal_units() {
        assert_eq!("512MiB".parse(), Ok(ByteSize::from_mib(512)));
        assert_eq!("1 gib".parse(), Ok(ByteSize::from_gib(1)));
        assert_eq!("10MB".parse(), Ok(ByteSize::from_bytes(10_000_000)));
        assert_eq!(" 4096 ".parse(), Ok(ByteSize::from_kib(4)));
    }

    #[test]
    fn a_text_that_is_no_size_is_refused() {
        for text in [
            "",
            "MiB",
            "-1MiB",
            "1.5GiB",
            "1 parsec",
            "1MiB1",
            "99999999999GiB",
            "99999999999999999999",
        ] {
            assert_eq!(text.parse::<ByteSize>(), Err(InvalidSize), "{text:?}");
        }
    }

    #[test]
    fn a_size_reads_back_as_it_is_shown() {
        for bytes in [0, 1, 1023, 1024, 1536, 1 << 20, (1 << 30) + 1, 3 << 30, u64::MAX] {
            let size = ByteSize::from_bytes(bytes);
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        assert_eq!(ByteSize::from_mib(512).to_string(), "512MiB");
    }

    #[test]
    fn a_size_in_settings_is_a_text_or_a_number_of_bytes() {
        let text: StrDeserializer<'_, Error> = "2KiB".into_deserializer();
        assert_eq!(ByteSize::deserialize(text), Ok(ByteSize::from_kib(2)));
        let number: U64Deserializer<Error> = 2048_u64.into_deserializer();
        assert_eq!(ByteSize::deserialize(number), Ok(ByteSize::from_kib(2)));
    }

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!(duration::parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration::parse("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration::parse("15 m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration::parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration::parse("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(duration::parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_duration_without_unit_or_out_of_order_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "30m1h",
            "1s1s",
            "1 week",
            "99999999999999999d",
        ] {
            assert_eq!(duration::parse(text), Err(duration::InvalidDuration), "{text:?}");
        }
    }

    #[test]
    fn a_duration_reads_back_as_it_is_shown() {
        for millis in [0, 1, 999, 1000, 61_001, 5_400_000, 86_400_000 * 400 + 1] {
            let duration = Duration::from_millis(millis);
            assert_eq!(duration::parse(&duration::show(duration)), Ok(duration));
        }
        assert_eq!(duration::show(Duration::from_secs(5400)), "1h30m");
    }
}
