//! Rich Text Format: what control words and groups mean, read in one pass.
//!
//! Text is what remains when the groups that hold fonts, styles, pictures and instructions are passed over. Characters come
//! as bytes in the code page of the font in force, or as Unicode numbers with a fallback for old readers.

mod scanner;
mod words;

use std::collections::HashMap;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::ooxml::remember;
use crate::prose::{Parts, Prose};
use crate::structure::Part;
use crate::{Extracted, ExtractionError, Limits};
use scanner::{Scanner, Sign};
pub(crate) use words::code_page;
use words::{Destination, Word};

const ENGINE: &str = "rtf/2";
/// Groups inside each other.
const DEPTH_MAX: usize = 2_000;
/// Bytes of a value among the document's properties.
const PROPERTY_BYTES_MAX: usize = 4_000;

pub(crate) fn extract(bytes: &[u8], limits: &Limits) -> Result<Extracted, ExtractionError> {
    // Fragments, as converters write them, have no header and any number of groups.
    if !bytes.starts_with(b"{\\") {
        return Err(ExtractionError::Unreadable(
            "this is not Rich Text Format".to_owned(),
        ));
    }
    let mut reader = Reader::new(bytes, limits.text_bytes_max);
    let whole = reader.read()?;
    reader.flush();
    let Reader {
        mut prose,
        mut extracted,
        notes,
        ..
    } = reader;
    prose.push_paragraphs(&notes);
    let mut parts = Parts::new(limits);
    parts.push_marked(prose.take_marked());
    ENGINE.clone_into(&mut extracted.engine);
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || !whole;
    Ok(extracted)
}

/// What a group inherits from the one around it, and loses at its end.
#[derive(Clone)]
struct Group {
    destination: Destination,
    encoding: &'static Encoding,
    /// Characters that stand behind a Unicode number for readers that do not know it.
    fallback: usize,
    /// Whether the text is hidden, or was deleted.
    hidden: bool,
    /// Whether the text is the bullet or number of an item.
    label: bool,
    /// Levels of headings and lists, counted from zero.
    outline: Option<usize>,
    list_level: usize,
}

/// Levels of headings; beyond is text.
const OUTLINE_LEVELS: usize = 9;

