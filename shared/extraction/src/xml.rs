//! XML as a stream of elements and text. No tree is built, no DTD is read, nothing that is referred to is loaded, and no
//! entity is known but the five that XML itself has.

use std::borrow::Cow;
use std::io::{BufRead, Cursor};

use encoding_rs::Encoding;
use quick_xml::errors::Error;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::archive::{is_too_large, too_large};
use crate::{ExtractionError, text};

/// Elements inside each other. Tables nested ten times take a hundred.
const DEPTH_MAX: usize = 1_000;

/// What comes next.
pub(crate) enum Node<'a> {
    /// An element begins.
    Start(Element<'a>),
    /// An element ends; its name without prefix.
    End(Cow<'a, str>),
    /// A piece of text, entities resolved.
    Text(Cow<'a, str>),
    /// Nothing that matters, such as a comment.
    Other,
}

/// The beginning of an element.
pub(crate) struct Element<'a>(BytesStart<'a>);

impl Element<'_> {
    /// The name without prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// What stands before the name; empty without a prefix.
    pub(crate) fn prefix(&self) -> &str {
        self.0.name().prefix().map_or("", |prefix| prefix.into_inner())
    }

    /// The value of the first attribute with that name and any prefix at all.
    pub(crate) fn prefixed_attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut attributes = self.0.attributes();
        let attribute = attributes.with_checks(false).flatten().find(|attribute| {
            attribute.key.prefix().is_some() && attribute.key.local_name().into_inner() == name
        })?;
        Some(
            attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .unwrap_or(attribute.value),
        )
    }

    /// The value of the first attribute with that name, whatever its prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let attribute = self
            .0
            .attributes()
            .with_checks(false)
            .flatten()
            .find(|attribute| attribute.key.local_name().into_inner() == name)?;
        // A value with an entity of its own stays as it is written.
        Some(
            attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .unwrap_or(attribute.value),
        )
    }

    /// The value of an attribute as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.trim().parse().ok()
    }
}

/// Reads one XML part.
pub(crate) struct XmlReader<R> {
    part: String,
    reader: Reader<R>,
    buffer: Vec<u8>,
    depth: usize,
    damaged: bool,
}

impl XmlReader<Cursor<Vec<u8>>> {
    /// Reads what lies in memory, in UTF-8 or with what its mark or declaration says.
    pub(crate) fn of_part(part: &str, content: Vec<u8>) -> Self {
        let content = match std::str::from_utf8(&content) {
            Ok(_) => content,
            Err(_) => text::decode(&content, declared_encoding(&content))
                .text
                .into_bytes(),
        };
        Self::of_stream(part, Cursor::new(content))
    }
}

impl<R: BufRead> XmlReader<R> {
    /// Reads UTF-8 piece by piece.
    pub(crate) fn of_stream(part: &str, stream: R) -> Self {
        let mut reader = Reader::from_reader(stream);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        Self {
            part: part.to_owned(),
            reader,
            buffer: Vec::new(),
            depth: 0,
            damaged: false,
        }
    }

    /// What comes next; `None` at the end, and where damage makes the rest unreadable.
    ///
    /// # Errors
    /// When the part declares entities, is nested too deep, or grows too large.
    pub(crate) fn next(&mut self) -> Result<Option<Node<'_>>, ExtractionError> {
        self.buffer.clear();
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(Error::Io(error)) if is_too_large(&error) => return Err(too_large(&self.part)),
            Err(_) => {
                self.damaged = true;
                return Ok(None);
            }
        };
        Ok(Some(match event {
            Event::Start(element) => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(ExtractionError::Unreadable(format!(
                        "{} has more than {DEPTH_MAX} elements inside each other",
                        self.part
                    )));
                }
                Node::Start(Element(element))
            }
            Event::End(element) => {
                self.depth = self.depth.saturating_sub(1);
                let name = element.local_name().into_inner();
                Node::End(Cow::Owned(name.to_owned()))
            }
            Event::Text(text) => Node::Text(text.xml10_content()),
            Event::CData(text) => Node::Text(text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref() {
                    Ok(Some(c)) => Cow::Owned(c.to_string()),
                    _ => Cow::Borrowed(resolve_predefined_entity(&reference).unwrap_or_default()),
                };
                Node::Text(text)
            }
            // Old office documents name a DTD, which is not read. Who declares entities wants them multiplied.
            Event::DocType(declaration) if declaration.contains('[') => {
                return Err(ExtractionError::Unreadable(format!(
                    "{} declares entities of its own",
                    self.part
                )));
            }
            Event::Eof => return Ok(None),
            _ => Node::Other,
        }))
    }

    /// The rest of the element that has just begun is passed over.
    pub(crate) fn skip(&mut self) -> Result<(), ExtractionError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside && self.next()?.is_some() {}
        Ok(())
    }

    /// The text of the element that has just begun, up to its end, without that of the elements in it.
    pub(crate) fn text(&mut self) -> Result<String, ExtractionError> {
        let inside = self.depth;
        let mut text = String::new();
        while self.depth >= inside {
            let here = self.depth == inside;
            match self.next()? {
                Some(Node::Text(piece)) if here => text.push_str(&piece),
                Some(_) => {}
                None => break,
            }
        }
        Ok(text)
    }

    /// Whether reading ended before the end, because of damage.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged || self.depth > 0
    }
}

