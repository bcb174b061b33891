//! The words in charts, diagrams and the drawings of sheets, which are parts of their own.

use crate::archive::Archive;
use crate::prose::Prose;
use crate::workbook::tidy;
use crate::xml::Node;
use crate::{ExtractionError, alternative};

/// Where the values of charts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// In the chart alone, as far as the document shows.
    InChart,
    /// In cells of the document that are read anyway. Those of other workbooks are not.
    InCells,
}

/// Appends the texts of a chart (titles, and in a line each the values of its series, and their categories once), of a diagram, or of what is drawn on
/// a sheet, with the descriptions of its pictures. Nothing when there is no such part. What a chart only repeats from cells is left out, but for its titles.
pub(crate) fn append(
    archive: &mut Archive<'_>,
    part: &str,
    values: Values,
    prose: &mut Prose,
) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(());
    };
    prose.paragraph();
    // The text of the element that is open, if it is one of text.
    let mut open: Option<String> = None;
    // The categories of the series that is read, and those of the one before: series mostly share them.
    let (mut categories, mut shared) = (None::<Vec<String>>, Vec::new());
    let (mut in_title, mut repeats, mut names_picture) = (false, false, false);
    while let Some(node) = xml.next()? {
        let mut skip = false;
        match node {
            Node::Start(element) => match element.name() {
                "t" | "v" | "f" => open = Some(String::new()),
                "title" => in_title = true,
                "strCache" | "numCache" | "multiLvlStrCache" => skip = repeats && !in_title,
                "p" | "tx" | "val" | "yVal" => prose.line(),
                "cat" | "xVal" => {
                    prose.line();
                    categories = Some(Vec::new());
                }
                "pt" if categories.is_none() => prose.tab(),
                "nvPicPr" => names_picture = true,
                "cNvPr" if names_picture => prose.push_paragraphs(&alternative::of_drawing(&element)),
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
                ("v", Some(value)) => match &mut categories {
                    Some(categories) => categories.push(tidy(&value)),
                    None => prose.push(&tidy(&value)),
                },
                ("cat" | "xVal", _) => {
                    let read = categories.take().unwrap_or_default();
                    if read != shared {
                        prose.push(&read.join("\t"));
                        shared = read;
                    }
                }
                // Before a value stands where it comes from; other workbooks are named in brackets.
                ("f", Some(cells)) => repeats = values == Values::InCells && !cells.contains('['),
                ("title", _) => in_title = false,
                ("nvPicPr", _) => names_picture = false,
                (_, still_open) => open = still_open,
            },
            Node::Other => {}
        }
        if skip {
            xml.skip()?;
        }
    }
    prose.paragraph();
    Ok(())
}
