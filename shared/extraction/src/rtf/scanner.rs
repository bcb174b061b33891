//! The signs of Rich Text Format, one after the other: what begins and ends groups, control words, and bytes of text.

use super::words;

/// A sign.
pub(super) enum Sign<'a> {
    GroupBegins,
    GroupEnds,
    /// A control word and its number.
    Word(&'a [u8], Option<i32>),
    /// A byte of text, in the encoding in force.
    Byte(u8),
    /// Text that has a sign of its own.
    Text(&'static str),
    /// The end of a paragraph.
    Paragraph,
    /// The group that begins here holds nothing for readers.
    Nowhere,
}

/// Reads signs.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether it begins as whole documents do. Fragments, as converters write them, have any number of groups.
    pub(super) fn has_header(&self) -> bool {
        self.bytes.starts_with(b"{\\rtf")
    }

    /// Passes over so many bytes, which are no signs.
    pub(super) fn pass_over(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.bytes.len());
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// What stands behind a backslash: a control word, a byte in hexadecimal digits, or a sign. `None` where it means nothing.
    fn control(&mut self) -> Option<Sign<'a>> {
        let first = self.next_byte()?;
        if first.is_ascii_alphabetic() {
            self.at -= 1;
            let (word, number) = self.word();
            return Some(Sign::Word(word, number));
        }
        match first {
            b'\'' => {
                let digits = self.bytes.get(self.at..self.at + 2).unwrap_or_default();
                self.pass_over(2);
                let digits = std::str::from_utf8(digits).ok()?;
                u8::from_str_radix(digits, 16).ok().map(Sign::Byte)
            }
            b'\\' | b'{' | b'}' => Some(Sign::Byte(first)),
            // A group that may be passed over by those who do not know it; the word behind it says whether we do.
            b'*' if self.is_group_beginning() && !self.knows_starred() => Some(Sign::Nowhere),
            b'~' => Some(Sign::Text("\u{a0}")),
            b'_' => Some(Sign::Text("-")),
            b'\r' | b'\n' => Some(Sign::Paragraph),
            _ => None,
        }
    }

    /// Whether the control sign just read is the first thing in its group. Elsewhere, a star means nothing.
    fn is_group_beginning(&self) -> bool {
        self.bytes[..self.at.saturating_sub(2)]
            .trim_ascii_end()
            .ends_with(b"{")
    }

    /// Whether the starred group that begins here holds text for readers.
    fn knows_starred(&self) -> bool {
        let rest = &self.bytes[self.at..];
        let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
        let end = rest
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        words::STARRED_WITH_TEXT.contains(&&rest[..end])
    }

    /// A control word and its number, without the one space that may end it.
    fn word(&mut self) -> (&'a [u8], Option<i32>) {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .take(32)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let sign = usize::from(rest.get(length) == Some(&b'-'));
        let digits = rest[length + sign..]
            .iter()
            .take(10)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let end = if digits > 0 {
            length + sign + digits
        } else {
            length
        };
        let number = std::str::from_utf8(&rest[length..end])
            .ok()
            .and_then(|number| number.parse().ok());
        self.at += end + usize::from(rest.get(end) == Some(&b' '));
        (&rest[..length], number)
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Sign<'a>;

    fn next(&mut self) -> Option<Sign<'a>> {
        loop {
            let sign = match self.next_byte()? {
                b'{' => Some(Sign::GroupBegins),
                b'}' => Some(Sign::GroupEnds),
                b'\\' => self.control(),
                b'\r' | b'\n' => None,
                byte => Some(Sign::Byte(byte)),
            };
            if sign.is_some() {
                return sign;
            }
        }
    }
}
