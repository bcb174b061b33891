#![allow(clippy::unwrap_used)]

use super::*;
use crate::ole::tests::compound;

/// Where the text begins in its stream.
const TEXT_AT: usize = 0x800;

/// A document in the making: its texts, one behind the other, and what is known of parts of them.
#[derive(Default)]
struct Draft {
    text: String,
    /// Characters of the stories: text, footnotes, headers, macros, comments, endnotes, boxes.
    lengths: [usize; 8],
    /// Ranges of characters with the changes that hold for them.
    paragraphs: Vec<(usize, usize, u16, Vec<u8>)>,
    characters: Vec<(usize, usize, Vec<u8>)>,
    headers: Vec<u32>,
    footnotes: Vec<u32>,
}

impl Draft {
    fn new(stories: &[(usize, &str)]) -> Self {
        let mut draft = Self::default();
        for (index, text) in stories {
            draft.text.push_str(text);
            draft.lengths[*index] = text.chars().count();
        }
        draft
    }

    /// The paragraph that contains this has these changes.
    fn paragraph(mut self, of: &str, style: u16, changes: &[u8]) -> Self {
        let at = self.text.find(of).unwrap();
        self.paragraphs.push((at, at + of.len(), style, changes.to_vec()));
        self
    }

    fn characters(mut self, of: &str, changes: &[u8]) -> Self {
        let at = self.text.find(of).unwrap();
        self.characters.push((at, at + of.len(), changes.to_vec()));
        self
    }

    fn read(mut self) -> Extracted {
        self.paragraphs.sort();
        self.characters.sort();
        let at = |character: usize| u32::try_from(TEXT_AT + character).unwrap();
        // Two pages of what is known lie before the text; each holds ranges without gaps.
        let page = |ranges: Vec<(usize, usize, Vec<u8>)>, item_bytes: usize| {
            let (mut places, mut lists) = (Vec::new(), Vec::new());
            let mut end = 0;
            for (from, to, list) in ranges {
                if from > end {
                    places.push(end);
                    lists.push(Vec::new());
                }
                places.push(from);
                lists.push(list);
                end = to;
            }
            let count = lists.len();
            places.push(end);
            let mut page = vec![0; 512];
            for (index, place) in places.iter().enumerate() {
                page[4 * index..][..4].copy_from_slice(&at(*place).to_le_bytes());
            }
            let mut free = 510;
            for (index, list) in lists.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
                free = (free - list.len()) & !1;
                page[free..][..list.len()].copy_from_slice(list);
                page[4 * (count + 1) + item_bytes * index] = u8::try_from(free / 2).unwrap();
            }
            page[511] = u8::try_from(count).unwrap();
            page
        };
        let paragraphs = self.paragraphs.iter().map(|(from, to, style, changes)| {
            // A length in pairs of bytes, of which the first one is half.
            let mut list = [&style.to_le_bytes()[..], changes].concat();
            list.resize(list.len().next_multiple_of(2) + 1, 0);
            let words = u8::try_from(list.len().div_ceil(2)).unwrap();
            (*from, *to, [&[words][..], &list].concat())
        });
        let paragraphs = page(paragraphs.collect(), 13);
        let characters = self.characters.iter().map(|(from, to, changes)| {
            (
                *from,
                *to,
                [&[u8::try_from(changes.len()).unwrap()][..], changes].concat(),
            )
        });
        let characters = page(characters.collect(), 1);

        let mut main = vec![0; 0x400];
        main[..2].copy_from_slice(&[0xEC, 0xA5]);
        for (index, length) in self.lengths.iter().enumerate() {
            main[0x4C + 4 * index..][..4].copy_from_slice(&u32::try_from(*length).unwrap().to_le_bytes());
        }
        let mut tables = Vec::new();
        let end = u32::try_from(TEXT_AT + self.text.len()).unwrap();
        let bounds = |page: u32| [at(0), end, page].map(u32::to_le_bytes).concat();
        let piece = [
            &[2, 16, 0, 0, 0][..],
            &0_u32.to_le_bytes(),
            &u32::try_from(self.text.len()).unwrap().to_le_bytes(),
            &[0, 0],
            &((u32::try_from(TEXT_AT).unwrap() * 2) | 0x4000_0000).to_le_bytes(),
            &[0, 0],
        ];
        let places = |places: &[u32]| {
            places
                .iter()
                .flat_map(|place| place.to_le_bytes())
                .collect::<Vec<_>>()
        };
        let mut footnotes = places(&self.footnotes);
        if !footnotes.is_empty() {
            footnotes.extend(vec![0; 4 + 2 * self.footnotes.len()]);
        }
        for (index, table) in [
            (2, footnotes),
            (11, places(&self.headers)),
            (12, bounds(3)),
            (13, bounds(2)),
            (33, piece.concat()),
        ] {
            let place =
                [tables.len(), table.len()].map(|number| u32::try_from(number).unwrap().to_le_bytes());
            main[0x9A + 8 * index..][..8].copy_from_slice(&place.concat());
            tables.extend(table);
        }
        main.extend(paragraphs);
        main.extend(characters);
        main.extend(self.text.bytes());
        let file = compound(&[(STREAM, &main), ("0Table", &tables)]);
        extract(&CompoundFile::open(&file).unwrap(), None, &Limits::default()).unwrap()
    }
}