/// The encoding in the XML declaration, if there is one that can be read.
fn declared_encoding(content: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&content[..content.len().min(200)]).into_owned();
    let declaration = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let label = declaration.split("encoding").nth(1)?.split(['"', '\'']).nth(1)?;
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The events of a part, one word each.
    fn events(source: &[u8]) -> Result<String, ExtractionError> {
        let mut xml = XmlReader::of_part("part.xml", source.to_vec());
        let mut words = Vec::new();
        while let Some(node) = xml.next()? {
            match node {
                Node::Start(element) => words.push(format!("<{}>", element.name())),
                Node::End(name) => words.push(format!("</{name}>")),
                Node::Text(text) => words.push(text.into_owned()),
                Node::Other => {}
            }
        }
        if xml.is_damaged() {
            words.push("damaged".to_owned());
        }
        Ok(words.join(" "))
    }

    #[test]
    fn elements_and_text_come_in_order_and_without_prefixes() {
        let source = b"<?xml version='1.0'?><!-- c --><w:a x='1'>t&amp;&#x41;<b/><![CDATA[<c>]]></w:a>";
        assert_eq!(events(source).unwrap(), "<a> t & A <b> </b> <c> </a>");
    }

    #[test]
    fn attributes_are_found_whatever_their_prefix() {
        let mut xml = XmlReader::of_part("part.xml", b"<w:a w:val='x &lt; y' n=' 7 '/>".to_vec());
        let Some(Node::Start(element)) = xml.next().unwrap() else {
            panic!("an element")
        };
        assert_eq!(element.attribute("val").as_deref(), Some("x < y"));
        assert_eq!(element.number::<u32>("n"), Some(7));
        assert_eq!(element.attribute("other"), None);
    }

    #[test]
    fn every_declared_encoding_is_read() {
        let latin = b"<?xml version='1.0' encoding=\"ISO-8859-1\"?><a>M\xFCller</a>";
        assert_eq!(events(latin).unwrap(), "<a> Müller </a>");
        let wide: Vec<u8> = "\u{feff}<?xml version='1.0' encoding='UTF-16'?><a>Müller</a>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(events(&wide).unwrap(), "<a> Müller </a>");
    }

    #[test]
    fn damage_ends_the_part_and_is_told() {
        assert_eq!(events(b"<a><b>text</b><c").unwrap(), "<a> <b> text </b> damaged");
        assert_eq!(events(b"<a>text").unwrap(), "<a> text damaged");
    }

    #[test]
    fn a_billion_laughs_are_refused_and_unknown_entities_are_nothing() {
        let mut bomb = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY l0 'ha'>".to_owned();
        for level in 1..30 {
            let reference = format!("&l{};", level - 1).repeat(10);
            bomb.push_str(&format!("<!ENTITY l{level} '{reference}'>"));
        }
        bomb.push_str("]><a>&l29;</a>");
        assert_eq!(events(bomb.as_bytes()).unwrap_err().code(), "unreadable");

        let stranger = b"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>x&passwd;y</a>";
        assert_eq!(events(stranger).unwrap(), "<a> x  y </a>");
    }

    #[test]
    fn hostile_depth_is_refused() {
        let error = events("<a>".repeat(DEPTH_MAX + 1).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("part.xml has more than"), "{error}");
    }
}
