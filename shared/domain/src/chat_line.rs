//! The first line of a message in a chat that was written down as text: when, who, what.
//!
//! Used twice: to tell at the upload that a text is a chat, and to read its messages later. What is read here:
//!
//! | from | looks like |
//! |---|---|
//! | WhatsApp on iOS | `[14/03/2026, 18:04:11] Nora: text` |
//! | WhatsApp on Android | `14/03/2026, 18:04 - Nora: text`, `3/14/26, 6:04 PM - Nora: text` |
//! | docmill itself | `[2026-03-14 18:04:11] Nora: text` |
//! | others | `2026-03-14 18:04 Nora: text`, `[18:04] Nora: text`, `[18:04] <nora> text`, `Nora (18:04): text`, `Nora: text` |

mod stamp;

pub use stamp::{ChatDate, ChatTime, DateOrder, Stamp};

/// The first line of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatLine<'a> {
    /// When it was sent, as far as the line says.
    pub stamp: Option<Stamp>,
    /// Who sent it; `None` for what the program itself has to say.
    pub speaker: Option<&'a str>,
    /// What it says, on this line.
    pub text: &'a str,
    /// Whether only a program for chats writes such lines, so that no more evidence is needed.
    pub unmistakable: bool,
}

/// Letters of a name; what is longer before a colon is the beginning of a sentence.
const NAME_LETTERS_MAX: usize = 40;

/// Letters of a name where nothing else shows that the line is a message.
const BARE_NAME_LETTERS_MAX: usize = 30;

/// Signs that turn the direction of writing, which WhatsApp puts before lines and names, and the mark of the encoding.
const INVISIBLE: [char; 8] = [
    '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{2068}', '\u{2069}', '\u{feff}',
];

impl<'a> ChatLine<'a> {
    /// Reads a line. `None` when it cannot be the first of a message.
    #[must_use]
    pub fn read(line: &'a str) -> Option<Self> {
        let line = line.trim_start_matches(INVISIBLE).trim_end();
        let bracketed = line.strip_prefix(['[', '(']);
        let Some((stamp, rest)) = Stamp::read(bracketed.unwrap_or(line)) else {
            return Self::without_stamp(line);
        };
        let rest = match bracketed {
            Some(_) => rest.strip_prefix([']', ')'])?,
            None => rest,
        };
        Self::after_stamp(stamp, bracketed.is_some(), rest)
    }

    fn after_stamp(stamp: Stamp, bracketed: bool, rest: &'a str) -> Option<Self> {
        // Something must divide the time from the name, and a dash after a date is the way of WhatsApp.
        let (dashed, rest) = match rest.trim_start().strip_prefix(['-', '–', '—']) {
            Some(after) if after.starts_with(' ') => (true, after),
            _ if bracketed || rest.starts_with([' ', '\t']) => (false, rest),
            _ => return None,
        };
        let rest = rest.trim_start().trim_start_matches(INVISIBLE);
        let unmistakable = stamp.date.is_some() && stamp.time.is_some() && (bracketed || dashed);
        let message = |speaker, text| {
            Some(Self {
                stamp: Some(stamp),
                speaker,
                text,
                unmistakable,
            })
        };
        match speaker_and_text(rest) {
            Some((name, text)) if unmistakable && !is_level(name) => message(Some(name), text),
            // Services write their names in small letters before the lines of their logs.
            Some((name, text))
                if is_name(name) && (bracketed || dashed || !name.starts_with(char::is_lowercase)) =>
            {
                message(Some(name), text)
            }
            // What the program says, as that somebody joined.
            None if unmistakable && dashed && !rest.is_empty() => message(None, rest),
            _ => None,
        }
    }

    fn without_stamp(line: &'a str) -> Option<Self> {
        let (name, text) = speaker_and_text(line)?;
        let (name, stamp) = match name.split_once(['(', '[']) {
            Some((before, inside)) => {
                let (stamp, rest) = Stamp::read(inside)?;
                if !matches!(rest, ")" | "]") {
                    return None;
                }
                (before.trim_end(), Some(stamp))
            }
            None => (name, None),
        };
        (is_name(name) && name.chars().count() <= BARE_NAME_LETTERS_MAX).then_some(Self {
            stamp,
            speaker: Some(name),
            text,
            unmistakable: false,
        })
    }
}

