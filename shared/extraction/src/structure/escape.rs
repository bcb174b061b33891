//! Signs that Markdown would take for its own, made harmless.

/// Appends the words of a line. `line_start` says that nothing but indentation stands before them, where more signs have
/// a meaning; `in_table` that a pipe would end a cell.
pub(super) fn push(words: &str, line_start: bool, in_table: bool, out: &mut String) {
    let mut rest = words;
    if line_start {
        rest = push_start(words, out);
    }
    let mut before = ' ';
    let mut characters = rest.chars().peekable();
    while let Some(c) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        let sign = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '~' => true,
            // Within a word it is only a letter.
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            '&' => after == '#' || after.is_ascii_alphabetic(),
            // Ends a heading.
            '#' => before.is_whitespace() || before == '#',
            '|' => in_table,
            _ => false,
        };
        if sign {
            out.push('\\');
        }
        // Pages end with a form feed and cells with a tab; neither is left in a line by now, but for one.
        out.push(if c == '\t' { ' ' } else { c });
        before = c;
    }
}

/// Escapes what would make a line a heading, a quote, an item or a rule. Returns what is left to write.
fn push_start<'a>(words: &'a str, out: &mut String) -> &'a str {
    let words = words.trim_start();
    let mut characters = words.chars();
    match characters.next() {
        Some('#' | '>' | '+' | '-' | '=' | '|') => out.push('\\'),
        // Below a line with a pipe this makes a table.
        Some(':') if words.starts_with(":-") => out.push('\\'),
        Some(first) if first.is_ascii_digit() => {
            let digits = words.bytes().take_while(u8::is_ascii_digit).count();
            // At most nine digits number an item.
            let behind = words.get(digits + 1..).unwrap_or_default();
            if digits <= 9
                && words[digits..].starts_with(['.', ')'])
                && (behind.is_empty() || behind.starts_with(char::is_whitespace))
            {
                out.push_str(&words[..digits]);
                out.push('\\');
                out.push_str(&words[digits..=digits]);
                return &words[digits + 1..];
            }
            return words;
        }
        _ => return words,
    }
    out.push_str(&words[..1]);
    &words[1..]
}

/// Whether an address may be followed from a text: a place, not a program.
pub(super) fn is_safe_address(address: &str) -> bool {
    let before_path = address.split(['/', '?', '#']).next().unwrap_or_default();
    match before_path.split_once(':') {
        Some((scheme, _)) => ["http", "https", "mailto", "tel"]
            .iter()
            .any(|safe| scheme.trim().eq_ignore_ascii_case(safe)),
        None => !address.is_empty() && !address.starts_with('#'),
    }
}

/// An address as it stands between the parentheses of a link.
pub(super) fn address(address: &str) -> String {
    let mut shown = String::with_capacity(address.len());
    for c in address.chars() {
        match c {
            ' ' => shown.push_str("%20"),
            '(' => shown.push_str("%28"),
            ')' => shown.push_str("%29"),
            '<' => shown.push_str("%3C"),
            '>' => shown.push_str("%3E"),
            '\\' => shown.push_str("%5C"),
            '|' => shown.push_str("%7C"),
            _ if c.is_control() => {}
            _ => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(words: &str, line_start: bool) -> String {
        let mut out = String::new();
        push(words, line_start, false, &mut out);
        out
    }

    #[test]
    fn signs_of_markdown_become_letters() {
        assert_eq!(
            escaped("2*3 [x] <b> a\\b `c`", false),
            r"2\*3 \[x\] \<b> a\\b \`c\`"
        );
        assert_eq!(
            escaped("snake_case _so_ R&D &amp;", false),
            r"snake_case \_so\_ R\&D \&amp;"
        );
    }

    #[test]
    fn signs_at_the_start_of_a_line_do_not_begin_blocks() {
        for (line, expected) in [
            ("# no heading", r"\# no heading"),
            ("- no item", r"\- no item"),
            ("3. no item", r"3\. no item"),
            ("1234567890. long", "1234567890. long"),
            ("2026 was good", "2026 was good"),
            ("2.1 no item", "2.1 no item"),
            ("---", r"\---"),
            ("> no quote", r"\> no quote"),
            ("~~~ no code", r"\~\~\~ no code"),
            (":-|-: no table", r"\:-|-: no table"),
            ("C # no end #", r"C \# no end \#"),
        ] {
            assert_eq!(escaped(line, true), expected);
        }
    }

    #[test]
    fn only_places_are_addresses() {
        for safe in [
            "https://a.example/b:c",
            "/path",
            "page.html?x=a:b",
            "mailto:a@b.example",
        ] {
            assert!(is_safe_address(safe), "{safe}");
        }
        for odd in [
            "javascript:alert(1)",
            " JavaScript:x",
            "data:text/html,x",
            "#top",
            "",
        ] {
            assert!(!is_safe_address(odd), "{odd}");
        }
        assert_eq!(address("a b(c)<d>"), "a%20b%28c%29%3Cd%3E");
    }
}
