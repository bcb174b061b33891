//! Counts words in any script, for people who want to know how long a text is.

use unicode_normalization::char::is_combining_mark;

/// The number of words: runs of letters and digits, with the apostrophes and hyphens inside them; in scripts that are
/// written without spaces (Chinese, Japanese, Thai and their like) every character counts as one.
#[must_use]
pub fn count_words(text: &str) -> u64 {
    let mut words = 0;
    let mut inside = false;
    for c in text.chars() {
        if is_written_without_spaces(c) {
            words += 1;
            inside = false;
        } else if c.is_alphanumeric() {
            words += u64::from(!inside);
            inside = true;
        } else if !matches!(c, '\'' | '’' | '-' | '\u{ad}' | '\u{200c}' | '\u{200d}') && !is_combining_mark(c)
        {
            inside = false;
        }
    }
    words
}

/// Scripts in which a space does not separate words.
fn is_written_without_spaces(c: char) -> bool {
    matches!(c,
        '\u{0E01}'..='\u{0E30}' | '\u{0E32}'..='\u{0E33}' | '\u{0E40}'..='\u{0E46}' // Thai, without its marks
        | '\u{0E81}'..='\u{0EB0}' | '\u{0EC0}'..='\u{0EC6}' // Lao
        | '\u{1000}'..='\u{102A}' // Burmese
        | '\u{1780}'..='\u{17B3}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FF9D}'
        | '\u{20000}'..='\u{3FFFD}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(count_words(""), 0);
        assert_eq!(count_words("  \n — … "), 0);
        assert_eq!(count_words("Hello, world! It's 9:30."), 5);
        assert_eq!(count_words("well-known Prüfung №5"), 3);
    }

    #[test]
    fn characters_count_where_nobody_writes_spaces() {
        assert_eq!(count_words("今日は晴れ。"), 5);
        assert_eq!(count_words("Rust 言語"), 3);
        assert_eq!(count_words("한국어 문장"), 2);
    }

    #[test]
    fn accents_do_not_split_a_word() {
        assert_eq!(count_words("cafe\u{301}s"), 1);
        assert_eq!(count_words("हिन्दी भाषा"), 2);
    }
}
