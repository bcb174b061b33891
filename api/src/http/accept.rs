//! Which form of a text a client wants (`Accept`, RFC 9110, section 12.5.1).

/// The forms in which a text may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// Plain text, which always exists.
    Plain,
    /// Markdown where the document has any, else plain text.
    MarkdownOrPlain,
    /// Markdown, and nothing else.
    Markdown,
}

/// Reads the header. Markdown is only chosen when it is named and wanted more than plain text; a client that accepts
/// neither gets plain text all the same, for it can judge that better than an error.
pub(crate) fn text_form(accept: Option<&str>) -> TextForm {
    let accept = accept.unwrap_or("*/*");
    let markdown = quality(accept, &["text/markdown"]).unwrap_or(0.0);
    let plain = quality(accept, &["text/plain"])
        .or_else(|| quality(accept, &["text/*"]))
        .or_else(|| quality(accept, &["*/*"]))
        .unwrap_or(0.0);
    if markdown == 0.0 || plain > markdown {
        TextForm::Plain
    } else if plain > 0.0 {
        TextForm::MarkdownOrPlain
    } else {
        TextForm::Markdown
    }
}

/// How much one of these ranges is wanted, from 0 to 1; `None` when none of them is named.
fn quality(accept: &str, ranges: &[&str]) -> Option<f32> {
    accept.split(',').find_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?;
        if !ranges.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)) {
            return None;
        }
        let quality =
            parts.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
        Some(quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_chosen_when_it_is_wanted_most() {
        for (accept, form) in [
            (None, TextForm::Plain),
            (Some("*/*"), TextForm::Plain),
            (Some("text/*"), TextForm::Plain),
            (Some("application/json"), TextForm::Plain),
            (Some("text/plain, text/markdown;q=0.5"), TextForm::Plain),
            (Some("text/markdown;q=0"), TextForm::Plain),
            (Some("text/markdown"), TextForm::Markdown),
            (Some("Text/Markdown; charset=utf-8"), TextForm::Markdown),
            (Some("text/markdown, */*;q=0.1"), TextForm::MarkdownOrPlain),
            (Some("text/markdown, text/plain"), TextForm::MarkdownOrPlain),
            (Some("text/markdown, text/plain;q=0, */*"), TextForm::Markdown),
        ] {
            assert_eq!(text_form(accept), form, "{accept:?}");
        }
    }
}
