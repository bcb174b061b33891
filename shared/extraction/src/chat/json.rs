//! Chats exported as JSON by Slack, Telegram and Teams, and by whatever else names its fields alike.
//!
//! Only the fields that are needed are kept while the file is read; exports repeat every text several times.

mod fields;
mod markup;

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use super::{Conversation, Message, name};
use crate::{Limits, html};
use fields::{Export, Fields};

/// Reads an export; `None` when it is no JSON, or has no messages.
pub(super) fn read(source: &str) -> Option<Conversation> {
    if !source
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with(['{', '['])
    {
        return None;
    }
    let export: Export = serde_json::from_str(source.trim_start_matches('\u{feff}')).ok()?;
    let mut lists = Vec::new();
    let title = export.flatten(&mut lists);
    let people = markup::people(lists.iter().flat_map(|(_, fields)| fields));
    let mut conversation = Conversation {
        title,
        utc: true,
        ..Conversation::default()
    };
    let several = lists.len() > 1;
    for (list_title, fields) in &lists {
        for fields in fields {
            let program = program(fields);
            let Some((message, utc)) = message(fields, program, &people) else {
                continue;
            };
            conversation.program = conversation.program.or(program);
            conversation.utc &= utc;
            let said_in = list_title.as_deref().filter(|_| several);
            conversation.messages.push(match said_in {
                Some(place) => Message {
                    text: format!("[{place}] {}", message.text),
                    ..message
                },
                None => message,
            });
        }
    }
    conversation.utc &= conversation.messages.iter().any(|message| message.time.is_some());
    // Some programs write the newest first. Times of one form sort as texts do.
    if conversation.messages.iter().all(|message| message.time.is_some()) {
        conversation.messages.sort_by(|a, b| a.time.cmp(&b.time));
    }
    (!conversation.messages.is_empty()).then_some(conversation)
}

/// The program that gives a message such fields.
fn program(fields: &Fields) -> Option<&'static str> {
    if fields.get("ts").is_some() {
        Some("slack")
    } else if fields.get("date_unixtime").is_some() || fields.get("from_id").is_some() {
        Some("telegram")
    } else if fields.get("createdDateTime").is_some() || fields.get("originalarrivaltime").is_some() {
        Some("teams")
    } else {
        None
    }
}

/// A message, and whether its time is UTC; `None` when nothing was said.
fn message(fields: &Fields, program: Option<&str>, people: &markup::People) -> Option<(Message, bool)> {
    let mut text = text(fields, program, people);
    for attached in attached(fields) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&format!("[{attached}]"));
    }
    const SPEAKERS: [&str; 9] = [
        "username",
        "user_profile",
        "displayName",
        "from",
        "sender",
        "speaker",
        "author",
        "actor",
        "user",
    ];
    let speaker = SPEAKERS
        .iter()
        .filter_map(|field| fields.get(field))
        .find_map(name_of)
        .map(|speaker| people.name(&speaker).unwrap_or(speaker))
        .as_deref()
        .and_then(name);
    let (speaker, text) = if text.trim().is_empty() {
        (None, notice(fields, speaker.as_deref())?)
    } else {
        (speaker, text)
    };
    let (time, utc) = time(fields).unzip();
    let message = Message {
        time,
        speaker,
        text: crate::text::clean(&text),
    };
    Some((message, utc.unwrap_or(true)))
}

/// What a person is called, where a field says it plainly or in an object.
fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(name) if !name.trim().is_empty() => Some(name.clone()),
        Value::Object(person) => [
            "displayName",
            "real_name",
            "display_name",
            "name",
            "username",
            "user",
            "application",
        ]
        .iter()
        .filter_map(|field| person.get(*field))
        .find_map(name_of),
        _ => None,
    }
}

/// What was said, without the marks of the program.
fn text(fields: &Fields, program: Option<&str>, people: &markup::People) -> String {
    let said = ["text", "body", "content", "message"]
        .iter()
        .find_map(|field| fields.get(field));
    let rich = fields
        .get("messagetype")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.contains("Html"));
    match said {
        Some(Value::String(text)) if program == Some("slack") => markup::plain(text, people),
        Some(Value::String(text)) if rich => from_html(text),
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::Array(pieces)) => pieces.iter().map(piece).collect(),
        Some(Value::Object(body)) => {
            let content = body.get("content").and_then(Value::as_str).unwrap_or_default();
            let is_html = body.get("contentType").and_then(Value::as_str) == Some("html");
            if is_html {
                from_html(content)
            } else {
                content.to_owned()
            }
        }
        _ => String::new(),
    }
}

