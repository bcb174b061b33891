//! Which queue, and how long to wait for it.

use std::time::Duration;

use redis::IntoConnectionInfo;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::QueueError;

/// The section `queue`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueSettings {
    /// `redis://:password@host:6379/0`, or `rediss://` for TLS. Empty: in memory, for a single process.
    pub url: Option<SecretString>,
    /// What every key in Redis begins with, so that several installations can share one Redis.
    pub prefix: String,
    /// How long one command may take before Redis counts as away, 10ms to 60s. An upload waits a quarter
    /// of it at most.
    #[serde(with = "domain::units::duration")]
    pub command_timeout: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            url: None,
            prefix: "docmill".to_owned(),
            command_timeout: Duration::from_secs(1),
        }
    }
}

impl QueueSettings {
    /// Everything wrong with the section, one line each, without secrets.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let (false, Err(QueueError::Settings(problem))) = (self.is_memory(), self.connection_info()) {
            problems.push(format!("url: {problem}"));
        }
        problems.extend(self.password_problem().map(|problem| format!("url: {problem}")));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if self.prefix.is_empty() || self.prefix.len() > 100 || !self.prefix.chars().all(is_plain) {
            problems.push("prefix: must be 1 to 100 letters, digits, or any of - _ . :".to_owned());
        }
        if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&self.command_timeout) {
            problems.push("command_timeout: must be between 10ms and 60s".to_owned());
        }
        problems
    }

    /// Off this machine whoever reaches Redis could hand out tasks, count against limits, and forget everything.
    fn password_problem(&self) -> Option<&'static str> {
        let info = self.connection_info().ok()?;
        let (redis::ConnectionAddr::Tcp(host, _) | redis::ConnectionAddr::TcpTls { host, .. }) = info.addr()
        else {
            return None;
        };
        if domain::is_loopback(host) {
            return None;
        }
        match info.redis_settings().password() {
            None => Some("must have a password, for Redis is not on this machine"),
            Some(password) if domain::is_sample_secret(password) => {
                Some("has a password from an example; set one of your own in Redis and here")
            }
            Some(_) => None,
        }
    }

    /// As [`QueueSettings::problems`], and what keeps several processes from sharing the queue.
    #[must_use]
    pub fn problems_in_fleet(&self) -> Vec<String> {
        let mut problems = self.problems();
        if self.is_memory() {
            problems.push("url: must be set to a Redis server, for several processes share it".to_owned());
        }
        problems
    }

    /// Whether the queue lives in this process only.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        self.url().is_empty()
    }

    /// Where Redis is and how to log in there. The library's own error would show the address, password and all.
    pub(crate) fn connection_info(&self) -> Result<redis::ConnectionInfo, QueueError> {
        let url = self.url();
        if !url.starts_with("redis://") && !url.starts_with("rediss://") {
            return Err(QueueError::Settings("must begin with redis:// or rediss://"));
        }
        url.into_connection_info()
            .map_err(|_| QueueError::Settings("is not an address such as redis://:password@host:6379/0"))
    }

    fn url(&self) -> &str {
        self.url.as_ref().map_or("", |url| url.expose_secret())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn with_url(url: &str) -> QueueSettings {
        QueueSettings {
            url: Some(url.into()),
            ..QueueSettings::default()
        }
    }

    #[test]
    fn the_default_needs_nothing() {
        assert!(QueueSettings::default().problems().is_empty());
        assert!(QueueSettings::default().is_memory());
        assert!(with_url("").is_memory());
    }

    #[test]
    fn a_redis_address_with_a_password_is_fine() {
        for url in [
            "redis://:hunter2@host:6379/1",
            "rediss://user:hunter2@host",
            "redis://[::1]:6380",
        ] {
            assert!(with_url(url).problems().is_empty(), "{url}");
        }
    }

    #[test]
    fn off_this_machine_redis_needs_a_password_of_its_own() {
        for open in [
            "redis://redis",
            "redis://10.0.0.1:6379/0",
            "rediss://cache.example.com",
            "redis://user@redis",
        ] {
            let problems = with_url(open).problems();
            assert_eq!(
                problems,
                ["url: must have a password, for Redis is not on this machine"],
                "{open}"
            );
        }
        for sample in [
            "redis://:foobared@redis",
            "redis://:redis@redis",
            "rediss://user:Password1@cache.example.com",
        ] {
            let problems = with_url(sample).problems();
            assert!(
                problems.len() == 1 && problems[0].contains("example"),
                "{sample}: {problems:?}"
            );
        }
        assert!(with_url("redis://127.0.0.1").problems().is_empty());
    }

    #[test]
    fn every_problem_is_listed_and_none_shows_the_password() {
        let settings = QueueSettings {
            prefix: "two words".to_owned(),
            command_timeout: Duration::ZERO,
            ..with_url("redis://:hunter2@host:port")
        };
        let problems = settings.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(!format!("{problems:?}{settings:?}").contains("hunter2"));
        assert_eq!(
            with_url("postgres://:hunter2@host").problems(),
            ["url: must begin with redis:// or rediss://"]
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        let read = |text| serde_json::from_str::<QueueSettings>(text);
        let settings = read(r#"{"url": "redis://host", "command_timeout": "250ms"}"#).unwrap();
        assert_eq!(settings.command_timeout, Duration::from_millis(250));
        assert!(read(r#"{"uri": "redis://host"}"#).is_err());
    }
}
