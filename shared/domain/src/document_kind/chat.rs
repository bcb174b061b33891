//! Whether a text is the export of a chat.
//!
//! A chat that is taken for plain text loses little; a plain text that is taken for a chat is read wrongly. So the evidence
//! must be strong, and the stronger the less of a chat a single line shows.

use std::collections::HashMap;

use crate::ChatLine;

/// Lines before the first message: what a program writes above them.
const LINES_ABOVE_MAX: usize = 3;

/// Judges the beginning of a text. `whole` says that it is all of the text; otherwise its last line may be a part of one.
pub(super) fn looks_like_chat(text: &str, whole: bool) -> bool {
    let start = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    if start.starts_with(['{', '[']) && looks_like_chat_json(start) {
        return true;
    }
    let text = match text.rfind('\n') {
        Some(end) if !whole => &text[..end],
        _ => text,
    };
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let messages: Vec<ChatLine<'_>> = lines.iter().copied().filter_map(ChatLine::read).collect();
    let first = lines.iter().position(|line| ChatLine::read(line).is_some());
    if first.is_none_or(|first| first > LINES_ABOVE_MAX) {
        return false;
    }
    let unmistakable = messages.iter().filter(|message| message.unmistakable).count();
    if unmistakable >= 2 {
        let spoken = messages
            .iter()
            .filter(|message| message.speaker.is_some())
            .count();
        // A message may go on for lines; but a diary or a log with such lines here and there is no chat.
        return spoken >= 2 && unmistakable * 4 >= lines.len();
    }
    let speakers = Speakers::of(&messages);
    let stamped = messages.iter().filter(|message| message.stamp.is_some()).count();
    if stamped >= 2 && stamped * 10 >= messages.len() * 9 {
        return messages.len() * 2 >= lines.len() && speakers.turns >= 1;
    }
    looks_like_bare_chat(&lines, &messages, &speakers)
}

