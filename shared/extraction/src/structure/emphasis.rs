//! Where emphasis can stand: Markdown tells by the signs around it whether a star begins or ends something.

use std::ops::Range;

use super::Part;

/// What is marked within the lines of a page, without what Markdown could not show: spans over several lines or cells,
/// those that cross each other, links in links, and emphasis at whose ends a star would only be a star.
pub(super) fn showable<'m>(
    text: &str,
    mut spans: Vec<(Range<usize>, &'m Part)>,
) -> Vec<(Range<usize>, &'m Part)> {
    // The outer before the inner.
    spans.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut shown: Vec<(Range<usize>, &Part)> = Vec::with_capacity(spans.len());
    // Those of `shown` that are open.
    let mut open: Vec<usize> = Vec::new();
    // Where the last emphasis or code ended: the signs of another one right behind it would run into its own.
    let mut ended_at = None;
    for (range, part) in spans {
        while open.last().is_some_and(|last| shown[*last].0.end <= range.start) {
            if let Some(ended) = open.pop()
                && !matches!(shown[ended].1, Part::Link(_))
            {
                ended_at = Some(shown[ended].0.end);
            }
        }
        let around = open.last().map(|outer| &shown[*outer]);
        let crosses = around.is_some_and(|(outer, part)| outer.end < range.end || **part == Part::Literal);
        let repeats = open.iter().any(|outer| same_kind(shown[*outer].1, part));
        let unclear = (is_emphasis(part) && !can_be_emphasised(text, &range))
            || (!matches!(part, Part::Link(_)) && ended_at == Some(range.start));
        // The sign with which a link or code begins or ends would stand between a letter and the stars around it.
        let hides_letter = !is_emphasis(part)
            && open.iter().map(|outer| &shown[*outer]).any(|(outer, part)| {
                is_emphasis(part)
                    && ((outer.start == range.start && !apart(text[..range.start].chars().next_back()))
                        || (outer.end == range.end && !apart(text[range.end..].chars().next())))
            });
        // Stars of both would be one row of stars, which can be read in more than one way.
        let touches = is_emphasis(part)
            && open.iter().map(|outer| &shown[*outer]).any(|(outer, part)| {
                is_emphasis(part) && (outer.start == range.start) != (outer.end == range.end)
            });
        let unclear = unclear || hides_letter || touches;
        if crosses || repeats || unclear || text[range.clone()].contains(['\n', '\t']) {
            continue;
        }
        open.push(shown.len());
        shown.push((range, part));
    }
    shown
}

fn is_emphasis(part: &Part) -> bool {
    matches!(part, Part::Strong | Part::Emphasis)
}

fn same_kind(a: &Part, b: &Part) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// Whether stars before and behind the words would be taken for emphasis: each must touch a letter of them, unless
/// there is none on its other side.
fn can_be_emphasised(text: &str, range: &Range<usize>) -> bool {
    let words = &text[range.clone()];
    let fits =
        |inner: Option<char>, outer: Option<char>| inner.is_some_and(char::is_alphanumeric) || apart(outer);
    fits(words.chars().next(), text[..range.start].chars().next_back())
        && fits(words.chars().next_back(), text[range.end..].chars().next())
}

/// Whether what stands beside stars is no letter.
fn apart(beside: Option<char>) -> bool {
    beside.is_none_or(|c| c.is_whitespace() || c.is_ascii_punctuation())
}
