//! The numbers and bullets of lists and headings of OpenDocument, which styles tell how to count.

use std::collections::HashMap;

use crate::ordinal::number;
use crate::xml::Element;

/// Levels of headings that are counted.
const OUTLINE_LEVELS: usize = 10;

/// What is known of lists, and where those that are open stand.
#[derive(Default)]
pub(super) struct Lists {
    /// How levels are numbered, by style and level counted from one. Headings have a style without a name.
    levels: HashMap<(String, usize), Level>,
    /// The style that is being learned.
    learning: Option<String>,
    /// One inside the other.
    open: Vec<List>,
    /// Where lists that ended stood, by style and depth, for those that go on counting.
    ended: HashMap<(String, usize), u32>,
    /// Headings counted at each level.
    outline: [u32; OUTLINE_LEVELS + 1],
}

struct List {
    style: String,
    count: u32,
    /// An item that has begun and has no paragraph yet, and with which number it begins, if it says so. It is not counted
    /// before: a list further in may be all that it holds.
    begun: Option<Option<u32>>,
    /// Whether it goes on counting where one before it ended.
    continues: bool,
}

#[derive(Clone, Default)]
struct Level {
    format: String,
    prefix: String,
    suffix: String,
    start: u32,
    /// Levels whose numbers it shows, its own included.
    shown: usize,
}

impl Level {
    /// A number at this level; `None` where it shows none.
    fn written(&self, count: u32) -> Option<String> {
        (self.format != "none").then(|| number(count, &self.format))
    }

    /// What stands before the text of an item with these numbers of levels.
    fn label(&self, numbers: impl Iterator<Item = String>) -> String {
        let numbers: Vec<String> = numbers.collect();
        format!("{}{}{} ", self.prefix, numbers.join("."), self.suffix)
    }
}

impl Lists {
    /// Takes in what a style says of lists and headings.
    pub(super) fn learn(&mut self, element: &Element<'_>) {
        let text = |name: &str| element.attribute(name).map(|value| value.into_owned());
        match element.name() {
            "list-style" => self.learning = text("name"),
            "outline-style" => self.learning = Some(String::new()),
            "style" => self.learning = None,
            "list-level-style-number" | "outline-level-style" => {
                let (Some(style), Some(level)) = (&self.learning, element.number("level")) else {
                    return;
                };
                let format = match text("num-format").as_deref() {
                    Some("a") => "lowerLetter",
                    Some("A") => "upperLetter",
                    Some("i") => "lowerRoman",
                    Some("I") => "upperRoman",
                    Some("") | None => "none",
                    Some(_) => "decimal",
                };
                let learned = Level {
                    format: format.to_owned(),
                    prefix: text("num-prefix").unwrap_or_default(),
                    suffix: text("num-suffix").unwrap_or_default(),
                    start: element.number("start-value").unwrap_or(1),
                    shown: element.number("display-levels").unwrap_or(1),
                };
                self.levels.insert((style.clone(), level), learned);
            }
            _ => {}
        }
    }

    /// Lists that are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// A list begins.
    pub(super) fn begin(&mut self, element: &Element<'_>) {
        let outer = self.open.last();
        let style = match element.attribute("style-name") {
            Some(style) => style.into_owned(),
            None => outer.map(|list| list.style.clone()).unwrap_or_default(),
        };
        let depth = self.depth() + 1;
        let continues = element.attribute("continue-numbering").as_deref() == Some("true")
            || element.attribute("continue-list").is_some()
            || outer.is_some_and(|outer| outer.continues && outer.begun.is_some());
        let before = self.ended.get(&(style.clone(), depth)).filter(|_| continues);
        let start = || self.level(&style, depth).map_or(1, |level| level.start);
        self.open.push(List {
            count: before.copied().unwrap_or_else(|| start().saturating_sub(1)),
            style,
            begun: None,
            continues,
        });
    }

    /// An item begins, or a header, which is not counted.
    pub(super) fn begin_item(&mut self, element: &Element<'_>) {
        if let Some(list) = self.open.last_mut() {
            let is_item = element.name() == "list-item";
            list.begun = is_item.then(|| element.number("start-value"));
        }
    }

    /// A list ends.
    pub(super) fn end(&mut self) {
        let depth = self.depth();
        if let Some(list) = self.open.pop() {
            self.ended.insert((list.style, depth), list.count);
        }
    }

    /// A paragraph begins: if it is the first of an item, the item is counted, and this is its number or bullet. `None` for
    /// other paragraphs, and where there is none to be seen.
    pub(super) fn count_item(&mut self) -> Option<String> {
        let depth = self.depth();
        let list = self.open.last_mut()?;
        let number = list.begun.take()?;
        list.count = number.unwrap_or(list.count.saturating_add(1));
        let style = list.style.clone();
        // Deeper levels begin anew.
        self.ended
            .retain(|(ended, at), _| *ended != style || *at <= depth);
        let Some(level) = self.level(&style, depth) else {
            return Some("- ".to_owned());
        };
        level.written(0)?;
        let first = depth.saturating_sub(level.shown.max(1));
        let numbers = self
            .open
            .iter()
            .enumerate()
            .skip(first)
            .filter_map(|(outer, list)| {
                let level = self.level(&list.style, outer + 1)?;
                // Those around it may not have counted yet.
                let is_own = outer + 1 == depth;
                level.written(if is_own {
                    list.count
                } else {
                    list.count.max(level.start)
                })
            });
        Some(level.label(numbers))
    }

    /// A heading of this level begins that is not part of a list. Its number; `None` where there is none to be seen.
    pub(super) fn count_heading(&mut self, level: usize) -> Option<String> {
        let start = self.level("", level)?.start;
        let count = self.outline.get_mut(level)?;
        *count = if *count == 0 {
            start
        } else {
            count.saturating_add(1)
        };
        self.outline[level + 1..].fill(0);
        let style = self.level("", level)?;
        style.written(0)?;
        let levels = level.saturating_sub(style.shown.max(1)) + 1..=level;
        let numbers = levels.filter_map(|outer| {
            let style = self.level("", outer)?;
            style.written(self.outline.get(outer)?.max(&style.start).to_owned())
        });
        Some(style.label(numbers))
    }

    fn level(&self, style: &str, depth: usize) -> Option<&Level> {
        self.levels.get(&(style.to_owned(), depth))
    }
}
