//! The words in charts and diagrams, which are parts of their own in documents, slides and workbooks.

use crate::ExtractionError;
use crate::archive::Archive;
use crate::prose::Prose;
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
    // Elements of text that are open.
    let mut texts = 0_usize;
    while let Some(node) = xml.next()? {
        match node {
            Node::Start(element) => match element.name() {
                "t" | "v" => texts += 1,
                "p" | "tx" | "cat" | "val" | "xVal" | "yVal" => prose.line(),
                "pt" => prose.tab(),
                // Formats, and formulas that say where the values come from.
                "formatCode" | "f" => {}
                _ => {}
            },
            Node::End(name) => {
                if matches!(&*name, "t" | "v") {
                    texts = texts.saturating_sub(1);
                }
            }
            Node::Text(text) if texts > 0 => prose.push(&text),
            _ => {}
        }
    }
    prose.paragraph();
    Ok(())
}
