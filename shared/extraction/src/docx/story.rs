//! Paragraphs and tables in their order: of the body, of a header, of a note.

use std::collections::HashMap;

use super::numbering::{Numbering, is_on};
use crate::alternative;
use crate::numbering::Counters;
use crate::prose::Prose;
use crate::structure::Part;
use crate::xml::{Element, Node};

/// Levels of headings; beyond is text.
const OUTLINE_LEVELS: usize = 9;

/// What is to be done with an element that has begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Its content comes next.
    Go,
    /// Its content is passed over.
    Skip,
}

/// Something that is not in the text but belongs to it.
pub(super) enum Reference {
    Footnote(String),
    Endnote(String),
    Comment(String),
    /// A chart, a diagram or a document in another format, by the relationship to its part.
    Part(String),
}

/// Takes the events of a part one by one.
pub(super) struct Story<'n> {
    pub(super) prose: Prose,
    /// In the order in which the text refers to them, since they were last taken.
    pub(super) references: Vec<Reference>,
    /// The text of the paragraph with the style for titles.
    pub(super) title: Option<String>,
    numbering: &'n Numbering,
    /// Addresses by the names by which the part refers to them.
    links: HashMap<String, String>,
    /// Whether the table that begins says that its first row looks like names of columns.
    names_columns: bool,
    counters: Counters,
    /// Elements of text that are open.
    texts: usize,
    page_ended: bool,
    /// What is said of the drawing that is open.
    described: Option<String>,
    /// Whether it is a picture that is being named.
    names_picture: bool,
    /// Descriptions of the pictures of the paragraph, which come behind it.
    descriptions: Vec<String>,
    paragraph: Paragraph,
    /// Whether the paragraph before was part of a list.
    after_item: bool,
}

/// What the properties of a paragraph say.
#[derive(Default)]
struct Paragraph {
    style: Option<String>,
    list: Option<String>,
    level: Option<usize>,
    /// The level of a heading, counted from zero; nine means none.
    outline: Option<usize>,
    /// Number or bullet, to be written before the first text.
    label: Option<String>,
    is_title: bool,
}

/// How the text refers to a note, and the note to the text.
pub(super) fn mark(id: &str) -> String {
    format!("[{id}] ")
}

impl<'n> Story<'n> {
    pub(super) fn new(numbering: &'n Numbering) -> Self {
        Self {
            prose: Prose::default(),
            references: Vec::new(),
            title: None,
            numbering,
            links: HashMap::new(),
            names_columns: false,
            counters: Counters::default(),
            texts: 0,
            page_ended: false,
            described: None,
            names_picture: false,
            descriptions: Vec::new(),
            paragraph: Paragraph::default(),
            after_item: false,
        }
    }

    /// The same for a part that links to these addresses.
    pub(super) fn with_links(mut self, links: HashMap<String, String>) -> Self {
        self.links = links;
        self
    }

    /// Whether a page has ended since this was last asked.
    pub(super) fn take_page_end(&mut self) -> bool {
        std::mem::take(&mut self.page_ended)
    }

    pub(super) fn take(&mut self, node: &Node<'_>) -> Then {
        match node {
            Node::Start(element) => return self.start(element),
            Node::End(name) => self.end(name),
            Node::Text(text) if self.texts > 0 => self.text(text),
            Node::Text(_) | Node::Other => {}
        }
        Then::Go
    }

    fn start(&mut self, element: &Element<'_>) -> Then {
        match element.name() {
            // What was deleted or moved away, what a field is told to do, and what is there for older programs.
            "del" | "moveFrom" | "delText" | "instrText" | "delInstrText" | "Fallback" => return Then::Skip,
            // How things look. The tab stops of a paragraph would be taken for tabs.
            "rPr" | "tabs" | "sectPr" | "tblGrid" | "tcPr" | "sdtPr" => return Then::Skip,
            // How they looked before a change that is tracked.
            "pPrChange" | "tblPrChange" | "trPrChange" => return Then::Skip,
            "p" => {
                self.prose.paragraph();
                self.paragraph = Paragraph::default();
            }
            "pStyle" => self.paragraph.style = value(element),
            "numId" => self.paragraph.list = value(element),
            "ilvl" => self.paragraph.level = element.number("val"),
            "outlineLvl" => self.paragraph.outline = element.number("val"),
            "tblStyle" => {
                let plain = ["TableGrid", "TableNormal"].map(str::to_owned).map(Some);
                self.names_columns = !plain.contains(&value(element));
            }
            "tblLook" => self.names_columns &= is_first_row_special(element),
            "tr" => {
                self.prose.begin_row();
                if std::mem::take(&mut self.names_columns) {
                    self.prose.header_row();
                }
            }
            "tblHeader" if value(element).is_none_or(|value| is_on(&value)) => self.prose.header_row(),
            "hyperlink" => {
                let address = element.attribute("id").and_then(|id| self.links.get(&*id));
                if let Some(address) = address {
                    self.prose.begin_link(address.clone());
                }
            }
            "tc" => self.prose.begin_cell(),
            "tbl" | "txbxContent" => {
                self.names_columns = false;
                self.prose.paragraph();
            }
            "t" => self.texts += 1,
            "tab" | "ptab" => self.prose.tab(),
            "br" | "cr" => self.prose.line(),
            "noBreakHyphen" => self.text("-"),
            "sym" => self.symbol(element),
            "lastRenderedPageBreak" => self.page_ended = true,
            "footnoteReference" => self.refer(element, Reference::Footnote),
            "endnoteReference" => self.refer(element, Reference::Endnote),
            "commentReference" => {
                if let Some(id) = element.attribute("id") {
                    self.references.push(Reference::Comment(id.into_owned()));
                }
            }
            "docPr" => self.described = alternative::of_drawing(element),
            "shape" => {
                let description = element.attribute("alt").unwrap_or_default();
                self.described = alternative::text("", "", &description);
            }
            "pic" | "imagedata" => {
                let described = self.described.take();
                self.descriptions.extend(described);
            }
            "nvPicPr" => self.names_picture = true,
            "cNvPr" if self.names_picture => self.describe_picture(element),
            // A document in another format in the middle of this one.
            "altChunk" | "chart" => self.part(element.attribute("id").as_deref()),
            "relIds" => self.part(element.attribute("dm").as_deref()),
            _ => {}
        }
        Then::Go
    }

