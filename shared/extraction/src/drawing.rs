//! The words in charts and diagrams, which are parts of their own in documents, slides and workbooks.

use crate::ExtractionError;
use crate::archive::Archive;
use crate::prose::Prose;
use crate::workbook::tidy;
use crate::xml::Node;

/// Appends the texts of a chart (titles, and the values of its series in a line each) or of a diagram. Nothing when there
/// is no such part.
pub(crate) fn append(
    archive: &mut Archive<'_>,
    part: &str,
    prose: &mut Prose,
) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(());
    };
    prose.paragraph();
    // The text of the element that is open, if it is one of text.
    let mut open: Option<String> = None;
    while let Some(node) = xml.next()? {
        match node {
            Node::Start(element) => match element.name() {
                "t" | "v" => open = Some(String::new()),
                "p" | "tx" | "cat" | "val" | "xVal" | "yVal" => prose.line(),
                "pt" => prose.tab(),
                _ => {}
            },
            Node::Text(piece) => {
                if let Some(text) = &mut open {
                    text.push_str(&piece);
                }
            }
            Node::End(name) => match (&*name, open.take()) {
                ("t", Some(text)) => prose.push(&text),
                // Values are saved with all the noise of computing.
                ("v", Some(value)) => prose.push(&tidy(&value)),
                (_, still_open) => open = still_open,
            },
            Node::Other => {}
        }
    }
    prose.paragraph();
    Ok(())
}
