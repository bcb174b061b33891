//! Bounds the cost of looking at a text: a long one is represented by its beginning and evenly spread pieces.

use std::borrow::Cow;

/// How much of a text is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleSize {
    /// Bytes taken from the start; a text this long or shorter is taken whole.
    pub(crate) head_bytes: usize,
    /// Number of pieces taken from what follows the head.
    pub(crate) pieces: usize,
    /// Bytes of each piece.
    pub(crate) piece_bytes: usize,
}

/// The text itself when it is short, else its head and evenly spread pieces, separated by blank lines.
///
/// Never longer than head and pieces together (and their separators). Pieces begin and end at white space when
/// there is some nearby, so that no word is cut.
pub(crate) fn sample(text: &str, size: SampleSize) -> Cow<'_, str> {
    let whole = size.head_bytes + size.pieces * size.piece_bytes;
    if text.len() <= whole {
        return Cow::Borrowed(text);
    }
    let head = &text[..end_of_word(text, size.head_bytes)];
    let mut sampled = String::with_capacity(whole + 2 * size.pieces);
    sampled.push_str(head);
    let rest = &text[head.len()..];
    for piece in 0..size.pieces {
        // Each piece sits in the middle of its equal share of the rest.
        let middle = rest.len() / size.pieces * piece + rest.len() / size.pieces / 2;
        let from = end_of_word(rest, middle.saturating_sub(size.piece_bytes / 2));
        let to = end_of_word(rest, from + size.piece_bytes);
        sampled.push_str("\n\n");
        sampled.push_str(&rest[from..to]);
    }
    Cow::Owned(sampled)
}

/// The last white space at or shortly before `at`, else the nearest character boundary.
fn end_of_word(text: &str, at: usize) -> usize {
    const WORD_BYTES: usize = 64;
    let at = text.floor_char_boundary(at);
    let near = text.floor_char_boundary(at.saturating_sub(WORD_BYTES));
    text[near..at]
        .rfind(char::is_whitespace)
        .map_or(at, |space| near + space)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SIZE: SampleSize = SampleSize {
        head_bytes: 100,
        pieces: 4,
        piece_bytes: 50,
    };

    #[test]
    fn a_short_text_is_taken_whole() {
        let text = "a ".repeat(150);
        assert_eq!(sample(&text, SIZE), text);
    }

    #[test]
    fn a_long_text_is_taken_from_everywhere_without_cutting_words() {
        let text: String = (0..1_000).map(|n| format!("w{n:03} ")).collect();
        let sampled = sample(&text, SIZE);
        assert!(sampled.len() <= 320, "{}", sampled.len());
        assert!(
            sampled.split_whitespace().all(|word| word.len() == 4),
            "{sampled}"
        );
        for share in ["w0", "w1", "w3", "w6", "w8"] {
            assert!(sampled.contains(share), "nothing from {share}: {sampled}");
        }
    }

    #[test]
    fn a_text_without_spaces_is_cut_between_characters() {
        let sampled = sample(&"字".repeat(1_000), SIZE).into_owned();
        assert!(sampled.chars().all(|c| c == '字' || c == '\n'));
        assert!(sampled.len() <= 320);
    }
}
