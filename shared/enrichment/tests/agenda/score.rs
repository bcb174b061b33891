//! Compares what is found in lines with what they hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{NaiveDate, NaiveDateTime};
use enrichment::{Context, Moment, extract_agenda, find_dates};

/// Lines that the rules were written with.
pub(crate) const TUNED: &str = include_str!("tuned.tsv");
/// Lines that no rule was changed for.
pub(crate) const HELD_OUT: &str = include_str!("held_out.tsv");

/// Wednesday 2026-03-04 09:00.
pub(crate) fn reference() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 3, 4)
        .unwrap()
        .and_hms_opt(9, 0, 0)
        .unwrap()
}

/// How many were found rightly, wrongly and not at all.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) right: u32,
    pub(crate) wrong: u32,
    pub(crate) missed: u32,
}

impl Counts {
    pub(crate) fn precision(&self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.wrong).max(1))
    }

    pub(crate) fn recall(&self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.missed).max(1))
    }

    pub(crate) fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE)
    }
}

/// What came of a set.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By what was looked for and language: it counts as found only with the right owner, priority, beginning and end.
    pub(crate) counts: BTreeMap<(&'static str, String), Counts>,
    pub(crate) misses: Vec<String>,
}

impl Report {
    /// All languages together.
    pub(crate) fn total(&self, what: &str) -> Counts {
        let of = self.counts.iter().filter(|((kind, _), _)| *kind == what);
        of.fold(Counts::default(), |sum, (_, it)| Counts {
            right: sum.right + it.right,
            wrong: sum.wrong + it.wrong,
            missed: sum.missed + it.missed,
        })
    }

    pub(crate) fn table(&self) -> String {
        let mut table = String::from("what    language  right  wrong  missed  precision  recall  F1\n");
        let mut line = |what: &str, language: &str, it: &Counts| {
            let (right, wrong, missed) = (it.right, it.wrong, it.missed);
            let (precision, recall, f1) = (it.precision(), it.recall(), it.f1());
            writeln!(table, "{what:6}  {language:8}  {right:5}  {wrong:5}  {missed:6}  {precision:9.3}  {recall:6.3}  {f1:.3}").unwrap();
        };
        for ((what, language), counts) in &self.counts {
            line(what, language, counts);
        }
        for what in ["todo", "event"] {
            line(what, "all", &self.total(what));
        }
        table
    }
}

/// Looks for the todos and events of every line.
pub(crate) fn judge(set: &str) -> Report {
    let mut report = Report::default();
    for line in set
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let fields: Vec<&str> = line.split('\t').collect();
        let [language, kind, owner, start, end, priority, text] = fields[..] else {
            panic!("not seven columns: {line}");
        };
        let owner = if matches!(owner, "moi" | "yo") {
            "me"
        } else {
            owner
        };
        let context = Context {
            reference: reference(),
            chat: false,
        };
        let agenda = extract_agenda(text, Some(language), context);
        let todos = agenda.todos.iter().map(|todo| {
            let due = todo.due.as_ref().map_or_else(|| "TBD".to_owned(), show);
            let owner = todo.owner.clone().unwrap_or_default();
            ("todo", format!("{owner}|{due}||{}", todo.priority.as_str()))
        });
        let events = agenda.events.iter().map(|event| {
            let start = event.start.as_ref().map_or_else(|| "TBD".to_owned(), show);
            let end = event.end.as_ref().map(show).unwrap_or_default();
            ("event", format!("|{start}|{end}|"))
        });
        let found: Vec<(&'static str, String)> = todos.chain(events).collect();
        let wanted = match kind {
            "todo" => Some(("todo", format!("{owner}|{start}|{end}|{priority}"))),
            "event" => Some(("event", format!("{owner}|{start}|{end}|{priority}"))),
            _ => None,
        };
        let mut hit = false;
        for it in &found {
            let counts = report.counts.entry((it.0, language.to_owned())).or_default();
            if Some(it) == wanted.as_ref() && !hit {
                hit = true;
                counts.right += 1;
            } else {
                counts.wrong += 1;
            }
        }
        if let Some((what, _)) = &wanted
            && !hit
        {
            report
                .counts
                .entry((what, language.to_owned()))
                .or_default()
                .missed += 1;
        }
        if found != wanted.clone().into_iter().collect::<Vec<_>>() {
            report
                .misses
                .push(format!("{language} {text:?}: wanted {wanted:?}, found {found:?}"));
        }
    }
    report
}

fn show(moment: &Moment) -> String {
    // Without the seconds that no line says.
    let written = moment.to_string();
    if moment.time.is_none() {
        return written;
    }
    let written = written.replacen(":00Z", "Z", 1);
    written.strip_suffix(":00").unwrap_or(&written).to_owned()
}

/// The figures of a table of date phrases: text, language, accepted dates (none: nothing may be found), time.
#[allow(dead_code)] // of the example only
pub(crate) fn dates(table: &str) -> String {
    let (mut dated, mut found, mut timed, mut times, mut traps, mut false_hits) = (0, 0, 0, 0, 0, 0);
    let mut said = String::new();
    for line in table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let fields: Vec<&str> = line.split('\t').collect();
        let (text, language) = (fields[0], fields[1]);
        let accepted: Vec<&str> = fields.get(2).map_or(Vec::new(), |dates| {
            dates.split(',').filter(|it| !it.is_empty()).collect()
        });
        let time = fields.get(3).copied().unwrap_or_default();
        let moments = find_dates(text, language, reference());
        if accepted.is_empty() {
            traps += 1;
            false_hits += u32::from(!moments.is_empty());
            if !moments.is_empty() {
                writeln!(said, "   false: {text:?}: {moments:?}").unwrap();
            }
            continue;
        }
        dated += 1;
        let hit = moments
            .iter()
            .find(|it| accepted.contains(&it.date.to_string().as_str()));
        found += u32::from(hit.is_some());
        if hit.is_none() {
            writeln!(said, "   missed: {text:?}: {moments:?}").unwrap();
        }
        if !time.is_empty() {
            timed += 1;
            let shown = hit
                .and_then(|it| it.time)
                .map(|it| it.format("%H:%M").to_string());
            times += u32::from(shown.as_deref() == Some(time));
        }
    }
    writeln!(
        said,
        "dates {found} of {dated}, times {times} of {timed}, false {false_hits} of {traps}"
    )
    .unwrap();
    said
}
