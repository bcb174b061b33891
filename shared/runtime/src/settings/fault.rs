//! One fault of the settings: where, and what is wrong in words for an operator. Never the value.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// A fault, with the keys that lead to it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) path: Vec<String>,
    pub(super) kind: FaultKind,
}

#[derive(Debug)]
pub(super) enum FaultKind {
    /// The last key of the path is not one of these.
    Unknown { known: &'static [&'static str] },
    /// Nothing stands at the path, and there is no default.
    Missing,
    /// Anything else, in words.
    Other(String),
}

impl Fault {
    /// The same fault, seen from the table around it.
    pub(super) fn within(mut self, key: &str) -> Self {
        self.path.insert(0, key.to_owned());
        self
    }

    /// The same fault without the value, should the words repeat it. A short value stays unless it is quoted: it would
    /// be found in the middle of words, and is no secret worth the name.
    pub(super) fn without(mut self, value: &str) -> Self {
        const BYTES_MIN: usize = 6;
        if let FaultKind::Other(words) = &mut self.kind {
            *words = words.replace(&format!("{value:?}"), "the value");
            if value.len() >= BYTES_MIN {
                *words = words.replace(value, "…");
            }
        }
        self
    }

    /// `section.key: what is wrong`, and the variable it came from.
    pub(super) fn line(&self, variable: Option<&str>) -> String {
        let words = match &self.kind {
            FaultKind::Other(words) => words.clone(),
            FaultKind::Missing => "must be set".to_owned(),
            FaultKind::Unknown { known } => {
                let (parents, key) = self.path.split_at(self.path.len().saturating_sub(1));
                let what = if parents.is_empty() { "section" } else { "key" };
                match nearest(key.first().map_or("", String::as_str), known.iter().copied()) {
                    Some(near) => {
                        let near = parents
                            .iter()
                            .map(String::as_str)
                            .chain([near])
                            .collect::<Vec<_>>()
                            .join(".");
                        format!("unknown {what}; did you mean {near}?")
                    }
                    None if known.is_empty() => format!("unknown {what}"),
                    None => format!("unknown {what}; known are {}", known.join(", ")),
                }
            }
        };
        let place = if self.path.is_empty() {
            "settings".to_owned()
        } else {
            self.path.join(".")
        };
        match variable {
            Some(variable) => format!("{place}: {words} (from {variable})"),
            None => format!("{place}: {words}"),
        }
    }

    fn other(words: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            kind: FaultKind::Other(words.into()),
        }
    }
}

/// The one of `known` that `word` was probably meant to be: a third of its letters may be wrong.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(None))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self::other(words.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::other(format!("must be {}", in_words(&expected.to_string())))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::other(format!("must be {}", in_words(&expected.to_string())))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::other(format!("must be {}", in_words(&expected.to_string())))
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::other(format!("must be one of {}", known.join(", ")))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self {
            path: vec![field.to_owned()],
            kind: FaultKind::Unknown { known },
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            path: vec![field.to_owned()],
            kind: FaultKind::Missing,
        }
    }
}

/// What the reader expected, without the names that Rust has for it.
fn in_words(expected: &str) -> String {
    match expected {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "any valid nonzero u16"
        | "a nonzero u8"
        | "a nonzero u16"
        | "a nonzero u32"
        | "a nonzero u64"
        | "a nonzero usize" => "a whole number, 1 or more".to_owned(),
        _ if expected.starts_with("struct ") || expected == "a map" => {
            "a section with keys, not a value".to_owned()
        }
        _ if expected.starts_with("string or table") || expected.starts_with("enum ") => {
            "one of the known words".to_owned()
        }
        _ => expected.to_owned(),
    }
}