/// Divides `Name: text` or `<name> text`.
fn speaker_and_text(line: &str) -> Option<(&str, &str)> {
    if let Some((name, text)) = line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        let fits = !name.is_empty() && name.chars().count() <= NAME_LETTERS_MAX && !name.contains(['/', '=']);
        return (fits && text.starts_with(' ')).then(|| (name, text.trim_start()));
    }
    // A time in the name's brackets has a colon too.
    let name_end = line
        .char_indices()
        .find(|(at, c)| match c {
            '：' => true,
            ':' => {
                let after = &line[at + 1..];
                after.is_empty() || after.starts_with([' ', '\t'])
            }
            _ => false,
        })
        .map(|(at, _)| at)?;
    // WhatsApp marks with a tilde who is not among the contacts.
    let name = line[..name_end]
        .trim_matches(INVISIBLE)
        .trim_start_matches(['~', ' ', '\u{202f}'])
        .trim_end();
    let text = line[name_end..].trim_start_matches([':', '：']).trim_start();
    let fits = !name.is_empty() && name.chars().count() <= NAME_LETTERS_MAX;
    fits.then_some((name, text.trim_start_matches(INVISIBLE)))
}

/// Whether it could be what a person is called: up to three words of letters, perhaps an `@` or a number at the end.
fn is_name(name: &str) -> bool {
    let bare = name.strip_prefix('@').unwrap_or(name);
    bare.chars().next().is_some_and(char::is_alphabetic)
        && bare.chars().count() > usize::from(bare.is_ascii())
        && bare.split_whitespace().count() <= 3
        && bare.chars().all(|c| {
            c.is_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '’' | '.' | '_' | '\u{fffd}') || is_mark(c)
        })
        && !is_level(name)
        && !is_label(bare)
}

/// Vowel signs and accents, which are no letters by themselves.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{65f}' | '\u{900}'..='\u{e4e}')
}

/// The words that programs put before the lines of their logs.
fn is_level(name: &str) -> bool {
    const LEVELS: [&str; 12] = [
        "trace", "debug", "info", "notice", "warn", "warning", "error", "err", "fatal", "critical", "severe",
        "panic",
    ];
    let first = name
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty())
        .unwrap_or_default();
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(first))
}

