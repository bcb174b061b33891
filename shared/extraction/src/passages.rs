//! Cuts a text into pieces that are small enough to search, to quote and to point at.

use domain::PAGE_SEPARATOR;
use domain::limits::PASSAGE_BYTES_MAX;

use crate::Extracted;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The page it is on, counted from one; `None` for a document without pages.
    pub page: Option<u32>,
    /// Where it begins, in bytes of the [`full_text`].
    pub start: usize,
    /// Where it ends, in bytes of the [`full_text`].
    pub end: usize,
    /// The piece itself, without white space around it; never empty.
    pub text: String,
}

/// The text of all pages, with a form feed between one and the next.
#[must_use]
pub fn full_text(extracted: &Extracted) -> String {
    let mut separator = [0; 4];
    extracted.pages.join(&*PAGE_SEPARATOR.encode_utf8(&mut separator))
}

/// Cuts every page into passages of at most [`PASSAGE_BYTES_MAX`] bytes that together hold all of its words: at the end
/// of a paragraph, else of a line, else of a sentence, else of a word, else between two characters.
#[must_use]
pub fn passages(extracted: &Extracted) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut page_start = 0;
    for (index, page) in extracted.pages.iter().enumerate() {
        let number = u32::try_from(index + 1).ok().filter(|_| extracted.paged);
        let mut rest = page.as_str();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece_end(rest));
            let start = page_start + (page.len() - rest.len()) + (piece.len() - piece.trim_start().len());
            let text = piece.trim();
            if !text.is_empty() {
                passages.push(Passage {
                    page: number,
                    start,
                    end: start + text.len(),
                    text: text.to_owned(),
                });
            }
            rest = after;
        }
        page_start += page.len() + PAGE_SEPARATOR.len_utf8();
    }
    passages
}

/// Where the first passage of a text ends, in bytes.
fn piece_end(text: &str) -> usize {
    if text.len() <= PASSAGE_BYTES_MAX {
        return text.len();
    }
    let window = &text[..text.floor_char_boundary(PASSAGE_BYTES_MAX)];
    // A break in the first half would leave crumbs: rather take a lesser break further on.
    let half = window.ceil_char_boundary(window.len() / 2);
    let last_of = |marks: &[&str]| {
        marks
            .iter()
            .filter_map(|mark| last_break(window, half, mark))
            .max()
    };
    last_of(&["\n\n"])
        .or_else(|| last_of(&["\n"]))
        .or_else(|| last_of(&[". ", "! ", "? ", "。", "！", "？"]))
        .or_else(|| last_of(&[" ", "\t"]))
        .unwrap_or(window.len())
}

/// The end of the last such mark at or after `from`.
fn last_break(window: &str, from: usize, mark: &str) -> Option<usize> {
    Some(from + window[from..].rfind(mark)? + mark.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_pages(pages: &[&str]) -> Extracted {
        Extracted {
            pages: pages.iter().map(|page| (*page).to_owned()).collect(),
            paged: true,
            ..Extracted::default()
        }
    }

    /// What holds for every document.
    fn check(extracted: &Extracted) -> Vec<Passage> {
        let full = full_text(extracted);
        let passages = passages(extracted);
        for passage in &passages {
            assert_eq!(full[passage.start..passage.end], passage.text);
            assert!(!passage.text.trim().is_empty() && passage.text.len() <= PASSAGE_BYTES_MAX);
        }
        assert!(passages.is_sorted_by_key(|passage| passage.start));
        let words = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let together: String = passages.iter().map(|passage| passage.text.as_str()).collect();
        assert_eq!(words(&together), words(&full), "nothing is lost");
        passages
    }

    #[test]
    fn a_short_page_is_one_passage_and_an_empty_one_is_none() {
        let passages = check(&of_pages(&["first page", " \n", "third"]));
        assert_eq!(passages.len(), 2);
        assert_eq!(
            (passages[0].page, passages[0].start, passages[0].end),
            (Some(1), 0, 10)
        );
        assert_eq!((passages[1].page, passages[1].start), (Some(3), 14));
    }

    #[test]
    fn a_document_without_pages_has_passages_without_pages() {
        let mut extracted = of_pages(&["text"]);
        extracted.paged = false;
        assert_eq!(passages(&extracted)[0].page, None);
        assert!(passages(&Extracted::default()).is_empty());
    }

    #[test]
    fn a_long_text_is_cut_at_its_paragraphs() {
        let paragraph = "One sentence of a paragraph that goes on and on. ".repeat(15);
        let text = format!("{paragraph}\n\n").repeat(6);
        let passages = check(&of_pages(&[&text]));
        assert!(
            passages
                .iter()
                .all(|passage| passage.text.ends_with("on and on."))
        );
        assert_eq!(passages.len(), 3, "two paragraphs fit into one passage");
    }

    #[test]
    fn without_paragraphs_lines_sentences_and_words_are_kept_whole() {
        let lines = "a line of a poem that never ends\n".repeat(200);
        assert!(
            check(&of_pages(&[&lines]))
                .iter()
                .all(|p| p.text.ends_with("never ends"))
        );
        let sentences = "それは長い文章です。".repeat(300);
        assert!(
            check(&of_pages(&[&sentences]))
                .iter()
                .all(|p| p.text.ends_with('。'))
        );
        let words = "word ".repeat(1000);
        assert!(
            check(&of_pages(&[&words]))
                .iter()
                .all(|p| p.text.ends_with("word"))
        );
    }

    #[test]
    fn a_text_without_any_break_is_cut_between_characters() {
        assert_eq!(check(&of_pages(&[&"ä".repeat(5000)])).len(), 5);
        assert_eq!(check(&of_pages(&[&"語".repeat(1000)])).len(), 2);
    }
}
