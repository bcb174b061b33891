//! Events and todos in the form that calendar programs read: iCalendar (RFC 5545).

use chrono::{DateTime, Days, Utc};
use database::agenda::{After, Span};
use database::events::{self, Event, EventFilter};
use database::todos::{self, Todo, TodoFilter};
use database::{Database, Result};
use domain::{DocumentId, Moment, TodoPriority as Priority, UserId};

/// What goes into a calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) document: Option<DocumentId>,
    pub(crate) span: Span,
    pub(crate) todos: bool,
}

/// Events, and todos, in one calendar; more would be megabytes that a program fetches every hour.
const ITEMS_MAX: usize = 5_000;
/// Items fetched at once.
const BATCH: u64 = 1_000;

/// The calendar of a user. Events without a date are left out: the form has no place for them.
///
/// # Errors
/// When the database is away.
pub(crate) async fn write(db: &Database, user: UserId, wanted: &Wanted) -> Result<String> {
    let mut calendar = Lines::default();
    calendar.line("BEGIN:VCALENDAR");
    calendar.line("VERSION:2.0");
    calendar.line("PRODID:-//docmill//docmill//EN");
    calendar.line("CALSCALE:GREGORIAN");
    let mut after: Option<After> = None;
    let mut written = 0;
    while written < ITEMS_MAX {
        let span = Span {
            scheduled: Some(true),
            ..wanted.span
        };
        let filter = EventFilter {
            document: wanted.document,
            span,
            after,
        };
        let batch = events::list(db, user, &filter, BATCH).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last.position());
        for event in batch.iter().take(ITEMS_MAX - written) {
            calendar.event(event);
        }
        written += batch.len();
    }
    if wanted.todos {
        let (mut after, mut written) = (None, 0);
        while written < ITEMS_MAX {
            let filter = TodoFilter {
                document: wanted.document,
                span: wanted.span,
                done: None,
                after,
            };
            let batch = todos::list(db, user, &filter, BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = Some(last.position());
            for todo in batch.iter().take(ITEMS_MAX - written) {
                calendar.todo(todo);
            }
            written += batch.len();
        }
    }
    calendar.line("END:VCALENDAR");
    Ok(calendar.0)
}

/// Content lines: folded, and ended as the form wants it.
#[derive(Debug, Default)]
struct Lines(String);

/// Bytes of a line without its end (RFC 5545, section 3.1).
const LINE_BYTES_MAX: usize = 75;

impl Lines {
    /// Writes a line, cut into several where it is too long; every cut is between two characters.
    fn line(&mut self, line: &str) {
        let mut rest = line;
        let mut room = LINE_BYTES_MAX;
        while rest.len() > room {
            let (part, after) = rest.split_at(rest.floor_char_boundary(room));
            self.0.push_str(part);
            self.0.push_str("\r\n ");
            rest = after;
            // The space at the beginning counts.
            room = LINE_BYTES_MAX - 1;
        }
        self.0.push_str(rest);
        self.0.push_str("\r\n");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}:{}", escaped(value)));
    }

    fn instant(&mut self, name: &str, at: DateTime<Utc>) {
        self.line(&format!("{name}:{}", at.format("%Y%m%dT%H%M%SZ")));
    }

    fn moment(&mut self, name: &str, moment: &Moment) {
        match (moment.time, moment.instant()) {
            (_, Some(instant)) => self.instant(name, instant),
            // Wherever it takes place: local time without a zone (section 3.3.5).
            (Some(time), None) => {
                let (date, time) = (moment.date.format("%Y%m%d"), time.format("%H%M%S"));
                self.line(&format!("{name}:{date}T{time}"));
            }
            (None, None) => self.line(&format!("{name};VALUE=DATE:{}", moment.date.format("%Y%m%d"))),
        }
    }

    fn event(&mut self, event: &Event) {
        let Some(start) = event.start else { return };
        self.line("BEGIN:VEVENT");
        self.line(&format!("UID:{}@docmill", event.id));
        self.instant("DTSTAMP", event.updated_at);
        self.instant("CREATED", event.created_at);
        self.moment("DTSTART", &start);
        if let Some(end) = event.end.and_then(|end| end_of(&start, end)) {
            self.moment("DTEND", &end);
        }
        self.text("SUMMARY", &event.title);
        self.text("DESCRIPTION", &event.source.quote);
        self.line("END:VEVENT");
    }

    fn todo(&mut self, todo: &Todo) {
        self.line("BEGIN:VTODO");
        self.line(&format!("UID:{}@docmill", todo.id));
        self.instant("DTSTAMP", todo.updated_at);
        self.instant("CREATED", todo.created_at);
        if let Some(due) = &todo.due {
            self.moment("DUE", due);
        }
        let summary = match &todo.owner {
            Some(owner) => format!("{owner}: {}", todo.text),
            None => todo.text.clone(),
        };
        self.text("SUMMARY", &summary);
        self.text("DESCRIPTION", &todo.source.quote);
        // 1 is the highest (section 3.8.1.9).
        self.line(match todo.priority {
            Priority::High => "PRIORITY:1",
            Priority::Medium => "PRIORITY:5",
            Priority::Low => "PRIORITY:9",
        });
        if todo.done {
            self.line("STATUS:COMPLETED");
            self.instant("COMPLETED", todo.done_at.unwrap_or(todo.updated_at));
        } else {
            self.line("STATUS:NEEDS-ACTION");
        }
        self.line("END:VTODO");
    }
}

