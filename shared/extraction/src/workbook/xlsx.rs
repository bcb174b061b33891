//! Workbooks of Office Open XML. Formulas are never computed: what counts is the value that was saved with them.

use std::io::BufRead;

use crate::archive::Archive;
use crate::drawing::{self, Values};
use crate::ooxml::{self, Relationship};
use crate::prose::{Parts, Prose};
use crate::workbook::format::iso_date_time;
use crate::workbook::{NumberFormats, SheetText, truth};
use crate::xml::{Element, Node, XmlReader};
use crate::{Extracted, ExtractionError, Limits};

const ENGINE: &str = "xlsx/3";

/// Rows and columns of the largest sheet that the format allows.
const ROWS_MAX: u32 = 1_048_576;
const COLUMNS_MAX: u32 = 16_384;

/// A sheet by its name, and the relationship to its part.
pub(super) struct SheetEntry {
    pub(super) name: String,
    pub(super) id: String,
}

pub(crate) fn extract(archive: &mut Archive<'_>, limits: &Limits) -> Result<Extracted, ExtractionError> {
    let main = ooxml::main_part(archive)?;
    let relationships = ooxml::relationships(archive, &main)?;
    let mut formats = NumberFormats::default();
    let mut strings = Vec::new();
    for relationship in &relationships {
        match &*relationship.kind {
            "styles" => read_styles(archive, &relationship.target, &mut formats)?,
            "sharedStrings" => strings = read_strings(archive, &relationship.target)?,
            _ => {}
        }
    }
    let sheets = read_sheet_list(archive, &main, &mut formats)?;
    extract_sheets(
        archive,
        limits,
        ENGINE,
        &sheets,
        &relationships,
        |archive, part, room, sheet| {
            let Some(stream) = archive.stream(part)? else {
                return Ok(false);
            };
            let mut xml = XmlReader::of_stream(part, stream);
            read_cells(&mut xml, &strings, &formats, room, sheet)
        },
    )
}

