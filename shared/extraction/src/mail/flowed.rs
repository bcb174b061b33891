//! Paragraphs that were broken into lines for the way (RFC 3676, `format=flowed`).

/// Joins the lines of each paragraph again. A line that ends with a space goes on in the next one of the same quoting depth;
/// with `delete_space` that space was added for the way, as in languages that write none.
pub(super) fn unwrap(text: &str, delete_space: bool) -> String {
    let mut unwrapped = String::with_capacity(text.len());
    let mut flows_at = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|byte| *byte == b'>').count();
        let content = &line[depth..];
        // A space is put before lines that would look like something else.
        let content = content.strip_prefix(' ').unwrap_or(content);
        let signature = content == "-- ";
        if flows_at == Some(depth) && !signature {
            unwrapped.push_str(content);
        } else {
            if !unwrapped.is_empty() {
                unwrapped.push('\n');
            }
            unwrapped.extend(std::iter::repeat_n('>', depth));
            if depth > 0 && !content.is_empty() {
                unwrapped.push(' ');
            }
            unwrapped.push_str(content);
        }
        let flows = content.ends_with(' ') && !signature;
        if flows && delete_space {
            unwrapped.pop();
        }
        flows_at = flows.then_some(depth);
    }
    if text.ends_with('\n') {
        unwrapped.push('\n');
    }
    unwrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_paragraphs_are_joined_again() {
        assert_eq!(
            unwrap("We meet \non Monday.\nBring water.\n\n-- \nNora\n", false),
            "We meet on Monday.\nBring water.\n\n-- \nNora\n"
        );
        assert_eq!(unwrap("明日の \n会議\n", true), "明日の会議\n");
    }

    #[test]
    fn quotes_of_different_depth_stay_apart() {
        assert_eq!(
            unwrap(
                "> when do \n> we meet?\n>> today \nat ten \nsharp\n From here",
                false
            ),
            "> when do we meet?\n>> today \nat ten sharp\nFrom here"
        );
    }
}