/// What Telegram itself says: somebody joined, a call began.
fn notice(fields: &Fields, who: Option<&str>) -> Option<String> {
    let action = fields.get("action")?.as_str()?.replace('_', " ");
    Some(match who {
        Some(who) => format!("{action} ({who})"),
        None => action,
    })
}

/// A piece of a text that is made of plain and marked ones.
fn piece(value: &Value) -> &str {
    match value {
        Value::String(text) => text,
        Value::Object(marked) => marked.get("text").and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    }
}

fn from_html(source: &str) -> String {
    let mut page = html::extract_source(source.to_owned(), &Limits::default());
    page.pages.pop().unwrap_or_default().trim().to_owned()
}

/// The names of what was sent along.
fn attached(fields: &Fields) -> Vec<String> {
    let mut names = Vec::new();
    for field in ["files", "attachments"] {
        let Some(Value::Array(files)) = fields.get(field) else {
            continue;
        };
        for file in files {
            let known = ["name", "title"].iter().find_map(|key| file.get(*key)?.as_str());
            names.extend(known.filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
    for field in ["file", "photo"] {
        let path = fields.get(field).and_then(Value::as_str).unwrap_or_default();
        // Telegram says in parentheses that a file was not exported.
        let file_name = path.rsplit('/').next().unwrap_or_default();
        if !path.is_empty() && !path.starts_with('(') {
            names.push(file_name.to_owned());
        }
    }
    if let Some(sticker) = fields.get("sticker_emoji").and_then(Value::as_str) {
        names.push(format!("sticker {sticker}"));
    }
    names
}

/// When it was said, and whether that is UTC.
fn time(fields: &Fields) -> Option<(String, bool)> {
    const TIMES: [&str; 9] = [
        "ts",
        "createdDateTime",
        "originalarrivaltime",
        "date",
        "date_unixtime",
        "timestamp",
        "time",
        "sent_at",
        "created_at",
    ];
    TIMES
        .iter()
        .filter_map(|field| fields.get(field))
        .find_map(time_of)
}

fn time_of(value: &Value) -> Option<(String, bool)> {
    const SHOWN: &str = "%Y-%m-%d %H:%M:%S";
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    if let Some(seconds) = seconds {
        // Some count in milliseconds, which is a difference of some ten thousand years.
        let seconds = if seconds > 1e11 { seconds / 1e3 } else { seconds };
        if !(1e8..1e11).contains(&seconds) {
            return None;
        }
        // In these bounds nothing is lost but the fraction.
        #[allow(clippy::cast_possible_truncation)]
        let time = DateTime::from_timestamp(seconds as i64, 0)?;
        return Some((time.format(SHOWN).to_string(), true));
    }
    let text = value.as_str()?.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some((time.to_utc().format(SHOWN).to_string(), true));
    }
    [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ]
    .iter()
    .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    .map(|time| (time.format(SHOWN).to_string(), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<String> {
        let conversation = read(source).expect("the export has messages");
        conversation
            .write(usize::MAX)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn slack_names_its_people_and_loses_its_marks() {
        let source = r#"[
            {"type":"message","user":"U2","text":"<@U1> see <https://a.example/x|the plan> &amp; <#C1|general>","ts":"1772474700.000200"},
            {"type":"message","user":"U1","text":"hi <!here>","ts":"1772474640.000100",
             "user_profile":{"real_name":"Nora K.","display_name":"nora"},"blocks":[{"text":"hi"}]},
            {"type":"message","user":"U2","text":"","ts":"1772474760.0","files":[{"id":"F1","name":"plan.pdf"}]},
            {"type":"message","subtype":"bot_message","username":"clock","text":"time","ts":"1772474820.0"}
        ]"#;
        assert_eq!(
            lines(source),
            [
                "[2026-03-02 18:04:00] Nora K.: hi @here",
                "[2026-03-02 18:05:00] U2: @Nora K. see the plan (https://a.example/x) & #general",
                "[2026-03-02 18:06:00] U2: [plan.pdf]",
                "[2026-03-02 18:07:00] clock: time",
            ]
        );
        let conversation = read(source).expect("the export has messages");
        assert_eq!((conversation.program, conversation.utc), (Some("slack"), true));
    }

    #[test]
    fn telegram_keeps_its_local_times() {
        let source = r#"{"name":"Band","type":"private_group","id":1,"messages":[
            {"id":1,"type":"service","date":"2026-03-02T18:03:00","date_unixtime":"1772471000","actor":"Nora","action":"create_group"},
            {"id":2,"type":"message","date":"2026-03-02T18:04:00","from":"Nora","from_id":"user1",
             "text":["see ",{"type":"link","text":"a.example"}," soon"],"text_entities":[]},
            {"id":3,"type":"message","date":"2026-03-02T18:05:00","from":"Ben","from_id":"user2","text":"","file":"files/plan.pdf"}
        ]}"#;
        assert_eq!(
            lines(source),
            [
                "[2026-03-02 18:03:00] - create group (Nora)",
                "[2026-03-02 18:04:00] Nora: see a.example soon",
                "[2026-03-02 18:05:00] Ben: [plan.pdf]",
            ]
        );
        let conversation = read(source).expect("the export has messages");
        assert_eq!(conversation.title.as_deref(), Some("Band"));
        assert_eq!(
            (conversation.program, conversation.utc),
            (Some("telegram"), false)
        );
    }

    #[test]
    fn teams_writes_pages_and_the_newest_first() {
        let source = r#"{"@odata.context":"x","value":[
            {"id":"2","messageType":"message","createdDateTime":"2026-03-02T18:05:00.5Z","from":{"user":{"displayName":"Ben"}},
             "body":{"contentType":"html","content":"<p>sure, <b>ten</b>&nbsp;is fine</p>"},"attachments":[{"name":"map.png"}]},
            {"id":"1","messageType":"message","createdDateTime":"2026-03-02T19:04:00+01:00","from":{"user":{"displayName":"Nora"}},
             "body":{"contentType":"text","content":"ten?"}},
            {"id":"0","messageType":"systemEventMessage","createdDateTime":"2026-03-02T18:00:00Z","from":null,
             "body":{"contentType":"html","content":"<systemEventMessage/>"}}
        ]}"#;
        assert_eq!(
            lines(source),
            [
                "[2026-03-02 18:04:00] Nora: ten?",
                "[2026-03-02 18:05:00] Ben: sure, ten is fine [map.png]",
            ]
        );
    }

    #[test]
    fn an_export_of_an_account_names_its_conversations() {
        let source = r#"{"userId":"8:nora","conversations":[
            {"id":"a","displayName":"Band","MessageList":[{"displayName":"Nora","originalarrivaltime":"2026-03-02T18:04:00Z",
             "messagetype":"RichText/Html","content":"<p>hi</p>"}]},
            {"id":"b","displayName":"Ben","MessageList":[{"displayName":"Ben","originalarrivaltime":"2026-03-02T18:05:00Z",
             "messagetype":"Text","content":"hello"}]}]}"#;
        assert_eq!(
            lines(source),
            [
                "[2026-03-02 18:04:00] Nora: [Band] hi",
                "[2026-03-02 18:05:00] Ben: [Ben] hello"
            ]
        );
    }

    #[test]
    fn other_programs_are_read_by_the_names_of_their_fields() {
        let source = r#"{"messages":[{"sender":"Nora","text":"hi","timestamp":1772474640000},
                         {"sender":{"name":"Ben"},"text":"hello","timestamp":1772474700000}]}"#;
        assert_eq!(
            lines(source),
            [
                "[2026-03-02 18:04:00] Nora: hi",
                "[2026-03-02 18:05:00] Ben: hello"
            ]
        );
    }

    #[test]
    fn other_json_is_no_chat() {
        for source in [
            "{}",
            "[]",
            "[1]",
            r#"{"messages":7}"#,
            r#"[{"id":1,"title":"milk"}]"#,
            "{\"a\":",
        ] {
            assert!(read(source).is_none(), "{source}");
        }
    }
}