    fn end(&mut self, name: &str) {
        match name {
            "pPr" => self.begin_paragraph(),
            "p" => {
                self.prose.end_link();
                self.prose.end_block();
                self.prose.paragraph();
                self.paragraph.is_title = false;
                self.write_descriptions();
            }
            "drawing" | "shape" => self.described = None,
            "nvPicPr" => self.names_picture = false,
            "hyperlink" => self.prose.end_link(),
            "tr" => self.prose.end_row(),
            "tbl" | "txbxContent" => self.prose.paragraph(),
            "t" => self.texts = self.texts.saturating_sub(1),
            _ => {}
        }
    }

    /// The properties of a paragraph are complete: its number or bullet can be told.
    fn begin_paragraph(&mut self) {
        let paragraph = &mut self.paragraph;
        paragraph.is_title = paragraph.style.as_deref() == Some("Title") && self.title.is_none();
        let from_style = paragraph
            .style
            .as_deref()
            .and_then(|style| self.numbering.of_style(style));
        let list = paragraph
            .list
            .as_deref()
            .or_else(|| from_style.map(|(list, _)| list));
        let level = paragraph
            .level
            .or_else(|| from_style.map(|(_, level)| level))
            .unwrap_or(0);
        paragraph.label = list.and_then(|list| self.counters.next_label(&self.numbering.lists, list, level));
        let is_item = paragraph.label.is_some();
        if is_item && self.after_item {
            self.prose.only_line();
        }
        self.after_item = is_item;
        let outline = paragraph.outline.map(|level| level + 1).or_else(|| {
            let style = paragraph.style.as_deref()?;
            self.numbering.heading_of_style(style)
        });
        if let Some(level) = outline.filter(|level| *level <= OUTLINE_LEVELS) {
            self.prose.begin_block(Part::heading(level));
        } else if let Some(label) = &paragraph.label {
            self.prose.begin_block(Part::item(level, label));
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(label) = self.paragraph.label.take() {
            self.prose.push(&label);
            self.prose.push(" ");
        }
        if self.paragraph.is_title {
            self.title.get_or_insert_default().push_str(text);
        }
        self.prose.push(text);
    }

    /// A character by its number. Those of symbol fonts have no meaning outside of the font.
    fn symbol(&mut self, element: &Element<'_>) {
        let code = element.attribute("char");
        let c = code
            .and_then(|code| u32::from_str_radix(&code, 16).ok())
            .and_then(char::from_u32);
        if let Some(c) = c.filter(|c| !matches!(c, '\u{E000}'..='\u{F8FF}')) {
            self.text(c.encode_utf8(&mut [0; 4]));
        }
    }

    /// A picture says by itself what the drawing around it says as well, unless it is one of several in it.
    fn describe_picture(&mut self, element: &Element<'_>) {
        let described = alternative::of_drawing(element);
        if described.as_ref() != self.descriptions.last() {
            self.descriptions.extend(described);
        }
    }

    fn write_descriptions(&mut self) {
        if !self.descriptions.is_empty() {
            self.prose
                .push_paragraphs(&std::mem::take(&mut self.descriptions));
            self.after_item = false;
        }
    }

    fn refer(&mut self, element: &Element<'_>, note: fn(String) -> Reference) {
        if let Some(id) = element.attribute("id") {
            self.text(mark(&id).trim_end());
            self.references.push(note(id.into_owned()));
        }
    }

    fn part(&mut self, id: Option<&str>) {
        self.references
            .extend(id.map(|id| Reference::Part(id.to_owned())));
    }
}

/// Whether a table asks for its first row to look different. Older programs write all such wishes as bits of one number.
fn is_first_row_special(look: &Element<'_>) -> bool {
    match look.attribute("firstRow") {
        Some(first) => is_on(&first),
        None => value(look)
            .and_then(|bits| u32::from_str_radix(&bits, 16).ok())
            .is_some_and(|bits| bits & 0x20 != 0),
    }
}

fn value(element: &Element<'_>) -> Option<String> {
    element.attribute("val").map(|value| value.into_owned())
}
