//! What an operator may choose about the HTTP side.

use std::net::SocketAddr;

use domain::units::ByteSize;
use serde::Deserialize;

use crate::http::rates::RateSettings;
use crate::http::{client_address, cross_origin};

/// More would be no bound any more.
const PLACES_MAX: usize = 100_000;

/// The section `http`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Bytes of one uploaded file at most.
    pub upload_bytes_max: ByteSize,
    /// Uploads at the same time. Each holds 16 MiB at most, so 32 of them half a gibibyte.
    pub uploads_max: usize,
    /// Downloads at the same time.
    pub downloads_max: usize,
    /// Other requests at the same time, without those that wait for a job.
    pub requests_max: usize,
    /// Requests that wait for a job at the same time.
    pub waits_max: usize,
    /// Of these, requests of one account.
    pub waits_per_account_max: usize,
    /// Whether anybody may make an account. Otherwise `docmill user create` makes them.
    pub registration_open: bool,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count: addresses, or ranges such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
    /// Sites whose scripts may use the API, such as `https://app.example.com`. `*` is every site.
    pub cors_origins: Vec<String>,
    /// Whether those scripts may use the cookies of their visitors.
    pub cors_credentials: bool,
    /// Whether the cookie of a browser's session travels without TLS: for trying things out on this machine.
    pub insecure_cookies: bool,
    /// Whether strangers can reach it: then there are no debugging, no documentation page, and no metrics but on a listener of
    /// their own.
    pub production: bool,
    /// How often somebody may ask.
    pub rate: RateSettings,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            upload_bytes_max: ByteSize::from_gib(2),
            uploads_max: 32,
            downloads_max: 128,
            requests_max: 256,
            waits_max: 512,
            waits_per_account_max: 64,
            registration_open: true,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            cors_credentials: false,
            insecure_cookies: false,
            production: false,
            rate: RateSettings::default(),
        }
    }
}

impl HttpSettings {
    /// Everything wrong with the section, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.upload_bytes_max.bytes() == 0 {
            problems.push("upload_bytes_max: must be more than 0".to_owned());
        }
        for (key, count) in [
            ("uploads_max", self.uploads_max),
            ("downloads_max", self.downloads_max),
            ("requests_max", self.requests_max),
            ("waits_max", self.waits_max),
            ("waits_per_account_max", self.waits_per_account_max),
        ] {
            if !(1..=PLACES_MAX).contains(&count) {
                problems.push(format!("{key}: must be between 1 and {PLACES_MAX}"));
            }
        }
        for proxy in &self.trusted_proxies {
            if let Err(reason) = client_address::check(proxy) {
                problems.push(format!("trusted_proxies: {proxy:?} {reason}"));
            }
        }
        if self.insecure_cookies && (self.production || !self.listen.ip().is_loopback()) {
            problems.push(
                "insecure_cookies: is for a server that listens on this machine only, without http.production".to_owned(),
            );
        }
        problems.extend(cross_origin::problems(self));
        problems
    }

    /// What is wrong with this level of logging beside the section, one line each for the section `log`.
    #[must_use]
    pub fn problems_of_log(&self, level: &str) -> Vec<String> {
        let level = level.to_lowercase();
        let tells_too_much = ["debug", "trace"].iter().any(|word| level.contains(word));
        if self.production && tells_too_much {
            return vec!["level: must not be debug or trace while http.production is set".to_owned()];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_lets_nobody_or_everybody_in_is_a_problem() {
        assert_eq!(HttpSettings::default().problems(), Vec::<String>::new());
        let wrong = HttpSettings {
            upload_bytes_max: ByteSize::from_bytes(0),
            uploads_max: 0,
            waits_max: PLACES_MAX + 1,
            ..HttpSettings::default()
        };
        let problems = wrong.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[1].starts_with("uploads_max: "), "{problems:?}");
        assert!(problems[2].starts_with("waits_max: "), "{problems:?}");
    }

    #[test]
    fn cookies_that_travel_in_the_clear_stay_on_this_machine() {
        let near = HttpSettings {
            insecure_cookies: true,
            ..HttpSettings::default()
        };
        assert_eq!(near.problems(), Vec::<String>::new());
        let open = HttpSettings {
            listen: SocketAddr::from(([0, 0, 0, 0], 8000)),
            ..near.clone()
        };
        let production = HttpSettings {
            production: true,
            ..near
        };
        for wrong in [open, production] {
            assert!(wrong.problems()[0].starts_with("insecure_cookies: "));
        }
    }
}
