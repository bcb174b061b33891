//! What an operator may choose about models.

use std::net::IpAddr;
use std::time::Duration;

use domain::units::{ByteSize, duration};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::costs::{Cost, Prices};

/// Who made a model, which says how to speak to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Maker {
    /// No model: rules, on this machine.
    #[default]
    Local,
    /// OpenAI, and whoever speaks its protocol (`chat/completions`).
    OpenAi,
    /// Mistral.
    Mistral,
    /// Google, in the protocol of Gemini.
    Gemini,
    /// Anthropic.
    Anthropic,
    /// Ollama, through the protocol of OpenAI, in which it keeps to the form that it is asked for.
    Ollama,
}

impl Maker {
    /// The word used in settings and results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::OpenAi => "openai",
            Self::Mistral => "mistral",
            Self::Gemini => "gemini",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
        }
    }

    const fn usual_base_url(self) -> &'static str {
        match self {
            Self::Local => "",
            Self::OpenAi => "https://api.openai.com/v1/",
            Self::Mistral => "https://api.mistral.ai/v1/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/",
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Ollama => "http://127.0.0.1:11434/v1/",
        }
    }
}

/// The section `model`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// `local` (rules, no network), `openai` (and everybody who speaks its protocol), `mistral`, `gemini`, `anthropic` or
    /// `ollama`.
    pub provider: Maker,
    /// Where the model answers, with the version: `https://models.example.org/v1`. Empty: where its maker does.
    pub base_url: String,
    /// Whether documents may travel to the model without encryption. Only to an address of this machine or of a private
    /// network, written as a number, or `localhost`.
    pub allow_http: bool,
    /// The model, as its maker calls it.
    pub name: String,
    /// The key to it. Not needed with `ollama`.
    pub api_key: SecretString,
    /// How long one call may take.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How long a document or an answer waits for the model at most: all calls, and the waits between them.
    #[serde(with = "duration")]
    pub patience: Duration,
    /// How long the model is left alone after five failures in a row.
    #[serde(with = "duration")]
    pub pause: Duration,
    /// Text of a document, from its beginning, that the model is shown, and text of passages for one answer. 1 KiB to 1 MiB.
    pub input_max: ByteSize,
    /// Tokens of one answer of the model, 64 to 32,768.
    pub output_tokens_max: u32,
    /// Price of a million tokens sent, in the smallest unit of your currency.
    pub input_price: u64,
    /// Price of a million tokens received, in the smallest unit of your currency.
    pub output_price: u64,
    /// What one job may cost, in the smallest unit of your currency. 0: no limit.
    pub job_budget: u64,
    /// What one account may cost in a calendar month (UTC), in the smallest unit of your currency. 0: no limit.
    pub month_budget: u64,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            provider: Maker::default(),
            base_url: String::new(),
            allow_http: false,
            name: String::new(),
            api_key: SecretString::default(),
            timeout: Duration::from_secs(60),
            patience: Duration::from_secs(120),
            pause: Duration::from_secs(30),
            input_max: ByteSize::from_kib(24),
            output_tokens_max: 4_096,
            input_price: 0,
            output_price: 0,
            job_budget: 0,
            month_budget: 0,
        }
    }
}

impl ModelSettings {
    /// What one job may cost; `None` without a limit.
    #[must_use]
    pub fn job_limit(&self) -> Option<Cost> {
        (self.job_budget > 0).then(|| Cost::units(self.job_budget))
    }

    /// What one account may cost in a month; `None` without a limit.
    #[must_use]
    pub fn month_limit(&self) -> Option<Cost> {
        (self.month_budget > 0).then(|| Cost::units(self.month_budget))
    }

