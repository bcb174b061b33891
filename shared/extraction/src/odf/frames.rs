//! The pictures of OpenDocument: frames, which may lie in the text of one another, and what is said of them.

use crate::alternative;
use crate::xml::Node;

/// Bytes of a title or description that are kept, so that few more are held than are shown.
const DESCRIPTION_BYTES_MAX: usize = 10_000;

/// What an event was about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Something else.
    Other,
    /// The title or description of something that is drawn, which is no text.
    Description,
    /// A picture that ends, and what is said of it.
    Picture(String),
}

/// The frames that are open.
#[derive(Default)]
pub(crate) struct Frames {
    open: Vec<Frame>,
    /// The title or description that is open.
    said: Option<String>,
}

#[derive(Default)]
struct Frame {
    name: String,
    has_picture: bool,
    /// Whether it shows something else, for which a picture may stand in.
    has_more: bool,
    title: String,
    description: String,
}

impl Frames {
    /// Takes the events one by one.
    pub(crate) fn take(&mut self, node: &Node<'_>) -> Seen {
        match node {
            Node::Start(element) => match (element.prefix(), element.name()) {
                ("svg", "title" | "desc") => {
                    self.said = Some(String::new());
                    return Seen::Description;
                }
                (_, "frame") => self.open.push(Frame {
                    name: element.attribute("name").unwrap_or_default().into_owned(),
                    ..Frame::default()
                }),
                ("draw", "image") => self.innermost(|frame| frame.has_picture = true),
                ("draw", "text-box" | "object" | "object-ole") | ("table", "table") => {
                    self.innermost(|frame| frame.has_more = true);
                }
                _ => {}
            },
            Node::Text(text) => {
                if let Some(said) = &mut self.said {
                    if said.len() < DESCRIPTION_BYTES_MAX {
                        said.push_str(text);
                    }
                    return Seen::Description;
                }
            }
            Node::End(name) => return self.end(name),
            Node::Other => {}
        }
        Seen::Other
    }

    fn innermost(&mut self, change: impl FnOnce(&mut Frame)) {
        if let Some(frame) = self.open.last_mut() {
            change(frame);
        }
    }

    fn end(&mut self, name: &str) -> Seen {
        if let Some(said) = self.said.take() {
            self.innermost(|frame| match name {
                "title" => frame.title = said,
                _ => frame.description = said,
            });
            return Seen::Description;
        }
        if name != "frame" {
            return Seen::Other;
        }
        let picture = self
            .open
            .pop()
            .filter(|frame| frame.has_picture && !frame.has_more);
        picture
            .and_then(|frame| alternative::text(&frame.name, &frame.title, &frame.description))
            .map_or(Seen::Other, Seen::Picture)
    }
}