/// The end as the form counts it, of the same type as the beginning and behind it: a last day becomes the day after.
fn end_of(start: &Moment, end: Moment) -> Option<Moment> {
    let end = match (start.time, end.time) {
        (None, _) => Moment::day(end.date.checked_add_days(Days::new(1))?),
        // From a time to the end of a day.
        (Some(_), None) => Moment {
            date: end.date.checked_add_days(Days::new(1))?,
            time: Some(chrono::NaiveTime::MIN),
            offset_seconds: start.offset_seconds,
        },
        (Some(_), Some(_)) => Moment {
            offset_seconds: start.offset_seconds,
            ..end
        },
    };
    (end.first_second() > start.first_second()).then_some(end)
}

/// A text as a value (section 3.3.11).
fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                value.push('\\');
                value.push(c);
            }
            '\n' => value.push_str("\\n"),
            c if c.is_control() => {}
            c => value.push(c),
        }
    }
    value
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn unfolded(text: &str) -> String {
        text.replace("\r\n ", "")
    }

    #[test]
    fn no_line_is_longer_than_75_bytes_and_none_is_cut_in_a_character() {
        let long = "SUMMARY:".to_owned() + &"Mitgliederversammlung für Ältere – 会議 ".repeat(20);
        let mut lines = Lines::default();
        lines.line(&long);
        assert!(lines.0.split("\r\n").all(|line| line.len() <= 75), "{}", lines.0);
        assert!(lines.0.ends_with("\r\n"));
        assert_eq!(unfolded(&lines.0), long + "\r\n");
    }

    #[test]
    fn nothing_in_a_text_can_end_its_line() {
        assert_eq!(
            escaped("a, b; c\\d\r\nEND:VEVENT"),
            "a\\, b\\; c\\\\d\\nEND:VEVENT"
        );
    }

    #[test]
    fn moments_are_dates_local_times_or_points_in_time() {
        for (moment, expected) in [
            ("2026-03-12", "DTSTART;VALUE=DATE:20260312\r\n"),
            ("2026-03-12T15:00:00", "DTSTART:20260312T150000\r\n"),
            ("2026-03-12T15:00:00+01:00", "DTSTART:20260312T140000Z\r\n"),
            ("2026-03-12T00:30:00+01:00", "DTSTART:20260311T233000Z\r\n"),
        ] {
            let mut lines = Lines::default();
            lines.moment("DTSTART", &moment.parse().unwrap());
            assert_eq!(lines.0, expected);
        }
    }

    #[test]
    fn an_end_lies_behind_the_beginning_and_is_of_its_type() {
        let end = |start: &str, end: &str| {
            end_of(&start.parse().unwrap(), end.parse().unwrap()).map(|end| end.to_string())
        };
        assert_eq!(end("2026-04-03", "2026-04-05").as_deref(), Some("2026-04-06"));
        assert_eq!(
            end("2026-04-03T18:00:00", "2026-04-03T20:00:00").as_deref(),
            Some("2026-04-03T20:00:00")
        );
        assert_eq!(
            end("2026-04-03T18:00:00Z", "2026-04-05").as_deref(),
            Some("2026-04-06T00:00:00Z")
        );
        assert_eq!(end("2026-04-03T18:00:00", "2026-04-03T17:00:00"), None);
    }
}
