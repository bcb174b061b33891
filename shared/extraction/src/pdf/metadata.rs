//! What a PDF says of itself in its information dictionary.

use std::collections::BTreeMap;

use encoding_rs::{UTF_16BE, UTF_16LE};
use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{DateTime, Dict, String as PdfString};

use crate::metadata_value;

pub(super) fn title(pdf: &Pdf) -> Option<String> {
    let title = pdf.metadata().title.as_deref()?;
    metadata_value(&text_string(title))
}

/// The other fields, by the names of [`Extracted::metadata`](crate::Extracted::metadata).
pub(super) fn of(pdf: &Pdf) -> BTreeMap<String, String> {
    let info = pdf.metadata();
    let texts = [
        ("author", &info.author),
        ("subject", &info.subject),
        ("keywords", &info.keywords),
        ("creator", &info.creator),
        ("producer", &info.producer),
    ];
    let times = [
        ("created_at", &info.creation_date),
        ("modified_at", &info.modification_date),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(key, value)| Some((key, metadata_value(&text_string(value.as_deref()?))?)));
    let times = times
        .into_iter()
        .filter_map(|(key, value)| Some((key, rfc_3339(value.as_ref()?)?)));
    texts
        .chain(times)
        .chain(language(pdf).map(|language| ("language", language)))
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// The language that the catalog declares for the whole document.
fn language(pdf: &Pdf) -> Option<String> {
    let catalog: Dict<'_> = pdf.xref().get(pdf.xref().root_id())?;
    metadata_value(&text_string(catalog.get::<PdfString<'_>>("Lang")?.as_bytes()))
}

/// Decodes a text string (ISO 32000-2, 7.9.2.2): marked as UTF-16 or UTF-8, else PDFDocEncoding. Many producers forget
/// the mark of UTF-8.
pub(super) fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| pdf_doc_char(*byte)).collect(),
        },
    }
}

/// PDFDocEncoding (ISO 32000-2, annex D.3) is Latin-1 but for two ranges.
fn pdf_doc_char(byte: u8) -> char {
    const FROM_18: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const FROM_80: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ',
        'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
    ];
    match byte {
        0x18..=0x1F => FROM_18[usize::from(byte - 0x18)],
        0x80..=0xA0 => FROM_80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// `None` for a day that no calendar has.
fn rfc_3339(time: &DateTime) -> Option<String> {
    let DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = *time;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let sign = if time.utc_offset_hour < 0 { '-' } else { '+' };
    let (offset_hour, offset_minute) = (time.utc_offset_hour.unsigned_abs(), time.utc_offset_minute);
    let exists = year > 0 && day <= days && offset_hour < 24 && offset_minute < 60;
    exists.then(|| {
        format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{offset_hour:02}:{offset_minute:02}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_strings_are_read_in_all_their_encodings() {
        assert_eq!(text_string(b"\xFE\xFF\x04\x1F\x04\x3B\x04\x30\x04\x3D"), "План");
        assert_eq!(text_string(b"\xEF\xBB\xBFPl\xC3\xA4ne"), "Pläne");
        assert_eq!(text_string(b"Pl\xC3\xA4ne"), "Pläne");
        assert_eq!(text_string(b"Pl\xE4ne \x80 5 \xA0"), "Pläne • 5 €");
    }

    #[test]
    fn times_carry_their_offset() {
        let time = DateTime {
            year: 2026,
            month: 2,
            day: 28,
            hour: 9,
            minute: 5,
            second: 0,
            utc_offset_hour: -3,
            utc_offset_minute: 30,
        };
        assert_eq!(rfc_3339(&time).as_deref(), Some("2026-02-28T09:05:00-03:30"));
        assert_eq!(rfc_3339(&DateTime { day: 29, ..time }), None);
    }
}
