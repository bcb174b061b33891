//! What changed from one version of a document to another. Bounded: texts are compared up to a size and for a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use database::documents::Document;
use database::events::Event;
use database::todos::Todo;
use domain::{DocumentStatus, Moment};
use futures::TryStreamExt;
use similar::{Algorithm, ChangeTag, TextDiff};
use storage::{ByteRange, StorageKey};
use tokio::sync::Semaphore;

use super::downloads::Nothing;
use crate::context::Api;

/// Bytes of each text that are compared.
const TEXT_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// After this long the rest is compared coarsely.
const PATIENCE: Duration = Duration::from_secs(2);
/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;
/// Hunks that are told.
const HUNKS_MAX: usize = 200;
/// Lines that are told, over all hunks.
const LINES_MAX: usize = 4_000;
/// Characters of a line that are told.
const LINE_CHARACTERS_MAX: usize = 500;

/// What changed.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Tags that only the later one has.
    pub(crate) tags_added: Vec<String>,
    /// Tags that only the earlier one has.
    pub(crate) tags_removed: Vec<String>,
    /// Todos that only the later one has.
    pub(crate) todos_added: Vec<Todo>,
    /// Todos that only the earlier one has.
    pub(crate) todos_removed: Vec<Todo>,
    /// Events that only the later one has.
    pub(crate) events_added: Vec<Event>,
    /// Events that only the earlier one has.
    pub(crate) events_removed: Vec<Event>,
    /// The changes of the text.
    pub(crate) text: TextDifference,
}

/// The changes of a text.
#[derive(Debug, Default)]
pub(crate) struct TextDifference {
    /// Lines only in the later one.
    pub(crate) lines_added: usize,
    /// Lines only in the earlier one.
    pub(crate) lines_removed: usize,
    /// Where they are.
    pub(crate) hunks: Vec<Hunk>,
    /// Whether a limit was reached: then there may be more changes.
    pub(crate) truncated: bool,
}

/// Lines that changed, with those around them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// In bytes of the earlier text.
    pub(crate) from_bytes: Range<usize>,
    /// In bytes of the later text.
    pub(crate) to_bytes: Range<usize>,
    /// The first line in the earlier text, from 1.
    pub(crate) from_line: usize,
    /// The first line in the later text, from 1.
    pub(crate) to_line: usize,
    /// The lines, each with the sign of a unified diff before it.
    pub(crate) lines: Vec<String>,
}

/// Comparisons at the same time: each holds both texts and what it knows of their lines, up to some hundred MiB for texts of
/// nothing but line ends, and a processor.
static COMPARISONS: Semaphore = Semaphore::const_new(2);

/// Compares two documents that are completed, when it is their turn.
pub(crate) async fn between(api: &Api, from: &Document, to: &Document) -> Result<Difference, Nothing> {
    let turn = COMPARISONS.acquire().await;
    let (old, old_cut) = text(api, from).await?;
    let (new, new_cut) = text(api, to).await?;
    let (had, has) = (tags(from), tags(to));
    let compared = tokio::task::spawn_blocking(move || compare(&old, &new)).await;
    let mut text = compared.unwrap_or_else(|error| {
        tracing::error!("comparing two texts failed: {error}");
        TextDifference {
            truncated: true,
            ..TextDifference::default()
        }
    });
    text.truncated |= old_cut || new_cut;
    drop(turn);
    let (todos_before, events_before) = agenda(api, from).await?;
    let (todos_after, events_after) = agenda(api, to).await?;
    Ok(Difference {
        todos_added: missing_in(&todos_before, &todos_after, todo_key),
        todos_removed: missing_in(&todos_after, &todos_before, todo_key),
        events_added: missing_in(&events_before, &events_after, event_key),
        events_removed: missing_in(&events_after, &events_before, event_key),
        tags_added: has.difference(&had).cloned().collect(),
        tags_removed: had.difference(&has).cloned().collect(),
        text,
    })
}

async fn agenda(api: &Api, document: &Document) -> Result<(Vec<Todo>, Vec<Event>), Nothing> {
    let (user, id) = (document.user, document.id);
    let todos = database::todos::of_document(&api.database, user, id).await?;
    let events = database::events::of_document(&api.database, user, id).await?;
    Ok((todos, events))
}

