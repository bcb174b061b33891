//! Workbooks of OpenDocument. Cells hold what they show beside what they are worth, so that numbers come as shown; only
//! dates are told in the way of all sheets.

use crate::archive::Archive;
use crate::odf::{self, Frames, Seen};
use crate::prose::Parts;
use crate::workbook::format::iso_date_time;
use crate::workbook::{SheetText, tidy, truth};
use crate::xml::{Element, Node, XmlReader};
use crate::{Extracted, ExtractionError, Limits};

const ENGINE: &str = "ods/3";
/// Times that a row or cell with something in it is written when it says that it repeats itself. Programs fill the rest of a
/// sheet in this way, mostly with nothing.
const REPEATED_MAX: u32 = 1_000;
/// Cells that repeating may add to a document.
const ADDED_CELLS_MAX: u32 = 1_000_000;

pub(crate) fn extract(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let mut extracted = odf::describe(archive)?;
    ENGINE.clone_into(&mut extracted.engine);
    extracted.paged = true;
    let (headers, footers) = odf::edges(archive)?;
    let Some(stream) = archive.stream("content.xml")? else {
        return Err(ExtractionError::Unreadable("content.xml is missing".to_owned()));
    };
    let mut reader = Reader::new(limits);
    let damaged = reader.read(&mut XmlReader::of_stream("content.xml", stream))?;
    // What is printed on every page stands once, at the end.
    reader.asides.extend(headers);
    reader.asides.extend(footers);
    reader.end_sheet();
    let Reader {
        mut parts, sheets, ..
    } = reader;
    if sheets == 0 {
        return Err(ExtractionError::Unreadable(
            "the workbook has no sheets".to_owned(),
        ));
    }
    extracted
        .metadata
        .insert("sheet_count".to_owned(), sheets.to_string());
    extracted.truncated = std::mem::take(&mut parts.truncated) || damaged;
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    Ok(extracted)
}

/// Where the reader stands.
struct Reader {
    parts: Parts,
    sheets: u32,
    sheet: Option<SheetText>,
    row: u32,
    column: u32,
    row_repeated: u32,
    /// What the row shows, by column, for the case that it repeats itself.
    row_cells: Vec<(u32, String)>,
    cell_repeated: u32,
    /// What the cell is worth, if it shows that best.
    value: Option<String>,
    /// What it is worth, for the case that it shows nothing.
    unshown: Option<String>,
    shown: String,
    paragraphs: usize,
    /// What stands beside the cells: comments, texts of shapes, and descriptions of pictures.
    asides: Vec<String>,
    /// Comments and shapes that are open; their text is not that of the cell.
    beside: usize,
    aside: String,
    frames: Frames,
    added_cells: u32,
}

impl Reader {
    fn new(limits: &Limits) -> Self {
        Self {
            parts: Parts::new(limits),
            sheets: 0,
            sheet: None,
            row: 0,
            column: 0,
            row_repeated: 1,
            row_cells: Vec::new(),
            cell_repeated: 1,
            value: None,
            unshown: None,
            shown: String::new(),
            paragraphs: 0,
            asides: Vec::new(),
            beside: 0,
            aside: String::new(),
            frames: Frames::default(),
            added_cells: 0,
        }
    }

    /// Reads all sheets. Says whether the part was damaged.
    fn read<R: std::io::BufRead>(&mut self, xml: &mut XmlReader<R>) -> Result<bool, ExtractionError> {
        let mut in_body = false;
        while let Some(node) = xml.next()? {
            let mut skip = false;
            match self.frames.take(&node) {
                Seen::Description => continue,
                Seen::Picture(text) if in_body => self.asides.push(text),
                Seen::Picture(_) | Seen::Other => {}
            }
            match node {
                Node::Start(element) if element.name() == "spreadsheet" => in_body = true,
                Node::Start(element) if in_body => skip = self.start(&element),
                Node::Text(text) if self.paragraphs > 0 => self.text(&text),
                Node::End(name) if in_body => self.end(&name),
                _ => {}
            }
            if skip {
                xml.skip()?;
            }
            let full = self
                .sheet
                .as_ref()
                .is_some_and(|sheet| sheet.len() > self.parts.bytes_left());
            if full {
                return Ok(false);
            }
        }
        Ok(xml.is_damaged())
    }