/// `Name: text` alone is also how people write lists, forms and records. In a chat nearly every line is one, somebody speaks
/// again after somebody else, and they say more than values.
fn looks_like_bare_chat(lines: &[&str], messages: &[ChatLine<'_>], speakers: &Speakers) -> bool {
    let words: usize = messages
        .iter()
        .map(|message| {
            // Where no spaces are written, about three characters make a word.
            let wide = message.text.chars().filter(|c| !c.is_ascii()).count();
            message.text.split_whitespace().count().max(wide / 3)
        })
        .sum();
    messages.len() >= 3
        && messages.len() * 5 >= lines.len() * 4
        && speakers.returns >= 1
        && speakers.count * 3 <= messages.len() * 2
        && !speakers.are_columns
        && words >= 3 * messages.len()
}

/// Who speaks when.
struct Speakers {
    count: usize,
    /// How often somebody speaks after somebody else.
    turns: usize,
    /// How often somebody speaks who spoke before, with others in between.
    returns: usize,
    /// Whether three or more take turns in the same order throughout, as the fields of records do.
    are_columns: bool,
}

impl Speakers {
    fn of(messages: &[ChatLine<'_>]) -> Self {
        let names: Vec<&str> = messages.iter().filter_map(|message| message.speaker).collect();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let (mut turns, mut returns, mut in_order) = (0, 0, true);
        for (index, name) in names.iter().enumerate() {
            let next = numbers.len();
            let known = numbers.contains_key(name);
            numbers.entry(name).or_insert(next);
            if index > 0 && names[index - 1] != *name {
                turns += 1;
                returns += usize::from(known);
            }
        }
        let count = numbers.len();
        for (index, name) in names.iter().enumerate() {
            in_order &= numbers.get(name) == Some(&(index % count.max(1)));
        }
        Self {
            count,
            turns,
            returns,
            are_columns: count >= 3 && in_order,
        }
    }
}

/// The names that only the exports of chat programs give to their fields.
fn looks_like_chat_json(text: &str) -> bool {
    let has = |field: &str| text.contains(field);
    let slack =
        has("\"ts\"") && has("\"text\"") && (has("\"user\"") || has("\"username\"") || has("\"bot_id\""));
    let telegram =
        has("\"messages\"") && (has("\"from_id\"") || has("\"actor_id\"") || has("\"date_unixtime\""));
    let teams = has("\"createdDateTime\"") && has("\"messageType\"");
    let teams_export = has("\"MessageList\"") && has("\"conversations\"");
    let any = |fields: &[&str]| fields.iter().any(|field| has(field));
    let plain = any(&["\"sender\"", "\"speaker\"", "\"author\"", "\"from\""])
        && any(&["\"text\"", "\"message\"", "\"content\""])
        && any(&[
            "\"timestamp\"",
            "\"time\"",
            "\"sent_at\"",
            "\"created_at\"",
            "\"date\"",
        ]);
    slack || telegram || teams || teams_export || plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_of_every_form_are_recognised() {
        for text in [
            "[14/03/2026, 18:04:11] Nora: hi\n[14/03/2026, 18:05:00] Ben: hello\n",
            "14/03/2026, 18:04 - Messages are encrypted.\n14/03/2026, 18:04 - Nora: hi\nand more\n14/03/2026, 18:05 - Ben: ok",
            "[2026-03-02 18:04] Nora: hi\n[2026-03-02 18:04] Nora: anybody?\n",
            "2026-03-02 18:04 Nora: hi\n2026-03-02 18:06 Ben: hello\n",
            "[18:04] <nora> hi\n[18:04] <ben> hello\n",
            "Chat of the band\n\nNora (18:04): hi\nBen (18:05): hello\n",
            "Nora: Did you hear back from them?\nBen: Yes, they have a van on Friday.\nNora: Then we take it.\n",
            "alice: can you send me the report by friday?\nbob: sure, will do it tomorrow\nalice: thanks a lot for that\n",
            "田中：明日の会議は十時からです\n佐藤：わかりました、ありがとうございます\n田中：資料を持ってきてください\n",
            r#"[{"type":"message","user":"U1","text":"hi","ts":"1772474640.000100"}]"#,
            r#"{"name":"Band","type":"private_group","id":1,"messages":[{"id":1,"from_id":"user1"}]}"#,
            r#"{"value":[{"id":"1","messageType":"message","createdDateTime":"2026-03-02T18:04:11Z"}]}"#,
            r#"[{"sender":"Nora","text":"hi","timestamp":"2026-03-02T18:04:00Z"}]"#,
        ] {
            assert!(looks_like_chat(text, true), "{text}");
        }
    }

    #[test]
    fn ordinary_texts_are_not_taken_for_chats() {
        for text in [
            "",
            "Dear Ben,\n\nplease note: the meeting is at ten.\n\nBest,\nNora\n",
            "Subject: Minutes\nDate: 2 March\nPresent: Nora, Ben\nNote: the roof must be mended before winter comes.\n",
            "Action: Nora calls the plumber on Monday.\nAction: Ben orders the paint.\nDecision: We keep the shed.\nAction: all.\n",
            "Name: Nora\nPhone: 123\nName: Ben\nPhone: 456\nName: Sam\nPhone: 789\n",
            "Nora: 12\nBen: 7\nNora: 3\nBen: 8\n",
            "Apple: a fruit that grows on trees\nBirch: a tree with white bark\nCedar: a tree with good wood\n",
            "Height: one meter and a half\nWidth: two meters and a bit\nDepth: as deep as it is wide\n\
             Height: two meters and a half\nWidth: one meter and a bit\nDepth: as deep as the other\n",
            "Q: What is it?\nA: A thing that nobody needs.\nQ: Why then?\nA: Because everybody wants one.\n",
            "2026-03-02 18:04:11 INFO: the service has been started\n2026-03-02 18:04:12 WARN: it is slow today\n",
            "2026-03-02T18:04:11Z api: listening on port 80\n2026-03-02T18:04:12Z worker: took a job from it\n",
            "[2026-03-02 18:04:11] ERROR: no such table\n[2026-03-02 18:04:12] INFO: trying it again\n",
            "host: example.com\nport: 80\nhost: example.org\nport: 81\n",
            "2026-03-02 We went to the sea.\n2026-03-03 It rained: nobody left the house.\n",
            "Diary\n\nOn Monday we went out.\nIt rained.\nWe came home.\nNora: wet. Ben: wet.\nNobody spoke.\n",
            "18:00 Doors\n18:30 Concert: the band\n20:00 End\n",
            r#"{"name":"docmill","version":"1.0","text":"about a tool","user":"nobody"}"#,
            r#"[{"id":1,"title":"Buy milk","done":false}]"#,
        ] {
            assert!(!looks_like_chat(text, true), "{text}");
        }
    }

    #[test]
    fn the_last_line_of_a_part_is_not_judged() {
        let text = "[18:04] <nora> hi\n[18:04] <ben> hello\n[18:0";
        assert!(looks_like_chat(text, false));
    }
}
