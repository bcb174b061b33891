//! What accounts may use that have no limits of their own.

use domain::units::ByteSize;
use domain::{QUOTA_MAX, QuotaLimits};
use serde::Deserialize;

/// The section `quotas`. What is absent is without limit.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// Documents that an account may have processed in a month (UTC).
    pub documents_per_month: Option<u64>,
    /// Their pages.
    pub pages_per_month: Option<u64>,
    /// Their bytes.
    pub bytes_per_month: Option<ByteSize>,
    /// Bytes that an account may have stored: originals and results.
    pub storage_bytes: Option<ByteSize>,
}

impl QuotaSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        [
            ("documents_per_month", self.documents_per_month),
            ("pages_per_month", self.pages_per_month),
            ("bytes_per_month", self.bytes_per_month.map(ByteSize::bytes)),
            ("storage_bytes", self.storage_bytes.map(ByteSize::bytes)),
        ]
        .into_iter()
        .filter(|(_, limit)| limit.is_some_and(|limit| limit > QUOTA_MAX))
        .map(|(key, _)| format!("{key}: must be at most {QUOTA_MAX}; leave it out for no limit"))
        .collect()
    }

    /// As limits.
    #[must_use]
    pub fn limits(&self) -> QuotaLimits {
        QuotaLimits {
            documents: self.documents_per_month,
            pages: self.pages_per_month,
            bytes: self.bytes_per_month.map(ByteSize::bytes),
            storage_bytes: self.storage_bytes.map(ByteSize::bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_nothing_is_limited_and_what_no_program_reads_exactly_is_a_problem() {
        let none = QuotaSettings::default();
        assert!(none.problems().is_empty() && !none.limits().any());
        let wrong = QuotaSettings {
            pages_per_month: Some(u64::MAX),
            ..none
        };
        let problems = wrong.problems();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("pages_per_month: "), "{problems:?}");
    }
}
