//! What an operator may choose about pages that are pictures of text.

use std::time::Duration;

use domain::ByteSize;
use domain::units::duration;
use serde::{Deserialize, Serialize};

use super::is_language;

/// The section `ocr`: who reads pages that are pictures of text, in which languages, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OcrSettings {
    /// The program that reads pictures: a name to be found in the usual places, or a path. `none`: nobody does.
    pub program: String,
    /// Languages to read in, as the program calls them (`eng`, `deu`), the most likely one first; those that are installed
    /// when empty, at most four.
    pub languages: Vec<String>,
    /// Pixels per inch at which pages of a PDF are painted, 70 to 600. More costs time and rarely helps.
    pub resolution_dpi: u32,
    /// Pages of a document that are read; the others stay without text.
    pub pages_max: u32,
    /// Time that a page may take; then its reader is killed and the page stays without text.
    #[serde(with = "duration")]
    pub page_time_max: Duration,
    /// Time after which no further page of a document is begun; those before are kept. At most 8m, for an attempt as a whole
    /// has ten.
    #[serde(with = "duration")]
    pub time_max: Duration,
    /// Address space of the process that reads a page.
    pub address_space_max: ByteSize,
}

/// An attempt at a document may take ten minutes, and has more to do than this.
const TIME_MAX: Duration = Duration::from_secs(8 * 60);

impl Default for OcrSettings {
    fn default() -> Self {
        Self {
            program: "tesseract".to_owned(),
            languages: Vec::new(),
            resolution_dpi: 200,
            pages_max: 500,
            page_time_max: Duration::from_secs(60),
            time_max: Duration::from_secs(5 * 60),
            address_space_max: ByteSize::from_mib(1024),
        }
    }
}

impl OcrSettings {
    /// Everything that is wrong with the values, as `key: what is wrong`.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, problem: String| {
            if !fine {
                problems.push(problem);
            }
        };
        check(
            !self.program.starts_with('-'),
            "program: must be the name or the path of a program".to_owned(),
        );
        for language in &self.languages {
            check(
                is_language(language),
                format!("languages: {language:?} is no name of a language, such as eng or deu"),
            );
        }
        check(
            (70..=600).contains(&self.resolution_dpi),
            format!(
                "resolution_dpi: {} is not between 70 and 600",
                self.resolution_dpi
            ),
        );
        check(self.pages_max > 0, "pages_max: must be at least 1".to_owned());
        check(
            !self.page_time_max.is_zero() && self.page_time_max <= TIME_MAX,
            "page_time_max: must be more than nothing and at most 8m".to_owned(),
        );
        check(
            !self.time_max.is_zero() && self.time_max <= TIME_MAX,
            "time_max: must be more than nothing and at most 8m".to_owned(),
        );
        check(
            self.address_space_max >= ByteSize::from_mib(256),
            "address_space_max: must be at least 256MiB, which reading a page takes".to_owned(),
        );
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_problems() {
        assert_eq!(OcrSettings::default().problems(), [""; 0]);
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let settings = OcrSettings {
            program: "--help".to_owned(),
            languages: vec!["eng".to_owned(), "../etc".to_owned(), "-c".to_owned()],
            resolution_dpi: 5000,
            time_max: Duration::from_secs(3600),
            ..OcrSettings::default()
        };
        assert_eq!(settings.problems().len(), 5, "{:?}", settings.problems());
    }
}
