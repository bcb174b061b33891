//! Reading pages that are pictures of text, with the command `tesseract`, where that is installed.
//!
//! The parser child that opened a document paints its pages ([`extraction::Scans`]); a child of its own reads each of
//! them. Between the two goes the simplest of all pictures, so that what decodes the pictures of strangers is memory-safe
//! code in a process without anything, and what `tesseract` sees was written by docmill itself.

mod process;
mod settings;
mod words;

use std::time::{Duration, Instant};

use extraction::{Extracted, ExtractionError, Raster, Reading};
use telemetry::metrics;
use tracing::{info, warn};

use crate::pool::ChildProgram;
use process::Bounds;
pub use settings::OcrSettings;

/// Languages that are read at once when no setting names them: with each the reading takes longer.
const LANGUAGES_MAX: usize = 4;
/// The file that knows which way up a page is; it is no language.
const ORIENTATION: &str = "osd";
/// How long finding out what is installed may take.
const DISCOVERY_TIME_MAX: Duration = Duration::from_secs(20);
/// Pages in turn that could not be read, after which the rest of the document is not tried.
const FAILURES_MAX: u32 = 3;

/// What reads pictures here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcrEngine {
    /// What it calls itself, with its version.
    pub name: String,
    /// The languages in which it reads, as it calls them (`eng`, `deu`), the most likely one first.
    pub languages: Vec<String>,
    /// Every language that is installed.
    pub installed: Vec<String>,
    /// Languages that the settings ask for and that are not installed.
    pub missing: Vec<String>,
    /// What its children could give up under the running kernel.
    pub confinement: crate::Confinement,
    /// Whether it can tell which way up a page is.
    turns_pages: bool,
}

/// Why nothing reads pictures here; a sentence for operators.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoOcr(String);

/// What `tesseract` makes of a page.
pub(crate) struct PictureReader {
    program: ChildProgram,
    settings: OcrSettings,
    pub(crate) engine: OcrEngine,
}

impl PictureReader {
    /// Finds out what is installed.
    pub(crate) async fn discover(program: ChildProgram, settings: OcrSettings) -> Result<Self, NoOcr> {
        if settings.program.is_empty() || settings.program == "none" {
            return Err(NoOcr("switched off (setting ocr.program)".to_owned()));
        }
        let bounds = Bounds {
            wall_time_max: DISCOVERY_TIME_MAX,
            address_space_max: settings.address_space_max,
        };
        let ask = async |argument: &str| {
            let arguments = vec![argument.to_owned()];
            process::run(&program, &settings.program, arguments, None, bounds)
                .await
                .map_err(|error| {
                    let program = &settings.program;
                    NoOcr(format!(
                        "{program} {argument} does not answer: {}",
                        telemetry::chain(&error)
                    ))
                })
        };
        let version = ask("--version").await?;
        let installed = installed(&ask("--list-langs").await?.output);
        let turns_pages = installed.iter().any(|language| language == ORIENTATION);
        let installed: Vec<String> = installed
            .into_iter()
            .filter(|language| language != ORIENTATION)
            .collect();
        let (languages, missing) = chosen(&settings.languages, &installed);
        if languages.is_empty() {
            return Err(NoOcr(format!(
                "none of the languages asked for is installed; there are: {}",
                installed.join(", ")
            )));
        }
        let engine = OcrEngine {
            name: name(&version.output),
            languages,
            installed,
            missing,
            confinement: version.confinement,
            turns_pages,
        };
        Ok(Self {
            program,
            settings,
            engine,
        })
    }

    /// Says what was found, for whoever reads the log.
    pub(crate) fn announce(&self) {
        let OcrEngine {
            name,
            languages,
            missing,
            confinement,
            ..
        } = &self.engine;
        let languages = languages.join(", ");
        info!("pictures of text are read by {name} in {languages}; its children are confined: {confinement}");
        if !missing.is_empty() {
            let missing = missing.join(", ");
            warn!("languages that ocr.languages asks for are not installed: {missing}");
        }
    }

    /// Pixels per inch at which pages are painted.
    pub(crate) const fn resolution_dpi(&self) -> u32 {
        self.settings.resolution_dpi
    }

    async fn read(&self, raster: &Raster) -> Result<Reading, process::Unread> {
        let started = Instant::now();
        let mut arguments: Vec<String> = ["stdin", "stdout", "-l"].map(str::to_owned).into();
        arguments.push(self.engine.languages.join("+"));
        // With what turns pages, a page that lies on its side is found out; without it, blocks are still found.
        arguments.extend(["--psm", if self.engine.turns_pages { "1" } else { "3" }].map(str::to_owned));
        if let Some(dpi) = raster.resolution_dpi {
            arguments.extend(["--dpi".to_owned(), dpi.to_string()]);
        }
        let table = ["-c", "tessedit_create_tsv=1", "-c", "tessedit_create_txt=0"];
        arguments.extend(table.map(str::to_owned));
        let bounds = Bounds {
            wall_time_max: self.settings.page_time_max,
            address_space_max: self.settings.address_space_max,
        };
        let answer = process::run(
            &self.program,
            &self.settings.program,
            arguments,
            Some(raster),
            bounds,
        )
        .await?;
        metrics::ocr_page_read(started.elapsed());
        Ok(words::reading(&answer.output))
    }
}

