//! Web pages as text: what a reader would see, without the markup.
//!
//! The page is only cut into tags and text, in one pass; no tree is built. Text needs none, and the tree builders of
//! browsers take quadratic time on pages made for it (200,000 nested elements fit into a megabyte). Nothing that a page
//! refers to is ever loaded.

mod charset;
mod collector;
mod main_content;
mod outline;
mod regions;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tokenizer, TokenizerOpts};

use crate::{Extracted, Limits, single_page, text};
use collector::Collector;

pub(crate) fn extract(bytes: &[u8], limits: &Limits) -> Extracted {
    let decoded = text::decode(bytes, charset::declared(bytes));
    let mut extracted = extract_source(decoded.text, limits);
    extracted
        .metadata
        .insert("encoding".to_owned(), decoded.encoding.to_owned());
    extracted
}

/// Reads a page that is text already.
pub(crate) fn extract_source(source: String, limits: &Limits) -> Extracted {
    let xml = source.trim_start().starts_with("<?xml");
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(source));
    let tokenizer = Tokenizer::new(
        Collector::new(xml, limits.text_bytes_max, limits.content),
        TokenizerOpts::default(),
    );
    // The tokenizer stops where a browser would run a script; there is nothing to run.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();

    let page = tokenizer.sink.into_page();
    let mut extracted = single_page("html/2", page.text, limits);
    extracted.title = page.title;
    extracted.metadata = page.metadata;
    extracted.structure = page.marks.into_structure();
    extracted
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn read(source: &str) -> String {
        extract(source.as_bytes(), &Limits::default()).pages.remove(0)
    }

    #[test]
    fn a_page_reads_as_its_paragraphs_lists_and_tables() {
        let text = read(
            "<!doctype html><html><head><title>T</title><style>p { color: red }</style></head><body>\
             <h1>Trip to\n   Graz</h1><p>We leave <b>early</b>.<br>Bring&nbsp;water &amp; bread.</p>\
             <ul><li>tent<li>map</ul><table><tr><th>who<th>pays</tr><tr><td>Ana<td>12&euro;</td></tr></table>\
             <script>var x = '<p>never</p>';</script><pre>a\n  b</pre></body></html>",
        );
        assert_eq!(
            text,
            "Trip to Graz\n\nWe leave early.\nBring water & bread.\n\ntent\nmap\n\nwho\tpays\nAna\t12€\n\na\n  b\n"
        );
    }

    #[test]
    fn markdown_shows_the_structure_of_a_page() {
        let page = "<h1>Trip <em>to</em> Graz</h1><p>We leave <b>early</b>, see <a href='https://a.example/m?x=1'>the \
             map</a>.<br>Bring *water*.</p><ol><li>tent<ul><li>poles</ul><li>map</ol>\
             <table><tr><th>who<th>pays<tr><td>Ana<td>12&euro;<tr><td><td>7</table>\
             <blockquote><p>Come soon.</p><p>Ben</p></blockquote><pre><code>a\n  b</code></pre>\
             <p>Use <code>ls</code>, <a href='javascript:x()'>not this</a>.";
        let extracted = extract(page.as_bytes(), &Limits::default());
        assert_eq!(
            crate::markdown(&extracted).as_deref(),
            Some(
                "# Trip *to* Graz\n\n\
                 We leave **early**, see [the map](https://a.example/m?x=1).\\\nBring \\*water\\*.\n\n\
                 1. tent\n    - poles\n2. map\n\n\
                 | who | pays |\n|---|---|\n| Ana | 12€ |\n|  | 7 |\n\n\
                 > Come soon.\n>\n> Ben\n\n\
                 ```\na\n  b\n```\n\n\
                 Use `ls`, not this.\n"
            )
        );
    }

    #[test]
    fn empty_cells_keep_their_columns() {
        assert_eq!(
            read("<table><tr><td>a<td><td>c</tr><tr><td><td>b<td></tr></table>d"),
            "a\t\tc\n\tb\n\nd\n"
        );
    }

    #[test]
    fn a_table_that_only_arranges_a_page_is_no_table() {
        let page = "<table><tr><td><p>one</p><p>two</p><td>three</table>";
        let extracted = extract(page.as_bytes(), &Limits::default());
        assert_eq!(
            crate::markdown(&extracted).as_deref(),
            Some("one\n\ntwo\n\nthree\n")
        );
    }

    fn read_main(source: &str) -> Extracted {
        let limits = Limits {
            content: domain::Content::Main,
            ..Limits::default()
        };
        extract(source.as_bytes(), &limits)
    }

    const ARTICLE: &str = "<p>The path follows the old towing track from the mill town to the estuary, far from the \
         traffic.<p>There is <a href=/w>water</a> at the lock keeper's house, and a bakery that closes at noon on \
         Saturdays.<ul><li>a tube<li>a pump</ul><p>The ferry runs every half hour and takes bicycles free of charge \
         for everybody who asks.";

    #[test]
    fn the_main_content_of_a_page_is_found_where_the_page_says_so() {
        let page = format!(
            "<header><h1>The river path</h1></header><nav><a href=/>Home</a> <a href=/r>All routes</a></nav>\
             <main>{ARTICLE}<p><a href=/n>Next: the hills</a></main><aside>Buy our map, it is the best map that you \
             can buy in the whole country today</aside><footer>All rights reserved by those who have them</footer>"
        );
        let text = read_main(&page).pages.remove(0);
        assert!(
            text.starts_with("The river path\n\nThe path follows") && text.ends_with("who asks.\n"),
            "{text}"
        );
        assert!(text.contains("\n\na tube\na pump\n\n"), "{text}");
        assert!(
            read(&page).contains("All rights reserved"),
            "all of it is read when nobody asks"
        );
    }

    #[test]
    fn the_main_content_of_a_page_is_found_by_its_prose() {
        let links = "<a href=/1>Sports</a> <a href=/2>Weather</a> <a href=/3>Letters</a><br>".repeat(20);
        let page = format!(
            "<div>{links}</div><div><h2>By bicycle</h2><div>by Ana</div>{ARTICLE}</div><div>{links}</div>\
             <div class='comments-area'><p>What a nice path this is, I have been there with my children last year.</div>"
        );
        let main = read_main(&page);
        let text = &main.pages[0];
        assert!(
            text.starts_with("By bicycle\nby Ana\n") || text.starts_with("By bicycle\n\nby Ana\n"),
            "{text}"
        );
        assert!(
            !text.contains("Sports") && !text.contains("my children"),
            "{text}"
        );
        let markdown = crate::markdown(&main).unwrap_or_default();
        assert!(
            markdown.starts_with("## By bicycle\n") && markdown.contains("- a tube\n- a pump\n"),
            "{markdown}"
        );
        assert!(markdown.contains("[water](/w)"), "{markdown}");
    }

    #[test]
    fn a_page_without_a_main_content_is_read_as_a_whole() {
        let page = "<nav><a href=/>Home</a></nav><p>Closed today.";
        assert_eq!(read_main(page).pages, ["Home\n\nClosed today.\n"]);
        assert_eq!(read_main("").pages, [""]);
    }

    #[test]
    fn what_is_not_shown_is_not_text() {
        assert_eq!(
            read("<!-- a --><template><p>b<template>c</template>d</template>e"),
            "e\n"
        );
        assert_eq!(read("<style>a</style><script>b</script>c"), "c\n");
        assert_eq!(read("extra\u{ad}ordi\u{ad}nary"), "extraordinary\n");
    }

    #[test]
    fn title_and_metadata_are_those_of_the_page() {
        let page = "<html lang='de-AT'><head><title> Plan &lt;1&gt;\n für Mai </title>\
                    <meta name=Author content='Eva Huber'><meta name=description content='Worum es geht'>\
                    <meta name=generator content=hand></head><body><svg><title>icon</title></svg>x";
        let extracted = extract(page.as_bytes(), &Limits::default());
        assert_eq!(extracted.title.as_deref(), Some("Plan <1> für Mai"));
        assert_eq!(extracted.metadata["author"], "Eva Huber");
        assert_eq!(extracted.metadata["subject"], "Worum es geht");
        assert_eq!(extracted.metadata["creator"], "hand");
        assert_eq!(extracted.metadata["language"], "de-AT");
        assert_eq!(extracted.metadata["encoding"], "UTF-8");
    }

    #[test]
    fn the_declared_character_set_is_used() {
        let mut page = b"<meta charset=iso-8859-2><p>P\xF8\xEDli\xB9 \xBElu\xBBou\xE8k\xFD</p>".to_vec();
        let extracted = extract(&page, &Limits::default());
        assert_eq!(extracted.pages, ["Příliš žluťoučký\n"]);
        assert_eq!(extracted.metadata["encoding"], "ISO-8859-2");

        page.splice(0..0, *b"\xEF\xBB\xBF");
        let marked = extract(&page, &Limits::default());
        assert_eq!(marked.metadata["encoding"], "UTF-8", "the mark is stronger");
    }

    #[test]
    fn xhtml_elements_close_themselves() {
        let page =
            "<?xml version='1.0'?><html><head><title/><script src='a.js'/></head><body>seen</body></html>";
        assert_eq!(read(page), "seen\n");
        assert_eq!(read("<script src=a.js />hidden</script>seen"), "seen\n");
    }

    #[test]
    fn hostile_depth_takes_no_longer_than_any_other_page() {
        let started = Instant::now();
        for element in [
            "<div>",
            "<b>",
            "<table><tr><td>",
            "<b><div></b>",
            "<p><font a=1>",
            "<template>",
        ] {
            let text = read(&(element.repeat(50_000) + "end"));
            assert_eq!(text.trim() == "end", element != "<template>", "{element}");
        }
        // Quadratic work would take minutes.
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_long_page_is_cut_at_the_limit() {
        let limits = Limits {
            text_bytes_max: 100,
            ..Limits::default()
        };
        let extracted = extract("<p>forty-two ".repeat(1000).as_bytes(), &limits);
        assert!(extracted.truncated);
        assert!(extracted.pages[0].len() <= 100);
    }
}
