//! Workbooks of Office Open XML with binary parts (MS-XLSB): records of a type, a length and as many bytes.

use std::io::Read;

use crate::archive::{Archive, is_too_large, too_large};
use crate::ooxml;
use crate::workbook::xlsx::{SheetEntry, extract_sheets};
use crate::workbook::{NumberFormats, error, packed_number, truth};
use crate::{Extracted, ExtractionError, Limits};

const ENGINE: &str = "xlsb/3";
/// Bytes of a record. Long texts are the longest.
const RECORD_BYTES_MAX: usize = 1 << 20;

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
    let mut sheets = Vec::new();
    for_each_record(archive, &main, |kind, record| {
        match kind {
            // BrtWbProp, BrtBundleSh
            153 => formats.from_1904 = record.number_u32(0).unwrap_or(0) & 1 == 1,
            156 => {
                // The first version of the format has one more number before the texts.
                let entry = [8, 12].into_iter().find_map(|at| {
                    let (id, end) = record.wide_text(at)?;
                    let (name, _) = record.wide_text(end)?;
                    let known = relationships.iter().any(|relationship| relationship.id == id);
                    known.then_some(SheetEntry { name, id })
                });
                sheets.extend(entry);
            }
            _ => {}
        }
        true
    })?;
    extract_sheets(
        archive,
        limits,
        ENGINE,
        &sheets,
        &relationships,
        |archive, part, room, sheet| {
            let mut row = 0;
            for_each_record(archive, part, |kind, record| {
                if kind == 0 {
                    row = record.number_u32(0).unwrap_or(row);
                } else if let Some((column, shown)) = cell(kind, &record, &strings, &formats) {
                    sheet.cell(row, column, &shown);
                }
                sheet.len() <= room
            })
        },
    )
}

/// The column of a cell and what it shows; `None` for records that are no cell, and for empty cells.
fn cell(
    kind: u32,
    record: &Record<'_>,
    strings: &[String],
    formats: &NumberFormats,
) -> Option<(u32, String)> {
    let column = record.number_u32(0)?;
    let style = usize::try_from(record.number_u32(4)? & 0x00FF_FFFF).ok()?;
    let shown = match kind {
        2 => formats.show(style, packed_number(record.number_u32(8)?)),
        3 | 11 => error(*record.0.get(8)?).to_owned(),
        4 | 10 => truth(*record.0.get(8)? != 0).to_owned(),
        5 | 9 => formats.show(style, f64::from_le_bytes(record.0.get(8..16)?.try_into().ok()?)),
        6 | 8 => record.wide_text(8)?.0,
        7 => strings.get(usize::try_from(record.number_u32(8)?).ok()?)?.clone(),
        // With formats inside of the text.
        62 => record.wide_text(9)?.0,
        _ => return None,
    };
    Some((column, shown))
}

fn read_strings(archive: &mut Archive<'_>, part: &str) -> Result<Vec<String>, ExtractionError> {
    let mut strings = Vec::new();
    for_each_record(archive, part, |kind, record| {
        if kind == 19 {
            strings.push(record.wide_text(1).map(|(text, _)| text).unwrap_or_default());
        }
        true
    })?;
    Ok(strings)
}

fn read_styles(
    archive: &mut Archive<'_>,
    part: &str,
    formats: &mut NumberFormats,
) -> Result<(), ExtractionError> {
    let mut of_cells = false;
    for_each_record(archive, part, |kind, record| {
        match kind {
            // BrtFmt, BrtBeginCellXFs, BrtEndCellXFs, BrtXF
            44 => {
                if let (Some(number), Some((code, _))) = (record.number_u16(0), record.wide_text(2)) {
                    formats.add_code(u32::from(number), code);
                }
            }
            617 => of_cells = true,
            618 => of_cells = false,
            47 if of_cells => formats.add_style(u32::from(record.number_u16(2).unwrap_or(0))),
            _ => {}
        }
        true
    })?;
    Ok(())
}

/// The bytes of a record.
struct Record<'r>(&'r [u8]);

impl Record<'_> {
    fn number_u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.0.get(at..at + 2)?.try_into().ok()?))
    }

    fn number_u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?))
    }

    /// A text with its length before it, and where it ends.
    fn wide_text(&self, at: usize) -> Option<(String, usize)> {
        let length = usize::try_from(self.number_u32(at)?).ok()?;
        let end = (at + 4).checked_add(length.checked_mul(2)?)?;
        let bytes = self.0.get(at + 4..end)?;
        Some((
            encoding_rs::UTF_16LE
                .decode_without_bom_handling(bytes)
                .0
                .into_owned(),
            end,
        ))
    }
}

