//! Which database, and how many connections to it.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The section `database`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `postgres://user:password@host/name`, or `sqlite:///path/to/file.db`. Empty: the embedded mode's own file.
    pub url: SecretString,
    /// Connections that one process holds at most, 1 to 100.
    pub connections_max: u32,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: SecretString::default(),
            connections_max: 10,
        }
    }
}

impl DatabaseSettings {
    /// Everything wrong with the section, one line each, without secrets.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let url = self.url.expose_secret();
        if !url.is_empty() && !is_postgres(url) && !url.starts_with("sqlite:") {
            problems.push("url: must begin with postgres:// or sqlite:".to_owned());
        }
        if is_postgres(url) && has_sample_password(url) {
            let problem = "url: has a password from an example; set one of your own in Postgres and here";
            problems.push(problem.to_owned());
        }
        if !(1..=100).contains(&self.connections_max) {
            problems.push(format!(
                "connections_max: {} is not between 1 and 100",
                self.connections_max
            ));
        }
        problems
    }

    /// As [`DatabaseSettings::problems`], and what keeps several processes from sharing the database.
    #[must_use]
    pub fn problems_in_fleet(&self) -> Vec<String> {
        let mut problems = self.problems();
        if problems.is_empty() && !is_postgres(self.url.expose_secret()) {
            problems
                .push("url: must be set to a Postgres database, for several processes share it".to_owned());
        }
        problems
    }
}

/// On this machine Postgres may do without one.
fn has_sample_password(url: &str) -> bool {
    let authority = url.split("://").nth(1).unwrap_or_default();
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let Some((login, host)) = authority.rsplit_once('@') else {
        return false;
    };
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let password = login.split_once(':').map(|(_, password)| password);
    !domain::is_loopback(host) && password.is_some_and(domain::is_sample_secret)
}

pub(crate) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}
