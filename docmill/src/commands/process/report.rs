//! What was found, for people and for programs.

use std::path::{Path, PathBuf};

use crate::output::say;
use serde_json::{Value, json};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One document and what became of it.
pub(super) struct Row {
    pub(super) path: PathBuf,
    pub(super) label: String,
    pub(super) found: Result<Found, String>,
    /// The files that hold its results.
    pub(super) written: Vec<PathBuf>,
}

/// What was found in a document.
pub(super) struct Found {
    /// As the API shows it.
    pub(super) document: Value,
    pub(super) text: String,
    pub(super) started_at: Option<String>,
    pub(super) finished_at: Option<String>,
}

impl Row {
    /// Writes the text and everything else that was found below `folder`, under the name of the document.
    pub(super) async fn write_results(&mut self, folder: &Path) -> Result<(), String> {
        let Ok(found) = &self.found else { return Ok(()) };
        let base = folder.join(
            Path::new(&self.label)
                .strip_prefix("/")
                .unwrap_or(Path::new(&self.label)),
        );
        let with = |ending: &str| {
            let mut path = base.clone().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        let json = serde_json::to_string_pretty(&found.document).map_err(|error| error.to_string())?;
        for (path, content) in [(with(".text.txt"), &found.text), (with(".json"), &json)] {
            if let Some(parent) = path.parent() {
                tokio::fs::create_dir_all(parent)
                    .await
                    .map_err(|error| cannot_write(&path, &error))?;
            }
            tokio::fs::write(&path, content)
                .await
                .map_err(|error| cannot_write(&path, &error))?;
            self.written.push(path);
        }
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("could not write {}: {error}", path.display())
}

impl Found {
    fn text_of(&self, key: &str) -> &str {
        self.document.get(key).and_then(Value::as_str).unwrap_or("–")
    }

    fn number_of(&self, key: &str) -> String {
        self.document
            .get(key)
            .and_then(Value::as_i64)
            .map_or_else(|| "–".to_owned(), |number| number.to_string())
    }

    /// The language, or several with the largest share first.
    fn languages(&self) -> String {
        let shares = self.document.get("languages").and_then(Value::as_array);
        let codes: Vec<&str> = shares
            .into_iter()
            .flatten()
            .filter_map(|share| share.get("code").and_then(Value::as_str))
            .collect();
        if codes.len() > 1 {
            codes.join(", ")
        } else {
            self.text_of("language").to_owned()
        }
    }

    fn tags(&self) -> String {
        if self.document.get("needs_ocr").and_then(Value::as_bool) == Some(true) {
            return "(pages without text: needs OCR)".to_owned();
        }
        let tags = self.document.get("tags").and_then(Value::as_array);
        let values: Vec<&str> = tags
            .into_iter()
            .flatten()
            .filter_map(|tag| tag.get("value").and_then(Value::as_str))
            .take(4)
            .collect();
        if values.is_empty() {
            "–".to_owned()
        } else {
            values.join(", ")
        }
    }

    /// Milliseconds from the beginning of the work to its end.
    fn milliseconds(&self) -> Option<i64> {
        let at = |time: &Option<String>| time.as_deref().and_then(milliseconds_of_day);
        // A document that was begun before midnight and ended after it.
        Some((at(&self.finished_at)? - at(&self.started_at)?).rem_euclid(24 * 60 * 60 * 1000))
    }
}

/// Milliseconds since midnight of an RFC 3339 time.
fn milliseconds_of_day(time: &str) -> Option<i64> {
    let clock = time.get(11..23)?;
    let part = |range: std::ops::Range<usize>| clock.get(range)?.parse::<i64>().ok();
    Some(((part(0..2)? * 60 + part(3..5)?) * 60 + part(6..8)?) * 1000 + part(9..12)?)
}

const HEADINGS: [&str; 10] = [
    "document", "title", "type", "pages", "language", "tags", "todos", "events", "words", "time",
];
const WIDTHS_MAX: [usize; 10] = [28, 30, 8, 5, 8, 44, 5, 6, 7, 8];

/// Prints one line for each document, what failed with its reason, and where the results are.
pub(super) fn print(rows: &[Row], folder: &Path) {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    for row in rows {
        let Ok(found) = &row.found else { continue };
        let time = found
            .milliseconds()
            .map_or_else(|| "–".to_owned(), |time| format!("{time} ms"));
        lines.push([
            row.label.clone(),
            found.text_of("title").to_owned(),
            found.text_of("kind").to_owned(),
            found.number_of("pages"),
            found.languages(),
            found.tags(),
            found.number_of("todo_count"),
            found.number_of("event_count"),
            found.number_of("words"),
            time,
        ]);
    }
    if lines.len() > 1 {
        for line in aligned(&lines) {
            say!("{line}");
        }
    }
    let failed: Vec<_> = rows
        .iter()
        .filter_map(|row| row.found.as_ref().err().map(|reason| (row, reason)))
        .collect();
    for (row, reason) in &failed {
        say!("FAILED  {}  {reason}", row.label);
    }
    say!();
    let done = rows.len() - failed.len();
    say!(
        "{done} of {} documents done. Texts and results: {}/",
        rows.len(),
        folder.display()
    );
}

fn aligned(lines: &[[String; 10]]) -> Vec<String> {
    let cells: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            line.iter()
                .zip(WIDTHS_MAX)
                .map(|(cell, width)| shortened(cell, width))
                .collect()
        })
        .collect();
    let width = |column: usize| cells.iter().map(|line| line[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    cells
        .iter()
        .map(|line| {
            let padded = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// A text that takes at most so many columns, without anything that moves the cursor.
fn shortened(text: &str, columns: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.width() <= columns {
        return text;
    }
    let mut short = String::new();
    for c in text.chars() {
        if short.width() + c.width().unwrap_or(0) > columns - 1 {
            break;
        }
        short.push(c);
    }
    short + "…"
}

/// Everything as one JSON array, failures with their reason.
pub(super) fn json(rows: &[Row]) -> serde_json::Result<String> {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| match &row.found {
            Ok(found) => json!({
                "path": row.path,
                "status": "completed",
                "milliseconds": found.milliseconds(),
                "document": found.document,
                "files": row.written,
            }),
            Err(reason) => json!({ "path": row.path, "status": "failed", "reason": reason }),
        })
        .collect();
    serde_json::to_string_pretty(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_letters() {
        let line = |title: &str| ["a", title, "x", "", "", "", "", "", "", "end"].map(str::to_owned);
        let lines = aligned(&[line("short"), line("日本語の題"), line(&"é".repeat(100))]);
        let column = |line: &str| line[..line.find("end").unwrap()].width();
        assert_eq!(column(&lines[0]), column(&lines[1]));
        assert_eq!(column(&lines[0]), column(&lines[2]));
        assert!(lines[2].contains('…'));
    }

    #[test]
    fn a_title_cannot_move_the_cursor() {
        assert_eq!(shortened("a\x1b[2Jb\nc", 20), "a [2Jb c");
    }

    #[test]
    fn time_goes_on_over_midnight() {
        let found = Found {
            document: Value::Null,
            text: String::new(),
            started_at: Some("2026-03-04T23:59:59.900Z".to_owned()),
            finished_at: Some("2026-03-05T00:00:00.050Z".to_owned()),
        };
        assert_eq!(found.milliseconds(), Some(150));
    }
}
