//! What a scenario measured, and whether the promise was kept.

use std::fmt;
use std::time::Duration;

use super::Promise;

/// Figures and complaints, as a scenario collects them.
#[derive(Debug, Default)]
pub struct Verdict {
    figures: Vec<String>,
    broken: Vec<String>,
}

impl Verdict {
    /// Notes what was measured.
    pub fn figure(&mut self, figure: impl Into<String>) {
        self.figures.push(figure.into());
    }

    /// Notes that the promise was broken, and how.
    pub fn is_broken(&mut self, how: impl Into<String>) {
        self.broken.push(how.into());
    }

    /// Notes a count that has to be this one.
    pub fn exactly(&mut self, what: &str, expected: i64, found: i64) {
        self.figure(format!("{found} {what}"));
        if found != expected {
            self.is_broken(format!("{found} {what}, expected {expected}"));
        }
    }

    /// Notes a count that has to be so large.
    pub fn at_least(&mut self, what: &str, least: i64, found: i64) {
        self.figure(format!("{found} {what}"));
        if found < least {
            self.is_broken(format!("{found} {what}, expected {least} or more"));
        }
    }

    /// Notes a time that must not be longer.
    pub fn within(&mut self, what: &str, most: Duration, found: Duration) {
        let figure = format!("{what} {} (at most {})", seconds(found), seconds(most));
        if found > most {
            self.is_broken(figure.clone());
        }
        self.figure(figure);
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.figures.extend(other.figures);
        self.broken.extend(other.broken);
        self
    }

    /// The end of it.
    pub(super) fn outcome(self, promise: Promise, seed: u64, took: Duration) -> Outcome {
        Outcome {
            promise,
            seed,
            took,
            figures: self.figures,
            broken: self.broken,
        }
    }
}

fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// What came of trying a promise. Shown, it is one line.
#[derive(Debug)]
pub struct Outcome {
    promise: Promise,
    seed: u64,
    took: Duration,
    figures: Vec<String>,
    broken: Vec<String>,
}

impl Outcome {
    /// Whether the promise was kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_kept() { "kept" } else { "BROKEN" };
        let (promise, title) = (self.promise, self.promise.title());
        write!(f, "{promise:<4}{word:<7}{title}: {}", self.figures.join(", "))?;
        for broken in &self.broken {
            write!(f, "; BROKEN: {broken}")?;
        }
        write!(f, " [seed {}, {}]", self.seed, seconds(self.took))
    }
}