    /// Everything wrong with the section, one line each, without secrets.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.provider == Maker::Local {
            for (key, is_set) in [
                ("base_url", !self.base_url.is_empty()),
                ("name", !self.name.is_empty()),
                ("api_key", !self.api_key.expose_secret().is_empty()),
            ] {
                if is_set {
                    // Most likely the provider was forgotten, and nobody would ask the model.
                    problems.push(format!(
                        "{key}: has a meaning with another provider than \"local\" only"
                    ));
                }
            }
            return problems;
        }
        if self.name.is_empty() || self.name.contains("::") || self.name.chars().any(char::is_whitespace) {
            problems.push("name: must be the name of a model".to_owned());
        }
        let key = self.api_key.expose_secret();
        if key.is_empty() && self.provider != Maker::Ollama {
            problems.push("api_key: is needed with this provider".to_owned());
        }
        if key.chars().any(|c| !c.is_ascii_graphic()) {
            problems.push("api_key: has characters that no key has".to_owned());
        }
        self.address_problems(&mut problems);
        self.number_problems(&mut problems);
        problems
    }

    fn address_problems(&self, problems: &mut Vec<String>) {
        let base = self.base_url();
        let Some((scheme, rest)) = base.split_once("://") else {
            problems.push("base_url: must begin with https:// or http://".to_owned());
            return;
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            problems.push("base_url: must not hold a user or a password".to_owned());
        }
        if base.contains(['?', '#']) || base.chars().any(char::is_whitespace) {
            problems.push("base_url: must be an address without question, fragment and spaces".to_owned());
        }
        let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, _)) => host,
            None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
        };
        if host.is_empty() {
            problems.push("base_url: names no host".to_owned());
        }
        match scheme {
            "https" => {}
            // Ollama's own address is this machine.
            "http" if self.base_url.is_empty() => {}
            "http" if !self.allow_http => problems.push(
                "base_url: documents would travel in the clear; allow_http = true permits it".to_owned(),
            ),
            "http" if !is_near(host) => problems.push(
                "base_url: without encryption only localhost or an address of a private network is permitted"
                    .to_owned(),
            ),
            "http" => {}
            _ => problems.push("base_url: must begin with https:// or http://".to_owned()),
        }
    }

    fn number_problems(&self, problems: &mut Vec<String>) {
        const HOUR: Duration = Duration::from_secs(3_600);
        // An attempt at a document takes ten minutes at most, and it has to be read as well.
        const PATIENCE_MAX: Duration = Duration::from_secs(5 * 60);
        let shown = duration::show;
        for (key, value, most) in [
            ("timeout", self.timeout, PATIENCE_MAX),
            ("patience", self.patience, PATIENCE_MAX),
            ("pause", self.pause, HOUR),
        ] {
            if value.is_zero() || value > most {
                problems.push(format!(
                    "{key}: {} is not between 1ms and {}",
                    shown(value),
                    shown(most)
                ));
            }
        }
        if !(1_024..=1_048_576).contains(&self.input_max.bytes()) {
            problems.push("input_max: is not between 1KiB and 1MiB".to_owned());
        }
        if !(64..=32_768).contains(&self.output_tokens_max) {
            problems.push("output_tokens_max: is not between 64 and 32768".to_owned());
        }
        let is_free = self.input_price == 0 && self.output_price == 0;
        for (key, budget) in [
            ("job_budget", self.job_budget),
            ("month_budget", self.month_budget),
        ] {
            if budget > 0 && is_free {
                problems.push(format!(
                    "{key}: without input_price and output_price it never stops anything"
                ));
            }
            if budget > BUDGET_MAX {
                problems.push(format!("{key}: is more than {BUDGET_MAX}"));
            }
        }
        for (key, price) in [
            ("input_price", self.input_price),
            ("output_price", self.output_price),
        ] {
            if price > PRICE_MAX {
                problems.push(format!("{key}: is more than {PRICE_MAX}"));
            }
        }
    }

    /// Where the model answers, with a slash at the end.
    pub(crate) fn base_url(&self) -> String {
        let base = self.base_url.trim();
        match base {
            "" => self.provider.usual_base_url().to_owned(),
            base => format!("{}/", base.trim_end_matches('/')),
        }
    }

    pub(crate) const fn prices(&self) -> Prices {
        Prices {
            input: self.input_price,
            output: self.output_price,
        }
    }
}

