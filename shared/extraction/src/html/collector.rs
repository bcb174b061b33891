//! Gathers the visible text from the stream of tags and characters.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use domain::Content;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult};

use super::main_content;
use super::outline::Outline;
use super::regions::{Line, Regions};
use crate::structure::Marks;
use crate::text::clean;

/// What was gathered from a page.
#[derive(Default)]
pub(super) struct CollectedPage {
    /// Clean already: marks point into it.
    pub(super) text: String,
    pub(super) title: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) marks: Marks,
}

impl CollectedPage {
    /// Leaves out what surrounds the main content, if that can be told.
    fn keep_main_content(&mut self, lines: &[Line], links: &[Range<usize>]) {
        if let Some(parts) = main_content::find(&self.text, lines, links) {
            let marks = std::mem::take(&mut self.marks).into_marks();
            let (text, marks) = main_content::keep(&self.text, &parts, marks);
            self.text = text;
            self.marks = marks.into();
        }
    }
}

/// Cells without text that are shown beside each other.
const EMPTY_CELLS_MAX: usize = 100;

/// Where characters go.
#[derive(Default, PartialEq)]
enum Place {
    #[default]
    Text,
    /// Inside the page's title, gathered so far.
    Title(String),
    /// Inside scripts and styles.
    Nowhere,
}

#[derive(Default)]
struct State {
    page: CollectedPage,
    place: Place,
    /// Line breaks owed before the next character; two make a paragraph.
    breaks: usize,
    /// A space owed before the next character, unless a line begins.
    gap: bool,
    /// Tabs owed before the next character, one for each cell that has begun since the last one, but the first of a row.
    tabs: usize,
    /// Whether the next cell is the first of its row.
    row_begins: bool,
    outline: Outline,
    regions: Option<Regions>,
    /// Open `<pre>` elements, in which white space counts.
    preformatted: usize,
    /// Open `<template>` elements, which nobody sees.
    templates: usize,
    /// Whether the page's body, or a drawing with titles of its own, has begun.
    past_head: bool,
}

/// The sink of the tokenizer. It must not be borrowed mutably, hence the cell.
pub(super) struct Collector {
    /// Whether the page is XHTML, where `<script/>` is a whole element.
    xml: bool,
    /// Bytes after which nothing more is gathered.
    bytes_max: usize,
    state: RefCell<State>,
}

impl Collector {
    /// A collector that follows where each line stands, if the main content is wanted.
    pub(super) fn new(xml: bool, bytes_max: usize, content: Content) -> Self {
        let state = State {
            regions: (content == Content::Main).then(Regions::default),
            ..State::default()
        };
        Self {
            xml,
            bytes_max,
            state: RefCell::new(state),
        }
    }

    pub(super) fn into_page(self) -> CollectedPage {
        let State {
            mut page,
            outline,
            regions,
            ..
        } = self.state.into_inner();
        page.text.truncate(page.text.trim_end().len());
        page.marks = outline.into_marks(&page.text);
        if let Some(regions) = regions {
            let (lines, links) = regions.into_parts(page.text.len());
            page.keep_main_content(&lines, &links);
        }
        if !page.text.is_empty() {
            page.text.push('\n');
        }
        page
    }
}

impl TokenSink for Collector {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        match token {
            Token::CharacterTokens(characters) if state.page.text.len() <= self.bytes_max => {
                state.characters(&characters);
                TokenSinkResult::Continue
            }
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                state.start(&tag);
                if self.xml && tag.self_closing {
                    state.end(&tag.name);
                    return TokenSinkResult::Continue;
                }
                how_content_is_read(&tag.name)
            }
            Token::TagToken(tag) => {
                state.end(&tag.name);
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        // Where XML is meant, CDATA sections are text; in HTML they are comments.
        self.xml
    }
}

