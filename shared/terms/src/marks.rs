//! Terms that say something about a whole document. They begin with a sign, which no word does.

use crate::pieces::folded;

/// The documents of one owner. `owner` is any text of letters and digits.
#[must_use]
pub fn owner_mark(owner: &str) -> String {
    format!("@{owner}")
}

/// The documents in a language.
pub(crate) fn language_mark(language: &str) -> String {
    format!("={language}")
}

/// A stem in a language.
pub(crate) fn stem_mark(language: &str, stem: &str) -> String {
    format!("~{language}{stem}")
}

/// The documents with a tag. Tags that differ in case or signs only have the same mark.
#[must_use]
pub fn tag_mark(tag: &str) -> String {
    let mut mark = String::with_capacity(tag.len() + 1);
    mark.push('#');
    for (number, word) in tag
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if number > 0 {
            mark.push('_');
        }
        mark.push_str(&folded(word));
        if mark.len() > MARK_BYTES_MAX {
            break;
        }
    }
    mark
}

/// Longer marks are cut, at the end of a word. Postgres takes no term of two kilobytes.
const MARK_BYTES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_mark_however_it_is_written() {
        assert_eq!(tag_mark("Tax  Return"), "#tax_return");
        assert_eq!(tag_mark("tax-return"), "#tax_return");
        assert_eq!(tag_mark("'; DROP"), "#drop");
        assert!(tag_mark(&"word ".repeat(1000)).len() < 1000);
    }
}
