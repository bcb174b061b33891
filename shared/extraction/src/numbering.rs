//! The numbers and bullets of lists, which documents of Word, old and new, do not hold but tell how to count.

use std::collections::{HashMap, HashSet};

use crate::ordinal::number;

/// Levels of a list that the formats know.
pub(crate) const LEVELS_MAX: usize = 9;

/// How the lists of a document are numbered.
#[derive(Default)]
pub(crate) struct Lists {
    /// By the name of the definition.
    pub(crate) definitions: HashMap<String, Vec<Level>>,
    /// Lists by the name that paragraphs give.
    pub(crate) lists: HashMap<String, List>,
}

/// A list, which counts as its definition says but for what it says itself. Several may share a definition.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) definition: String,
    /// Levels that begin with another number than the definition says.
    pub(crate) starts: Vec<(usize, u32)>,
    /// Levels that are numbered in another way.
    pub(crate) levels: HashMap<usize, Level>,
}

/// How one level of a list is numbered.
#[derive(Clone, Default)]
pub(crate) struct Level {
    /// Nothing said is zero.
    pub(crate) start: u32,
    /// A way of writing numbers, or `bullet`, or `none`.
    pub(crate) format: String,
    /// Such as `%1.%2`, where the digits are levels counted from one.
    pub(crate) text: String,
    /// Whether the numbers of all levels are written as digits here, as lawyers do under articles with Roman numbers.
    pub(crate) is_legal: bool,
    /// How many of the uppermost levels make it begin anew; `None` is all above it.
    pub(crate) restarts_after: Option<usize>,
}

/// Where the lists of a story stand.
#[derive(Default)]
pub(crate) struct Counters {
    /// By definition: lists with the same definition go on counting.
    by_definition: HashMap<String, Vec<Option<u32>>>,
    /// Lists whose own beginnings were used.
    begun: HashSet<String>,
}

impl Counters {
    /// The number or bullet of the next paragraph of a list; `None` when it has none.
    pub(crate) fn next_label(&mut self, lists: &Lists, list: &str, level: usize) -> Option<String> {
        let found = lists.lists.get(list)?;
        let defined = lists.definitions.get(&found.definition)?;
        let at = |index: usize| found.levels.get(&index).or_else(|| defined.get(index));
        let this = at(level)?;
        let counts = self
            .by_definition
            .entry(found.definition.clone())
            .or_insert_with(|| vec![None; LEVELS_MAX]);
        if self.begun.insert(list.to_owned()) {
            for (level, start) in &found.starts {
                if let Some(count) = counts.get_mut(*level) {
                    *count = Some(start.saturating_sub(1));
                }
            }
        }
        let before = counts.get(level).copied().flatten();
        *counts.get_mut(level)? = Some(before.map_or(this.start, |count| count.saturating_add(1)));
        for (deeper, count) in counts.iter_mut().enumerate().skip(level + 1) {
            let limit = at(deeper).and_then(|deeper| deeper.restarts_after);
            if level < limit.unwrap_or(deeper) {
                *count = None;
            }
        }
        if this.format == "bullet" {
            return Some("-".to_owned());
        }
        let mut label = this.text.clone();
        for (index, count) in counts.iter_mut().enumerate().take(level + 1) {
            let Some(other) = at(index) else { continue };
            // A level that was passed over has counted its first, unseen.
            let count = *count.get_or_insert(other.start);
            let written = match &*other.format {
                "none" => String::new(),
                _ if this.is_legal => count.to_string(),
                format => number(count, format),
            };
            label = label.replace(&format!("%{}", index + 1), &written);
        }
        let label = label.trim();
        (!label.is_empty()).then(|| label.to_owned())
    }
}
