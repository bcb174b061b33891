//! Paragraphs, lists and tables of OpenDocument in their order.

use std::collections::HashMap;

use super::frames::{Frames, Seen};
use super::lists::Lists;
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
    frames: Frames,
    /// Whether the shape that is open is the title of a slide.
    slide_title: bool,
    /// Rows that are open and name the columns of their table.
    header_rows: usize,
    lists: Lists,
    /// Where the text goes on while a note or comment in the middle of it is read.
    outer: Option<Prose>,
    /// Notes, comments and descriptions of pictures of the paragraph, which come behind it.
    notes: Vec<String>,
    /// The sign by which the text refers to the note that is read, and whether the sign itself is still open.
    citation: Option<String>,
    in_citation: bool,
    /// Number or bullet, to be written before the first text.
    label: Option<String>,
    /// Styles of paragraphs that stand for the one for titles.
    parents: HashMap<String, String>,
}

impl Story {
    /// Takes in what the automatic styles before the body say of lists and titles.
    pub(super) fn learn(&mut self, element: &Element<'_>) {
        self.lists.learn(element);
        if element.name() == "style"
            && let (Some(name), Some(parent)) =
                (element.attribute("name"), element.attribute("parent-style-name"))
        {
            self.parents.insert(name.into_owned(), parent.into_owned());
        }
    }

    pub(super) fn take(&mut self, node: &Node<'_>) -> Then {
        match self.frames.take(node) {
            Seen::Description => return Then::Go,
            Seen::Picture(text) => self.aside(text),
            Seen::Other => {}
        }
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
            // Who made a comment; the fields of those names have another prefix.
            "creator" | "date" | "creator-initials" if element.prefix() != "text" => return Then::Skip,
            "p" | "h" => self.begin_paragraph(element),
            "list" => {
                self.prose.end_block();
                if self.lists.depth() == 0 {
                    self.prose.paragraph();
                }
                self.lists.begin(element);
            }
            "list-item" | "list-header" => {
                self.label = None;
                self.lists.begin_item(element);
            }
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
                if self.lists.depth() == 0 || name == "h" {
                    self.prose.end_block();
                    self.label = None;
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
                self.lists.end();
                self.label = None;
                if self.lists.depth() == 0 {
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
            self.aside(format!("{mark} {text}").trim_start().to_owned());
        }
        self.citation = None;
    }

    /// Something that comes behind the paragraph. Beside the text and not in it, it belongs to nothing that ends.
    fn aside(&mut self, text: String) {
        self.notes.push(text);
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
        // The first paragraph of an item tells that there is one.
        self.label = self.lists.count_item().or(self.label.take());
        if element.name() == "h" {
            let level = element.number("outline-level").unwrap_or(1);
            if self.lists.depth() == 0 && element.attribute("is-list-header").as_deref() != Some("true") {
                self.label = self.lists.count_heading(level);
            }
            self.prose.begin_block(Part::heading(level));
        } else if is_title {
            self.prose.begin_block(Part::heading(1));
        } else if self.slide_title {
            self.prose.begin_block(Part::heading(SLIDE_TITLE_LEVEL));
        } else if let Some(label) = &self.label {
            let depth = self.lists.depth().saturating_sub(1);
            self.prose.begin_block(Part::item(depth, label.trim()));
        }
    }

    /// In a list, paragraphs are lines.
    fn break_paragraph(&mut self) {
        if self.lists.depth() == 0 {
            self.prose.paragraph();
        } else {
            self.prose.line();
        }
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
