//! The numbers and bullets of lists and headings, which a document does not hold but tells how to count.

use std::collections::HashMap;

use crate::ExtractionError;
use crate::archive::Archive;
use crate::ooxml::Relationship;
use crate::ordinal::number;
use crate::xml::{Element, Node};

/// Levels of a list that the format knows.
const LEVELS_MAX: usize = 9;
/// Styles based on each other that are followed.
const STYLE_CHAIN_MAX: usize = 16;

/// How the lists of a document are numbered.
#[derive(Default)]
pub(super) struct Numbering {
    /// By the number of the definition.
    definitions: HashMap<String, Vec<Level>>,
    /// Lists by the number that paragraphs give.
    lists: HashMap<String, List>,
    styles: HashMap<String, Style>,
}

#[derive(Default)]
struct List {
    definition: String,
    /// Levels that begin with another number than the definition says.
    starts: Vec<(usize, u32)>,
}

#[derive(Clone)]
struct Level {
    start: u32,
    format: String,
    /// Such as `%1.%2`, where the digits are levels counted from one.
    text: String,
}

#[derive(Default)]
struct Style {
    based_on: Option<String>,
    list: Option<String>,
    level: Option<usize>,
    heading: Option<usize>,
}

/// Where the lists of a story stand.
#[derive(Default)]
pub(super) struct Counters {
    /// By definition: lists with the same definition go on counting.
    by_definition: HashMap<String, Vec<Option<u32>>>,
    /// Lists whose own beginnings were used.
    begun: std::collections::HashSet<String>,
}

impl Numbering {
    pub(super) fn read(
        archive: &mut Archive<'_>,
        relationships: &[Relationship],
    ) -> Result<Self, ExtractionError> {
        let mut numbering = Self::default();
        for relationship in relationships {
            match &*relationship.kind {
                "numbering" => numbering.read_lists(archive, &relationship.target)?,
                "styles" => numbering.read_styles(archive, &relationship.target)?,
                _ => {}
            }
        }
        Ok(numbering)
    }

    /// The list and level of paragraphs with that style.
    pub(super) fn of_style(&self, style: &str) -> Option<(&str, usize)> {
        let mut style = self.styles.get(style)?;
        let mut level = None;
        for _ in 0..STYLE_CHAIN_MAX {
            level = level.or(style.level);
            if let Some(list) = &style.list {
                return Some((list, level.unwrap_or(0)));
            }
            style = self.styles.get(style.based_on.as_ref()?)?;
        }
        None
    }

    /// The level of headings with that style, counted from one; `None` for a style of anything else.
    pub(super) fn heading_of_style(&self, style: &str) -> Option<usize> {
        let mut style = self.styles.get(style)?;
        for _ in 0..STYLE_CHAIN_MAX {
            if style.heading.is_some() {
                return style.heading;
            }
            style = self.styles.get(style.based_on.as_ref()?)?;
        }
        None
    }

