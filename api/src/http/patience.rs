//! How long a client wants to wait for an outcome: `?wait=`, or `Prefer: wait=` (RFC 7240, section 4.3).

use std::time::Duration;

use domain::limits;
use poem::http::HeaderMap;

use crate::problem::Problem;

/// How long a request may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    wait: Duration,
    preferred: bool,
}

impl Patience {
    /// Reads what a request asks for. The parameter is an order and wins; it is refused beyond the bound. The header is
    /// a wish and is cut to the bound, or passed over when it makes no sense.
    pub(crate) fn read(parameter: Option<u64>, headers: &HeaderMap) -> Result<Self, Problem> {
        if let Some(seconds) = parameter {
            let wait = Duration::from_secs(seconds);
            if wait > limits::WAIT_MAX {
                let rule = format!("must be at most {}", limits::WAIT_MAX.as_secs());
                return Err(Problem::invalid("query:wait", rule));
            }
            return Ok(Self {
                wait,
                preferred: false,
            });
        }
        let preferred = preferred(headers);
        Ok(Self {
            wait: preferred.unwrap_or_default().min(limits::WAIT_MAX),
            preferred: preferred.is_some(),
        })
    }

    /// How long it is.
    pub(crate) const fn wait(self) -> Duration {
        self.wait
    }

    /// The value of `Preference-Applied`, where the wish of the header was granted.
    pub(crate) fn applied(self) -> Option<String> {
        self.preferred.then(|| format!("wait={}", self.wait.as_secs()))
    }
}

/// Whether a request would rather have a job than wait for the answer (RFC 7240, section 4.1).
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    preferences(headers).any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

/// Preferences without their parameters.
fn preferences(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all("prefer").into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|preference| preference.split(';').next().unwrap_or_default())
}

/// The first preference of the name counts (RFC 7240, section 2).
fn preferred(headers: &HeaderMap) -> Option<Duration> {
    let mut waits = preferences(headers).filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("wait")
            .then(|| value.trim().trim_matches('"'))
    });
    waits.next()?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_wish_is_found_among_others_and_cut_to_the_bound() {
        for (values, seconds) in [
            (vec!["wait=5"], 5),
            (vec!["respond-async, WAIT = 10 ; why=not, handling=lenient"], 10),
            (vec!["respond-async", "wait=\"7\""], 7),
            (vec!["wait=3, wait=9"], 3),
            (vec!["wait=600"], 60),
            (vec!["wait=0"], 0),
        ] {
            let patience = Patience::read(None, &headers(&values)).unwrap();
            assert_eq!(patience.wait(), Duration::from_secs(seconds), "{values:?}");
            assert_eq!(patience.applied(), Some(format!("wait={seconds}")), "{values:?}");
        }
    }

    #[test]
    fn who_would_rather_have_a_job_says_so_among_other_wishes() {
        for (values, wish) in [
            (vec!["respond-async"], true),
            (vec!["wait=5, Respond-Async; why=not"], true),
            (vec!["wait=5"], false),
            (vec!["respond-async=no"], false),
            (vec![], false),
        ] {
            assert_eq!(prefers_async(&headers(&values)), wish, "{values:?}");
        }
    }

    #[test]
    fn a_wish_without_sense_is_passed_over() {
        for values in [
            vec![],
            vec!["wait"],
            vec!["wait=soon"],
            vec!["wait=-1"],
            vec!["await=5"],
        ] {
            let patience = Patience::read(None, &headers(&values)).unwrap();
            assert_eq!((patience.wait(), patience.applied()), (Duration::ZERO, None));
        }
    }

    #[test]
    fn the_parameter_wins_and_has_a_bound() {
        let patience = Patience::read(Some(2), &headers(&["wait=5"])).unwrap();
        assert_eq!(
            (patience.wait(), patience.applied()),
            (Duration::from_secs(2), None)
        );
        assert!(Patience::read(Some(60), &headers(&[])).is_ok());
        assert!(Patience::read(Some(61), &headers(&[])).is_err());
    }
}
