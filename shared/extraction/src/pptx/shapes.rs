//! The texts of the shapes on a slide, in their order: titles, items, tables.

use std::collections::{HashMap, HashSet};

use super::bullets::{self, Layout};
use crate::alternative;
use crate::odf::SLIDE_TITLE_LEVEL;
use crate::prose::Prose;
use crate::structure::Part;
use crate::xml::{Element, Node};

/// What is to be done with an element that has begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Its content comes next.
    Go,
    /// Its content is passed over.
    Skip,
}

/// Takes the events of a slide or of its notes one by one.
pub(super) struct Shapes<'s> {
    pub(super) prose: &'s mut Prose,
    /// The parts of charts and diagrams, by the names by which the slide refers to them.
    pub(super) drawings: HashSet<String>,
    /// Types of placeholders that are left out.
    left_out: &'s [&'s str],
    layout: Option<&'s Layout>,
    /// Addresses by the names by which the slide refers to them.
    links: HashMap<String, String>,
    /// Elements of text that are open.
    texts: usize,
    /// Whether the shape that is open shows the same on every slide.
    edge: bool,
    /// Whether it is the title.
    title: bool,
    /// Whether it is a picture that is being named.
    picture: bool,
    /// The number of the placeholder that it fills.
    placeholder: Option<String>,
    /// Whether the table says that its first row looks different.
    names_columns: bool,
    paragraph: Paragraph,
    /// The next number at each level of the shape.
    numbers: Vec<u32>,
}

/// What a paragraph says of itself.
#[derive(Default)]
struct Paragraph {
    level: usize,
    bullet: Option<Bullet>,
    /// Whether its text has begun.
    begun: bool,
}

#[derive(Clone, Copy)]
enum Bullet {
    None,
    Sign,
    /// Counted from this number.
    Number(u32),
}

impl<'s> Shapes<'s> {
    pub(super) fn new(prose: &'s mut Prose, left_out: &'s [&'s str]) -> Self {
        Self {
            prose,
            drawings: HashSet::new(),
            left_out,
            layout: None,
            links: HashMap::new(),
            texts: 0,
            edge: false,
            title: false,
            picture: false,
            placeholder: None,
            names_columns: false,
            paragraph: Paragraph::default(),
            numbers: Vec::new(),
        }
    }

    /// The same for a slide with this layout.
    pub(super) fn with_bullets(mut self, layout: &'s Layout) -> Self {
        self.layout = Some(layout);
        self
    }

    /// The same for a slide that links to these addresses.
    pub(super) fn with_links(mut self, links: HashMap<String, String>) -> Self {
        self.links = links;
        self
    }

    pub(super) fn take(&mut self, node: &Node<'_>) -> Then {
        match node {
            Node::Start(element) => return self.start(element),
            Node::End(name) => self.end(name),
            Node::Text(text) if self.texts > 0 => {
                self.begin_text();
                self.prose.push(text);
            }
            Node::Text(_) | Node::Other => {}
        }
        Then::Go
    }

    fn start(&mut self, element: &Element<'_>) -> Then {
        match element.name() {
            "Fallback" | "endParaRPr" | "defRPr" | "bodyPr" | "lstStyle" | "tabLst" => return Then::Skip,
            "ph" => self.begin_placeholder(element),
            "nvPicPr" => self.picture = true,
            "cNvPr" if self.picture => self.describe_picture(element),
            "txBody" if self.edge => return Then::Skip,
            "txBody" => {
                self.numbers.clear();
                self.prose.paragraph();
            }
            "tbl" => self.prose.paragraph(),
            "tblPr" => self.names_columns = element.attribute("firstRow").as_deref() == Some("1"),
            "tr" => {
                self.prose.begin_row();
                if std::mem::take(&mut self.names_columns) {
                    self.prose.header_row();
                }
            }
            "tc" => self.prose.begin_cell(),
            "p" => self.paragraph = Paragraph::default(),
            "pPr" => self.paragraph.level = element.number("lvl").unwrap_or(0),
            "buNone" => self.paragraph.bullet = Some(Bullet::None),
            "buChar" | "buBlip" => self.paragraph.bullet = Some(Bullet::Sign),
            "buAutoNum" => {
                let first = element.number("startAt").unwrap_or(1);
                self.paragraph.bullet = Some(Bullet::Number(first));
            }
            "hlinkClick" => {
                let address = element.attribute("id").and_then(|id| self.links.get(&*id));
                if let Some(address) = address {
                    self.prose.begin_link(address.clone());
                }
            }
            "t" => self.texts += 1,
            "br" => self.prose.line(),
            "tab" => self.prose.tab(),
            "chart" => self
                .drawings
                .extend(element.attribute("id").map(|id| id.into_owned())),
            "relIds" => self
                .drawings
                .extend(element.attribute("dm").map(|id| id.into_owned())),
            _ => {}
        }
        Then::Go
    }

    fn end(&mut self, name: &str) {
        match name {
            "sp" => {
                (self.edge, self.title) = (false, false);
                self.placeholder = None;
            }
            "p" => {
                self.prose.end_link();
                self.prose.end_block();
                self.prose.line();
            }
            "nvPicPr" => self.picture = false,
            // A run has one link, which ends with it.
            "r" => self.prose.end_link(),
            "txBody" | "tbl" => self.prose.paragraph(),
            "tr" => self.prose.end_row(),
            "t" => self.texts = self.texts.saturating_sub(1),
            _ => {}
        }
    }

    /// What a picture shows, as its author described it for those who cannot see it.
    fn describe_picture(&mut self, element: &Element<'_>) {
        if let Some(description) = alternative::of_drawing(element) {
            self.prose.paragraph();
            self.prose.push(&description);
            self.prose.paragraph();
        }
    }

    fn begin_placeholder(&mut self, element: &Element<'_>) {
        let kind = element.attribute("type").unwrap_or_default();
        self.edge = self.left_out.contains(&&*kind);
        self.title = matches!(&*kind, "title" | "ctrTitle");
        // Only these take their bullets from the master.
        self.placeholder = match &*kind {
            "" | "body" | "obj" => bullets::number(element),
            _ => None,
        };
    }

    /// The first text of a paragraph: what it is can be told.
    fn begin_text(&mut self) {
        if std::mem::replace(&mut self.paragraph.begun, true) {
            return;
        }
        let level = self.paragraph.level;
        let inherited = || {
            let (layout, placeholder) = (self.layout?, self.placeholder.as_deref()?);
            layout.has_bullet(placeholder, level).then_some(Bullet::Sign)
        };
        let bullet = self.paragraph.bullet.or_else(inherited).unwrap_or(Bullet::None);
        let part = match bullet {
            _ if self.title => Some(Part::heading(SLIDE_TITLE_LEVEL)),
            Bullet::None => None,
            Bullet::Sign => Some(Part::item(level, "")),
            Bullet::Number(first) => Some(Part::Item {
                depth: u8::try_from(level).unwrap_or(u8::MAX),
                number: Some(self.next_number(level, first)),
                marker: 0,
            }),
        };
        if let Some(part) = part {
            self.prose.begin_block(part);
        }
    }

    fn next_number(&mut self, level: usize, first: u32) -> u32 {
        // Deeper levels begin anew.
        self.numbers.truncate(level + 1);
        self.numbers.resize(level + 1, 0);
        let number = match self.numbers[level] {
            0 => first,
            next => next,
        };
        self.numbers[level] = number.saturating_add(1);
        number
    }
}
