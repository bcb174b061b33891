//! Paragraphs, lists and tables of OpenDocument in their order.

use std::collections::HashMap;

use crate::ordinal::number;
use crate::prose::Prose;
use crate::structure::Part;
use crate::xml::{Element, Node};

/// Spaces that one element may stand for.
const SPACES_MAX: usize = 1_000;
/// Times that an empty cell may repeat itself before the table is taken to end.
const REPEATED_CELLS_MAX: usize = 100;

/// Below the title of the whole document.
pub(crate) const SLIDE_TITLE_LEVEL: usize = 2;

/// What is to be done with an element that has begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Its content comes next.
    Go,
    /// Its content is passed over.
    Skip,
}

/// Takes the events of a part one by one.
#[derive(Default)]
pub(super) struct Story {
    pub(super) prose: Prose,
    /// The text of the paragraph with the style for titles.
    pub(super) title: Option<String>,
    /// Paragraphs and headings that are open: notes have paragraphs inside of paragraphs.
    paragraphs: usize,
    in_title: bool,
    /// Whether the shape that is open is the title of a slide.
    slide_title: bool,
    /// Rows that are open and name the columns of their table.
    header_rows: usize,
    lists: Vec<List>,
    /// Where the text goes on while a note or comment in the middle of it is read.
    outer: Option<Prose>,
    /// Notes and comments of the paragraph, which come behind it.
    notes: Vec<String>,
    /// The sign by which the text refers to the note that is read, and whether the sign itself is still open.
    citation: Option<String>,
    in_citation: bool,
    /// Number or bullet, to be written before the first text.
    label: Option<String>,
    /// How the levels of lists are numbered, by style and level counted from one.
    levels: HashMap<(String, usize), Level>,
    /// The style and level that are being learned.
    learning: Option<String>,
    /// Styles of paragraphs that stand for the one for titles.
    parents: HashMap<String, String>,
}

struct List {
    style: String,
    count: u32,
}

#[derive(Clone, Default)]
struct Level {
    format: String,
    prefix: String,
    suffix: String,
    start: u32,
}