/// Elements in which `<` does not begin a tag.
fn how_content_is_read(element: &str) -> TokenSinkResult<()> {
    match element {
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

/// How an element stands among the text around it.
enum Flow {
    /// Within a line.
    Inline,
    /// On lines of its own.
    Line,
    /// With an empty line before and after.
    Paragraph,
}

fn flow(element: &str) -> Flow {
    match element {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "table" | "pre"
        | "blockquote" | "section" | "article" | "aside" | "header" | "footer" | "main" | "nav"
        | "figure" | "form" | "fieldset" | "hr" | "details" | "xmp" | "textarea" => Flow::Paragraph,
        "div" | "li" | "dt" | "dd" | "tr" | "caption" | "thead" | "tbody" | "tfoot" | "figcaption"
        | "address" | "summary" | "legend" | "option" | "optgroup" | "select" | "center" | "body"
        | "html" | "head" | "title" | "dir" | "menu" | "frameset" | "noframes" | "search" | "hgroup"
        | "dialog" => Flow::Line,
        _ => Flow::Inline,
    }
}

impl State {
    fn start(&mut self, tag: &Tag) {
        match &*tag.name {
            "br" => {
                self.breaks += 1;
                self.gap = false;
            }
            "tr" => self.row_begins = true,
            "td" | "th" => self.cell(),
            "pre" => self.preformatted += 1,
            "template" => self.templates += 1,
            "script" | "style" | "iframe" | "noembed" | "noframes" => self.place = Place::Nowhere,
            "title" => self.place = Place::Title(String::new()),
            "body" | "svg" => self.past_head = true,
            "html" => self.remember(
                "language",
                attribute(tag, "lang").or_else(|| attribute(tag, "xml:lang")),
            ),
            "meta" => self.meta(tag),
            _ => {}
        }
        self.break_for(&tag.name);
        self.outline.start(tag, &self.page.text);
        if let Some(regions) = &mut self.regions {
            regions.start(tag, self.page.text.len());
        }
    }

    fn end(&mut self, element: &str) {
        match element {
            "pre" => self.preformatted = self.preformatted.saturating_sub(1),
            "template" => self.templates = self.templates.saturating_sub(1),
            "title" => {
                if let Place::Title(title) = std::mem::take(&mut self.place) {
                    self.title(&title);
                }
            }
            "script" | "style" | "iframe" | "noembed" | "noframes" => self.place = Place::Text,
            _ => {}
        }
        self.break_for(element);
        self.outline.end(element, &self.page.text);
        if let Some(regions) = &mut self.regions {
            regions.end(element, self.page.text.len());
        }
    }

    /// Empty cells keep their place, so that columns stay below each other.
    fn cell(&mut self) {
        if !std::mem::take(&mut self.row_begins) {
            self.tabs = (self.tabs + 1).min(EMPTY_CELLS_MAX);
        }
        self.gap = false;
    }

    fn break_for(&mut self, element: &str) {
        let breaks = match flow(element) {
            Flow::Inline => return,
            Flow::Line => 1,
            Flow::Paragraph => 2,
        };
        self.breaks = self.breaks.max(breaks);
        self.gap = false;
        self.tabs = 0;
    }

    /// The first title of the head is that of the page; drawings have titles of their own.
    fn title(&mut self, title: &str) {
        if self.page.title.is_none() && !self.past_head {
            self.page.title = crate::metadata_value(title);
        }
    }

    fn meta(&mut self, tag: &Tag) {
        let key = match attribute(tag, "name").map(str::to_ascii_lowercase).as_deref() {
            Some("author") => "author",
            Some("description") => "subject",
            Some("keywords") => "keywords",
            Some("generator") => "creator",
            _ => return,
        };
        self.remember(key, attribute(tag, "content"));
    }

    fn remember(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value.and_then(crate::metadata_value) {
            self.page.metadata.entry(key.to_owned()).or_insert(value);
        }
    }

    fn characters(&mut self, characters: &str) {
        match &mut self.place {
            Place::Nowhere => {}
            Place::Title(title) => title.push_str(characters),
            Place::Text if self.templates > 0 => {}
            Place::Text if self.preformatted > 0 => self.preformatted_text(characters),
            Place::Text => characters.chars().for_each(|c| self.flowing_char(c)),
        }
    }

    /// White space collapses to one space, and vanishes at both ends of a line.
    fn flowing_char(&mut self, c: char) {
        match c {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '\u{85}' | '\u{a0}' | '\u{2028}' | '\u{2029}' => {
                self.gap = true;
            }
            // A soft hyphen only says where a word may be divided.
            '\u{ad}' | '\u{feff}' => {}
            _ if c.is_control() => {}
            _ => {
                self.pay_what_is_owed();
                self.page.text.push(c);
            }
        }
    }

    fn preformatted_text(&mut self, characters: &str) {
        let characters = clean(characters);
        // The line end right after `<pre>` is not shown; neither is any other at the start of a block.
        let characters = if self.breaks > 0 {
            characters.trim_start_matches('\n')
        } else {
            &characters
        };
        if !characters.is_empty() {
            self.pay_what_is_owed();
            self.page.text.push_str(characters);
        }
    }

    fn pay_what_is_owed(&mut self) {
        let breaks = std::mem::take(&mut self.breaks);
        let gap = std::mem::take(&mut self.gap);
        let tabs = std::mem::take(&mut self.tabs);
        let text = &mut self.page.text;
        if breaks > 0 && !text.is_empty() {
            let there = text.bytes().rev().take_while(|byte| *byte == b'\n').count();
            text.extend(std::iter::repeat_n('\n', breaks.min(2).saturating_sub(there)));
        } else if gap && tabs == 0 && !text.is_empty() {
            text.push(' ');
        }
        self.outline.text_at(text.len());
        if let Some(regions) = &mut self.regions
            && (breaks > 0 || text.is_empty())
        {
            regions.line_at(text.len());
        }
        text.extend(std::iter::repeat_n('\t', tabs));
    }
}

pub(super) fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    let found = tag
        .attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)?;
    Some(&found.value)
}
