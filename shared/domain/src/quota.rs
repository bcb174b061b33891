//! What an account may use, and in which month it uses it. Limits are kept by the database; here is what they mean.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Utc};

/// A thing that can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Documents processed in a month.
    Documents,
    /// Their pages, for kinds that have pages.
    Pages,
    /// Their bytes, as they came in.
    Bytes,
    /// Bytes that are stored: originals and results.
    Storage,
}

impl Quota {
    /// The word used in answers and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documents => "documents_per_month",
            Self::Pages => "pages_per_month",
            Self::Bytes => "bytes_per_month",
            Self::Storage => "storage_bytes",
        }
    }

    /// Whether it begins anew with every month.
    #[must_use]
    pub const fn is_monthly(self) -> bool {
        !matches!(self, Self::Storage)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much an account may use; `None` is without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaLimits {
    /// Documents in a month.
    pub documents: Option<u64>,
    /// Pages in a month.
    pub pages: Option<u64>,
    /// Bytes in a month.
    pub bytes: Option<u64>,
    /// Bytes that are stored at any time.
    pub storage_bytes: Option<u64>,
}

/// The largest limit: programs that read numbers as floating point still read it exactly.
pub const QUOTA_MAX: u64 = (1 << 53) - 1;

impl QuotaLimits {
    /// Whether anything is limited.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.documents.is_some()
            || self.pages.is_some()
            || self.bytes.is_some()
            || self.storage_bytes.is_some()
    }

    /// These limits, and `defaults` for whatever they leave open.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            documents: self.documents.or(defaults.documents),
            pages: self.pages.or(defaults.pages),
            bytes: self.bytes.or(defaults.bytes),
            storage_bytes: self.storage_bytes.or(defaults.storage_bytes),
        }
    }
}

/// A month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    /// The month of a moment.
    #[must_use]
    pub fn of(time: DateTime<Utc>) -> Self {
        Self {
            year: time.year(),
            month: time.month(),
        }
    }

    /// Its first moment.
    #[must_use]
    pub fn begins_at(self) -> DateTime<Utc> {
        let day = NaiveDate::from_ymd_opt(self.year, self.month, 1).unwrap_or_default();
        day.and_time(chrono::NaiveTime::MIN).and_utc()
    }

    /// The first moment of the next one.
    #[must_use]
    pub fn ends_at(self) -> DateTime<Utc> {
        let next = if self.month == 12 {
            Self {
                year: self.year + 1,
                month: 1,
            }
        } else {
            Self {
                month: self.month + 1,
                ..self
            }
        };
        next.begins_at()
    }

    /// The same month `years` earlier.
    #[must_use]
    pub const fn years_before(self, years: i32) -> Self {
        Self {
            year: self.year - years,
            ..self
        }
    }

    /// As one number that grows with time: 202603 is March 2026.
    #[must_use]
    pub fn number(self) -> i32 {
        self.year * 100 + i32::try_from(self.month).unwrap_or(1)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_ends_where_the_next_one_begins() {
        let last = Month::of(at("2026-12-31T23:59:59.999Z"));
        assert_eq!(last.to_string(), "2026-12");
        assert_eq!(last.begins_at(), at("2026-12-01T00:00:00Z"));
        assert_eq!(last.ends_at(), at("2027-01-01T00:00:00Z"));
        assert_eq!(Month::of(last.ends_at()).number(), 202_701);
        assert_eq!(
            Month::of(at("2024-02-29T12:00:00Z")).ends_at(),
            at("2024-03-01T00:00:00Z")
        );
    }

    #[test]
    fn ones_own_limit_comes_before_that_of_the_settings() {
        let own = QuotaLimits {
            documents: Some(0),
            ..QuotaLimits::default()
        };
        let defaults = QuotaLimits {
            documents: Some(5),
            pages: Some(7),
            ..QuotaLimits::default()
        };
        let both = own.or(defaults);
        assert_eq!((both.documents, both.pages, both.bytes), (Some(0), Some(7), None));
        assert!(both.any() && !QuotaLimits::default().any());
    }
}