/// Calls `take` for every record of a part until it says no. Says whether the part was there and whole.
fn for_each_record(
    archive: &mut Archive<'_>,
    part: &str,
    mut take: impl FnMut(u32, Record<'_>) -> bool,
) -> Result<bool, ExtractionError> {
    let Some(mut stream) = archive.stream(part)? else {
        return Ok(false);
    };
    let mut bytes = Vec::new();
    loop {
        let header = match read_header(&mut stream) {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(true),
            Err(error) if is_too_large(&error) => return Err(too_large(part)),
            Err(_) => return Ok(false),
        };
        let (kind, length) = header;
        if length > RECORD_BYTES_MAX {
            return Ok(false);
        }
        bytes.clear();
        bytes.resize(length, 0);
        match stream.read_exact(&mut bytes) {
            Err(error) if is_too_large(&error) => return Err(too_large(part)),
            Err(_) => return Ok(false),
            Ok(()) => {}
        }
        if !take(kind, Record(&bytes)) {
            return Ok(true);
        }
    }
}

/// The type and length of the next record, seven bits to a byte; `None` at the end of the part.
fn read_header(stream: &mut impl Read) -> std::io::Result<Option<(u32, usize)>> {
    let mut byte = [0];
    if stream.read(&mut byte)? == 0 {
        return Ok(None);
    }
    let mut kind = u32::from(byte[0]);
    if kind & 0x80 != 0 {
        stream.read_exact(&mut byte)?;
        kind = (kind & 0x7F) | (u32::from(byte[0] & 0x7F) << 7);
    }
    let mut length = 0;
    for position in 0..4 {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << (7 * position);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    Ok(Some((kind, length)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::archive::tests::pack;

    fn record(kind: u16, content: &[u8]) -> Vec<u8> {
        let mut bytes = match kind {
            0..128 => vec![u8::try_from(kind).unwrap()],
            _ => vec![
                u8::try_from(kind & 0x7F).unwrap() | 0x80,
                u8::try_from(kind >> 7).unwrap(),
            ],
        };
        bytes.push(u8::try_from(content.len()).unwrap());
        bytes.extend_from_slice(content);
        bytes
    }

    fn wide(text: &str) -> Vec<u8> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let length = u32::try_from(units.len()).unwrap().to_le_bytes();
        length
            .into_iter()
            .chain(units.into_iter().flat_map(u16::to_le_bytes))
            .collect()
    }

    fn cell(kind: u16, column: u32, style: u32, value: &[u8]) -> Vec<u8> {
        record(
            kind,
            &[&column.to_le_bytes(), &style.to_le_bytes(), value].concat(),
        )
    }

    fn workbook(cells: &[u8]) -> Vec<u8> {
        let root = b"<Relationships><Relationship Id='r' Type='x/officeDocument' Target='xl/workbook.bin'/></Relationships>";
        let relationships = b"<Relationships><Relationship Id='r1' Type='x/worksheet' Target='sheet.bin'/>\
            <Relationship Id='r2' Type='x/sharedStrings' Target='strings.bin'/>\
            <Relationship Id='r3' Type='x/styles' Target='styles.bin'/></Relationships>";
        let list = record(156, &[vec![0; 8], wide("r1"), wide("Costs")].concat());
        let strings = record(19, &[vec![0], wide("Train ticket")].concat());
        let style = |number: u16| record(47, &[[0, 0], number.to_le_bytes()].concat());
        let styles = [record(617, &[]), style(0), style(14), style(4), record(618, &[])].concat();
        pack(&[
            ("_rels/.rels", root),
            ("xl/workbook.bin", &list),
            ("xl/_rels/workbook.bin.rels", relationships),
            ("xl/sheet.bin", cells),
            ("xl/strings.bin", &strings),
            ("xl/styles.bin", &styles),
        ])
    }

    fn read(cells: &[u8]) -> Extracted {
        let packed = workbook(cells);
        extract(&mut Archive::open(&packed).unwrap(), &Limits::default()).unwrap()
    }

    #[test]
    fn every_type_of_cell_is_shown() {
        let cells = [
            record(0, &3_u32.to_le_bytes()),
            cell(7, 0, 0, &0_u32.to_le_bytes()),
            cell(5, 1, 2, &1234.5_f64.to_le_bytes()),
            cell(9, 2, 1, &46_085_f64.to_le_bytes()),
            cell(2, 3, 0, &((42_u32 << 2) | 2).to_le_bytes()),
            record(0, &9_u32.to_le_bytes()),
            cell(1, 0, 0, &[]),
            cell(4, 1, 0, &[1]),
            cell(3, 2, 0, &[0x2A]),
            cell(6, 3, 0, &wide("text")),
        ]
        .concat();
        let read = read(&cells);
        assert_eq!(
            read.pages,
            ["Costs\nTrain ticket\t1,234.50\t2026-03-04\t42\n\tTRUE\t#N/A\ttext\n"]
        );
        assert!(!read.truncated);
    }

    #[test]
    fn records_that_lie_about_their_length_end_the_sheet() {
        let honest = [
            record(0, &0_u32.to_le_bytes()),
            cell(2, 0, 0, &6_u32.to_le_bytes()),
        ]
        .concat();
        for lie in [&[6, 0xFF, 0xFF, 0xFF, 0x7F][..], &[5, 100, 1, 2], &[0x87]] {
            let read = read(&[honest.as_slice(), lie].concat());
            assert_eq!((read.pages[0].as_str(), read.truncated), ("Costs\n1\n", true));
        }
        let text_beyond_its_record = cell(6, 1, 0, &u32::MAX.to_le_bytes());
        assert_eq!(
            read(&[honest, text_beyond_its_record].concat()).pages,
            ["Costs\n1\n"]
        );
    }
}
