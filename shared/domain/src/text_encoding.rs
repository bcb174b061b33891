//! Text in UTF-16 without a byte order mark, which looks like anything but text at first sight.
//!
//! Used twice: to tell at the upload that a file is text, and to decode it later. Both must agree.

/// Which byte of a pair comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The low byte first.
    LittleEndian,
    /// The high byte first.
    BigEndian,
}

/// The byte order of a text in UTF-16 that does not begin with a mark; `None` when the sample is something else. A few
/// kilobytes from the beginning are enough.
///
/// Such a text betrays itself by its zeros, which no other encoding has: the high bytes of spaces, line ends and Latin
/// letters. The rest must then be text too: mostly letters, and of one script.
#[must_use]
pub fn utf_16_without_mark(sample: &[u8]) -> Option<ByteOrder> {
    let (pairs, _) = sample.as_chunks::<2>();
    let low_first = || {
        pairs
            .iter()
            .map(|pair| u16::from_le_bytes(*pair))
            .collect::<Vec<_>>()
    };
    let high_first = || {
        pairs
            .iter()
            .map(|pair| u16::from_be_bytes(*pair))
            .collect::<Vec<_>>()
    };
    let mut orders = [
        (
            pairs.iter().filter(|pair| pair[1] == 0).count(),
            ByteOrder::LittleEndian,
        ),
        (
            pairs.iter().filter(|pair| pair[0] == 0).count(),
            ByteOrder::BigEndian,
        ),
    ];
    orders.sort_by_key(|(zeros, _)| std::cmp::Reverse(*zeros));
    let fits = |(zeros, order): &(usize, ByteOrder)| {
        let units = match order {
            ByteOrder::LittleEndian => low_first(),
            ByteOrder::BigEndian => high_first(),
        };
        *zeros > 0 && is_text(&units) && is_of_one_script(&units, *zeros, sample)
    };
    orders.into_iter().find(fits).map(|(_, order)| order)
}

/// At most one in twenty is no character that people write; the last may be half of one that was cut.
fn is_text(units: &[u16]) -> bool {
    let (mut all, mut odd) = (0_usize, 0_usize);
    for decoded in char::decode_utf16(units.iter().copied()) {
        all += 1;
        odd += usize::from(!decoded.is_ok_and(is_written));
    }
    odd.saturating_sub(1) * 20 <= all && odd < all
}

/// Letters, digits, white space, punctuation and symbols; neither controls nor code points for private use.
fn is_written(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{bf}' | '\u{2b0}'..='\u{36f}')
        || matches!(c, '\u{590}'..='\u{5ff}' | '\u{600}'..='\u{6ff}' | '\u{900}'..='\u{109f}')
        || matches!(c, '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{30a0}'..='\u{30ff}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ff00}'..='\u{ffef}' | '\u{1f000}'..='\u{1faff}')
}

fn is_of_one_script(units: &[u16], zeros: usize, sample: &[u8]) -> bool {
    // Latin: the high byte is zero in most pairs.
    if zeros * 4 > units.len() {
        return true;
    }
    let mut by_high_byte = [0_usize; 256];
    for unit in units {
        by_high_byte[usize::from(unit >> 8)] += 1;
    }
    // Alphabets have a block of their own, all of them below those of symbols; bytes of 8-bit texts are hardly ever so small.
    let alphabet = by_high_byte[1..0x20].iter().max().copied().unwrap_or(0);
    if (alphabet + zeros) * 5 >= units.len() * 4 {
        return true;
    }
    // Pairs of ASCII letters look Chinese as well, but then the whole sample reads as UTF-8.
    let east_asian = units
        .iter()
        .filter(|unit| matches!(**unit, 0x3000..=0x9FFF | 0xAC00..=0xD7AF | 0xFF00..=0xFFEF))
        .count();
    let damaged = sample
        .utf8_chunks()
        .filter(|chunk| !chunk.invalid().is_empty())
        .count();
    (east_asian + zeros) * 5 >= units.len() * 4 && damaged * 20 > sample.len() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn little(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn texts_of_many_scripts_are_recognised_in_both_orders() {
        for text in [
            "Grüße aus Köln, bis morgen",
            "Привет, как дела? Встреча завтра в десять утра.",
            "Συνάντηση αύριο στις δέκα, φέρε τα χαρτιά.",
            "נפגשים מחר בעשר בבוקר, תביאו את המסמכים.",
            "الاجتماع غدا الساعة العاشرة صباحا، أحضر الأوراق.",
            "बैठक कल सुबह दस बजे है, कागज़ साथ लाना।",
            "明日の会議は十時からです。\n資料を持ってきてください。\n",
            "明天上午十点开会。\n请带上文件。\n",
            "내일 회의는 열 시에 시작합니다. 자료를 가져오세요.",
            "hi",
        ] {
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(
                utf_16_without_mark(&little(text)),
                Some(ByteOrder::LittleEndian),
                "{text}"
            );
            assert_eq!(utf_16_without_mark(&big), Some(ByteOrder::BigEndian), "{text}");
        }
    }

    #[test]
    fn a_sample_that_ends_within_a_character_is_still_text() {
        let mut bytes = little("Treffen morgen um zehn 🎈");
        bytes.truncate(bytes.len() - 2);
        assert_eq!(utf_16_without_mark(&bytes), Some(ByteOrder::LittleEndian));
        bytes.push(b'x');
        assert_eq!(utf_16_without_mark(&bytes), Some(ByteOrder::LittleEndian));
    }

    #[test]
    fn other_bytes_are_not_taken_for_utf_16() {
        let stray = [
            b"A plain text with one stray zero in it".as_slice(),
            b"\0",
            b" and more words.",
        ]
        .concat();
        let numbers: Vec<u8> = (0..200_u32).flat_map(|n| (n * 7).to_le_bytes()).collect();
        let noise: Vec<u8> = (0..400_u32)
            .map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap_or(0))
            .collect();
        for bytes in [
            b"".as_slice(),
            b"plain",
            "明日の会議は十時からです。".as_bytes(),
            &stray,
            &numbers,
            &noise,
            &[0; 64],
        ] {
            assert_eq!(utf_16_without_mark(bytes), None, "{bytes:?}");
        }
    }
}
