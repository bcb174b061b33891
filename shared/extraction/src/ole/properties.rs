//! The property set in which old documents say what they are called and who made them (MS-OLEPS).

use encoding_rs::Encoding;

use super::{number_u16, number_u32};
use crate::Extracted;
use crate::ooxml::remember;
use crate::rtf::code_page;

/// Properties of one set that are looked at.
const PROPERTIES_MAX: u32 = 100;
/// Seconds from the beginning of 1601, from which these times count, to that of 1970.
const FROM_1601_TO_1970: i64 = 11_644_473_600;

/// Notes the properties that are known; what is damaged is left out.
pub(super) fn note(content: &[u8], extracted: &mut Extracted) -> Option<()> {
    let set = content.get(usize::try_from(number_u32(content, 44)?).ok()?..)?;
    let count = number_u32(set, 4)?.min(PROPERTIES_MAX);
    let place = |wanted: u32| {
        (0..usize::try_from(count).ok()?).find_map(|index| {
            let number = number_u32(set, 8 + 8 * index)?;
            let at = usize::try_from(number_u32(set, 12 + 8 * index)?).ok()?;
            (number == wanted).then_some(at)
        })
    };
    let page = place(1).and_then(|at| number_u16(set, at + 4)).unwrap_or(1252);
    let encoding = code_page(i32::from(page));
    for (number, key) in [
        (2, "title"),
        (3, "subject"),
        (4, "author"),
        (5, "keywords"),
        (12, "created_at"),
        (13, "modified_at"),
        (18, "creator"),
    ] {
        let value = place(number).and_then(|at| value(set.get(at..)?, page, encoding));
        if let Some(value) = value {
            remember(extracted, key, &value);
        }
    }
    Some(())
}

/// A text, or a point in time in the form of RFC 3339.
fn value(bytes: &[u8], page: u16, encoding: &'static Encoding) -> Option<String> {
    match number_u32(bytes, 0)? {
        30 => {
            let length = usize::try_from(number_u32(bytes, 4)?).ok()?;
            let text = bytes.get(8..8_usize.checked_add(length)?)?;
            let encoding = if page == 1200 {
                encoding_rs::UTF_16LE
            } else {
                encoding
            };
            let text = encoding.decode_without_bom_handling(text).0;
            Some(text.trim_end_matches('\0').to_owned())
        }
        31 => {
            let length = usize::try_from(number_u32(bytes, 4)?).ok()?.checked_mul(2)?;
            let text = bytes.get(8..8_usize.checked_add(length)?)?;
            let text = encoding_rs::UTF_16LE.decode_without_bom_handling(text).0;
            Some(text.trim_end_matches('\0').to_owned())
        }
        64 => {
            let ticks = u64::from(number_u32(bytes, 4)?) | (u64::from(number_u32(bytes, 8)?) << 32);
            let seconds = i64::try_from(ticks / 10_000_000).ok()? - FROM_1601_TO_1970;
            // Nobody had a document before; some programs write the beginning of all times.
            (seconds > 0).then(|| crate::workbook::rfc_3339(seconds))
        }
        _ => None,
    }
}