impl Story {
    /// Takes in what the automatic styles before the body say of lists and titles.
    pub(super) fn learn(&mut self, element: &Element<'_>) {
        let text = |name: &str| element.attribute(name).map(|value| value.into_owned());
        match element.name() {
            "list-style" => self.learning = text("name"),
            "style" => {
                self.learning = None;
                if let (Some(name), Some(parent)) = (text("name"), text("parent-style-name")) {
                    self.parents.insert(name, parent);
                }
            }
            "list-level-style-number" => {
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
                };
                self.levels.insert((style.clone(), level), learned);
            }
            _ => {}
        }
    }

    pub(super) fn take(&mut self, node: &Node<'_>) -> Then {
        match node {
            Node::Start(element) => return self.start(element),
            Node::End(name) => self.end(name),
            Node::Text(text) if self.paragraphs > 0 => self.flow(text),
            Node::Text(_) | Node::Other => {}
        }
        Then::Go
    }

    fn start(&mut self, element: &Element<'_>) -> Then {
        match element.name() {
            // What was deleted, what macros and forms are made of, what is drawn behind slides, and tables of settings.
            "tracked-changes"
            | "scripts"
            | "forms"
            | "automatic-styles"
            | "settings"
            | "sequence-decls"
            | "variable-decls"
            | "user-field-decls"
            | "dde-connection-decls"
            | "binary-data" => return Then::Skip,
            // What a picture is called, and who made a comment; the fields of those names have another prefix.
            "title" | "desc" if element.prefix() == "svg" => return Then::Skip,
            "creator" | "date" | "creator-initials" if element.prefix() != "text" => return Then::Skip,
            "p" | "h" => self.begin_paragraph(element),
            "list" => self.begin_list(element),
            "list-item" | "list-header" => self.begin_item(element),
            "s" => {
                let spaces = element.number("c").unwrap_or(1_usize).min(SPACES_MAX);
                self.push(&" ".repeat(spaces));
            }
            "tab" => self.prose.tab(),
            "line-break" => self.prose.line(),
            "note-citation" => {
                self.citation = Some(String::new());
                self.in_citation = true;
            }
            "note-body" | "annotation" if self.outer.is_none() => {
                self.outer = Some(std::mem::take(&mut self.prose))
            }
            "frame" => {
                self.slide_title = element.attribute("class").is_some_and(|class| class == "title");
            }
            "a" => {
                if let Some(address) = element.attribute("href") {
                    self.prose.begin_link(address.trim().to_owned());
                }
            }
            "text-box" => self.prose.paragraph(),
            "table" => self.prose.paragraph(),
            "table-header-rows" => self.header_rows += 1,
            "table-row" => {
                self.prose.begin_row();
                if self.header_rows > 0 {
                    self.prose.header_row();
                }
            }
            "table-cell" | "covered-table-cell" => {
                let repeated = element.number("number-columns-repeated").unwrap_or(1_usize);
                for _ in 0..repeated.min(REPEATED_CELLS_MAX) {
                    self.prose.begin_cell();
                }
            }
            _ => {}
        }
        Then::Go
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" | "h" => {
                self.prose.end_link();
                // An item may have several paragraphs.
                if self.lists.is_empty() || name == "h" {
                    self.prose.end_block();
                }
                self.paragraphs = self.paragraphs.saturating_sub(1);
                self.in_title &= self.paragraphs > 0;
                if self.paragraphs == 0 && self.outer.is_none() {
                    self.prose.push_paragraphs(&std::mem::take(&mut self.notes));
                }
                self.break_paragraph();
            }
            "list-item" | "list-header" => self.prose.end_block(),
            "list" => {
                self.lists.pop();
                self.label = None;
                if self.lists.is_empty() {
                    self.prose.paragraph();
                }
            }
            "note-citation" => {
                self.in_citation = false;
                let mark = self.mark();
                self.push(&mark);
            }
            "note-body" | "annotation" => self.end_note(name),
            "frame" => self.slide_title = false,
            "a" => self.prose.end_link(),
            "text-box" | "table" => self.prose.paragraph(),
            "table-header-rows" => self.header_rows = self.header_rows.saturating_sub(1),
            "table-row" => self.prose.end_row(),
            _ => {}
        }
    }

    /// How the text refers to its note, and the note to the text.
    fn mark(&self) -> String {
        let citation = self.citation.as_deref().unwrap_or_default().trim();
        if citation.is_empty() {
            String::new()
        } else {
            format!("[{citation}]")
        }
    }

    fn end_note(&mut self, name: &str) {
        let Some(outer) = self.outer.take() else { return };
        let text = std::mem::replace(&mut self.prose, outer).take();
        let mark = if name == "note-body" {
            self.mark()
        } else {
            String::new()
        };
        if !text.is_empty() {
            self.notes.push(format!("{mark} {text}").trim_start().to_owned());
        }
        self.citation = None;
        // A comment beside the text and not in it belongs to nothing that ends.
        if self.paragraphs == 0 {
            self.prose.push_paragraphs(&std::mem::take(&mut self.notes));
        }
    }

    fn begin_paragraph(&mut self, element: &Element<'_>) {
        self.break_paragraph();
        self.paragraphs += 1;
        let style = element.attribute("style-name").unwrap_or_default();
        let parent = self.parents.get(&*style).map_or(&*style, String::as_str);
        let is_title = parent == "Title";
        self.in_title |= is_title && self.title.is_none();
        if element.name() == "h" {
            self.prose
                .begin_block(Part::heading(element.number("outline-level").unwrap_or(1)));
        } else if is_title {
            self.prose.begin_block(Part::heading(1));
        } else if self.slide_title {
            self.prose.begin_block(Part::heading(SLIDE_TITLE_LEVEL));
        } else if let Some(label) = &self.label {
            let depth = self.lists.len().saturating_sub(1);
            self.prose.begin_block(Part::item(depth, label.trim()));
        }
    }

    /// In a list, paragraphs are lines.
    fn break_paragraph(&mut self) {
        if self.lists.is_empty() {
            self.prose.paragraph();
        } else {
            self.prose.line();
        }
    }

    fn begin_list(&mut self, element: &Element<'_>) {
        self.prose.end_block();
        if self.lists.is_empty() {
            self.prose.paragraph();
        }
        let style = element.attribute("style-name").map(|style| style.into_owned());
        let inherited = || {
            self.lists
                .last()
                .map(|list| list.style.clone())
                .unwrap_or_default()
        };
        let style = style.unwrap_or_else(inherited);
        let start = self
            .level(&style, self.lists.len() + 1)
            .map_or(1, |level| level.start);
        self.lists.push(List {
            style,
            count: start.saturating_sub(1),
        });
    }

    fn begin_item(&mut self, element: &Element<'_>) {
        let depth = self.lists.len();
        let Some(list) = self.lists.last_mut() else { return };
        if element.name() == "list-header" {
            self.label = None;
            return;
        }
        list.count = element
            .number("start-value")
            .unwrap_or(list.count.saturating_add(1));
        let (count, style) = (list.count, list.style.clone());
        self.label = match self.level(&style, depth) {
            Some(level) if level.format == "none" => None,
            Some(level) => Some(format!(
                "{}{}{} ",
                level.prefix,
                number(count, &level.format),
                level.suffix
            )),
            None => Some("- ".to_owned()),
        };
    }

    fn level(&self, style: &str, depth: usize) -> Option<&Level> {
        self.levels.get(&(style.to_owned(), depth))
    }

    fn flow(&mut self, text: &str) {
        if self.in_citation {
            self.citation.get_or_insert_default().push_str(text);
            return;
        }
        if !text.trim().is_empty() {
            self.push_label();
        }
        if self.in_title {
            self.title.get_or_insert_default().push_str(text);
        }
        self.prose.flow(text);
    }

    fn push(&mut self, text: &str) {
        self.prose.push(text);
    }

    fn push_label(&mut self) {
        if let Some(label) = self.label.take() {
            self.prose.push(&label);
        }
    }
}
