//! Text in UTF-16 and UTF-32 without a byte order mark, which looks like anything but text at first sight.
//!
//! Used twice: to tell at the upload that a file is text, and to decode it later. Both must agree.

/// Which byte of a unit of two or four comes first.
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
        *zeros > 0
            && is_text(char::decode_utf16(units.iter().copied()).map(Result::ok))
            && match script(&units) {
                // Pairs of ASCII letters look Chinese as well, but then the whole sample reads as UTF-8.
                Some(Script::EastAsian) => !reads_as_utf_8(sample),
                script => script.is_some(),
            }
    };
    orders.into_iter().find(fits).map(|(_, order)| order)
}

/// The byte order of a text in UTF-32 that does not begin with a mark; `None` when the sample is something else. A few
/// kilobytes from the beginning are enough.
///
/// Of all numbers of four bytes only one in four thousand is a character, so that little else looks like it. Lists of
/// small numbers do; they are of no script.
#[must_use]
pub fn utf_32_without_mark(sample: &[u8]) -> Option<ByteOrder> {
    let (fours, _) = sample.as_chunks::<4>();
    let fits = |from_bytes: fn([u8; 4]) -> u32| {
        let characters: Option<Vec<char>> = fours
            .iter()
            .map(|four| char::from_u32(from_bytes(*four)))
            .collect();
        characters.is_some_and(|characters| {
            let mut units = Vec::with_capacity(characters.len());
            for c in &characters {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            }
            is_text(characters.into_iter().map(Some)) && script(&units).is_some()
        })
    };
    if fits(u32::from_le_bytes) {
        Some(ByteOrder::LittleEndian)
    } else {
        fits(u32::from_be_bytes).then_some(ByteOrder::BigEndian)
    }
}

/// Whether these are characters, at most one in twenty of which is none that people write; the last may be half of one that
/// was cut.
fn is_text(characters: impl Iterator<Item = Option<char>>) -> bool {
    let (mut all, mut odd) = (0_usize, 0_usize);
    for c in characters {
        all += 1;
        odd += usize::from(!c.is_some_and(is_written));
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

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    /// Another one whose letters are few.
    Alphabet,
    EastAsian,
}

/// The one script that these units of UTF-16 are of, as good as all of them; `None` when they are of several.
fn script(units: &[u16]) -> Option<Script> {
    let latin = units.iter().filter(|unit| **unit < 0x100).count();
    // Spaces, digits and line ends are of every script.
    if latin * 4 > units.len() {
        return Some(Script::Latin);
    }
    let mut by_high_byte = [0_usize; 256];
    for unit in units {
        by_high_byte[usize::from(unit >> 8)] += 1;
    }
    // Alphabets have a block of their own, all of them below those of symbols; bytes of 8-bit texts are hardly ever so small.
    let alphabet = by_high_byte[1..0x20].iter().max().copied().unwrap_or(0);
    if (alphabet + latin) * 5 >= units.len() * 4 {
        return Some(Script::Alphabet);
    }
    let east_asian = units
        .iter()
        .filter(|unit| matches!(**unit, 0x3000..=0x9FFF | 0xAC00..=0xD7AF | 0xFF00..=0xFFEF))
        .count();
    ((east_asian + latin) * 5 >= units.len() * 4).then_some(Script::EastAsian)
}

/// Whether there are at most as many damaged places as one for forty bytes, read as UTF-8.
fn reads_as_utf_8(sample: &[u8]) -> bool {
    let damaged = sample
        .utf8_chunks()
        .filter(|chunk| !chunk.invalid().is_empty())
        .count();
    damaged * 20 <= sample.len() / 2
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
    fn utf_32_is_told_from_utf_16_in_both_orders() {
        for text in [
            "Grüße aus Köln, bis morgen 🎈",
            "Привет, как дела? Встреча завтра в десять утра.",
            "明天上午十点开会。\n请带上文件。\n",
        ] {
            let units = |to_bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
                text.chars().flat_map(|c| to_bytes(u32::from(c))).collect()
            };
            let orders = [
                (units(u32::to_le_bytes), ByteOrder::LittleEndian),
                (units(u32::to_be_bytes), ByteOrder::BigEndian),
            ];
            for (mut bytes, order) in orders {
                // A sample may end anywhere.
                bytes.push(0);
                assert_eq!(utf_32_without_mark(&bytes), Some(order), "{text}");
                assert_eq!(utf_16_without_mark(&bytes), None, "{text}");
            }
            assert_eq!(utf_32_without_mark(&little(text)), None, "{text}");
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
    fn other_bytes_are_taken_for_neither() {
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
            assert_eq!(utf_32_without_mark(bytes), None, "{bytes:?}");
        }
    }
}