/// Puts a workbook of Office Open XML together; `read_sheet` writes the cells of a part into a sheet until there is more
/// text than there is room, and says whether the part was whole.
pub(super) fn extract_sheets(
    archive: &mut Archive<'_>,
    limits: &Limits,
    engine: &str,
    sheets: &[SheetEntry],
    relationships: &[Relationship],
    mut read_sheet: impl FnMut(&mut Archive<'_>, &str, usize, &mut SheetText) -> Result<bool, ExtractionError>,
) -> Result<Extracted, ExtractionError> {
    if sheets.is_empty() {
        return Err(ExtractionError::Unreadable(
            "the workbook names no sheets".to_owned(),
        ));
    }
    let mut extracted = Extracted {
        paged: true,
        engine: engine.to_owned(),
        ..Extracted::default()
    };
    ooxml::properties(archive, &mut extracted)?;
    extracted
        .metadata
        .insert("sheet_count".to_owned(), sheets.len().to_string());

    let mut parts = Parts::new(limits);
    let mut damaged = 0;
    for entry in sheets {
        if parts.is_full() {
            break;
        }
        let mut sheet = SheetText::new(&entry.name);
        let part = relationships
            .iter()
            .find(|relationship| relationship.id == entry.id);
        match part {
            Some(part) => {
                let room = parts.bytes_left();
                damaged += usize::from(!read_sheet(archive, &part.target, room, &mut sheet)?);
                append_asides(archive, &part.target, room, &mut sheet)?;
            }
            None => damaged += 1,
        }
        parts.push_marked(sheet.finish());
    }
    if damaged == sheets.len() && parts.pages.iter().all(|page| page.lines().count() < 2) {
        return Err(ExtractionError::Unreadable(
            "no sheet of the workbook can be read".to_owned(),
        ));
    }
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || damaged > 0;
    Ok(extracted)
}

/// The sheets in their order, and from which year the workbook counts its days.
fn read_sheet_list(
    archive: &mut Archive<'_>,
    main: &str,
    formats: &mut NumberFormats,
) -> Result<Vec<SheetEntry>, ExtractionError> {
    let mut sheets = Vec::new();
    let Some(mut xml) = archive.xml(main)? else {
        return Err(ExtractionError::Unreadable(format!("{main} is missing")));
    };
    while let Some(node) = xml.next()? {
        let Node::Start(element) = node else { continue };
        match element.name() {
            "workbookPr" => formats.from_1904 = is_true(element.attribute("date1904").as_deref()),
            "sheet" => {
                if let (Some(name), Some(id)) = (element.attribute("name"), element.prefixed_attribute("id"))
                {
                    sheets.push(SheetEntry {
                        name: name.into_owned(),
                        id: id.into_owned(),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(sheets)
}

fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "true"))
}

fn read_styles(
    archive: &mut Archive<'_>,
    part: &str,
    formats: &mut NumberFormats,
) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(());
    };
    // Styles of cells; the same elements describe styles that only have names.
    let mut of_cells = false;
    while let Some(node) = xml.next()? {
        match node {
            Node::Start(element) => match element.name() {
                "numFmt" => {
                    if let (Some(number), Some(code)) =
                        (element.number("numFmtId"), element.attribute("formatCode"))
                    {
                        formats.add_code(number, code.into_owned());
                    }
                }
                "cellXfs" => of_cells = true,
                "xf" if of_cells => formats.add_style(element.number("numFmtId").unwrap_or(0)),
                _ => {}
            },
            Node::End(name) if name == "cellXfs" => of_cells = false,
            _ => {}
        }
    }
    Ok(())
}

/// The texts that cells refer to by number.
fn read_strings(archive: &mut Archive<'_>, part: &str) -> Result<Vec<String>, ExtractionError> {
    let mut strings = Vec::new();
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(strings);
    };
    let mut text = String::new();
    let mut is_text = false;
    loop {
        let mut skip = false;
        match xml.next()? {
            None => return Ok(strings),
            Some(Node::Start(element)) => match element.name() {
                "t" => is_text = true,
                // How Japanese words are pronounced.
                "rPh" => skip = true,
                _ => {}
            },
            Some(Node::Text(piece)) if is_text => text.push_str(&piece),
            Some(Node::End(name)) => match &*name {
                "t" => is_text = false,
                "si" => strings.push(unescape(std::mem::take(&mut text))),
                _ => {}
            },
            Some(_) => {}
        }
        if skip {
            xml.skip()?;
        }
    }
}

/// Characters that XML cannot hold are written by their number: `_x000D_`. What is one is not known but by its look.
fn unescape(text: String) -> String {
    if !text.contains("_x") {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("_x") {
        plain.push_str(&rest[..at]);
        let digits = rest
            .get(at + 2..at + 6)
            .filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        let c = digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        match c {
            Some(c) => {
                plain.push(c);
                rest = &rest[at + 7..];
            }
            None => {
                plain.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The cell that is being read.
#[derive(Default)]
struct Cell {
    row: u32,
    column: u32,
    kind: String,
    style: usize,
    value: String,
}

fn read_cells<R: BufRead>(
    xml: &mut XmlReader<R>,
    strings: &[String],
    formats: &NumberFormats,
    room: usize,
    sheet: &mut SheetText,
) -> Result<bool, ExtractionError> {
    let mut cell = Cell::default();
    // Where the next row and cell are that do not say it.
    let (mut next_row, mut next_column) = (0, 0);
    let mut is_value = false;
    while let Some(node) = xml.next()? {
        let mut skip = false;
        match node {
            Node::Start(element) => match element.name() {
                "row" => {
                    let number: Option<u32> = element.number("r");
                    cell.row = number.map_or(next_row, |number| number.saturating_sub(1));
                    next_row = cell.row.saturating_add(1);
                    next_column = 0;
                }
                "c" => {
                    begin_cell(&mut cell, &element, next_column);
                    next_column = cell.column.saturating_add(1);
                }
                "v" | "t" => is_value = true,
                "f" | "rPh" | "extLst" => skip = true,
                _ => {}
            },
            Node::Text(text) if is_value => cell.value.push_str(&text),
            Node::End(name) => match &*name {
                "v" | "t" => is_value = false,
                "c" => {
                    if cell.row < ROWS_MAX && cell.column < COLUMNS_MAX {
                        show(&cell, strings, formats, sheet);
                    }
                    cell.value.clear();
                    if sheet.len() > room {
                        return Ok(true);
                    }
                }
                // Headers, footers and conditions come behind the cells, and are no cells.
                "sheetData" => return Ok(true),
                _ => {}
            },
            _ => {}
        }
        if skip {
            xml.skip()?;
        }
    }
    Ok(!xml.is_damaged())
}

fn begin_cell(cell: &mut Cell, element: &Element<'_>, next_column: u32) {
    let reference = element.attribute("r");
    let place = reference.as_deref().and_then(place);
    cell.column = place.map_or(next_column, |(_, column)| column);
    if let Some((Some(row), _)) = place {
        cell.row = row;
    }
    cell.kind.clear();
    cell.kind.push_str(&element.attribute("t").unwrap_or_default());
    cell.style = element.number("s").unwrap_or(0);
    cell.value.clear();
}

/// The row, if there is one, and the column of a reference such as `AB12`.
fn place(reference: &str) -> Option<(Option<u32>, u32)> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic).count();
    let mut column = 0_u32;
    for letter in reference[..letters].bytes().take(4) {
        column = column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1;
    }
    let row: Option<u32> = reference[letters..].parse().ok();
    Some((row.and_then(|row| row.checked_sub(1)), column.checked_sub(1)?))
}

fn show(cell: &Cell, strings: &[String], formats: &NumberFormats, sheet: &mut SheetText) {
    let value = cell.value.as_str();
    let mut write = |shown: &str| sheet.cell(cell.row, cell.column, shown);
    match &*cell.kind {
        "s" => {
            let string = value
                .trim()
                .parse()
                .ok()
                .and_then(|number: usize| strings.get(number));
            if let Some(string) = string {
                write(string);
            }
        }
        "b" => write(truth(value.trim() == "1")),
        "d" => write(&iso_date_time(value)),
        "str" | "inlineStr" => write(&unescape(value.to_owned())),
        "e" => write(value),
        _ => match value.trim().parse() {
            Ok(number) => write(&formats.show(cell.style, number)),
            Err(_) => write(value),
        },
    }
}

/// Appends what a sheet shows beside its cells, as far as there is room: comments, the texts of shapes, charts and diagrams.
fn append_asides(
    archive: &mut Archive<'_>,
    part: &str,
    room: usize,
    sheet: &mut SheetText,
) -> Result<(), ExtractionError> {
    for relationship in ooxml::relationships(archive, part)? {
        if sheet.len() > room {
            break;
        }
        match &*relationship.kind {
            "comments" => append_comments(archive, &relationship.target, sheet)?,
            "drawing" => append_drawing(archive, &relationship.target, sheet)?,
            _ => {}
        }
    }
    Ok(())
}

fn append_comments(
    archive: &mut Archive<'_>,
    part: &str,
    sheet: &mut SheetText,
) -> Result<(), ExtractionError> {
    let Some(mut xml) = archive.xml(part)? else {
        return Ok(());
    };
    let (mut text, mut is_text) = (String::new(), false);
    while let Some(node) = xml.next()? {
        match node {
            Node::Start(element) if element.name() == "t" => is_text = true,
            Node::Text(piece) if is_text => text.push_str(&piece),
            Node::End(name) if name == "t" => is_text = false,
            Node::End(name) if name == "comment" => sheet.aside(&std::mem::take(&mut text)),
            _ => {}
        }
    }
    Ok(())
}

fn append_drawing(
    archive: &mut Archive<'_>,
    part: &str,
    sheet: &mut SheetText,
) -> Result<(), ExtractionError> {
    let mut prose = Prose::default();
    drawing::append(archive, part, Values::InCells, &mut prose)?;
    for relationship in ooxml::relationships(archive, part)? {
        if matches!(&*relationship.kind, "chart" | "diagramData") {
            drawing::append(archive, &relationship.target, Values::InCells, &mut prose)?;
        }
    }
    sheet.aside(&prose.take());
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::archive::tests::pack;

    const ROOT: &[u8] =
        b"<Relationships><Relationship Id='r' Type='x/officeDocument' Target='xl/workbook.xml'/></Relationships>";
    const RELATIONSHIPS: &[u8] =
        b"<Relationships><Relationship Id='r1' Type='x/worksheet' Target='worksheets/a.xml'/>\
        <Relationship Id='r2' Type='x/sharedStrings' Target='strings.xml'/>\
        <Relationship Id='r3' Type='x/styles' Target='styles.xml'/></Relationships>";
    const WORKBOOK: &[u8] =
        b"<workbook><sheets><sheet name='Costs &amp; more' sheetId='7' r:id='r1'/></sheets></workbook>";

    fn workbook(sheet: &[u8], strings: &[u8]) -> Vec<u8> {
        let styles = b"<styleSheet><numFmts><numFmt numFmtId='164' formatCode='#,##0.00\\ &quot;EUR&quot;'/></numFmts>\
            <cellStyleXfs><xf numFmtId='9'/></cellStyleXfs>\
            <cellXfs><xf numFmtId='0'/><xf numFmtId='164'/><xf numFmtId='14'/></cellXfs></styleSheet>";
        pack(&[
            ("_rels/.rels", ROOT),
            ("xl/workbook.xml", WORKBOOK),
            ("xl/_rels/workbook.xml.rels", RELATIONSHIPS),
            ("xl/worksheets/a.xml", sheet),
            ("xl/strings.xml", strings),
            ("xl/styles.xml", styles),
        ])
    }

    fn read(sheet: &str, strings: &str) -> Result<Extracted, ExtractionError> {
        let packed = workbook(sheet.as_bytes(), strings.as_bytes());
        extract(&mut Archive::open(&packed).unwrap(), &Limits::default())
    }

    #[test]
    fn every_type_of_cell_is_shown() {
        let sheet = "<worksheet><sheetData><row r='2'><c r='A2' t='s'><v>1</v></c><c r='C2' s='1'><v>1234.5</v></c>\
            <c s='2'><v>46085.4</v></c></row><row><c t='b'><v>1</v></c><c t='e'><v>#N/A</v></c>\
            <c t='inlineStr'><is><r><t>in</t></r><r><t>line</t></r><rPh><t>no</t></rPh></is></c>\
            <c t='str'><f>A1&amp;B1</f><v>two_x000D_ lines</v></c><c t='d'><v>2026-03-04T10:00:00</v></c>\
            <c><f>1/0</f></c></row></sheetData><headerFooter><oddHeader>no</oddHeader></headerFooter></worksheet>";
        let strings = "<sst><si><t>unused</t></si><si><r><t>Train </t></r><r><t>ticket</t></r></si></sst>";
        let read = read(sheet, strings).unwrap();
        assert_eq!(
            read.pages,
            ["Costs & more\nTrain ticket\t\t1,234.50 EUR\t2026-03-04\n\
              TRUE\t#N/A\tinline\ttwo lines\t2026-03-04 10:00\n"]
        );
        assert_eq!(read.metadata["sheet_count"], "1");
        assert!(read.paged && !read.truncated);
    }

    #[test]
    fn two_cells_at_opposite_corners_cost_nothing() {
        let sheet = "<sheetData><row r='1'><c r='A1'><v>1</v></c><c r='XFD1'><v>2</v></c></row>\
            <row r='1048576'><c r='XFD1048576'><v>3</v></c></row>\
            <row r='4294967295'><c r='ZZZZ4294967295'><v>4</v></c></row></sheetData>";
        let read = read(sheet, "").unwrap();
        assert!(read.pages[0].len() < 200);
        assert!(
            read.pages[0].contains("\t2\n")
                && read.pages[0].contains("\t3\n")
                && !read.pages[0].contains('4')
        );
    }

    #[test]
    fn a_long_string_that_every_cell_repeats_stops_at_the_limit() {
        let strings = format!("<sst><si><t>{}</t></si></sst>", "ha ".repeat(400_000));
        let sheet = format!(
            "<sheetData><row>{}</row></sheetData>",
            "<c t='s'><v>0</v></c>".repeat(100_000)
        );
        let started = Instant::now();
        let read = read(&sheet, &strings).unwrap();
        assert!(read.truncated && read.pages[0].len() <= Limits::default().text_bytes_max);
        assert!(started.elapsed() < Duration::from_secs(20), "unoptimised");
    }

    #[test]
    fn a_chart_does_not_repeat_the_cells_that_it_shows() {
        let series = |cells: &str, value: &str| {
            format!(
                "<c:ser><c:tx><c:strRef><c:f>{cells}</c:f><c:strCache><c:pt><c:v>{value}</c:v></c:pt></c:strCache>\
                </c:strRef></c:tx><c:val><c:numRef><c:f>{cells}</c:f><c:numCache><c:pt><c:v>7</c:v></c:pt></c:numCache>\
                </c:numRef></c:val></c:ser>"
            )
        };
        let chart = [
            "<c:chartSpace><c:title><c:tx><c:rich><a:t>Apples</a:t></c:rich></c:tx></c:title>",
            &series("Sheet1!A1", "own"),
            &series("[1]Sheet1!A1", "another workbook's"),
            "</c:chartSpace>",
        ]
        .concat();
        let packed = pack(&[
            ("_rels/.rels", ROOT),
            ("xl/workbook.xml", WORKBOOK),
            ("xl/_rels/workbook.xml.rels", RELATIONSHIPS),
            (
                "xl/worksheets/a.xml",
                b"<sheetData><row><c><v>7</v></c></row></sheetData>",
            ),
            (
                "xl/worksheets/_rels/a.xml.rels",
                b"<Relationships><Relationship Id='r1' Type='x/drawing' Target='../d.xml'/></Relationships>",
            ),
            (
                "xl/d.xml",
                b"<xdr:wsDr><xdr:pic><xdr:nvPicPr><xdr:cNvPr name='Picture 1' descr='The press'/></xdr:nvPicPr></xdr:pic>\
                  <xdr:sp><xdr:nvSpPr><xdr:cNvPr descr='decoration'/></xdr:nvSpPr></xdr:sp></xdr:wsDr>",
            ),
            (
                "xl/_rels/d.xml.rels",
                b"<Relationships><Relationship Id='r1' Type='x/chart' Target='chart.xml'/></Relationships>",
            ),
            ("xl/chart.xml", chart.as_bytes()),
        ]);
        let read = extract(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap();
        assert_eq!(
            read.pages,
            ["Costs & more\n7\n\nThe press\n\nApples\nanother workbook's\n7\n"]
        );
    }

    #[test]
    fn a_sheet_that_breaks_off_is_kept_up_to_there() {
        let read = read("<sheetData><row><c><v>12</v></c><c><v>3", "").unwrap();
        assert_eq!(
            (read.pages[0].as_str(), read.truncated),
            ("Costs & more\n12\n", true)
        );
    }

    #[test]
    fn escaped_characters_are_told_from_others() {
        for (written, meant) in [
            ("a_x0041_", "aA"),
            ("_x005F_x0041_", "_x0041_"),
            ("_x_xé_x12", "_x_xé_x12"),
        ] {
            assert_eq!(unescape(written.to_owned()), meant);
        }
    }
}
