//! Plain text in any encoding, and the decoding that the other kinds of text share.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use domain::{ByteOrder, utf_16_without_mark, utf_32_without_mark};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::{Extracted, Limits, single_page};

/// Bytes of the beginning that are looked at to tell an encoding. More does not change the guess.
const SAMPLE_BYTES: usize = 256 << 10;

pub(crate) fn extract(bytes: &[u8], limits: &Limits) -> Extracted {
    let decoded = decode(bytes, None);
    let mut extracted = single_page("text/1", clean(&decoded.text), limits);
    extracted
        .metadata
        .insert("encoding".to_owned(), decoded.encoding.to_owned());
    extracted
}

/// Text and the name of the encoding it was in.
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) encoding: &'static str,
}

/// Decodes by the byte order mark, else by what the document declares, else by what the bytes look like. Bytes that
/// have no meaning become U+FFFD.
pub(crate) fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> Decoded {
    if let Some(decoded) = utf_32(bytes) {
        return decoded;
    }
    let encoding = Encoding::for_bom(bytes)
        .map(|(encoding, _)| encoding)
        .or(declared)
        .unwrap_or_else(|| guess_encoding(bytes));
    let (text, encoding, _) = encoding.decode(bytes);
    Decoded {
        text: text.into_owned(),
        encoding: encoding.name(),
    }
}

/// UTF-32, which the WHATWG standard, and so the library, leaves out. Its mark begins like that of UTF-16.
fn utf_32(bytes: &[u8]) -> Option<Decoded> {
    let (text, order) = match bytes {
        [0xFF, 0xFE, 0, 0, rest @ ..] => (rest, ByteOrder::LittleEndian),
        [0, 0, 0xFE, 0xFF, rest @ ..] => (rest, ByteOrder::BigEndian),
        _ => (bytes, utf_32_without_mark(sample(bytes))?),
    };
    let (encoding, number): (_, fn([u8; 4]) -> u32) = match order {
        ByteOrder::LittleEndian => ("UTF-32LE", u32::from_le_bytes),
        ByteOrder::BigEndian => ("UTF-32BE", u32::from_be_bytes),
    };
    let (units, _) = text.as_chunks::<4>();
    let text = units
        .iter()
        .map(|unit| char::from_u32(number(*unit)).unwrap_or('\u{fffd}'))
        .collect();
    Some(Decoded { text, encoding })
}

fn sample(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(SAMPLE_BYTES)]
}

fn guess_encoding(bytes: &[u8]) -> &'static Encoding {
    let sample = sample(bytes);
    match utf_16_without_mark(sample) {
        Some(ByteOrder::LittleEndian) => return UTF_16LE,
        Some(ByteOrder::BigEndian) => return UTF_16BE,
        None => {}
    }
    if looks_like_utf_8(bytes) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Valid UTF-8, or UTF-8 with a few damaged places, as in a log or a file cut in the middle of a character. ISO-2022-JP
/// is made of ASCII bytes with escapes; it is left to the detector.
fn looks_like_utf_8(bytes: &[u8]) -> bool {
    let (mut multibyte, mut damaged) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        multibyte += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        damaged += usize::from(!chunk.invalid().is_empty());
    }
    let escapes = multibyte == 0 && bytes.windows(2).any(|pair| matches!(pair, b"\x1b$" | b"\x1b("));
    !escapes && (damaged == 0 || multibyte > 20 * damaged)
}

/// Whether [`clean`] would change nothing.
pub(crate) fn is_clean(text: &str) -> bool {
    // Most text is, and is seen to be much faster as bytes.
    let plain = |byte: u8| matches!(byte, b'\t' | b'\n' | b' '..=b'~');
    text.bytes().all(plain)
        || text.chars().all(|c| match c {
            '\n' | '\t' => true,
            '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
            _ => !c.is_control(),
        })
}