/// The pages of one document on their way through a [`PictureReader`].
pub(crate) struct PageByPage<'a> {
    reader: &'a PictureReader,
    started: Instant,
    /// Pages that are still to be tried, the next one last.
    pages: Vec<u32>,
    read: u32,
    words: u32,
    confidence_sum: f64,
    failures: u32,
    /// Why the last page could not be painted, if it could not.
    pub(crate) refusal: Option<ExtractionError>,
}

impl<'a> PageByPage<'a> {
    pub(crate) fn new(reader: &'a PictureReader, extracted: &mut Extracted) -> Self {
        let mut pages = extracted.unread_pages.clone();
        let pages_max = usize::try_from(reader.settings.pages_max).unwrap_or(usize::MAX);
        extracted.truncated |= pages.len() > pages_max;
        pages.truncate(pages_max);
        pages.reverse();
        Self {
            reader,
            started: Instant::now(),
            pages,
            read: 0,
            words: 0,
            confidence_sum: 0.0,
            failures: 0,
            refusal: None,
        }
    }

    /// The next page to be painted; `None` when all were tried, or the time is over, which is noted.
    pub(crate) fn next(&mut self, extracted: &mut Extracted) -> Option<u32> {
        let given_up = self.failures >= FAILURES_MAX;
        if !self.pages.is_empty() && (given_up || self.started.elapsed() > self.reader.settings.time_max) {
            extracted.truncated = true;
            return None;
        }
        self.pages.pop()
    }

    /// Reads a page and puts what stands there into its place.
    pub(crate) async fn read(
        &mut self,
        page: u32,
        painted: Result<Raster, ExtractionError>,
        extracted: &mut Extracted,
        text_bytes_max: usize,
    ) {
        let raster = match painted {
            Ok(raster) => raster,
            Err(refusal) => {
                self.refusal = Some(refusal);
                return;
            }
        };
        match self.reader.read(&raster).await {
            Ok(reading) => {
                self.failures = 0;
                self.read += 1;
                self.words += reading.words;
                self.confidence_sum += reading.confidence_sum;
                extracted.put_reading(page, &reading, text_bytes_max);
            }
            Err(error) => {
                self.failures += 1;
                extracted.truncated = true;
                warn!("a page was not read: {}", telemetry::chain(&error));
            }
        }
    }

    /// Writes down who has read how much, and what is still unread.
    pub(crate) fn finish(self, extracted: &mut Extracted) {
        extracted.judge_unread_pages();
        if self.read == 0 {
            return;
        }
        let OcrEngine { name, languages, .. } = &self.reader.engine;
        extracted.engine = format!("{} + {name}", extracted.engine);
        let mut note = |key: &str, value: String| extracted.metadata.insert(key.to_owned(), value);
        note("ocr_engine", name.clone());
        note("ocr_languages", languages.join("+"));
        note("ocr_page_count", self.read.to_string());
        if self.words > 0 {
            let confidence = self.confidence_sum / f64::from(self.words);
            note("ocr_confidence", format!("{confidence:.0}"));
        }
    }
}

/// The languages of a list such as `tesseract --list-langs` prints: a sentence, then one on each line.
fn installed(list: &str) -> Vec<String> {
    let mut languages: Vec<String> = list
        .lines()
        .map(str::trim)
        .filter(|line| is_language(line))
        .map(str::to_owned)
        .collect();
    languages.sort();
    languages
}

/// Whether a word can be the name of a language file: letters, digits, and what parts them (`chi_sim`, `script/Latin`).
pub(crate) fn is_language(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 40
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '-'))
}

/// The languages to read in, and those that were asked for in vain. When nobody asked, what is installed, English first
/// and scripts never.
fn chosen(asked: &[String], installed: &[String]) -> (Vec<String>, Vec<String>) {
    if !asked.is_empty() {
        let is_there = |language: &String| installed.contains(language);
        return asked.iter().cloned().partition(is_there);
    }
    let mut languages: Vec<String> = installed
        .iter()
        .filter(|language| !language.contains('/') && language.as_str() != "equ")
        .cloned()
        .collect();
    languages.sort_by_key(|language| language != "eng");
    languages.truncate(LANGUAGES_MAX);
    (languages, Vec::new())
}

/// Name and version, from the first line of what a program says of itself.
fn name(version: &str) -> String {
    let line = version.lines().next().unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(40).collect();
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    if words.is_empty() {
        return "unnamed program".to_owned();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn languages_are_taken_from_what_is_installed() {
        let list =
            "List of available languages in \"/usr/share/tessdata/\" (3):\ndeu\neng\nosd\nscript/Latin\n";
        let all = installed(list);
        assert_eq!(all, words(&["deu", "eng", "osd", "script/Latin"]));
        assert_eq!(chosen(&[], &all[..2]), (words(&["eng", "deu"]), Vec::new()));
        assert_eq!(
            chosen(&words(&["deu", "fra"]), &all),
            (words(&["deu"]), words(&["fra"]))
        );
        let many = words(&["afr", "amh", "ara", "asm", "aze", "eng", "script/Latin"]);
        assert_eq!(chosen(&[], &many).0, words(&["eng", "afr", "amh", "ara"]));
    }

    #[test]
    fn a_name_is_short_whatever_the_program_says() {
        assert_eq!(name("tesseract 5.3.0\n leptonica-1.82.0\n"), "tesseract 5.3.0");
        assert_eq!(name(""), "unnamed program");
        assert!(name(&"x".repeat(1000)).len() <= 40);
    }
}
