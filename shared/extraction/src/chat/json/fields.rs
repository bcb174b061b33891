//! The shape of exports: lists of messages, at one of a few places, and of a message the fields that are used.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Fields of messages that are used.
const KNOWN: [&str; 31] = [
    "ts",
    "user",
    "username",
    "user_profile",
    "text",
    "files",
    "attachments",
    "date",
    "date_unixtime",
    "from",
    "from_id",
    "actor",
    "action",
    "file",
    "photo",
    "sticker_emoji",
    "createdDateTime",
    "body",
    "originalarrivaltime",
    "messagetype",
    "content",
    "displayName",
    "sender",
    "speaker",
    "author",
    "message",
    "timestamp",
    "time",
    "sent_at",
    "created_at",
    "display_name",
];

/// The fields of a message that are used.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// A field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        (!value.is_null()).then_some(value)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Message;
        impl<'de> Visitor<'de> for Message {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    match KNOWN.iter().find(|known| **known == key) {
                        Some(known) => fields.push((*known, map.next_value()?)),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Message)
    }
}

/// Messages, and the conversations in which they stand.
#[derive(Debug, Default)]
pub(super) struct Export {
    title: Option<String>,
    messages: Vec<Fields>,
    parts: Vec<Export>,
}

impl Export {
    /// Appends every list of messages with its title. Returns the title of all.
    pub(super) fn flatten(self, lists: &mut Vec<(Option<String>, Vec<Fields>)>) -> Option<String> {
        if !self.messages.is_empty() {
            lists.push((self.title.clone(), self.messages));
        }
        for part in self.parts {
            part.flatten(lists);
        }
        self.title
    }
}

impl<'de> Deserialize<'de> for Export {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Place;
        impl<'de> Visitor<'de> for Place {
            type Value = Export;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Export, A::Error> {
                let mut export = Export::default();
                while let Some(message) = list.next_element()? {
                    export.messages.push(message);
                }
                Ok(export)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Export, A::Error> {
                let mut export = Export::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" | "title" | "topic" | "displayName" | "channel" => {
                            let title = map.next_value::<Value>()?;
                            export.title = export.title.or_else(|| title.as_str().map(str::to_owned));
                        }
                        "messages" | "value" | "MessageList" => export.messages = map.next_value()?,
                        "conversations" | "list" => export.parts = map.next_value()?,
                        "chats" => export.parts.push(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(export)
            }
        }
        deserializer.deserialize_any(Place)
    }
}