const IN_TABLE: [u8; 3] = [0x16, 0x24, 1];
const ENDS_ROW: [u8; 6] = [0x16, 0x24, 1, 0x17, 0x24, 1];

#[test]
fn headings_tables_and_paragraphs_are_told_apart() {
    let text = "Harvest\rWe met.\rtree\x07baskets\x07\x07Boskoop\x0712\x07\x07Thanks.\r";
    let mut draft = Draft::new(&[(0, text)]).paragraph("Harvest\r", 1, &[]);
    for cell in ["tree\x07", "baskets\x07", "Boskoop\x07", "12\x07"] {
        draft = draft.paragraph(cell, 0, &IN_TABLE);
    }
    for row in ["\x07Boskoop", "\x07Thanks"] {
        let at = draft.text.find(row).unwrap();
        draft.paragraphs.push((at, at + 1, 0, ENDS_ROW.to_vec()));
    }
    let read = draft.read();
    assert_eq!(
        read.pages,
        ["Harvest\n\nWe met.\n\ntree\tbaskets\nBoskoop\t12\n\nThanks.\n"]
    );
    let markdown = crate::markdown(&read).unwrap();
    assert!(markdown.starts_with("# Harvest\n\nWe met.\n\n|"), "{markdown}");
    assert!(!read.truncated && !read.paged);
}

#[test]
fn what_is_hidden_or_deleted_is_left_out_and_signs_are_what_they_mean() {
    let read = Draft::new(&[(0, "The key is secret here, gone there (.\r")])
        .characters("secret ", &[0x3C, 0x08, 1])
        .characters("gone ", &[0x00, 0x08, 1])
        .characters("(", &[0x09, 0x6A, 5, 0, 0xBA, 0x03])
        .read();
    assert_eq!(read.pages, ["The key is here, there κ.\n"]);
}

#[test]
fn fields_show_their_results_and_links_lead_out() {
    let text = "See \x13 HYPERLINK \"https://a.example/\" \x14the map\x15, page \x13 PAGE \x13 X \x14y\x15\x144\x15.\r\
                \x13 a field without an end";
    let read = Draft::new(&[(0, text)]).read();
    assert_eq!(read.pages, ["See the map, page 4.\n"]);
    assert_eq!(
        crate::markdown(&read).unwrap(),
        "See [the map](https://a.example/), page 4.\n"
    );
}

#[test]
fn notes_are_numbered_and_headers_come_first() {
    let mut draft = Draft::new(&[
        (0, "Apples\x02 are ripe.\r"),
        (1, "\x02 Late ones too.\r"),
        (2, "Orchard club\rPage 1\rOrchard club\r"),
        (4, "\x05Really?\r"),
        (6, "In a box\r"),
    ]);
    draft.footnotes = vec![6];
    // Six that part notes from the text; then the headers of even and odd pages, their footers, and those of the first page.
    draft.headers = vec![0, 0, 0, 0, 0, 0, 0, 13, 13, 20, 20, 33];
    let read = draft.read();
    assert_eq!(
        read.pages,
        ["Orchard club\n\nApples[1] are ripe.\n\n[1] Late ones too.\n\nReally?\n\nIn a box\n\nPage 1\n"]
    );
}

#[test]
fn documents_of_word_6_are_read_in_the_letters_of_their_language() {
    let mut main = vec![0; 0x200];
    main[..2].copy_from_slice(&[0xDC, 0xA5]);
    main[6..8].copy_from_slice(&0x0419_u16.to_le_bytes());
    let text = b"\xDF\xE1\xEB\xEE\xEA\xEE\x0Da\x07b\x07\x07c\x0D";
    for (at, number) in [(0x18, 0x200), (0x1C, 0x200 + text.len()), (0x34, text.len())] {
        main[at..at + 4].copy_from_slice(&u32::try_from(number).unwrap().to_le_bytes());
    }
    main.extend(text);
    let file = compound(&[(STREAM, &main)]);
    let read = extract(&CompoundFile::open(&file).unwrap(), None, &Limits::default()).unwrap();
    assert_eq!(read.pages, ["Яблоко\n\na\tb\nc\n"]);
}

#[test]
fn a_document_without_a_header_says_so() {
    let file = compound(&[(STREAM, b"something else")]);
    let error = extract(&CompoundFile::open(&file).unwrap(), None, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "unreadable");
}
