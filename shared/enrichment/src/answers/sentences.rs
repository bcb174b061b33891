//! Cuts a passage into pieces that can be quoted: sentences, list items, lines of a table.

use std::ops::Range;

/// A longer piece is cut at a word: nobody reads it as one sentence.
const BYTES_MAX: usize = 600;
/// A line shorter than this share of the longest one around it was ended by its author, not by the width of the page.
const FULL_LINE: f32 = 0.75;

/// The sentences of `text` as ranges of bytes, without white space around them, in order.
pub(super) fn split(text: &str) -> Vec<Range<usize>> {
    let longest = text.lines().map(str::len).max().unwrap_or(0) as f32;
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut previous: Option<char> = None;
    let mut line_start = 0;
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        let ends = match c {
            '\n' => {
                let line = text[line_start..at].trim_end();
                line_start = after;
                (line.len() as f32) < FULL_LINE * longest || is_row(line) || begins_something(&text[after..])
            }
            '。' | '！' | '？' | '\u{c}' => true,
            '.' | '!' | '?' | '…' => {
                is_followed_by_a_beginning(&text[after..])
                    && !(c == '.'
                        && (is_abbreviation(&text[start..at])
                            || is_ordinal(&text[start..at], &text[after..])))
            }
            // A closing quote or bracket belongs to the sentence that it closes.
            '"' | '”' | '»' | ')' => {
                matches!(previous, Some('.' | '!' | '?')) && is_followed_by_a_beginning(&text[after..])
            }
            _ => false,
        };
        if ends {
            push(text, start..after, &mut sentences);
            start = after;
        }
        previous = Some(c);
    }
    push(text, start..text.len(), &mut sentences);
    sentences
}

/// Appends what is left of a range without the white space around it, in pieces that are not too long.
fn push(text: &str, range: Range<usize>, sentences: &mut Vec<Range<usize>>) {
    let piece = &text[range.clone()];
    let mut start = range.start + (piece.len() - piece.trim_start().len());
    let end = start + piece.trim().len();
    while end - start > BYTES_MAX {
        let window = &text[start..text.floor_char_boundary(start + BYTES_MAX)];
        let cut = window
            .rfind(char::is_whitespace)
            .filter(|cut| *cut > 0)
            .unwrap_or(window.len());
        sentences.push(start..start + cut);
        let rest = &text[start + cut..end];
        start += cut + (rest.len() - rest.trim_start().len());
    }
    if start < end {
        sentences.push(start..end);
    }
}

/// Whether what follows a full stop begins a sentence: white space, and then no small letter.
fn is_followed_by_a_beginning(rest: &str) -> bool {
    let next = rest.trim_start();
    next.len() < rest.len() && !next.starts_with(char::is_lowercase) || rest.is_empty()
}

/// Whether a line is a row of a table, whose cells are parted by tabs.
pub(super) fn is_row(line: &str) -> bool {
    line.contains('\t')
}

/// Whether a line begins a list item, a new paragraph, a row of a table or a message.
fn begins_something(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    if is_row(line) {
        return true;
    }
    let line = line.trim_start();
    let bullet = line.starts_with(['-', '*', '•', '–', '·', '[', '☐', '☑']);
    let number = line.split_once(['.', ')']).is_some_and(|(number, _)| {
        !number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit())
    });
    line.is_empty() || bullet || number
}

