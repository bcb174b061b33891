//! The character set that a page declares in its first bytes.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes of the beginning in which a declaration counts. The HTML standard says 1,024; real pages are less tidy.
const HEAD_BYTES: usize = 4096;

/// The encoding named by the XML declaration or by the first `<meta>` that names one; `None` without a known name.
pub(super) fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(HEAD_BYTES)].to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let label = xml_declaration(&head).or_else(|| head.split("<meta").skip(1).find_map(meta_charset))?;
    let encoding = Encoding::for_label(label.as_bytes())?;
    // The declaration itself was readable as ASCII, so it cannot be true.
    let impossible = encoding == UTF_16BE || encoding == UTF_16LE;
    Some(if impossible { UTF_8 } else { encoding })
}

fn xml_declaration(head: &str) -> Option<&str> {
    let declaration = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    value_after(declaration, "encoding")
}

/// Both forms: `charset="…"`, and `content="text/html; charset=…"`.
fn meta_charset(after_meta: &str) -> Option<&str> {
    value_after(after_meta.split('>').next()?, "charset")
}

fn value_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let after_key = &text[text.find(key)? + key.len()..];
    let value = after_key
        .trim_start()
        .strip_prefix('=')?
        .trim_start_matches([' ', '"', '\'']);
    value
        .split(['"', '\'', ' ', ';', '/', '>'])
        .next()
        .filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(head: &str) -> Option<&'static str> {
        declared(head.as_bytes()).map(Encoding::name)
    }

    #[test]
    fn every_way_to_declare_is_understood() {
        assert_eq!(name("<META CHARSET = 'koi8-r'>"), Some("KOI8-R"));
        assert_eq!(
            name("<meta name=x><meta http-equiv=content-type content=\"text/html; charset=gb2312\">"),
            Some("GBK")
        );
        assert_eq!(
            name("<?xml version='1.0' encoding='Shift_JIS'?><html>"),
            Some("Shift_JIS")
        );
    }

    #[test]
    fn impossible_and_unknown_names_are_not_followed() {
        assert_eq!(name("<meta charset=utf-16le>"), Some("UTF-8"));
        assert_eq!(name("<meta charset=klingon>"), None);
        assert_eq!(name("<p>charset=utf-8"), None);
    }
}