    fn read_lists(&mut self, archive: &mut Archive<'_>, part: &str) -> Result<(), ExtractionError> {
        let Some(mut xml) = archive.xml(part)? else {
            return Ok(());
        };
        let (mut definition, mut list) = (None::<String>, None::<String>);
        // The level that is being defined, or overridden.
        let (mut level, mut overridden) = (None::<usize>, None::<usize>);
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            match element.name() {
                "abstractNum" => {
                    definition = attribute(&element, "abstractNumId");
                    (list, level) = (None, None);
                }
                "num" => {
                    list = attribute(&element, "numId");
                    (definition, level) = (None, None);
                }
                "abstractNumId" => {
                    if let (Some(list), Some(definition)) = (&list, value(&element)) {
                        self.lists.entry(list.clone()).or_default().definition = definition;
                    }
                }
                "lvlOverride" => overridden = element.number("ilvl"),
                "startOverride" => {
                    if let (Some(list), Some(level), Some(start)) = (&list, overridden, element.number("val"))
                    {
                        self.lists
                            .entry(list.clone())
                            .or_default()
                            .starts
                            .push((level, start));
                    }
                }
                "lvl" => {
                    level = element.number("ilvl").filter(|level| *level < LEVELS_MAX);
                    if let (Some(level), Some(definition)) = (level, &definition) {
                        let levels = self.definitions.entry(definition.clone()).or_default();
                        let unset = Level {
                            start: 1,
                            format: String::new(),
                            text: String::new(),
                        };
                        levels.resize(levels.len().max(level + 1), unset);
                    }
                }
                name @ ("start" | "numFmt" | "lvlText") => {
                    let levels = definition
                        .as_ref()
                        .and_then(|definition| self.definitions.get_mut(definition));
                    let Some(level) = levels
                        .zip(level)
                        .and_then(|(levels, level)| levels.get_mut(level))
                    else {
                        continue;
                    };
                    match name {
                        "start" => level.start = element.number("val").unwrap_or(1),
                        "numFmt" => level.format = value(&element).unwrap_or_default(),
                        _ => level.text = value(&element).unwrap_or_default(),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_styles(&mut self, archive: &mut Archive<'_>, part: &str) -> Result<(), ExtractionError> {
        let Some(mut xml) = archive.xml(part)? else {
            return Ok(());
        };
        let mut open: Option<String> = None;
        while let Some(node) = xml.next()? {
            let Node::Start(element) = node else { continue };
            if element.name() == "style" {
                open = attribute(&element, "styleId");
                continue;
            }
            let Some(name) = &open else { continue };
            match element.name() {
                // Programs know these by their names, whatever else is said of them.
                "name" => {
                    let heading = value(&element).and_then(|name| heading_of_name(&name));
                    self.styles.entry(name.clone()).or_default().heading = heading;
                }
                "outlineLvl" => {
                    let level: Option<usize> = element.number("val").filter(|level| *level < LEVELS_MAX);
                    let style = self.styles.entry(name.clone()).or_default();
                    style.heading = style.heading.or(level.map(|level| level + 1));
                }
                "basedOn" => self.styles.entry(name.clone()).or_default().based_on = value(&element),
                "numId" => self.styles.entry(name.clone()).or_default().list = value(&element),
                "ilvl" => self.styles.entry(name.clone()).or_default().level = element.number("val"),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Counters {
    /// The number or bullet of the next paragraph of a list; `None` when it has none.
    pub(super) fn next_label(&mut self, numbering: &Numbering, list: &str, level: usize) -> Option<String> {
        let found = numbering.lists.get(list)?;
        let levels = numbering.definitions.get(&found.definition)?;
        let this = levels.get(level)?;
        let counts = self
            .by_definition
            .entry(found.definition.clone())
            .or_insert_with(|| vec![None; LEVELS_MAX]);
        if self.begun.insert(list.to_owned()) {
            for (level, start) in &found.starts {
                if let Some(count) = counts.get_mut(*level) {
                    *count = Some(start.saturating_sub(1));
                }
            }
        }
        let before = counts.get(level).copied().flatten();
        *counts.get_mut(level)? = Some(before.map_or(this.start, |count| count.saturating_add(1)));
        // Deeper levels begin anew.
        counts[level + 1..].fill(None);
        if this.format == "bullet" {
            return Some("-".to_owned());
        }
        if this.format == "none" {
            return None;
        }
        let mut label = this.text.clone();
        for (index, level) in levels.iter().enumerate().take(level + 1) {
            let count = counts[index].unwrap_or(level.start);
            label = label.replace(&format!("%{}", index + 1), &number(count, &level.format));
        }
        let label = label.trim();
        (!label.is_empty()).then(|| label.to_owned())
    }
}

fn heading_of_name(name: &str) -> Option<usize> {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("heading ") {
        Some(level) => level
            .parse()
            .ok()
            .filter(|level| (1..=LEVELS_MAX).contains(level)),
        None => (name == "title").then_some(1),
    }
}

fn value(element: &Element<'_>) -> Option<String> {
    attribute(element, "val")
}

fn attribute(element: &Element<'_>, name: &str) -> Option<String> {
    element.attribute(name).map(|value| value.into_owned())
}
