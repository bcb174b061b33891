//! Which tasks a worker can read: workers of several releases share a queue, and each leaves what it does not know to those
//! who do.

use std::collections::BTreeMap;

use domain::TaskKind;
use serde::{Deserialize, Serialize};

use crate::tasks::PAYLOAD_VERSION;

/// Kinds of tasks, each with the newest form of its payload that is understood. Words of other releases are kept as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Knowledge(BTreeMap<String, i16>);

impl Knowledge {
    /// What this release understands.
    #[must_use]
    pub fn of_this_release() -> Self {
        TaskKind::ALL.iter().fold(Self::default(), |known, kind| {
            known.and(kind.as_str(), PAYLOAD_VERSION)
        })
    }

    /// What this release understands of one kind.
    #[must_use]
    pub fn of(kind: TaskKind) -> Self {
        Self::default().and(kind.as_str(), PAYLOAD_VERSION)
    }

    /// What releases understood that did not say so: documents, in the first form.
    pub(crate) fn of_those_who_do_not_say() -> Self {
        Self::default().and(TaskKind::ProcessDocument.as_str(), 1)
    }

    /// This and that: payloads of a kind up to a version.
    #[must_use]
    pub fn and(mut self, kind: &str, version_max: i16) -> Self {
        let known = self.0.entry(kind.to_owned()).or_insert(version_max);
        *known = version_max.max(*known);
        self
    }

    /// Whether a task can be read.
    #[must_use]
    pub fn covers(&self, kind: &str, payload_version: i16) -> bool {
        self.0.get(kind).is_some_and(|newest| payload_version <= *newest)
    }

    /// What any of these workers understands.
    pub(crate) fn together(workers: impl IntoIterator<Item = Self>) -> Self {
        workers.into_iter().fold(Self::default(), |all, one| {
            one.0
                .iter()
                .fold(all, |all, (kind, version)| all.and(kind, *version))
        })
    }

    /// Kinds and versions.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, i16)> {
        self.0.iter().map(|(kind, version)| (kind.as_str(), *version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_together_understand_the_newest_form_that_one_of_them_does() {
        let old = Knowledge::of_those_who_do_not_say();
        let new = Knowledge::default().and("process_document", 3).and("deliver", 1);
        let both = Knowledge::together([old.clone(), new, old]);
        assert!(both.covers("process_document", 2) && both.covers("deliver", 1));
        assert!(!both.covers("process_document", 4) && !both.covers("unheard_of", 1));
    }
}