/// Words that stand before a colon for other reasons than that somebody is speaking.
fn is_label(name: &str) -> bool {
    const LABELS: &[&str] = &[
        "action",
        "actions",
        "added",
        "address",
        "age",
        "agenda",
        "amount",
        "answer",
        "assignee",
        "attendees",
        "author",
        "authors",
        "bcc",
        "category",
        "cc",
        "changed",
        "chapter",
        "city",
        "client",
        "color",
        "comment",
        "contact",
        "cost",
        "country",
        "customer",
        "date",
        "deadline",
        "decision",
        "decisions",
        "definition",
        "deprecated",
        "description",
        "due",
        "duration",
        "email",
        "end",
        "example",
        "exercise",
        "fax",
        "file",
        "figure",
        "fixed",
        "from",
        "goal",
        "hint",
        "hours",
        "http",
        "https",
        "id",
        "important",
        "ingredients",
        "input",
        "invoice",
        "item",
        "items",
        "key",
        "kind",
        "license",
        "link",
        "location",
        "name",
        "next",
        "no",
        "note",
        "notes",
        "number",
        "open",
        "order",
        "output",
        "owner",
        "page",
        "participants",
        "payment",
        "phone",
        "place",
        "ps",
        "present",
        "price",
        "priority",
        "problem",
        "purpose",
        "quantity",
        "question",
        "reason",
        "ref",
        "reference",
        "remark",
        "removed",
        "result",
        "results",
        "role",
        "scene",
        "section",
        "security",
        "source",
        "start",
        "status",
        "step",
        "street",
        "subject",
        "sum",
        "summary",
        "tags",
        "task",
        "tasks",
        "tel",
        "time",
        "tip",
        "title",
        "to",
        "todo",
        "topic",
        "topics",
        "total",
        "type",
        "url",
        "usage",
        "user-agent",
        "value",
        "version",
        "website",
        "when",
        "where",
        "who",
        "why",
        "yes",
        "zip",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "morning",
        "noon",
        "evening",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
        "lunes",
        "martes",
        "miércoles",
        "jueves",
        "viernes",
        "sábado",
        "domingo",
        "adresse",
        "aktion",
        "anmerkung",
        "anwesend",
        "aufgabe",
        "beginn",
        "beispiel",
        "beschluss",
        "betreff",
        "datum",
        "ende",
        "ergebnis",
        "frage",
        "antwort",
        "hinweis",
        "kosten",
        "nächste",
        "ort",
        "preis",
        "protokoll",
        "quelle",
        "telefon",
        "thema",
        "titel",
        "von",
        "an",
        "vorname",
        "nachname",
        "zeit",
        "ziel",
        "zutaten",
        "zubereitung",
        "objet",
        "lieu",
        "exemple",
        "réponse",
        "prix",
        "titre",
        "nom",
        "prénom",
        "asunto",
        "fecha",
        "hora",
        "lugar",
        "nombre",
        "nota",
        "notas",
        "ejemplo",
        "pregunta",
        "respuesta",
        "precio",
        "título",
        "ingredientes",
    ];
    let first = name.split_whitespace().next().unwrap_or_default().to_lowercase();
    LABELS.contains(&first.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, String, String)> {
        let line = ChatLine::read(line)?;
        let stamp = line
            .stamp
            .map_or_else(String::new, |stamp| stamp.show(DateOrder::DayFirst));
        Some((
            stamp,
            line.speaker.unwrap_or("-").to_owned(),
            line.text.to_owned(),
        ))
    }

    fn message(stamp: &str, speaker: &str) -> Option<(String, String, String)> {
        Some((stamp.into(), speaker.into(), "see you: 9".into()))
    }

    #[test]
    fn lines_of_every_form_are_read() {
        for (line, stamp, speaker) in [
            (
                "[14/03/2026, 18:04:11] Nora K.: see you: 9",
                "2026-03-14 18:04:11",
                "Nora K.",
            ),
            (
                "\u{200e}[14.03.26, 18:04:11] ~\u{202f}Nora: see you: 9",
                "2026-03-14 18:04:11",
                "Nora",
            ),
            (
                "14/03/2026, 18:04 - +43 660 123456: see you: 9",
                "2026-03-14 18:04",
                "+43 660 123456",
            ),
            (
                "14/3/26, 6:04\u{202f}PM - Nora: see you: 9",
                "2026-03-14 18:04",
                "Nora",
            ),
            (
                "14/3/26, 12:04 a.m. - Nora: see you: 9",
                "2026-03-14 00:04",
                "Nora",
            ),
            ("2026-03-14, 18.04 - Nora: see you: 9", "2026-03-14 18:04", "Nora"),
            (
                "14/03/2026 à 18:04 - Nora: see you: 9",
                "2026-03-14 18:04",
                "Nora",
            ),
            ("[2026-03-14 18:04] Nora: see you: 9", "2026-03-14 18:04", "Nora"),
            ("2026-03-14 18:04 Nora: see you: 9", "2026-03-14 18:04", "Nora"),
            (
                "2026-03-14T18:04:11Z Nora: see you: 9",
                "2026-03-14 18:04:11",
                "Nora",
            ),
            ("[18:04] <nora> see you: 9", "18:04", "nora"),
            ("18:04 Nora: see you: 9", "18:04", "Nora"),
            ("Nora (18:04): see you: 9", "18:04", "Nora"),
            ("Nora [2026-03-14 18:04]: see you: 9", "2026-03-14 18:04", "Nora"),
            ("Nora: see you: 9", "", "Nora"),
            ("田中：see you: 9", "", "田中"),
            ("@ben: see you: 9", "", "@ben"),
        ] {
            assert_eq!(read(line), message(stamp, speaker), "{line}");
        }
    }

    #[test]
    fn what_the_program_says_has_no_speaker() {
        let line = "14/03/2026, 18:04 - Messages are end-to-end encrypted.";
        assert_eq!(
            read(line),
            Some((
                "2026-03-14 18:04".into(),
                "-".into(),
                "Messages are end-to-end encrypted.".into()
            ))
        );
    }

    #[test]
    fn other_lines_are_no_messages() {
        for line in [
            "",
            "just a sentence",
            "This is a rather long beginning of a sentence: and its end",
            "2026-03-14 18:04:11 INFO: started",
            "[2026-03-14 18:04:11] ERROR db: away",
            "2026-03-14T18:04:11Z worker: started",
            "2026-03-14 18:04:11,123 worker.main: started",
            "Subject: hello",
            "Note: hello",
            "Date: 14.03.2026",
            "Question 3: hello",
            "Q: hello",
            "https://example.com",
            "key=value: x",
            "10:30: tea",
            "14.03.2026: rained",
            "- Nora: item",
            "<b> bold",
            "<a href=x/> y",
            "99/99/2026, 18:04 - Nora: x",
            "14/03/2026, 28:04 - Nora: x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
