//! The marks that Slack puts into what people say.

use std::collections::HashMap;

use serde_json::Value;

use super::fields::Fields;

/// The names behind ids.
pub(super) struct People(HashMap<String, String>);

impl People {
    /// What somebody is called.
    pub(super) fn name(&self, id: &str) -> Option<String> {
        self.0.get(id).cloned()
    }
}

/// Whoever says something under an id and says a name as well.
pub(super) fn people<'a>(messages: impl Iterator<Item = &'a Fields>) -> People {
    let mut names = HashMap::new();
    for message in messages {
        if let (Some(Value::String(id)), Some(profile)) = (message.get("user"), message.get("user_profile"))
            && let Some(name) = super::name_of(profile)
        {
            names.insert(id.clone(), name);
        }
    }
    People(names)
}

/// A text without its marks: people and channels by their names, links with their addresses.
pub(super) fn plain(text: &str, people: &People) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        let Some((mark, after)) = after.split_once('>') else {
            plain.push('<');
            rest = after;
            continue;
        };
        plain.push_str(&shown(mark, people));
        rest = after;
    }
    plain.push_str(rest);
    plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn shown(mark: &str, people: &People) -> String {
    let (target, label) = mark
        .split_once('|')
        .map_or((mark, None), |(target, label)| (target, Some(label)));
    let mut signs = target.chars();
    match (signs.next(), label) {
        (Some('@'), _) => {
            let id = signs.as_str();
            format!("@{}", people.name(id).as_deref().or(label).unwrap_or(id))
        }
        (Some('#'), label) => format!("#{}", label.unwrap_or(signs.as_str())),
        (Some('!'), label) => format!("@{}", label.unwrap_or(signs.as_str()).trim_start_matches('@')),
        (_, Some(label)) if label != target => format!("{label} ({target})"),
        _ => target.to_owned(),
    }
}
