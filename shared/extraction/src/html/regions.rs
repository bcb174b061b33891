//! Where on a page each line of its text stands: in its main content, in what surrounds it, in links.
//!
//! Gathered while the page is cut into tags, for [`main_content`](super::main_content) to judge. Only elements that are
//! open count, so missing and crossed end tags cost precision, never time.

use std::ops::Range;

use html5ever::tokenizer::Tag;

use super::collector::attribute;

/// Elements that are open at the same time and followed.
const OPEN_MAX: usize = 512;

/// A line of the page's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins in the text; it ends where the next one begins.
    pub(super) start: usize,
    pub(super) place: Place,
    /// The level of the heading that it is, if it is one.
    pub(super) heading: Option<u8>,
}

/// What surrounds a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether the page says itself that this is its content.
    pub(super) content: bool,
    /// Whether it is navigation, a form, a footer or the like.
    pub(super) surroundings: bool,
}

/// A followed element that is open.
struct Open {
    element: &'static str,
    /// What counts when it ends.
    outside: Place,
    outside_heading: Option<u8>,
}

/// What is known of the page so far.
#[derive(Default)]
pub(super) struct Regions {
    open: Vec<Open>,
    place: Place,
    heading: Option<u8>,
    link_from: Option<usize>,
    lines: Vec<Line>,
    links: Vec<Range<usize>>,
}

impl Regions {
    /// An element begins; `end` is where the text ends so far.
    pub(super) fn start(&mut self, tag: &Tag, end: usize) {
        if &*tag.name == "a" {
            self.end_link(end);
            self.link_from = attribute(tag, "href").map(|_| end);
            return;
        }
        let Some(element) = FOLLOWED.iter().find(|known| **known == &*tag.name) else {
            return;
        };
        if self.open.len() >= OPEN_MAX {
            return;
        }
        self.open.push(Open {
            element,
            outside: self.place,
            outside_heading: self.heading,
        });
        if let Some(level) = heading_level(element) {
            self.heading = Some(level);
        } else {
            self.heading = None;
            let said = what_it_says(element, tag);
            self.place.content |= said == Some(true);
            // A header of the content is a part of it.
            let header_of_content = *element == "header" && self.place.content;
            self.place.surroundings |= said == Some(false) && !header_of_content;
        }
    }

    /// An element ends, and with it those that are open within.
    pub(super) fn end(&mut self, element: &str, end: usize) {
        if element == "a" {
            self.end_link(end);
        } else if let Some(found) = self.open.iter().rposition(|open| open.element == element) {
            self.place = self.open[found].outside;
            self.heading = self.open[found].outside_heading;
            self.open.truncate(found);
        }
    }

    /// A line of text begins.
    pub(super) fn line_at(&mut self, start: usize) {
        self.lines.push(Line {
            start,
            place: self.place,
            heading: self.heading,
        });
    }

    /// The lines of the page, and the parts of its text that are links.
    pub(super) fn into_parts(mut self, end: usize) -> (Vec<Line>, Vec<Range<usize>>) {
        self.end_link(end);
        (self.lines, self.links)
    }

    fn end_link(&mut self, end: usize) {
        if let Some(start) = self.link_from.take()
            && start < end
        {
            self.links.push(start..end);
        }
    }
}

/// Elements that say where text stands, or carry the names by which pages say it.
const FOLLOWED: &[&str] = &[
    "main", "article", "nav", "aside", "header", "footer", "form", "div", "section", "ul", "ol", "dl",
    "table", "td", "figure", "menu", "dialog", "select", "button", "noscript", "h1", "h2", "h3", "h4", "h5",
    "h6",
];

fn heading_level(element: &str) -> Option<u8> {
    match element.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// Whether an element says that it is content, or that it is something else; `None` when it says neither.
fn what_it_says(element: &str, tag: &Tag) -> Option<bool> {
    if attribute(tag, "hidden").is_some() || attribute(tag, "aria-hidden") == Some("true") {
        return Some(false);
    }
    match attribute(tag, "role") {
        Some("main" | "article") => return Some(true),
        Some(
            "navigation" | "banner" | "contentinfo" | "search" | "complementary" | "dialog" | "alertdialog"
            | "menu" | "menubar" | "toolbar",
        ) => return Some(false),
        _ => {}
    }
    match element {
        "main" | "article" => return Some(true),
        "nav" | "aside" | "header" | "footer" | "form" | "menu" | "dialog" | "select" | "button"
        | "noscript" => {
            return Some(false);
        }
        _ => {}
    }
    if attribute(tag, "itemprop")
        .is_some_and(|names| names.split_whitespace().any(|name| name == "articleBody"))
    {
        return Some(true);
    }
    let names = [attribute(tag, "class"), attribute(tag, "id")];
    let mut words = names
        .into_iter()
        .flatten()
        .flat_map(|names| names.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty());
    let mut other = false;
    let named_content = words.any(|word| {
        other |= is_one_of(word, NAMES_OF_SURROUNDINGS);
        is_one_of(word, NAMES_OF_CONTENT)
    });
    (other && !named_content).then_some(false)
}

fn is_one_of(word: &str, names: &[&str]) -> bool {
    names.iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// Words in the names of elements that hold content, whatever else their names say.
const NAMES_OF_CONTENT: &[&str] = &[
    "article", "body", "column", "content", "entry", "main", "post", "story", "text",
];

/// Words in the names of elements that hold something else.
const NAMES_OF_SURROUNDINGS: &[&str] = &[
    "ad",
    "ads",
    "advert",
    "advertisement",
    "banner",
    "breadcrumb",
    "breadcrumbs",
    "comment",
    "comments",
    "consent",
    "cookie",
    "cookies",
    "disqus",
    "footer",
    "gdpr",
    "legal",
    "login",
    "masthead",
    "menu",
    "modal",
    "nav",
    "navbar",
    "navigation",
    "newsletter",
    "pager",
    "pagination",
    "popup",
    "promo",
    "recommended",
    "related",
    "replies",
    "rss",
    "share",
    "sharing",
    "sidebar",
    "signup",
    "skip",
    "social",
    "sponsor",
    "sponsored",
    "subscribe",
    "teaser",
    "toolbar",
    "widget",
    "widgets",
];