    /// Says whether the element is to be passed over.
    fn start(&mut self, element: &Element<'_>) -> bool {
        match (element.prefix(), element.name()) {
            (
                "table",
                "tracked-changes" | "content-validations" | "database-ranges" | "named-expressions",
            )
            | ("office", "forms" | "binary-data")
            | ("dc" | "meta", _)
            | ("form" | "script", _) => return true,
            ("table", "table") if self.beside == 0 => {
                self.end_sheet();
                self.sheets += 1;
                let full = self.parts.is_full();
                let name = element.attribute("name").unwrap_or_default();
                self.sheet = (!full).then(|| SheetText::new(&name));
                (self.row, self.column) = (0, 0);
                return full;
            }
            ("table", "table-row") => {
                self.row_repeated = element.number("number-rows-repeated").unwrap_or(1);
                self.column = 0;
                self.row_cells.clear();
            }
            ("table", "table-cell" | "covered-table-cell") if self.beside == 0 => self.begin_cell(element),
            ("office", "annotation")
            | ("table", "shapes")
            | ("draw", "frame" | "custom-shape" | "text-box") => {
                self.beside += 1;
            }
            ("text", "p" | "h") => {
                self.paragraphs += 1;
                self.text(" ");
            }
            ("text", "s" | "tab" | "line-break") => self.text(" "),
            _ => {}
        }
        false
    }

    fn begin_cell(&mut self, element: &Element<'_>) {
        self.cell_repeated = element.number("number-columns-repeated").unwrap_or(1);
        self.shown.clear();
        self.value = match element.attribute("value-type").as_deref() {
            Some("date") => element.attribute("date-value").map(|date| iso_date_time(&date)),
            _ => None,
        };
        // Some programs write no text beside the value.
        self.unshown = match element.attribute("value-type").as_deref() {
            Some("boolean") => element
                .attribute("boolean-value")
                .map(|value| truth(value == "true").to_owned()),
            Some("string") => element.attribute("string-value").map(|text| text.into_owned()),
            _ => element.attribute("value").map(|number| tidy(&number)),
        };
    }

    fn text(&mut self, text: &str) {
        if self.beside == 0 {
            self.shown.push_str(text);
        } else if self.aside.len() <= self.parts.bytes_left() {
            self.aside.push_str(text);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" | "h" => self.paragraphs = self.paragraphs.saturating_sub(1),
            "annotation" | "shapes" | "frame" | "custom-shape" | "text-box" => {
                self.beside = self.beside.saturating_sub(1);
                if self.beside == 0 {
                    self.asides.push(std::mem::take(&mut self.aside));
                }
            }
            "table-cell" | "covered-table-cell" if self.beside == 0 => self.end_cell(),
            "table-row" if self.beside == 0 => self.end_row(),
            _ => {}
        }
    }

    fn end_cell(&mut self) {
        let mut shown = self
            .value
            .take()
            .unwrap_or_else(|| std::mem::take(&mut self.shown));
        if shown.trim().is_empty() {
            shown = self.unshown.take().unwrap_or_default();
        }
        if !shown.trim().is_empty() {
            let times = self.allowance(self.cell_repeated);
            for offset in 0..times {
                self.row_cells
                    .push((self.column.saturating_add(offset), shown.clone()));
            }
        }
        self.shown.clear();
        self.column = self.column.saturating_add(self.cell_repeated);
    }

    /// How often something that repeats itself is written.
    fn allowance(&mut self, repeated: u32) -> u32 {
        let times = repeated.min(REPEATED_MAX);
        self.added_cells = self.added_cells.saturating_add(times.saturating_sub(1));
        let within = self.added_cells <= ADDED_CELLS_MAX;
        self.parts.truncated |= repeated > times || !within;
        if within { times } else { times.min(1) }
    }

    fn end_row(&mut self) {
        let times = if self.row_cells.is_empty() {
            0
        } else {
            self.allowance(self.row_repeated)
        };
        let room = self.parts.bytes_left();
        if let Some(sheet) = &mut self.sheet {
            for offset in 0..times {
                for (column, shown) in &self.row_cells {
                    sheet.cell(self.row.saturating_add(offset), *column, shown);
                }
                if sheet.len() > room {
                    break;
                }
            }
        }
        self.row = self.row.saturating_add(self.row_repeated);
    }