/// A budget in millionths has to fit the database.
const BUDGET_MAX: u64 = 1_000_000_000;
/// So has what one call costs.
const PRICE_MAX: u64 = 1_000_000;

/// Whether a host is this machine, or stands in a network that nobody routes through the world. Only numbers count: a name
/// may lead anywhere, and elsewhere tomorrow.
fn is_near(host: &str) -> bool {
    if domain::is_loopback(host) {
        return true;
    }
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_unique_local(),
        Err(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn remote() -> ModelSettings {
        ModelSettings {
            provider: Maker::Mistral,
            name: "small".to_owned(),
            api_key: "k-1234".into(),
            ..ModelSettings::default()
        }
    }

    #[test]
    fn nothing_and_a_complete_section_are_fine() {
        assert_eq!(ModelSettings::default().problems(), [""; 0]);
        assert_eq!(remote().problems(), [""; 0]);
        let ollama = ModelSettings {
            provider: Maker::Ollama,
            name: "small".to_owned(),
            ..ModelSettings::default()
        };
        assert_eq!(ollama.problems(), [""; 0]);
    }

    #[test]
    fn what_a_model_needs_is_named_and_so_is_what_rules_do_not() {
        let without = ModelSettings {
            provider: Maker::OpenAi,
            ..ModelSettings::default()
        };
        assert_eq!(without.problems().len(), 2, "{:?}", without.problems());
        let forgotten = ModelSettings {
            provider: Maker::Local,
            ..remote()
        };
        assert_eq!(forgotten.problems().len(), 2);
    }

    #[test]
    fn documents_travel_in_the_clear_only_to_near_addresses_and_only_when_allowed() {
        let at = |base_url: &str, allow_http| {
            ModelSettings {
                base_url: base_url.to_owned(),
                allow_http,
                ..remote()
            }
            .problems()
        };
        for near in [
            "http://127.0.0.1:8080/v1",
            "http://[::1]:1/",
            "http://10.1.2.3",
            "http://localhost:11434/v1",
            "http://[fd00::7]/v1",
        ] {
            assert_eq!(at(near, true), [""; 0], "{near}");
            assert_eq!(at(near, false).len(), 1, "{near}");
        }
        for far in [
            "http://models.example.org/v1",
            "http://8.8.8.8/v1",
            "http://localhost.example.org",
            "http://169.254.169.254/latest",
            "http://10.0.0.1.example.org",
        ] {
            assert_eq!(at(far, true).len(), 1, "{far}");
        }
        assert_eq!(at("https://models.example.org/v1", false), [""; 0]);
        for odd in [
            "models.example.org",
            "ftp://models.example.org",
            "https://me:pw@models.example.org",
            "https://",
            "https://x/?a=b",
        ] {
            assert!(!at(odd, true).is_empty(), "{odd}");
        }
    }

    #[test]
    fn a_budget_that_stops_nothing_is_a_problem() {
        let settings = ModelSettings {
            month_budget: 100,
            ..remote()
        };
        assert_eq!(settings.problems().len(), 1);
        let settings = ModelSettings {
            input_price: 30,
            ..settings
        };
        assert_eq!(settings.problems(), [""; 0]);
        assert_eq!(settings.month_limit(), Some(Cost(100_000_000)));
        assert_eq!(settings.job_limit(), None);
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let settings = ModelSettings {
            timeout: Duration::ZERO,
            patience: Duration::from_secs(3_600),
            input_max: ByteSize::from_bytes(1),
            output_tokens_max: 1,
            ..remote()
        };
        assert_eq!(settings.problems().len(), 4, "{:?}", settings.problems());
    }

    #[test]
    fn the_key_is_never_shown() {
        assert!(!format!("{:?}", remote()).contains("k-1234"));
    }
}
