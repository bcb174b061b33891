//! Workbooks of Excel 5 to 2003 (MS-XLS): records of a type, a length and as many bytes, in one stream for all sheets.

mod lock;
mod strings;

use encoding_rs::Encoding;

use crate::ole::CompoundFile;
use crate::prose::Parts;
use crate::rtf::code_page;
use crate::workbook::{NumberFormats, SheetText, error, packed_number, truth};
use crate::{Extracted, ExtractionError, Limits};
use strings::Text;

const ENGINE: &str = "xls/3";
/// Sheets of a workbook that are read.
const SHEETS_MAX: usize = 10_000;

pub(crate) fn extract(
    file: &CompoundFile<'_>,
    password: Option<&str>,
    limits: &Limits,
) -> Result<Extracted, ExtractionError> {
    let stream = file.stream("Workbook").or_else(|| file.stream("Book"));
    let Some(mut stream) = stream else {
        return Err(ExtractionError::Unreadable(
            "the compound file holds no document that can be read, or breaks off".to_owned(),
        ));
    };
    lock::undo(&mut stream, password)?;
    let workbook = Workbook::read(&stream)?;
    let mut extracted = Extracted {
        paged: true,
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    file.describe(&mut extracted);
    extracted
        .metadata
        .insert("sheet_count".to_owned(), workbook.sheets.len().to_string());

    let mut parts = Parts::new(limits);
    let mut damaged = false;
    for (name, at) in &workbook.sheets {
        if parts.is_full() {
            break;
        }
        let mut sheet = SheetText::new(name);
        damaged |= !workbook.read_sheet(&stream, *at, parts.bytes_left(), &mut sheet);
        parts.push_marked(sheet.finish());
    }
    extracted.pages = parts.pages;
    extracted.structure = parts.marks.into_structure();
    extracted.truncated = parts.truncated || damaged;
    Ok(extracted)
}

/// What all sheets share.
struct Workbook {
    /// Names, and where in the stream the sheets begin.
    sheets: Vec<(String, usize)>,
    strings: Vec<String>,
    formats: NumberFormats,
    text: Text,
}

impl Workbook {
    fn read(stream: &[u8]) -> Result<Self, ExtractionError> {
        let mut workbook = Self {
            sheets: Vec::new(),
            strings: Vec::new(),
            formats: NumberFormats::default(),
            text: Text {
                wide: true,
                encoding: encoding_rs::WINDOWS_1252,
            },
        };
        // Styles may come before the formats that they name.
        let mut styles = Vec::new();
        let mut records = Records::new(stream, 0);
        while let Some(record) = records.next() {
            match record.kind {
                // BOF: from version 8 on, texts are Unicode.
                0x0809 => workbook.text.wide = record.number_u16(0) != Some(0x0500),
                0x0042 => workbook.text.encoding = encoding_of(record.number_u16(0).unwrap_or(1252)),
                0x0022 => workbook.formats.from_1904 = record.number_u16(0) == Some(1),
                0x0085 if workbook.sheets.len() < SHEETS_MAX => workbook.add_sheet(&record),
                0x041E => workbook.add_format(&record),
                0x00E0 => styles.push(record.number_u16(2).unwrap_or(0)),
                0x00FC => workbook.strings = strings::shared(record.bytes, records.continuations()),
                0x000A => break,
                _ => {}
            }
        }
        for number in styles {
            workbook.formats.add_style(u32::from(number));
        }
        if workbook.sheets.is_empty() {
            return Err(ExtractionError::Unreadable(
                "the workbook names no sheets".to_owned(),
            ));
        }
        Ok(workbook)
    }

    fn add_sheet(&mut self, record: &Record<'_>) {
        let at = record.number_u32(0).and_then(|at| usize::try_from(at).ok());
        let name = self.text.short(record.bytes.get(6..).unwrap_or_default());
        // Modules of macros have no cells.
        let has_cells = record.bytes.get(5).is_some_and(|kind| matches!(kind, 0 | 2));
        if let (Some(at), Some(name), true) = (at, name, has_cells) {
            self.sheets.push((name, at));
        }
    }

    fn add_format(&mut self, record: &Record<'_>) {
        let rest = record.bytes.get(2..).unwrap_or_default();
        let code = if self.text.wide {
            self.text.long(rest)
        } else {
            self.text.short(rest)
        };
        if let (Some(number), Some(code)) = (record.number_u16(0), code) {
            self.formats.add_code(u32::from(number), code);
        }
    }

    /// Writes the cells of the sheet that begins there. Says whether it had an end.
    fn read_sheet(&self, stream: &[u8], at: usize, room: usize, sheet: &mut SheetText) -> bool {
        let mut records = Records::new(stream, at);
        // Charts are sheets inside of the sheet.
        let mut depth = 0_u32;
        // In a sheet that is a chart, cells are what it saved of those that it shows.
        let mut is_chart = false;
        // The cell whose formula gives a text, which comes behind it.
        let mut awaiting: Option<(u32, u32)> = None;
        let mut asides = Vec::new();
        let mut whole = false;
        while let Some(record) = records.next() {
            match record.kind {
                0x0809 => {
                    is_chart |= depth == 0 && record.number_u16(2) == Some(0x0020);
                    depth = depth.saturating_add(1);
                }
                0x000A => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        whole = true;
                        break;
                    }
                }
                // TXO: the text of a shape or comment follows.
                0x01B6 => asides.extend(strings::shape(record.bytes, records.continuations())),
                0x0207 => {
                    if let (Some((row, column)), Some(text)) = (awaiting.take(), self.text.long(record.bytes))
                    {
                        sheet.cell(row, column, &text);
                    }
                }
                _ if depth == 1 && !is_chart => self.cell(&record, &mut awaiting, sheet),
                _ => {}
            }
            if sheet.len() > room {
                return true;
            }
        }
        for aside in asides {
            sheet.aside(&aside);
        }
        whole
    }

    fn cell(&self, record: &Record<'_>, awaiting: &mut Option<(u32, u32)>, sheet: &mut SheetText) {
        let (Some(row), Some(column)) = (record.number_u16(0), record.number_u16(2)) else {
            return;
        };
        let (row, column) = (u32::from(row), u32::from(column));
        let style = usize::from(record.number_u16(4).unwrap_or(0));
        let bytes = record.bytes.get(6..).unwrap_or_default();
        let shown = match record.kind {
            // LABELSST
            0x00FD => {
                let number = record
                    .number_u32(6)
                    .and_then(|number| usize::try_from(number).ok());
                number.and_then(|number| self.strings.get(number)).cloned()
            }
            // LABEL, RSTRING
            0x0204 | 0x00D6 => self.text.long(bytes),
            // NUMBER
            0x0203 => record
                .number_f64(6)
                .map(|number| self.formats.show(style, number)),
            // RK
            0x027E => record
                .number_u32(6)
                .map(|bits| self.formats.show(style, packed_number(bits))),
            0x00BD => {
                self.packed_row(record, row, column, sheet);
                None
            }
            // BOOLERR
            0x0205 => match bytes {
                [value, 0, ..] => Some(truth(*value != 0).to_owned()),
                [code, ..] => Some(error(*code).to_owned()),
                [] => None,
            },
            // FORMULA: the value that was saved with it.
            0x0006 => match bytes {
                [0, _, _, _, _, _, 0xFF, 0xFF, ..] => {
                    *awaiting = Some((row, column));
                    None
                }
                [1, _, value, _, _, _, 0xFF, 0xFF, ..] => Some(truth(*value != 0).to_owned()),
                [2, _, code, _, _, _, 0xFF, 0xFF, ..] => Some(error(*code).to_owned()),
                [_, _, _, _, _, _, 0xFF, 0xFF, ..] => None,
                _ => record
                    .number_f64(6)
                    .map(|number| self.formats.show(style, number)),
            },
            _ => None,
        };
        if let Some(shown) = shown {
            sheet.cell(row, column, &shown);
        }
    }

    /// MULRK: neighbours in a row, each a style and a packed number, and the last column behind them.
    fn packed_row(&self, record: &Record<'_>, row: u32, first: u32, sheet: &mut SheetText) {
        let cells = record
            .bytes
            .get(4..record.bytes.len().saturating_sub(2))
            .unwrap_or_default();
        let (cells, _) = cells.as_chunks::<6>();
        for (column, [s0, s1, n0, n1, n2, n3]) in (first..).zip(cells) {
            let style = usize::from(u16::from_le_bytes([*s0, *s1]));
            let number = packed_number(u32::from_le_bytes([*n0, *n1, *n2, *n3]));
            sheet.cell(row, column, &self.formats.show(style, number));
        }
    }
}

