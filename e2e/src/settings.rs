//! Settings of a process, given by its environment.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Variables for a process under test. Nothing of docmill's comes from the environment of the tests themselves.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// No settings: everything has its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Readers of documents that are given up early: hostile documents need not take as long, or as much memory, as an
    /// operator allows them.
    #[must_use]
    pub fn impatient() -> Self {
        Self::new()
            .with("sandbox.cpu_time_max", "5s")
            .with("sandbox.wall_time_max", "20s")
            .with("sandbox.input_max", "64MiB")
            .with("sandbox.resident_max", "64MiB")
            .with("sandbox.address_space_max", "192MiB")
    }

    /// The same, where nobody asks too often: everybody in a test asks from one address.
    #[must_use]
    pub fn without_rate_limits(self) -> Self {
        const LIMITS: [&str; 8] = [
            "login_per_address",
            "login_per_account",
            "mail_per_account",
            "submit_per_account",
            "submit_per_key",
            "read_per_account",
            "read_per_key",
            "requests_per_address",
        ];
        LIMITS
            .iter()
            .fold(self, |it, name| it.with(&format!("http.rate.{name}"), "0"))
    }

    /// The same with one more setting, named as operators name it: `with("http.listen", "127.0.0.1:0")`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(variable(key), value.into());
        self
    }

    /// The same with a variable that is not docmill's.
    #[must_use]
    pub(crate) fn with_variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The same with the settings of `others`, which win.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.0.extend(others.0.clone());
        self
    }

    /// What a setting was set to.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(&variable(key)).map(String::as_str)
    }

    /// The environment of the process: ours without anything of docmill's, and these.
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let inherited =
            std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("DOCMILL_"));
        let own = self.0.iter().map(|(name, value)| (name.into(), value.into()));
        inherited.chain(own).collect()
    }
}

fn variable(key: &str) -> String {
    format!("DOCMILL_{}", key.replace('.', "__").to_ascii_uppercase())
}
