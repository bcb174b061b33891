//! Markdown: the source is the text, for people write it to be read; only the title is looked for.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::structure::Structure;
use crate::{Extracted, Limits, metadata_value, text};

pub(crate) fn extract(bytes: &[u8], limits: &Limits) -> Extracted {
    let mut extracted = text::extract(bytes, limits);
    "markdown/1".clone_into(&mut extracted.engine);
    extracted.structure = Structure::Markdown;
    extracted.title = first_heading(&extracted.pages[0]);
    extracted
}

/// The text of the first heading that has any.
fn first_heading(source: &str) -> Option<String> {
    // Without the option, the lines of a metadata block would be taken for a heading.
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(source, Options::ENABLE_YAML_STYLE_METADATA_BLOCKS) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::End(TagEnd::Heading(_)), Some(title)) => {
                let title = metadata_value(title);
                if title.is_some() {
                    return title;
                }
                heading = None;
            }
            (Event::Text(text) | Event::Code(text), Some(title)) => title.push_str(&text),
            (Event::SoftBreak | Event::HardBreak, Some(title)) => title.push(' '),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(source: &str) -> Option<String> {
        extract(source.as_bytes(), &Limits::default()).title
    }

    #[test]
    fn the_title_is_the_first_heading_without_its_markup() {
        assert_eq!(
            title("intro\n\n## Plan *for* `May`\n\n# Later"),
            Some("Plan for May".into())
        );
        assert_eq!(title("Underlined\n==========\n"), Some("Underlined".into()));
        assert_eq!(title("#\n\n# Second"), Some("Second".into()));
        assert_eq!(title("no heading, only text"), None);
        assert_eq!(title("```\n# a comment\n```"), None);
    }

    #[test]
    fn a_metadata_block_is_not_a_heading() {
        assert_eq!(title("---\nauthor: Ana\n---\n\n# Real\n"), Some("Real".into()));
    }

    #[test]
    fn the_text_is_the_source() {
        let source = "# A\n\n- [ ] call *Ben*\n";
        assert_eq!(extract(source.as_bytes(), &Limits::default()).pages, [source]);
    }
}