    fn end_sheet(&mut self) {
        if let Some(mut sheet) = self.sheet.take() {
            for aside in self.asides.drain(..) {
                sheet.aside(&aside.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            self.parts.push_marked(sheet.finish());
        }
        self.asides.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::archive::tests::pack;

    fn read(tables: &str) -> Extracted {
        let content = format!(
            "<office:document-content xmlns:office='o'><office:body><office:spreadsheet>{tables}</office:spreadsheet>\
             </office:body></office:document-content>"
        );
        let packed = pack(&[("content.xml", content.as_bytes())]);
        extract(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap()
    }

    #[test]
    fn cells_come_as_they_are_shown() {
        let read = read(
            "<table:table table:name='Costs'><table:table-row><table:table-cell office:value-type='string'>\
             <text:p>Train<text:s/>ticket</text:p><text:p>return</text:p></table:table-cell>\
             <table:table-cell table:number-columns-repeated='2'/>\
             <table:table-cell office:value-type='currency' office:value='12.5'><text:p>12,50 €</text:p></table:table-cell>\
             <table:table-cell office:value-type='date' office:date-value='2026-03-04'><text:p>4. März</text:p>\
             </table:table-cell></table:table-row>\
             <table:table-row table:number-rows-repeated='1048000'><table:table-cell/></table:table-row>\
             <table:table-row table:number-rows-repeated='2'><table:table-cell office:value-type='boolean' \
             office:boolean-value='true'><office:annotation><dc:creator>Ana</dc:creator><text:p>Really?</text:p>\
             </office:annotation><text:p>WAHR</text:p></table:table-cell></table:table-row></table:table>\
             <table:table table:name='Empty'/>",
        );
        assert_eq!(
            read.pages,
            [
                "Costs\nTrain ticket return\t\t\t12,50 €\t2026-03-04\nWAHR\nWAHR\n\nReally?\n",
                "Empty\n"
            ]
        );
        assert_eq!(read.metadata["sheet_count"], "2");
        assert!(!read.truncated);
    }

    #[test]
    fn cells_that_show_nothing_say_what_they_are_worth() {
        let read = read(
            "<table:table table:name='Costs'><table:table-row><table:table-cell office:value-type='float' \
             office:value='12.500'/><table:table-cell office:value-type='boolean' office:boolean-value='false'/>\
             <table:table-cell office:value-type='string' office:string-value='Ben'/>\
             <table:table-cell office:value-type='string'/></table:table-row></table:table>",
        );
        assert_eq!(read.pages, ["Costs\n12.5\tFALSE\tBen\n"]);
    }

    #[test]
    fn descriptions_of_pictures_stand_behind_the_cells() {
        let picture =
            |said: &str| format!("<draw:frame><draw:image><text:p/></draw:image>{said}</draw:frame>");
        let read = read(&format!(
            "<table:table table:name='Costs'><table:shapes>{}{}</table:shapes><table:table-row><table:table-cell>\
             <text:p>x</text:p>{}</table:table-cell></table:table-row></table:table>",
            picture("<svg:title>Press</svg:title><svg:desc>The press in the barn</svg:desc>"),
            picture("<svg:title>IMG_2041.jpg</svg:title>"),
            picture("<svg:desc>The receipt</svg:desc>"),
        ));
        assert_eq!(read.pages, ["Costs\nx\n\nThe press in the barn\n\nThe receipt\n"]);
    }

    #[test]
    fn cells_that_repeat_themselves_without_end_are_cut_short() {
        let row = "<table:table-row table:number-rows-repeated='1000000'><table:table-cell \
                   table:number-columns-repeated='16384'><text:p>x</text:p></table:table-cell></table:table-row>";
        let read = read(&format!(
            "<table:table table:name='Bomb'>{}</table:table>",
            row.repeat(1000)
        ));
        assert!(read.truncated);
        assert!(read.pages[0].len() <= Limits::default().text_bytes_max);
    }
}
