//! What is written as Markdown is read back by another program, and must say the same as the text.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{Mark, Part, Structure, markdown};
use crate::Extracted;

/// What Markdown has signs for, and what its signs could run into.
const WORDS: [&str; 46] = [
    "a",
    "B",
    "word",
    "ü",
    "語",
    "é",
    "1",
    "42",
    "1.",
    "2)",
    "999999999.",
    "*",
    "**",
    "_",
    "__",
    "a_b",
    "`",
    "``",
    "```",
    "~",
    "~~~",
    "#",
    "##",
    "-",
    "---",
    "+",
    "=",
    "===",
    ">",
    "|",
    ":-",
    ":",
    "!",
    "[",
    "]",
    "[x]",
    "(",
    ")",
    "<b>",
    "&",
    "&amp;",
    "\\",
    "http://a.example",
    "•",
    "”",
    "\u{a0}",
];

fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&WORDS[..]);
    let gap = prop::sample::select(&["", "", " ", " ", "\n", "\n\n", "\t", "  "][..]);
    prop::collection::vec((word, gap), 0..40)
        .prop_map(|words| words.into_iter().flat_map(|(word, gap)| [word, gap]).collect())
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        (1_u8..8).prop_map(Part::Heading),
        (
            0_u8..4,
            prop::option::of(prop_oneof![0_u32..12, Just(1_000), Just(u32::MAX)])
        )
            .prop_map(|(depth, number)| {
                Part::Item {
                    depth,
                    number,
                    marker: 0,
                }
            }),
        any::<bool>().prop_map(|header| Part::Table { header }),
        Just(Part::Code),
        Just(Part::Quote),
        Just(Part::Flow),
        Just(Part::Strong),
        Just(Part::Emphasis),
        Just(Part::Literal),
        Just(Part::Link("https://a.example/(b|c)?d=*e*&f".to_owned())),
    ]
}

/// A page, and marks between any two of its characters.
fn document() -> impl Strategy<Value = Extracted> {
    let ends = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (text(), prop::collection::vec((ends, part()), 0..10)).prop_map(|(page, parts)| {
        let places: Vec<usize> = page
            .char_indices()
            .map(|(at, _)| at)
            .chain([page.len()])
            .collect();
        let marks = parts.into_iter().map(|((one, other), part)| {
            let (one, other) = (*one.get(&places), *other.get(&places));
            Mark {
                page: 0,
                start: u32::try_from(one.min(other)).unwrap_or(0),
                end: u32::try_from(one.max(other)).unwrap_or(0),
                part,
            }
        });
        Extracted {
            structure: Structure::Marked(marks.collect()),
            pages: vec![page],
            ..Extracted::default()
        }
    })
}

/// Everything but white space, which Markdown arranges in its own way.
fn solid(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// What a reader of the Markdown sees, without white space. HTML would be hidden; nothing may become it.
fn read_back(markdown: &str) -> String {
    let mut read = String::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(text) | Event::Code(text) => read.push_str(&solid(&text)),
            Event::Html(html) | Event::InlineHtml(html) => panic!("{html:?} in {markdown:?}"),
            Event::Start(Tag::Strikethrough | Tag::Image { .. }) => panic!("in {markdown:?}"),
            _ => {}
        }
    }
    read
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn markdown_says_what_the_text_says(document in document()) {
        let markdown = markdown(&document).unwrap_or_default();
        prop_assert_eq!(read_back(&markdown), solid(&document.pages[0]), "{:?}", markdown);
    }

    #[test]
    fn lists_are_read_back_with_their_depth_and_numbers(
        items in prop::collection::vec((0_u8..3, prop::option::of(1_u32..300)), 1..12),
    ) {
        let (mut page, mut marks) = (String::new(), Vec::new());
        for (depth, number) in &items {
            let start = page.len();
            let bullet = number.map_or("•".to_owned(), |number| format!("{number}."));
            page.push_str(&format!("{bullet} item\n"));
            let part = Part::Item { depth: *depth, number: *number, marker: u8::try_from(bullet.len()).unwrap_or(0) };
            let place = |at| u32::try_from(at).unwrap_or(0);
            marks.push(Mark { page: 0, start: place(start), end: place(page.len() - 1), part });
        }
        let document = Extracted {
            structure: Structure::Marked(marks), pages: vec![page], ..Extracted::default()
        };
        let markdown = markdown(&document).unwrap_or_default();

        // Nobody can be more than one list further in than the one before.
        let mut depth = 0;
        let expected: Vec<(usize, Option<u64>)> = items.iter().enumerate().map(|(index, (wanted, number))| {
            depth = usize::from(*wanted).min(if index == 0 { 0 } else { depth + 1 });
            (depth, number.map(u64::from))
        }).collect();
        let (mut lists, mut found) = (Vec::new(), Vec::new());
        for event in Parser::new_ext(&markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::List(first)) => lists.push(first),
                Event::End(TagEnd::List(_)) => drop(lists.pop()),
                Event::Start(Tag::Item) => {
                    let depth = lists.len() - 1;
                    found.push((depth, lists[depth]));
                    lists[depth] = lists[depth].map(|number| number + 1);
                }
                Event::Text(text) => prop_assert_eq!(&*text, "item", "{:?}", &markdown),
                _ => {}
            }
        }
        prop_assert_eq!(found, expected, "{:?}", markdown);
    }
}
