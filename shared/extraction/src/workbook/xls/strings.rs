//! Texts of old workbooks: with a length before them, in bytes or in UTF-16, and cut wherever a record was full.

use encoding_rs::{Encoding, UTF_16LE};

/// How a workbook writes its texts.
pub(super) struct Text {
    /// Whether texts say themselves whether they are UTF-16, as since Excel 97.
    pub(super) wide: bool,
    /// The encoding of all others.
    pub(super) encoding: &'static Encoding,
}

impl Text {
    /// A text with its length in one byte before it; `None` when it is longer than what is there.
    pub(super) fn short(&self, bytes: &[u8]) -> Option<String> {
        let (length, rest) = bytes.split_first()?;
        self.characters(rest, usize::from(*length))
    }

    /// A text with its length in two bytes before it; `None` when it is longer than what is there.
    pub(super) fn long(&self, bytes: &[u8]) -> Option<String> {
        let (length, rest) = bytes.split_at_checked(2)?;
        self.characters(rest, usize::from(u16::from_le_bytes([length[0], length[1]])))
    }

    fn characters(&self, bytes: &[u8], length: usize) -> Option<String> {
        if !self.wide {
            let text = bytes.get(..length)?;
            return Some(self.encoding.decode_without_bom_handling(text).0.into_owned());
        }
        let (flags, rest) = bytes.split_first()?;
        // Behind the flags: how many runs of formats follow the text, and how many bytes of what else.
        let skipped = usize::from(flags & 8 != 0) * 2 + usize::from(flags & 4 != 0) * 4;
        decode(rest.get(skipped..)?, flags & 1 != 0, length).map(|(text, _)| text)
    }
}

/// Characters of one or two bytes, and how many bytes they took.
fn decode(bytes: &[u8], two_bytes: bool, length: usize) -> Option<(String, usize)> {
    if two_bytes {
        let taken = length.checked_mul(2)?;
        let text = UTF_16LE.decode_without_bom_handling(bytes.get(..taken)?).0;
        return Some((text.into_owned(), taken));
    }
    // One byte is the lower half of UTF-16, which is Latin-1.
    let text = bytes
        .get(..length)?
        .iter()
        .map(|byte| char::from(*byte))
        .collect();
    Some((text, length))
}

/// The table of texts that cells refer to by number. It ends where a text is damaged.
pub(super) fn shared(first: &[u8], continuations: Vec<&[u8]>) -> Vec<String> {
    let mut segments = Segments {
        current: first.get(8..).unwrap_or_default(),
        following: continuations.into_iter(),
    };
    let mut strings = Vec::new();
    while let Some(text) = segments.text() {
        strings.push(text);
    }
    strings
}

/// The text of a shape or comment. The first continuation is the text, the second its formats.
pub(super) fn shape(record: &[u8], continuations: Vec<&[u8]>) -> Option<String> {
    let length = record.get(10..12)?;
    let mut length = usize::from(u16::from_le_bytes([length[0], length[1]]));
    let mut text = String::new();
    for segment in continuations {
        let Some((flags, rest)) = segment.split_first().filter(|_| length > 0) else {
            break;
        };
        let width = if flags & 1 != 0 { 2 } else { 1 };
        let here = length.min(rest.len() / width);
        let (piece, _) = decode(rest, width == 2, here)?;
        text.push_str(&piece);
        length -= here;
    }
    (!text.is_empty()).then_some(text)
}

/// A record and those that go on with it.
struct Segments<'s> {
    current: &'s [u8],
    following: std::vec::IntoIter<&'s [u8]>,
}

impl Segments<'_> {
    /// The next text; `None` at the end.
    fn text(&mut self) -> Option<String> {
        if self.current.is_empty() {
            self.current = self.following.next()?;
        }
        // The head of a text is never cut.
        let head = self.take(3)?;
        let (mut length, flags) = (usize::from(u16::from_le_bytes([head[0], head[1]])), head[2]);
        let mut width = if flags & 1 != 0 { 2 } else { 1 };
        let runs = if flags & 8 != 0 {
            let runs = self.take(2)?;
            usize::from(u16::from_le_bytes([runs[0], runs[1]]))
        } else {
            0
        };
        let more = if flags & 4 != 0 {
            let more = self.take(4)?;
            usize::try_from(u32::from_le_bytes([more[0], more[1], more[2], more[3]])).ok()?
        } else {
            0
        };
        let mut text = String::new();
        while length > 0 {
            if self.current.is_empty() {
                self.current = self.following.next()?;
                // Behind a cut, the text says again whether it is UTF-16.
                let flags = self.take(1)?[0];
                width = if flags & 1 != 0 { 2 } else { 1 };
            }
            let here = length.min(self.current.len() / width);
            if here == 0 {
                return None;
            }
            let (piece, taken) = decode(self.current, width == 2, here)?;
            text.push_str(&piece);
            self.current = &self.current[taken..];
            length -= here;
        }
        self.skip(runs.checked_mul(4)?.checked_add(more)?)?;
        Some(text)
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.current.split_at_checked(length)?;
        self.current = rest;
        Some(taken)
    }

    /// Passes over bytes, across cuts. At the very end there may be fewer.
    fn skip(&mut self, mut length: usize) -> Option<()> {
        while length > self.current.len() {
            length -= self.current.len();
            match self.following.next() {
                Some(next) => self.current = next,
                None => {
                    self.current = &[];
                    return Some(());
                }
            }
        }
        self.current = &self.current[length..];
        Some(())
    }
}