/// Whether the full stop after `text` belongs to its last word: "Dr.", "z.", "No.", an initial.
fn is_abbreviation(text: &str) -> bool {
    let word = text
        .rsplit(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    match word.chars().count() {
        1 => word.starts_with(char::is_alphabetic),
        2 => word.starts_with(char::is_uppercase),
        _ => false,
    }
}

/// What stands before a number that German writes with a full stop: "am 6. Mai", "im 3. Stock".
const BEFORE_ORDINALS: &[&str] = &[
    "am", "beim", "das", "dem", "den", "der", "des", "die", "im", "vom", "zum", "zur",
];
const GERMAN_MONTHS: &[&str] = &[
    "Januar",
    "Jänner",
    "Jan",
    "Februar",
    "Feber",
    "Feb",
    "März",
    "Mär",
    "April",
    "Apr",
    "Mai",
    "Juni",
    "Jun",
    "Juli",
    "Jul",
    "August",
    "Aug",
    "September",
    "Sept",
    "Sep",
    "Oktober",
    "Okt",
    "November",
    "Nov",
    "Dezember",
    "Dez",
];

/// Whether the full stop after `text` makes an ordinal of the number before it, rather than ending a sentence.
fn is_ordinal(text: &str, rest: &str) -> bool {
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
    if !(1..=2).contains(&(text.len() - before.len())) || !before.ends_with(char::is_whitespace) {
        return false;
    }
    let introduced = before
        .split_whitespace()
        .next_back()
        .is_some_and(|word| BEFORE_ORDINALS.contains(&word.to_lowercase().as_str()));
    let next = rest.trim_start().split(|c: char| !c.is_alphabetic()).next();
    introduced || next.is_some_and(|word| GERMAN_MONTHS.contains(&word))
}

/// A longer line that ends so says something else as well.
const RUNNING_LINE_BYTES_MAX: usize = 80;
/// What pages are called where their number stands at the top or at the bottom of each.
const PAGE_WORDS: &[&str] = &[
    "page", "pages", "p.", "pg.", "seite", "s.", "página", "pág.", "pagina", "pag.", "sida", "side",
    "strona", "стр.", "blz.",
];

/// Whether a piece is the line at the top or the bottom of a page that tells its number: "Annual report, page 3 of 12". It holds
/// the words of its document, and answers nothing.
pub(super) fn is_running_line(piece: &str) -> bool {
    let is_number = |word: &str| {
        !word.is_empty() && word.len() <= 5 && word.bytes().all(|b| b.is_ascii_digit() || b == b'/')
    };
    let mut words = piece.split_whitespace().rev();
    if piece.len() > RUNNING_LINE_BYTES_MAX || !words.next().is_some_and(is_number) {
        return false;
    }
    // "3", or "3 of 12".
    words
        .take(3)
        .any(|word| PAGE_WORDS.contains(&word.to_lowercase().trim_start_matches('(')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn sentences_end_at_full_stops_that_end_sentences() {
        assert_eq!(
            pieces(
                "Dr. Brown pays 3.50 per unit. It is due e.g. on Monday! \"Really?\" She said so. (Yes.) End"
            ),
            [
                "Dr. Brown pays 3.50 per unit.",
                "It is due e.g. on Monday!",
                "\"Really?\"",
                "She said so.",
                "(Yes.)",
                "End"
            ]
        );
    }

    #[test]
    fn german_ordinals_end_no_sentence() {
        assert_eq!(
            pieces(
                "Gemessen wird am 6. Mai um acht. Wir wohnen im 3. Stock. Es sind 12. Danach fehlt 1. April ist spät."
            ),
            [
                "Gemessen wird am 6. Mai um acht.",
                "Wir wohnen im 3. Stock.",
                "Es sind 12.",
                "Danach fehlt 1. April ist spät."
            ]
        );
    }

    #[test]
    fn every_row_of_a_table_is_a_piece() {
        let rows = "2026-02-02\tfood\tmarket, vegetables and cheese\tFelix\t37,45\n\
                    2026-02-03\ttransport\tmonthly ticket; zones A and B\tSam\t58,00";
        assert_eq!(pieces(rows), rows.lines().collect::<Vec<_>>());
    }

    #[test]
    fn lines_that_the_width_of_the_page_has_broken_stay_together() {
        let text = "The contract begins in spring and is renewed by the\nCompany every year unless somebody objects in time to\nit.\n\nFees\n- 5 % a year\n- nothing else";
        assert_eq!(
            pieces(text),
            [
                "The contract begins in spring and is renewed by the\nCompany every year unless somebody objects in time to\nit.",
                "Fees",
                "- 5 % a year",
                "- nothing else"
            ]
        );
    }

    #[test]
    fn text_without_spaces_is_cut_too() {
        assert_eq!(
            pieces("会议在三点。请带上报告。"),
            ["会议在三点。", "请带上报告。"]
        );
        let endless = "字".repeat(1000);
        let cut = pieces(&endless);
        assert_eq!(cut.concat(), endless);
        assert!(cut.iter().all(|piece| piece.len() <= BYTES_MAX));
    }

    #[test]
    fn a_line_that_numbers_its_page_is_told_from_one_that_says_something() {
        for line in [
            "Village library, page 1",
            "Jahresbericht – Seite 3 von 12",
            "Page 4",
            "Memoria anual. Página 2 de 9",
            "page 2/9",
        ] {
            assert!(is_running_line(line), "{line}");
        }
        for line in [
            "The rent is 1,250",
            "See page 3 for the opening hours.",
            "Room 12",
            "Open until 19:00",
            "",
            "7",
        ] {
            assert!(!is_running_line(line), "{line}");
        }
    }

    #[test]
    fn there_are_no_empty_pieces() {
        assert_eq!(pieces(" \n\n . \n"), ["."]);
        assert!(pieces("").is_empty());
    }
}
