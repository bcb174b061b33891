//! Which paragraphs of a slide are items: a slide says so itself, or its layout, or the master behind that.

use std::collections::{HashMap, HashSet};

use crate::ExtractionError;
use crate::archive::Archive;
use crate::ooxml::{self, Relationship};
use crate::xml::{Element, Node};

/// Levels of paragraphs that the format knows.
const LEVELS_MAX: usize = 9;

/// What the layouts of a show say of bullets, each read once.
#[derive(Default)]
pub(super) struct Layouts {
    read: HashMap<String, Layout>,
}

/// What a layout and its master say.
#[derive(Default)]
pub(super) struct Layout {
    /// Levels, counted from zero, at which the text of the master's placeholders has bullets.
    master: HashSet<usize>,
    /// Where the placeholder of that number has bullets or not, against the master.
    placeholders: HashMap<(String, usize), bool>,
}

impl Layout {
    /// Whether a paragraph at this level of a placeholder has a bullet, if it does not say so itself.
    pub(super) fn has_bullet(&self, placeholder: &str, level: usize) -> bool {
        let own = self.placeholders.get(&(placeholder.to_owned(), level));
        own.copied().unwrap_or_else(|| self.master.contains(&level))
    }
}

impl Layouts {
    /// The layout that a slide refers to.
    pub(super) fn of_slide(
        &mut self,
        archive: &mut Archive<'_>,
        relationships: &[Relationship],
    ) -> Result<&Layout, ExtractionError> {
        let part = target(relationships, "slideLayout").unwrap_or_default();
        if !self.read.contains_key(part) {
            self.read.insert(part.to_owned(), read(archive, part)?);
        }
        Ok(&self.read[part])
    }
}

fn target<'r>(relationships: &'r [Relationship], kind: &str) -> Option<&'r str> {
    let relationship = relationships.iter().find(|it| it.kind == kind)?;
    Some(&relationship.target)
}

fn read(archive: &mut Archive<'_>, part: &str) -> Result<Layout, ExtractionError> {
    let mut layout = Layout::default();
    let relationships = ooxml::relationships(archive, part)?;
    if let Some(master) = target(&relationships, "slideMaster") {
        for_each_level(archive, master, |place, level, bullet| {
            if bullet && matches!(place, Place::Body) {
                layout.master.insert(level);
            }
        })?;
    }
    for_each_level(archive, part, |place, level, bullet| {
        if let Place::Placeholder(number) = place {
            layout.placeholders.insert((number.to_owned(), level), bullet);
        }
    })?;
    Ok(layout)
}

/// Where a style of a level is described.
enum Place<'p> {
    /// In the placeholder of this number.
    Placeholder(&'p str),
    /// Among the styles for the text of all slides.
    Body,
    Elsewhere,
}

/// Calls `take` for every level of which a part says whether it has bullets.
fn for_each_level(
    archive: &mut Archive<'_>,
    part: &str,
    mut take: impl FnMut(Place<'_>, usize, bool),
) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(());
    };
    let (mut placeholder, mut in_body, mut level) = (None::<String>, false, None::<usize>);
    while let Some(node) = xml.next()? {
        match node {
            Node::Start(element) => match element.name() {
                "ph" => placeholder = number(&element),
                "bodyStyle" => in_body = true,
                "buChar" | "buAutoNum" | "buBlip" | "buNone" => {
                    if let Some(level) = level {
                        let place = match &placeholder {
                            Some(number) => Place::Placeholder(number),
                            None if in_body => Place::Body,
                            None => Place::Elsewhere,
                        };
                        take(place, level, element.name() != "buNone");
                    }
                }
                name => level = level_of(name).or(level),
            },
            Node::End(name) => match &*name {
                "sp" => placeholder = None,
                "bodyStyle" => in_body = false,
                name if level_of(name).is_some() => level = None,
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}

/// The number by which a slide and its layout know a placeholder.
pub(super) fn number(placeholder: &Element<'_>) -> Option<String> {
    Some(placeholder.attribute("idx")?.into_owned())
}

/// The level of a style called `lvl1pPr` to `lvl9pPr`.
fn level_of(name: &str) -> Option<usize> {
    let level: usize = name.strip_prefix("lvl")?.strip_suffix("pPr")?.parse().ok()?;
    (1..=LEVELS_MAX).contains(&level).then(|| level - 1)
}