/// What makes two todos of two versions the same one. That one of them is done does not matter.
fn todo_key(todo: &Todo) -> [String; 4] {
    [
        todo.text.clone(),
        todo.owner.clone().unwrap_or_default(),
        todo.priority.to_string(),
        todo.due.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

/// What makes two events of two versions the same one.
fn event_key(event: &Event) -> [String; 3] {
    let shown = |moment: &Option<Moment>| moment.as_ref().map(ToString::to_string).unwrap_or_default();
    [event.title.clone(), shown(&event.start), shown(&event.end)]
}

/// What is in `others` more often than in `these`, in the order of `others`.
fn missing_in<T: Clone, K: Ord>(these: &[T], others: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
    let mut left: BTreeMap<K, usize> = BTreeMap::new();
    for this in these {
        *left.entry(key(this)).or_default() += 1;
    }
    let is_missing = |other: &&T| match left.get_mut(&key(other)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    others.iter().filter(is_missing).cloned().collect()
}

fn tags(document: &Document) -> BTreeSet<String> {
    let tags = document.tags.as_array().into_iter().flatten();
    tags.filter_map(|tag| tag["value"].as_str().map(str::to_owned))
        .collect()
}

/// The beginning of a text, and whether there is more of it.
async fn text(api: &Api, document: &Document) -> Result<(String, bool), Nothing> {
    if document.status != DocumentStatus::Completed {
        return Err(Nothing::NotReady(document.status));
    }
    let missing = || Nothing::Missing(document.id);
    let key = StorageKey::text(
        document.user,
        document.id,
        document.text_fence.ok_or_else(missing)?,
    );
    let part = api
        .storage
        .get_range(&key, ByteRange::Within(0..TEXT_BYTES_MAX))
        .await;
    let object = match part {
        // A text without a letter has no range.
        Err(storage::StorageError::OutOfRange { .. }) => return Ok((String::new(), false)),
        part => part?.ok_or_else(missing)?,
    };
    let cut = object.size_bytes > TEXT_BYTES_MAX;
    let bytes: Vec<u8> = object
        .stream
        .try_fold(Vec::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if cut {
        // The last line, and the letter at its end, may not be whole.
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        text.truncate(end);
    }
    Ok((text, cut))
}

fn compare(old: &str, new: &str) -> TextDifference {
    let compared = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(PATIENCE)
        .diff_lines(old, new);
    let starts = |lines: &[&str]| -> Vec<usize> {
        std::iter::once(0)
            .chain(lines.iter().scan(0, |at, line| {
                *at += line.len();
                Some(*at)
            }))
            .collect()
    };
    let (old_starts, new_starts) = (starts(compared.old_slices()), starts(compared.new_slices()));
    let mut difference = TextDifference::default();
    for change in compared.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => difference.lines_added += 1,
            ChangeTag::Delete => difference.lines_removed += 1,
            ChangeTag::Equal => {}
        }
    }
    let mut lines_left = LINES_MAX;
    for group in compared.grouped_ops(CONTEXT_LINES) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        if difference.hunks.len() == HUNKS_MAX || lines_left == 0 {
            difference.truncated = true;
            break;
        }
        let (old, new) = (
            first.old_range().start..last.old_range().end,
            first.new_range().start..last.new_range().end,
        );
        let mut lines = Vec::new();
        for change in group
            .iter()
            .flat_map(|operation| compared.iter_changes(operation))
        {
            if lines_left == 0 {
                difference.truncated = true;
                break;
            }
            lines_left -= 1;
            let line = change.value().trim_end_matches(['\n', '\r']);
            let mut shown = change.tag().to_string();
            shown.extend(line.chars().take(LINE_CHARACTERS_MAX));
            if line.chars().nth(LINE_CHARACTERS_MAX).is_some() {
                shown.push('…');
            }
            lines.push(shown);
        }
        difference.hunks.push(Hunk {
            from_bytes: old_starts[old.start]..old_starts[old.end],
            to_bytes: new_starts[new.start]..new_starts[new.end],
            from_line: old.start + 1,
            to_line: new.start + 1,
            lines,
        });
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hunk_tells_what_changed_and_where() {
        let old = "one\ntwo\nthree\nfour\nfive\nsix\n";
        let new = "one\ntwo\nthree\nfour\nFÜNF\nsix\nseven\n";
        let difference = compare(old, new);
        assert_eq!((difference.lines_added, difference.lines_removed), (2, 1));
        assert_eq!(difference.hunks.len(), 1);
        let hunk = &difference.hunks[0];
        assert_eq!(
            hunk.lines,
            [" two", " three", " four", "-five", "+FÜNF", " six", "+seven"]
        );
        assert_eq!((hunk.from_line, hunk.to_line), (2, 2));
        assert_eq!(&old[hunk.from_bytes.clone()], "two\nthree\nfour\nfive\nsix\n");
        assert_eq!(
            &new[hunk.to_bytes.clone()],
            "two\nthree\nfour\nFÜNF\nsix\nseven\n"
        );
        assert!(!difference.truncated);
    }

    #[test]
    fn what_is_the_same_has_no_hunks() {
        for text in ["", "one", "one\n"] {
            let difference = compare(text, text);
            assert!(difference.hunks.is_empty() && !difference.truncated);
        }
    }

    #[test]
    fn nothing_grows_without_bound() {
        let old: String = (0..300)
            .map(|n| format!("line {n}\nsame\nsame\nsame\nsame\nsame\nsame\nsame\n"))
            .collect();
        let new = old.replace("line", "LINE");
        let difference = compare(&old, &new);
        assert_eq!(difference.lines_removed, 300);
        assert!(difference.truncated && difference.hunks.len() <= HUNKS_MAX);
        let long = compare("", &"x".repeat(100_000));
        assert_eq!(long.hunks[0].lines[0].chars().count(), LINE_CHARACTERS_MAX + 2);
        let noise =
            |seed: usize| -> String { (0..20_000).map(|n| format!("{}\n", n * seed % 9_973)).collect() };
        assert!(
            compare(&noise(7), &noise(13))
                .hunks
                .iter()
                .map(|hunk| hunk.lines.len())
                .sum::<usize>()
                <= LINES_MAX
        );
    }
}