/// The encoding of texts before Unicode.
fn encoding_of(page: u16) -> &'static Encoding {
    match page {
        0x8000 => encoding_rs::MACINTOSH,
        0x8001 => encoding_rs::WINDOWS_1252,
        _ => code_page(i32::from(page)),
    }
}

/// A record.
struct Record<'s> {
    kind: u16,
    bytes: &'s [u8],
}

impl Record<'_> {
    fn number_u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes.get(at..at + 2)?.try_into().ok()?))
    }

    fn number_u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?))
    }

    fn number_f64(&self, at: usize) -> Option<f64> {
        Some(f64::from_le_bytes(self.bytes.get(at..at + 8)?.try_into().ok()?))
    }
}

/// The records of a stream in their order.
struct Records<'s> {
    rest: &'s [u8],
}

impl<'s> Records<'s> {
    fn new(stream: &'s [u8], at: usize) -> Self {
        Self {
            rest: stream.get(at..).unwrap_or_default(),
        }
    }

    fn next(&mut self) -> Option<Record<'s>> {
        let (header, rest) = self.rest.split_at_checked(4)?;
        let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Record {
            kind: u16::from_le_bytes([header[0], header[1]]),
            bytes,
        })
    }

    /// The records that go on with what the last one began.
    fn continuations(&mut self) -> Vec<&'s [u8]> {
        let mut continuations = Vec::new();
        while self.rest.starts_with(&[0x3C, 0]) {
            let Some(record) = self.next() else { break };
            continuations.push(record.bytes);
        }
        continuations
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ole::tests::compound;

    fn record(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap();
        [&kind.to_le_bytes(), &length.to_le_bytes(), content].concat()
    }

    fn cell(kind: u16, row: u16, column: u16, style: u16, value: &[u8]) -> Vec<u8> {
        let place = [row, column, style].map(u16::to_le_bytes).concat();
        record(kind, &[&place, value].concat())
    }

    /// A workbook with one sheet of that kind, of these cells, and these records before it.
    fn workbook(kind: u8, globals: &[u8], cells: &[u8]) -> Vec<u8> {
        let bof = record(0x0809, &[0, 6, 5, 0, 0, 0, 0, 0]);
        let style = |number: u16| record(0x00E0, &[[0, 0], number.to_le_bytes()].concat());
        let styles = [style(0), style(14), style(4)].concat();
        let name = |at: u32| record(0x0085, &[&at.to_le_bytes()[..], &[0, 0, 5, 0], b"Costs"].concat());
        let before = bof.len() + globals.len() + styles.len() + name(0).len() + 4;
        let stream = [
            &bof,
            globals,
            &styles,
            &name(u32::try_from(before).unwrap()),
            &record(0x000A, &[]),
            &record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0]),
            cells,
            &record(0x000A, &[]),
        ];
        compound(&[("Workbook", &stream.map(|piece| piece.to_vec()).concat())])
    }

    fn read(globals: &[u8], cells: &[u8]) -> Result<Extracted, ExtractionError> {
        let file = workbook(0x10, globals, cells);
        extract(&CompoundFile::open(&file).unwrap(), None, &Limits::default())
    }

    #[test]
    fn every_type_of_cell_is_shown() {
        // Two texts, the second cut by a continuation that goes on in wide characters.
        let table = [
            &[0; 4][..],
            &2_u32.to_le_bytes(),
            &[5, 0, 0],
            b"Train",
            &[4, 0, 0],
            b"ti",
        ]
        .concat();
        let globals = [record(0x00FC, &table), record(0x003C, &[1, b'c', 0, b'k', 0])].concat();
        let rows = [
            cell(0x00FD, 0, 0, 0, &0_u32.to_le_bytes()),
            cell(0x00FD, 0, 1, 0, &1_u32.to_le_bytes()),
            cell(0x0203, 0, 2, 2, &1234.5_f64.to_le_bytes()),
            cell(0x0203, 0, 3, 1, &46_085_f64.to_le_bytes()),
            cell(0x027E, 1, 0, 0, &((42_u32 << 2) | 2).to_le_bytes()),
            cell(0x00BD, 1, 1, 0, &[6, 0, 0, 0, 0, 0, 10, 0, 0, 0, 2, 0]),
            cell(0x0205, 2, 0, 0, &[1, 0]),
            cell(0x0205, 2, 1, 0, &[7, 1]),
            cell(0x0006, 2, 2, 0, &[0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0]),
            record(0x0207, &[4, 0, 0, b't', b'e', b'x', b't']),
            cell(0x0204, 2, 3, 0, &[2, 0, 1, 0x3A, 4, 0x30, 4]),
        ]
        .concat();
        let read = read(&globals, &rows).unwrap();
        assert_eq!(
            read.pages,
            ["Costs\nTrain\ttick\t1,234.50\t2026-03-04\n42\t1\t2\nTRUE\t#DIV/0!\ttext\tка\n"]
        );
        assert!(!read.truncated);
    }

    #[test]
    fn a_sheet_that_is_a_chart_does_not_repeat_the_cells_it_shows() {
        let cells = cell(0x0203, 0, 0, 0, &7_f64.to_le_bytes());
        let file = workbook(0x20, &[], &cells);
        let read = extract(&CompoundFile::open(&file).unwrap(), None, &Limits::default()).unwrap();
        assert_eq!(read.pages, ["Costs\n"]);
        assert!(!read.truncated);
    }

    #[test]
    fn a_workbook_with_a_password_is_encrypted() {
        for lock in [&[0, 0, 1, 2, 3, 4][..], &[1, 2, 3, 4], &[7, 0]] {
            assert_eq!(read(&record(0x002F, lock), &[]).unwrap_err().code(), "encrypted");
        }
        // A lock that is not described.
        assert_eq!(
            read(&record(0x002F, &[1, 0]), &[]).unwrap_err().code(),
            "unreadable"
        );
    }

    #[test]
    fn texts_that_lie_about_their_length_do_no_harm() {
        let table = [&[0; 4][..], &u32::MAX.to_le_bytes(), &[0xFF, 0xFF, 9], b"x"].concat();
        let cells = [
            cell(0x0204, 0, 0, 0, &[0xFF, 0xFF, 0, b'a']),
            cell(0x0203, 0, 1, 0, &[1]),
        ]
        .concat();
        let read = read(&record(0x00FC, &table), &cells).unwrap();
        assert_eq!(read.pages, ["Costs\n"]);
    }
}
