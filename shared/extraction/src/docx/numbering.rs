//! What a document says of its lists and headings: how they are numbered, and which styles belong to them.

use std::collections::HashMap;

use crate::ExtractionError;
use crate::archive::Archive;
use crate::numbering::{LEVELS_MAX, Level, Lists};
use crate::ooxml::Relationship;
use crate::xml::{Element, Node};

/// Styles based on each other that are followed.
const STYLE_CHAIN_MAX: usize = 16;

/// How the lists of a document are numbered, and which styles number their paragraphs.
#[derive(Default)]
pub(super) struct Numbering {
    pub(super) lists: Lists,
    styles: HashMap<String, Style>,
}

#[derive(Default)]
struct Style {
    based_on: Option<String>,
    list: Option<String>,
    level: Option<usize>,
    heading: Option<usize>,
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
        let Lists { definitions, lists } = &mut self.lists;
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
                        lists.entry(list.clone()).or_default().definition = definition;
                    }
                }
                "lvlOverride" => (overridden, level) = (element.number("ilvl"), None),
                "startOverride" => {
                    if let (Some(list), Some(level), Some(start)) = (&list, overridden, element.number("val"))
                    {
                        lists.entry(list.clone()).or_default().starts.push((level, start));
                    }
                }
                "lvl" => {
                    level = element.number("ilvl").filter(|level| *level < LEVELS_MAX);
                    if let (Some(level), Some(definition)) = (level, &definition) {
                        let levels = definitions.entry(definition.clone()).or_default();
                        levels.resize(levels.len().max(level + 1), Level::default());
                    }
                }
                name @ ("start" | "numFmt" | "lvlText" | "lvlRestart" | "isLgl") => {
                    let level = match (&definition, &list, level) {
                        (Some(definition), _, Some(at)) => {
                            let levels = definitions.get_mut(definition);
                            levels.and_then(|levels| levels.get_mut(at))
                        }
                        // A list may number a level in its own way.
                        (None, Some(list), Some(at)) => {
                            let list = lists.entry(list.clone()).or_default();
                            Some(list.levels.entry(at).or_default())
                        }
                        _ => None,
                    };
                    let Some(level) = level else { continue };
                    match name {
                        "start" => level.start = element.number("val").unwrap_or(0),
                        "numFmt" => level.format = value(&element).unwrap_or_default(),
                        "lvlRestart" => level.restarts_after = element.number("val"),
                        "isLgl" => level.is_legal = value(&element).is_none_or(|value| is_on(&value)),
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

/// Whether a property that is said to be so is.
pub(super) fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "false" | "off")
}

fn value(element: &Element<'_>) -> Option<String> {
    attribute(element, "val")
}

fn attribute(element: &Element<'_>, name: &str) -> Option<String> {
    element.attribute(name).map(|value| value.into_owned())
}
