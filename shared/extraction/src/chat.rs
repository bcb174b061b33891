//! Chats, exported as text or as JSON.
//!
//! Every message comes out the same way, whatever program wrote it: `[2026-03-14 18:04:11] Nora: text`, further lines of
//! the message below. So a person can read it, and a later step can tell by [`domain::ChatLine`] who said what, and when,
//! which it needs to know what "tomorrow" meant. Times are those of the export: local ones, unless `time_zone` says `UTC`.

mod json;
mod lines;

use std::collections::HashMap;

use crate::{Extracted, Limits, metadata_value, single_page, text};

/// A conversation.
#[derive(Debug, Default)]
struct Conversation {
    /// What wrote it: `slack`, `telegram`, `teams`; `None` for text.
    program: Option<&'static str>,
    title: Option<String>,
    /// What stands above the first message.
    preface: String,
    messages: Vec<Message>,
    /// Whether its times are UTC, rather than those of whoever exported it.
    utc: bool,
}

/// Something that was said.
#[derive(Debug)]
struct Message {
    /// `2026-03-14 18:04`, perhaps with seconds, or only a time of day; `None` when nobody knows.
    time: Option<String>,
    /// `None` for what the program itself says.
    speaker: Option<String>,
    text: String,
}

/// Reads a chat. A text that turns out to be none is read as text.
pub(crate) fn extract(bytes: &[u8], limits: &Limits) -> Extracted {
    let decoded = text::decode(bytes, None);
    let conversation = json::read(&decoded.text).or_else(|| lines::read(&text::clean(&decoded.text)));
    let Some(conversation) = conversation else {
        return text::extract(bytes, limits);
    };
    let mut extracted = single_page("chat/1", conversation.write(limits.text_bytes_max), limits);
    extracted.metadata = conversation.metadata();
    extracted
        .metadata
        .insert("encoding".to_owned(), decoded.encoding.to_owned());
    extracted.title = conversation.title.as_deref().and_then(metadata_value);
    extracted
}

impl Conversation {
    /// The messages as text, a little more than `bytes_max` at most.
    fn write(&self, bytes_max: usize) -> String {
        let mut written = self.preface.trim().to_owned();
        if !written.is_empty() {
            written.push_str("\n\n");
        }
        for message in &self.messages {
            if written.len() > bytes_max {
                break;
            }
            if let Some(time) = &message.time {
                written.push('[');
                written.push_str(time);
                written.push(']');
                // A dash shows that no name follows.
                written.push_str(if message.speaker.is_some() { " " } else { " - " });
            }
            if let Some(speaker) = &message.speaker {
                written.push_str(speaker);
                written.push_str(": ");
            }
            written.push_str(message.text.trim());
            written.truncate(written.trim_end_matches([' ', '\n']).len());
            written.push('\n');
        }
        written
    }

    fn metadata(&self) -> std::collections::BTreeMap<String, String> {
        let mut said: HashMap<&str, usize> = HashMap::new();
        for speaker in self
            .messages
            .iter()
            .filter_map(|message| message.speaker.as_deref())
        {
            *said.entry(speaker).or_default() += 1;
        }
        let mut speakers: Vec<(&str, usize)> = said.into_iter().collect();
        speakers.sort_by_key(|(name, messages)| (std::cmp::Reverse(*messages), *name));
        let names: Vec<&str> = speakers.iter().map(|(name, _)| *name).collect();
        let dated = |message: &&Message| message.time.as_ref().is_some_and(|time| time.contains('-'));
        let show = |message: &Message| {
            let time = message.time.as_ref()?.replacen(' ', "T", 1);
            Some(if self.utc { format!("{time}Z") } else { time })
        };
        let first = self.messages.iter().find(dated).and_then(show);
        let last = self.messages.iter().rev().find(dated).and_then(show);
        [
            ("message_count", Some(self.messages.len().to_string())),
            ("speaker_count", Some(names.len().to_string())),
            ("speakers", metadata_value(&names.join(", "))),
            ("first_message_at", first),
            ("last_message_at", last),
            ("chat_program", self.program.map(str::to_owned)),
            ("time_zone", self.utc.then(|| "UTC".to_owned())),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }
}

/// Bytes of a name that are kept; what is longer could not be told from the text behind it.
const NAME_BYTES_MAX: usize = 40;

/// A name on one line, without what would end it.
fn name(raw: &str) -> Option<String> {
    let mut name = metadata_value(raw)?.replace(": ", " ");
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    Some(name.trim_end_matches(':').to_owned())
}

#[cfg(test)]
mod tests {
    use domain::ChatLine;

    use super::*;

    fn read(source: &str) -> Extracted {
        extract(source.as_bytes(), &Limits::default())
    }

    #[test]
    fn messages_of_whatsapp_on_both_systems_read_alike() {
        let ios = "[14/03/2026, 18:04:11] Nora: hi\nboth\n\u{200e}[15/03/2026, 9:05:00] Ben: \u{200e}image omitted\n";
        let android = "14/03/2026, 18:04 - Messages are encrypted.\n14/03/2026, 18:04 - Nora: hi\nboth\n\
                       15/03/2026, 9:05 - Ben: <Media omitted>\n";
        assert_eq!(
            read(ios).pages,
            ["[2026-03-14 18:04:11] Nora: hi\nboth\n[2026-03-15 09:05:00] Ben: image omitted\n"]
        );
        let android = read(android);
        assert_eq!(
            android.pages,
            [
                "[2026-03-14 18:04] - Messages are encrypted.\n[2026-03-14 18:04] Nora: hi\nboth\n\
              [2026-03-15 09:05] Ben: <Media omitted>\n"
            ]
        );
        assert_eq!(android.metadata["message_count"], "3");
        assert_eq!(android.metadata["speakers"], "Ben, Nora");
        assert_eq!(android.metadata["first_message_at"], "2026-03-14T18:04");
        assert_eq!(android.metadata["last_message_at"], "2026-03-15T09:05");
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        let text = read("[14/03/2026, 18:04:11] Nora: hi\n[14/03/2026, 18:05:00] Ben: hello\n")
            .pages
            .remove(0);
        assert_eq!(read(&text).pages[0], text);
        let line = ChatLine::read(text.lines().next().unwrap_or_default());
        assert_eq!(line.and_then(|line| line.speaker), Some("Nora"));
    }

    #[test]
    fn a_text_that_is_no_chat_is_read_as_text() {
        for source in ["", "just words\n", "{\"messages\": 7}", "[1, 2"] {
            let extracted = read(source);
            assert_eq!(
                (extracted.engine.as_str(), extracted.pages),
                ("text/1", vec![source.to_owned()])
            );
        }
    }
}
