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
    /// Other tables by their numbers, with what lies behind them.
    tables: Vec<(usize, Vec<u8>, Vec<u8>)>,
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

    fn table(mut self, number: usize, table: Vec<u8>, behind: Vec<u8>) -> Self {
        self.tables.push((number, table, behind));
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
        let mut all = vec![
            (2, footnotes, Vec::new()),
            (11, places(&self.headers), Vec::new()),
            (12, bounds(3), Vec::new()),
            (13, bounds(2), Vec::new()),
            (33, piece.concat(), Vec::new()),
        ];
        all.append(&mut self.tables);
        for (index, table, behind) in all {
            let place =
                [tables.len(), table.len()].map(|number| u32::try_from(number).unwrap().to_le_bytes());
            main[0x9A + 8 * index..][..8].copy_from_slice(&place.concat());
            tables.extend(table);
            tables.extend(behind);
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

/// A level of a list: where it begins, how it writes its numbers, and the text with them.
fn level(start: u32, format: u8, flags: u8, text: &str) -> Vec<u8> {
    let mut level = vec![0; 28];
    level[..4].copy_from_slice(&start.to_le_bytes());
    (level[4], level[5]) = (format, flags);
    // How it looks, which is passed over: a byte of paragraphs, two of characters.
    (level[24], level[25]) = (2, 1);
    level.extend([0xAA; 3]);
    let units: Vec<u16> = text.encode_utf16().collect();
    level.extend(u16::try_from(units.len()).unwrap().to_le_bytes());
    level.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    level
}

/// Definitions by their numbers, each with one level or nine, as a table and what lies behind it.
fn definitions(definitions: &[(u32, &[Vec<u8>])]) -> (Vec<u8>, Vec<u8>) {
    let mut table = u16::try_from(definitions.len()).unwrap().to_le_bytes().to_vec();
    let mut behind = Vec::new();
    for (id, levels) in definitions {
        let mut definition = vec![0; 28];
        definition[..4].copy_from_slice(&id.to_le_bytes());
        definition[26] = u8::from(levels.len() == 1);
        table.extend(definition);
        let rest = if levels.len() == 1 { 0 } else { 9 - levels.len() };
        behind.extend(levels.concat());
        behind.extend(std::iter::repeat_n(level(1, 255, 0, ""), rest).flatten());
    }
    (table, behind)
}

/// Lists, each with the number of its definition and what it changes of it.
fn lists(lists: &[(u32, &[Vec<u8>])]) -> Vec<u8> {
    let mut table = u32::try_from(lists.len()).unwrap().to_le_bytes().to_vec();
    for (definition, changes) in lists {
        let mut list = vec![0; 16];
        list[..4].copy_from_slice(&definition.to_le_bytes());
        list[12] = u8::try_from(changes.len()).unwrap();
        table.extend(list);
    }
    for (_, changes) in lists {
        table.extend([0xFF; 4]);
        table.extend(changes.concat());
    }
    table
}

/// What a paragraph says of its list and level.
fn in_list(list: u16, level: u8) -> Vec<u8> {
    let [low, high] = list.to_le_bytes();
    vec![0x0A, 0x26, level, 0x0B, 0x46, low, high]
}

#[test]
fn lists_are_numbered_as_they_say() {
    let (table, behind) = definitions(&[
        (
            77,
            &[
                level(1, 0, 0, "\0."),
                level(1, 4, 0, "\x01)"),
                level(1, 2, 4, "\0.\x01.\x02"),
            ],
        ),
        (78, &[level(1, 23, 0, "\u{F0B7}")]),
    ]);
    // The third list begins with nine, the fourth has a way of its own.
    let begins = [9_u32.to_le_bytes(), 0x10_u32.to_le_bytes()].concat();
    let own_way = [&[0; 4][..], &0x30_u32.to_le_bytes(), &level(3, 1, 0, "§ \0")].concat();
    let lists = lists(&[(77, &[]), (78, &[]), (77, &[begins]), (78, &[own_way])]);
    let mut draft = Draft::new(&[(0, "tent\rpoles\rlong\rmap\r\rrope\rtea\rfood\rlaw\rhidden\rend\r")])
        .table(73, table, behind)
        .table(74, lists, Vec::new());
    let mut at = 0;
    for (text, list, level) in [
        ("tent", 1, 0),
        ("poles", 1, 1),
        ("long", 1, 2),
        ("map", 1, 0),
        // It is counted though it has no text.
        ("", 1, 0),
        ("rope", 1, 0),
        ("tea", 2, 0),
        ("food", 3, 0),
        ("law", 4, 0),
        ("hidden", 0xF801, 0),
    ] {
        let end = at + text.len() + 1;
        draft.paragraphs.push((at, end, 0, in_list(list, level)));
        at = end;
    }
    let read = draft.read();
    assert_eq!(
        read.pages,
        ["1. tent\na) poles\n1.1.1 long\n2. map\n4. rope\n- tea\n9. food\n§ III law\n\nhidden\n\nend\n"]
    );
    assert_eq!(
        crate::markdown(&read).unwrap(),
        "1. tent\n    - a) poles\n        - 1.1.1 long\n2. map\n4) rope\n- tea\n9. food\n- § III law\n\nhidden\n\nend\n"
    );
}

#[test]
fn a_style_may_number_its_paragraphs_or_make_them_headings() {
    // A style: kind and what it is based on, a name, and its changes.
    let style = |based_on: u16, name: &str, changes: &[u8]| {
        let mut style = vec![0; 10];
        style[2..4].copy_from_slice(&(based_on << 4 | 1).to_le_bytes());
        style.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        style.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        style.extend([0, 0]);
        style.extend(u16::try_from(2 + changes.len()).unwrap().to_le_bytes());
        style.extend([0, 0]);
        style.extend(changes);
        [&u16::try_from(style.len()).unwrap().to_le_bytes()[..], &style].concat()
    };
    let mut table = [4_u16, 14, 10].map(u16::to_le_bytes).concat();
    for number in 0..14_u16 {
        table.extend(match number {
            0 => style(0x0FFF, "Normal", &[]),
            1 => style(0, "heading 1", &in_list(1, 0)),
            // Based on the heading, on the next level; and one that is no heading and in no list.
            12 => style(1, "Own", &[0x0A, 0x26, 1]),
            13 => style(12, "Plain", &[0x40, 0x26, 9, 0x0B, 0x46, 0, 0]),
            _ => vec![0, 0],
        });
    }
    let (definitions, behind) = definitions(&[(5, &[level(2, 0, 0, "\0"), level(1, 0, 0, "\0.\x01")])]);
    let read = Draft::new(&[(0, "Trees\rApples\rPears\rtext\rHives\r")])
        .table(1, table, Vec::new())
        .table(73, definitions, behind)
        .table(74, lists(&[(5, &[])]), Vec::new())
        .paragraph("Trees\r", 1, &[])
        .paragraph("Apples\r", 12, &[])
        .paragraph("Pears\r", 12, &[])
        .paragraph("text\r", 13, &[])
        .paragraph("Hives\r", 1, &[])
        .read();
    assert_eq!(
        crate::markdown(&read).unwrap(),
        "# 2 Trees\n\n# 2.1 Apples\n\n# 2.2 Pears\n\ntext\n\n# 3 Hives\n"
    );
}

#[test]
fn tables_of_lists_that_break_off_number_nothing_or_what_they_still_say() {
    let (table, behind) = definitions(&[(7, &[level(1, 0, 0, "\0.")])]);
    let numbers = lists(&[(7, &[])]);
    let read = |table: &[u8], behind: &[u8], numbers: &[u8]| {
        Draft::new(&[(0, "tent\r")])
            .paragraph("tent\r", 0, &in_list(1, 0))
            .table(74, numbers.to_vec(), Vec::new())
            .table(73, table.to_vec(), behind.to_vec())
            .read()
            .pages
            .concat()
    };
    assert_eq!(read(&table, &behind, &numbers), "1. tent\n");
    // What the list changes of its definition is missing, which is nothing here.
    assert_eq!(read(&table, &behind, &numbers[..20]), "1. tent\n");
    for bytes in 0..behind.len() {
        // Whatever lies behind is taken for the rest of it.
        assert!(
            read(&table, &behind[..bytes], &numbers).ends_with("tent\n"),
            "{bytes}"
        );
    }
    for bytes in 0..table.len() {
        assert_eq!(read(&table[..bytes], &[], &numbers), "tent\n", "{bytes}");
    }
    for bytes in 0..20 {
        assert_eq!(read(&table, &behind, &numbers[..bytes]), "tent\n", "{bytes}");
    }
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