/// Line ends become `\n`, and every control character but the tab disappears: databases refuse some, terminals obey
/// others, and the form feed is ours to separate pages.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut after_return = false;
    for c in text.chars() {
        match c {
            '\n' if after_return => {}
            '\n' | '\r' | '\x0b' | '\x0c' | '\u{85}' | '\u{2028}' | '\u{2029}' => cleaned.push('\n'),
            '\t' => cleaned.push('\t'),
            '\u{feff}' => {}
            _ if c.is_control() => {}
            _ => cleaned.push(c),
        }
        after_return = c == '\r';
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, String) {
        let mut extracted = extract(bytes, &Limits::default());
        (extracted.pages.remove(0), extracted.metadata["encoding"].clone())
    }

    fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
        encoding.encode(text).0.into_owned()
    }

    fn utf_16_le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn utf_8_is_read_with_and_without_a_mark() {
        assert_eq!(read("Grüße\n".as_bytes()), ("Grüße\n".into(), "UTF-8".into()));
        assert_eq!(read(b"\xEF\xBB\xBFplain").0, "plain");
    }

    #[test]
    fn a_few_damaged_bytes_do_not_spoil_the_rest() {
        let mut bytes = "Größere Übergänge führen über Brücken und Äcker. "
            .repeat(5)
            .into_bytes();
        bytes.push(0xC3);
        let (text, encoding) = read(&bytes);
        assert_eq!(encoding, "UTF-8");
        assert!(
            text.starts_with("Größere Übergänge") && text.ends_with('\u{fffd}'),
            "{text}"
        );
    }

    #[test]
    fn utf_16_is_read_with_and_without_a_mark() {
        for text in [
            "Grüße aus Köln, bis morgen",
            "Привет, как дела? Встреча завтра в десять утра.",
        ] {
            let little = utf_16_le(text);
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(read(&little), (text.into(), "UTF-16LE".into()));
            assert_eq!(read(&big), (text.into(), "UTF-16BE".into()));
            assert_eq!(read(&[b"\xFF\xFE".as_slice(), &little].concat()).0, text);
        }
    }

    #[test]
    fn utf_32_is_read_with_and_without_a_mark() {
        let text = "Grüße 👋";
        let units = |text: &str, to_bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
            text.chars().flat_map(|c| to_bytes(u32::from(c))).collect()
        };
        for mark in ["", "\u{feff}"] {
            let marked = format!("{mark}{text}");
            assert_eq!(
                read(&units(&marked, u32::to_le_bytes)),
                (text.into(), "UTF-32LE".into())
            );
            assert_eq!(
                read(&units(&marked, u32::to_be_bytes)),
                (text.into(), "UTF-32BE".into())
            );
        }
    }

    #[test]
    fn old_encodings_are_recognised() {
        for (text, encoding) in [
            (
                "El niño comió piñas en la montaña y después bebió café.",
                encoding_rs::WINDOWS_1252,
            ),
            (
                "Съешь же ещё этих мягких французских булок, да выпей чаю.",
                encoding_rs::WINDOWS_1251,
            ),
            (
                "Съешь же ещё этих мягких французских булок, да выпей чаю.",
                encoding_rs::KOI8_R,
            ),
            (
                "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
                encoding_rs::SHIFT_JIS,
            ),
            (
                "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
                encoding_rs::ISO_2022_JP,
            ),
            ("学而时习之，不亦说乎？有朋自远方来，不亦乐乎？", encoding_rs::GBK),
        ] {
            assert_eq!(read(&encoded(text, encoding)).0, text, "{}", encoding.name());
        }
    }

    #[test]
    fn line_ends_and_control_characters_are_tidied() {
        let (text, _) = read(b"one\r\ntwo\rthree\x0cfour\0\x07\x1b[1mfive\tsix\x7f");
        assert_eq!(text, "one\ntwo\nthree\nfour[1mfive\tsix");
    }

    #[test]
    fn a_text_beyond_the_limit_is_cut_between_characters() {
        let limits = Limits {
            text_bytes_max: 4,
            ..Limits::default()
        };
        let extracted = extract("aüüü".as_bytes(), &limits);
        assert_eq!(extracted.pages, ["aü"]);
        assert!(extracted.truncated);
    }

    #[test]
    fn an_empty_file_has_one_empty_page() {
        let extracted = extract(b"", &Limits::default());
        assert_eq!(extracted.pages, [""]);
        assert!(!extracted.paged && !extracted.truncated && !extracted.needs_ocr);
    }
}