struct Reader<'a> {
    scanner: Scanner<'a>,
    bytes_max: usize,
    prose: Prose,
    extracted: Extracted,
    notes: Vec<String>,
    group: Group,
    groups: Vec<Group>,
    /// Text in the encoding in force, not decoded yet.
    raw: Vec<u8>,
    /// Characters of a fallback still to be passed over.
    pass_over: usize,
    /// The first half of a character that takes two Unicode numbers.
    high_surrogate: Option<u16>,
    default_encoding: &'static Encoding,
    /// Encodings of fonts by their number.
    fonts: HashMap<i32, &'static Encoding>,
    /// The font that the table is describing.
    font: i32,
    /// The property that is being read, and its text so far.
    property: String,
    /// Fields of a point in time among the properties.
    time: [i32; 5],
    /// Where the body's text goes on while a note is read, and how deep the note's group lies.
    outer: Option<(Prose, usize)>,
    in_row: bool,
    /// The bullet or number of the paragraph, to be written before its text.
    label: String,
    /// Whether the paragraph has text.
    begun: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], bytes_max: usize) -> Self {
        let group = Group {
            destination: Destination::Text,
            encoding: WINDOWS_1252,
            fallback: 1,
            hidden: false,
            label: false,
            outline: None,
            list_level: 0,
        };
        Self {
            scanner: Scanner::new(bytes),
            bytes_max,
            prose: Prose::default(),
            extracted: Extracted::default(),
            notes: Vec::new(),
            group,
            groups: Vec::new(),
            raw: Vec::new(),
            pass_over: 0,
            high_surrogate: None,
            default_encoding: WINDOWS_1252,
            fonts: HashMap::new(),
            font: 0,
            property: String::new(),
            time: [0; 5],
            outer: None,
            in_row: false,
            label: String::new(),
            begun: false,
        }
    }

    /// Reads to the end of the outermost group. Says whether there was one.
    fn read(&mut self) -> Result<bool, ExtractionError> {
        while let Some(sign) = self.scanner.next() {
            match sign {
                Sign::GroupBegins => {
                    self.flush();
                    self.pass_over = 0;
                    if self.groups.len() == DEPTH_MAX {
                        let detail = format!("it has more than {DEPTH_MAX} groups inside each other");
                        return Err(ExtractionError::Unreadable(detail));
                    }
                    self.groups.push(self.group.clone());
                }
                Sign::GroupEnds => {
                    self.flush();
                    self.end_group();
                    if self.groups.is_empty() && self.scanner.has_header() {
                        return Ok(true);
                    }
                }
                Sign::Word(word, number) => self.obey(word, number),
                Sign::Byte(byte) => self.byte(byte),
                Sign::Text(text) => self.text(text),
                Sign::Paragraph => self.paragraph(),
                Sign::Nowhere => self.group.destination = Destination::Nowhere,
            }
            if self.prose.len() > self.bytes_max {
                return Ok(true);
            }
        }
        Ok(self.groups.is_empty())
    }

    fn end_group(&mut self) {
        self.pass_over = 0;
        let Some(outer) = self.groups.pop() else { return };
        let ended = std::mem::replace(&mut self.group, outer).destination;
        if let Destination::Property(key) = ended
            && self.group.destination != ended
        {
            let value = std::mem::take(&mut self.property);
            remember(&mut self.extracted, key, &value);
        }
        if let Destination::Time(key) = ended
            && self.group.destination != ended
        {
            let [year, month, day, hour, minute] = std::mem::take(&mut self.time);
            let time = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00");
            remember(&mut self.extracted, key, &time);
        }
        if self
            .outer
            .as_ref()
            .is_some_and(|(_, depth)| *depth > self.groups.len())
            && let Some((outer, _)) = self.outer.take()
        {
            let note = std::mem::replace(&mut self.prose, outer).take();
            if !note.is_empty() {
                self.notes.push(note);
            }
        }
    }

    fn obey(&mut self, word: &[u8], number: Option<i32>) {
        if word == b"bin" {
            self.scanner
                .pass_over(usize::try_from(number.unwrap_or(0)).unwrap_or(0));
            return;
        }
        // Bytes before it are in the encoding that was in force then.
        self.flush();
        let on = number != Some(0);
        match words::meaning(word) {
            Word::Unicode => self.unicode(number.unwrap_or(0)),
            Word::Fallback => self.group.fallback = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(8),
            Word::CodePage => self.set_default(words::code_page(number.unwrap_or(1252))),
            Word::Macintosh => self.set_default(encoding_rs::MACINTOSH),
            Word::Font if self.group.destination == Destination::Fonts => self.font = number.unwrap_or(0),
            Word::Font => {
                let font = self.fonts.get(&number.unwrap_or(0));
                self.group.encoding = font.copied().unwrap_or(self.default_encoding);
            }
            Word::CharacterSet => {
                if let Some(encoding) = words::character_set(number.unwrap_or(0)) {
                    self.fonts.insert(self.font, encoding);
                }
            }
            Word::Plain => {
                self.group.encoding = self.default_encoding;
                self.group.hidden = false;
            }
            Word::Hidden => self.group.hidden = on,
            Word::Destination(destination) => self.begin_destination(destination),
            Word::Note => {
                self.begin_destination(Destination::Text);
                if self.outer.is_none() && self.is_seen() {
                    self.outer = Some((std::mem::take(&mut self.prose), self.groups.len()));
                }
            }
            Word::TimeField(field) => self.time[field] = number.unwrap_or(0).clamp(0, 9999),
            Word::Text(text) => self.text(text),
            Word::UsualParagraph => {
                self.group.outline = None;
                self.group.list_level = 0;
            }
            Word::OutlineLevel => {
                let level = number.and_then(|number| usize::try_from(number).ok());
                self.group.outline = level.filter(|level| *level < OUTLINE_LEVELS);
            }
            Word::ListLevel => {
                self.group.list_level = number
                    .and_then(|number| usize::try_from(number).ok())
                    .unwrap_or(0);
            }
            Word::Label => self.group.label = true,
            Word::HeaderRow if self.in_row => self.prose.header_row(),
            Word::Tab if self.is_seen() && self.group.label => {}
            Word::Tab if self.is_seen() => self.prose.tab(),
            Word::Line if self.is_seen() => self.prose.line(),
            Word::Paragraph => self.paragraph(),
            Word::RowBegins if self.is_seen() && !self.in_row => self.begin_row(),
            Word::Cell if self.is_seen() => {
                if !self.in_row {
                    self.begin_row();
                }
                self.label.clear();
                self.begun = false;
                self.prose.begin_cell();
            }
            Word::RowEnds if self.is_seen() && self.in_row => {
                self.in_row = false;
                self.prose.end_row();
            }
            _ => {}
        }
    }

    fn begin_row(&mut self) {
        self.in_row = true;
        self.prose.begin_row();
        self.prose.begin_cell();
    }

    fn begin_destination(&mut self, destination: Destination) {
        // What lies in a group without text has none either, whatever it is called.
        if self.group.destination != Destination::Nowhere {
            self.group.destination = destination;
        }
    }

    fn set_default(&mut self, encoding: &'static Encoding) {
        self.default_encoding = encoding;
        self.group.encoding = encoding;
    }

    fn is_seen(&self) -> bool {
        self.group.destination == Destination::Text && !self.group.hidden
    }

    fn paragraph(&mut self) {
        if self.is_seen() {
            self.flush();
            self.prose.end_block();
            self.label.clear();
            self.begun = false;
            // One ends a line, as in a plain text; two leave an empty one.
            if self.prose.owes_line() {
                self.prose.paragraph();
            } else {
                self.prose.line();
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.pass_over > 0 {
            self.pass_over -= 1;
        } else if self.is_seen() || matches!(self.group.destination, Destination::Property(_)) {
            self.raw.push(byte);
        }
    }

    /// A character by its number, of which old programs write the upper half as negative.
    fn unicode(&mut self, number: i32) {
        self.pass_over = self.group.fallback;
        let Ok(unit) = u16::try_from(number & 0xFFFF) else {
            return;
        };
        if (0xD800..0xDC00).contains(&unit) {
            self.high_surrogate = Some(unit);
            return;
        }
        let units = self.high_surrogate.take().into_iter().chain([unit]);
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or('\u{fffd}'))
            .collect();
        self.text(&text);
    }

    /// Decodes what has gathered in the encoding in force.
    fn flush(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        // Programs that write UTF-8 as it is do not say so. In other code pages, words can look like it.
        let encoding = match std::str::from_utf8(&raw) {
            Ok(_) if self.group.encoding == WINDOWS_1252 => UTF_8,
            _ => self.group.encoding,
        };
        let (text, _) = encoding.decode_without_bom_handling(&raw);
        self.text(&text);
    }

    fn text(&mut self, text: &str) {
        self.flush();
        if let Destination::Property(_) = self.group.destination {
            if self.property.len() < PROPERTY_BYTES_MAX {
                self.property.push_str(text);
            }
        } else if self.is_seen() && self.group.label {
            self.label.push_str(text);
        } else if self.is_seen() {
            self.begin_text(text);
            self.prose.push(text);
        }
    }

    /// The first text of a paragraph: what it is can be told, and its bullet or number be written.
    fn begin_text(&mut self, text: &str) {
        if self.begun || text.trim().is_empty() {
            return;
        }
        self.begun = true;
        let label = std::mem::take(&mut self.label);
        let label = match label.trim() {
            "" => "",
            // The signs of symbol fonts mean nothing outside of the font.
            label if !label.contains(char::is_alphanumeric) => "-",
            label => label,
        };
        let is_item = !label.is_empty() && self.group.outline.is_none();
        if let Some(level) = self.group.outline {
            self.prose.begin_block(Part::heading(level + 1));
        } else if is_item {
            self.prose.begin_block(Part::item(self.group.list_level, label));
        }
        if !label.is_empty() {
            self.prose.push(label);
            self.prose.push(" ");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(source: &[u8]) -> String {
        extract(source, &Limits::default()).unwrap().pages.remove(0)
    }

    #[test]
    fn paragraphs_tables_and_signs_are_read() {
        let source = br"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\stylesheet{\s0 Normal;}}\f0 Dear Ana,\par\par
we meet {\b early}\emdash at \ldblquote nine\rdblquote .\line Bring\~water.\par
\trowd\cellx100\cellx200\intbl who\cell pays\cell\row\trowd\intbl Ana\cell 12 \'80\cell\row\pard Bye\par}";
        assert_eq!(
            read(source),
            "Dear Ana,\n\nwe meet early—at “nine”.\nBring\u{a0}water.\nwho\tpays\nAna\t12 €\nBye\n"
        );
    }

    #[test]
    fn characters_are_read_in_every_way_of_writing() {
        assert_eq!(read(br"{\rtf1\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}"), "Привет\n");
        let japanese = br"{\rtf1{\fonttbl{\f1\fcharset128 Mincho;}}\f1 \'93\'fa\'96\'7b\plain\f0 x}";
        assert_eq!(read(japanese), "日本x\n");
        assert_eq!(
            read(br"{\rtf1\uc1 caf\u233? \u8364\'80 {\uc2\u-4051ab}{\uc0\u55357\u56395}}"),
            "café € \u{f02d}👋\n"
        );
        assert_eq!(read("{\\rtf1 Größe}".as_bytes()), "Größe\n");
    }

    #[test]
    fn what_is_not_for_readers_is_passed_over() {
        let source =
            br"{\rtf1{\*\generator X;}{\pict\pngblip 8950}{\*\unknown never}{\v hidden}{\deleted gone}
{\field{\*\fldinst HYPERLINK never}{\fldrslt link}} {\bkmkstart b}end\bin4 }{}\\ }";
        assert_eq!(read(source), "link end\n");
        assert_eq!(
            read(br"{\rtf1 {\b0\*\cs7 a star that stars nothing}}"),
            "a star that stars nothing\n"
        );
    }

    #[test]
    fn headings_items_and_tables_are_told_by_the_document() {
        let source = br"{\rtf1{\pard\outlinelevel1 Part\par}{\pard text\par}
{\listtext\f0 1.\tab}\ls1\ilvl0 tent\par{\pntext\f3\'b7\tab}\ilvl1 poles\par{\listtext a)\tab}\ilvl0 map\par\pard
after\par\trowd\trhdr\intbl who\cell pays\cell\row\trowd\intbl{\listtext 1.\tab}Ana\cell{\listtext 2.\tab}12\cell\row\pard}";
        let read = extract(source, &Limits::default()).unwrap();
        assert_eq!(
            read.pages,
            ["Part\ntext\n1. tent\n- poles\na) map\nafter\nwho\tpays\n1. Ana\t2. 12\n"]
        );
        assert_eq!(
            crate::markdown(&read).as_deref(),
            Some(
                "## Part\n\ntext\n\n1. tent\n    - poles\n- a) map\n\nafter\n\n\
                 | who | pays |\n|---|---|\n| 1. Ana | 2. 12 |\n"
            )
        );
    }

    #[test]
    fn notes_and_footers_come_behind_the_text() {
        let source = br"{\rtf1{\footer page 1}One{\footnote the note} two{\*\annotation a remark}.\par}";
        assert_eq!(read(source), "One two.\n\npage 1\n\nthe note\n\na remark\n");
    }

    #[test]
    fn a_fragment_without_header_is_read_to_its_end() {
        assert_eq!(read(br"{\pard One\par}{\pard Two\par}"), "One\nTwo\n");
    }

    #[test]
    fn properties_are_told() {
        let source =
            br"{\rtf1{\info{\title Plan f\'fcr Mai}{\author Eva}{\creatim\yr2026\mo3\dy4\hr9\min30}}x}";
        let read = extract(source, &Limits::default()).unwrap();
        assert_eq!(read.title.as_deref(), Some("Plan für Mai"));
        assert_eq!(read.metadata["author"], "Eva");
        assert_eq!(read.metadata["created_at"], "2026-03-04T09:30:00+00:00");
        assert_eq!(read.pages, ["x\n"]);
    }

    #[test]
    fn a_file_that_breaks_off_says_so_and_endless_groups_are_refused() {
        let cut = extract(br"{\rtf1 some {\b text", &Limits::default()).unwrap();
        assert_eq!((cut.pages[0].as_str(), cut.truncated), ("some text\n", true));
        let deep = [b"{\\rtf1".as_slice(), &b"{".repeat(1_000_000)].concat();
        assert_eq!(
            extract(&deep, &Limits::default()).unwrap_err().code(),
            "unreadable"
        );
    }
}
