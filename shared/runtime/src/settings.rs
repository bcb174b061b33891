//! Settings from a file and from the environment, every fault reported at once.
//!
//! Later wins: the defaults of the sections, then the TOML file, then variables named `DOCMILL_SECTION__KEY`. A
//! variable is read as what its key asks for: a number, `true` or `false`, or a list with commas. With `_FILE` at its
//! end it names a file that holds the value, as secrets are mounted in containers. An empty variable counts as not set.
//!
//! One environment serves every binary: a section that only another binary has is accepted by its name.

mod environment;
mod fault;
mod node;
mod reader;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use fault::FaultKind;
use node::{Node, Table};

/// The sections of all binaries.
pub const SECTIONS: &[&str] = &[
    "database",
    "queue",
    "storage",
    "auth",
    "http",
    "quotas",
    "health",
    "log",
    "limits",
    "worker",
    "sandbox",
    "ocr",
    "sealing",
    "mail",
    "scheduler",
    "scheduling",
];

/// The variable that names the settings file when the command line does not.
pub const CONFIG_VARIABLE: &str = "DOCMILL_CONFIG";

/// The settings of one binary: a struct with one field for each section, `#[serde(default, deny_unknown_fields)]`.
pub trait Sections: DeserializeOwned {
    /// Everything wrong with the values, as pairs of a section and its problems, each as `key: what is wrong`.
    fn problems(&self) -> Vec<(&'static str, Vec<String>)>;
}

/// Everything that is wrong with the settings. Values are never shown, for any of them may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsProblems(Vec<String>);

impl SettingsProblems {
    /// One line for each fault, as `section.key: what is wrong`.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for SettingsProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the settings have a problem:")?,
            count => write!(f, "the settings have {count} problems:")?,
        }
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Reads the settings of this process: the environment, and `file`, or else the file that `DOCMILL_CONFIG` names. No
/// file is fine; a file that is named and cannot be read is a problem.
///
/// # Errors
/// With every problem found, in the file, in the environment and in the values.
pub fn load<S: Sections>(file: Option<&Path>) -> Result<S, SettingsProblems> {
    load_from(file, std::env::vars_os())
}

/// Reads settings as [`load`] does, from these variables instead of the environment.
///
/// # Errors
/// As [`load`].
pub fn load_from<S: Sections>(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<S, SettingsProblems> {
    let mut problems = Vec::new();
    let variables = environment::ours(variables, &mut problems);
    let named = variables
        .iter()
        .find(|(name, _)| name == CONFIG_VARIABLE)
        .map(|(_, path)| PathBuf::from(path));
    let file = file.map(Path::to_path_buf).or(named);

    let mut tree = file.map_or_else(Table::default, |path| read_file(&path, &mut problems));
    environment::lay_over(&mut tree, variables, &mut problems);

    let mut read_badly = Vec::new();
    if let Some(settings) = read::<S>(tree, &mut problems, &mut read_badly) {
        for (section, found) in settings.problems() {
            let found = found.into_iter().map(|problem| format!("{section}.{problem}"));
            // A key that could not be read stands at its default now, which nobody chose.
            problems.extend(found.filter(|problem| !read_badly.iter().any(|key| is_about(problem, key))));
        }
        if problems.is_empty() {
            return Ok(settings);
        }
    }
    Err(SettingsProblems(problems))
}

fn read_file(path: &Path, problems: &mut Vec<String>) -> Table {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(format!("settings file {}: {error}", path.display()));
            return Table::default();
        }
    };
    match text.parse::<toml::Table>() {
        Ok(table) => node::from_toml(table),
        Err(error) => {
            // The error's own text would show the line, and with it perhaps a secret.
            let line = error.span().map_or(1, |span| {
                1 + text.get(..span.start).unwrap_or_default().matches('\n').count()
            });
            problems.push(format!(
                "settings file {}, line {line}: {}",
                path.display(),
                error.message()
            ));
            Table::default()
        }
    }
}

/// Reads the tree. A reader stops at the first fault, so what was faulty is taken out and the rest is read again.
fn read<S: Sections>(mut tree: Table, problems: &mut Vec<String>, read_badly: &mut Vec<String>) -> Option<S> {
    loop {
        let fault = match S::deserialize(Node::Table(tree.clone())) {
            Ok(settings) => return Some(settings),
            Err(fault) => fault,
        };
        let removed = node::remove(&mut tree, &fault.path);
        let key = fault.path.join(".");
        match fault.kind {
            FaultKind::Unknown { .. } if SECTIONS.contains(&key.as_str()) => {} // of another binary
            // Missing only because it was taken out.
            FaultKind::Missing if read_badly.iter().any(|bad| is_about(&key, bad)) => {}
            FaultKind::Missing => problems.push(fault.line(None)),
            _ => problems.push(fault.line(removed.as_ref().and_then(Node::variable))),
        }
        read_badly.push(key);
        // Nothing to take out: the fault is a section that must be there, and would be found again for ever.
        removed?;
    }
}

/// Whether a problem concerns the key, what is in it, or what it is in.
fn is_about(problem: &str, key: &str) -> bool {
    let subject = problem.split_once(':').map_or(problem, |(subject, _)| subject);
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    within(subject, key) || within(key, subject)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "settings/tests.rs"]
mod tests;
