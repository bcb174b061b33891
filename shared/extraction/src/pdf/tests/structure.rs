//! Headings, lists, tables, links and forms, and where none of them is to be seen.

use super::*;
use crate::markdown;

/// A page with these entries of its own and these objects, the first of which has number 5.
fn page_with(entries: &str, content: &str, objects: &[&str]) -> Vec<u8> {
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R {entries} /Resources << /Font << /F << /Type \
         /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >> >> >>"
    );
    let mut all = vec![
        "<< /Type /Catalog /Pages 2 0 R /StructTreeRoot << /RoleMap << /Kapitel /H2 >> >> >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        page,
        stream(content),
    ];
    all.extend(objects.iter().map(|object| (*object).to_owned()));
    pdf(&all, "")
}

/// A line of text at this place.
fn line(size: u32, x: u32, y: u32, text: &str) -> String {
    format!("BT /F {size} Tf {x} {y} Td ({text}) Tj ET\n")
}

/// Lines below each other, twelve points high.
fn lines(x: u32, y: u32, texts: &[&str]) -> String {
    let y = |index: usize| y - 14 * u32::try_from(index).unwrap();
    let lines = texts
        .iter()
        .enumerate()
        .map(|(index, text)| line(12, x, y(index), text));
    lines.collect()
}

fn markdown_of(content: &str) -> String {
    markdown(&read(page_with("", content, &[]))).unwrap()
}

const PROSE: [&str; 4] = [
    "The river path follows the old towing track for nine miles and then",
    "approaches the lock, where a bakery sells bread until noon. On fine",
    "Wednesdays bicycles are lent at the mill by a man whose beautiful",
    "neighbourhood nobody knows.",
];

#[test]
fn larger_letters_are_headings_and_lines_of_prose_flow() {
    let content =
        line(24, 50, 740, "River paths") + &line(16, 50, 700, "To the lock") + &lines(50, 670, &PROSE);
    assert_eq!(
        markdown_of(&content),
        format!("# River paths\n\n## To the lock\n\n{}\n", PROSE.join("\n"))
    );
}

#[test]
fn where_everything_is_large_nothing_is_a_heading() {
    let content = line(30, 50, 740, "SUMMER FAIR")
        + &line(30, 50, 690, "AND DANCING")
        + &line(12, 50, 650, "from ten until late at night");
    assert_eq!(
        markdown_of(&content),
        "SUMMER FAIR\nAND DANCING\n\nfrom ten until late at night\n"
    );
}

#[test]
fn a_page_number_in_large_digits_is_no_heading() {
    let content = line(24, 50, 740, "17") + &lines(50, 670, &PROSE);
    assert!(markdown_of(&content).starts_with("17\n\nThe river"));
}

#[test]
fn a_tagged_file_says_what_its_headings_are() {
    let content = format!(
        "/H1 << /MCID 0 >> BDC {} EMC /P << /MCID 1 >> BDC {} EMC /Kapitel << /MCID 2 >> BDC {} EMC",
        line(12, 50, 740, "River paths"),
        line(20, 50, 700, "Only large"),
        line(12, 50, 660, "To the lock")
    );
    assert_eq!(
        markdown_of(&content),
        "# River paths\n\nOnly large\n\n## To the lock\n"
    );
}

#[test]
fn bullets_and_numbers_that_count_on_are_lists() {
    let bullet = |x, y, text: &str| format!("BT /F 12 Tf {x} {y} Td <95> Tj 14 0 Td ({text}) Tj ET\n");
    let content = bullet(50, 740, "a tent with poles and everything else that")
        + &line(12, 64, 726, "belongs to it")
        + &bullet(70, 712, "a hammer")
        + &bullet(50, 698, "a map")
        + &lines(50, 650, &["9. Close the gate.", "10. Feed the cat."])
        + &lines(50, 600, &["1984. That was a year."]);
    assert_eq!(
        markdown_of(&content),
        "- a tent with poles and everything else that\n  belongs to it\n    - a hammer\n- a map\n9. Close the gate.\n\
         10. Feed the cat.\n\n1984\\. That was a year.\n"
    );
    let dialogue = lines(50, 700, &["- Who is there?"]) + &lines(50, 670, &PROSE);
    assert!(markdown_of(&dialogue).starts_with("\\- Who is there?\n\n"));
}

#[test]
fn cells_below_each_other_are_a_table_with_its_empty_cells() {
    let row = |y, cells: [&str; 3]| {
        let cell =
            |(index, text): (usize, &&str)| line(12, 50 + 120 * u32::try_from(index).unwrap(), y, text);
        cells
            .iter()
            .enumerate()
            .filter(|(_, text)| !text.is_empty())
            .map(cell)
            .collect::<String>()
    };
    let content = row(700, ["item", "loan", "fee"])
        + &row(680, ["books", "4 weeks", "10"])
        + &row(660, ["maps", "", "none"])
        + &lines(50, 620, &PROSE[..2]);
    let read = read(page_with("", &content, &[]));
    assert!(
        read.pages[0].starts_with("item\tloan\tfee\nbooks\t4 weeks\t10\nmaps\t\tnone\n\nThe river"),
        "{:?}",
        read.pages
    );
    assert!(
        markdown(&read)
            .unwrap()
            .contains("| maps |  | none |\n\nThe river")
    );
}

#[test]
fn numbers_in_narrow_columns_are_cells_of_their_own() {
    let content: String = (0..4)
        .map(|row| {
            let y = 700 - 14 * row;
            line(12, 50, y, "Maine") + &line(12, 120, y, "13,278") + &line(12, 163, y, "14,151")
        })
        .collect();
    assert!(markdown_of(&content).contains("| Maine | 13,278 | 14,151 |"));
}

#[test]
fn prose_in_columns_that_was_drawn_across_them_is_read_column_by_column() {
    let words = [
        "the first column goes on and on about the towing track",
        "the second column goes on with what stands beside it",
    ];
    let content: String = (0..8)
        .map(|row| line(8, 50, 700 - 10 * row, words[0]) + &line(8, 320, 700 - 10 * row, words[1]))
        .collect();
    let column = |words: &str| [words; 8].join("\n");
    assert_eq!(
        page_of(&content),
        format!("{}\n\n{}", column(words[0]), column(words[1]))
    );
}

#[test]
fn links_lead_to_their_addresses_and_only_out_of_the_document() {
    let annotations = "/Annots [<< /Type /Annot /Subtype /Link /Rect [92 695 116 715] /A << /S /URI /URI (https://a.example/m) \
                       >> >> << /Type /Annot /Subtype /Link /Rect [50 695 80 715] /A << /S /GoTo /D [3 0 R /Fit] >> >> \
                       << /Type /Annot /Subtype /Link /F 2 /Rect [0 0 600 800] /A << /S /URI /URI (https://hidden.example) >> >> \
                       << /Type /Annot /Subtype /Link /Rect [50 595 100 615] /A << /S /URI /URI (javascript:alert) >> >>]";
    let content = line(12, 50, 700, "see the map now") + &line(12, 50, 600, "not this");
    let read = read(page_with(annotations, &content, &[]));
    assert_eq!(
        markdown(&read).unwrap(),
        "see the [map](https://a.example/m) now\nnot this\n"
    );
    assert_eq!(read.metadata["links"], "https://a.example/m javascript:alert");
    assert_eq!(read.metadata["link_count"], "2");
}

#[test]
fn fields_that_nobody_drew_are_told_at_the_end_of_their_page() {
    let annotations = "/Annots [<< /Type /Annot /Subtype /Widget /Rect [200 690 300 720] /FT /Tx /T (town) /V (Graz) >> \
                       << /Type /Annot /Subtype /Widget /Rect [200 640 300 660] /Parent 5 0 R /TU (Name of the child) >> \
                       << /Type /Annot /Subtype /Widget /Rect [200 600 210 610] /FT /Btn /T (bus) /AS /On >> \
                       << /Type /Annot /Subtype /Widget /Rect [200 580 210 590] /FT /Btn /T (car) /AS /Off >> \
                       << /Type /Annot /Subtype /Widget /Rect [200 560 300 570] /FT /Tx /Ff 8192 /T (code) /V (secret) >> \
                       << /Type /Annot /Subtype /Widget /Rect [200 540 300 550] /FT /Ch /T (days) /V [(Mon) (Tue)] >>]";
    let content = line(12, 50, 700, "Town:") + &line(12, 205, 700, "Graz");
    let read = read(page_with(
        annotations,
        &content,
        &["<< /FT /Tx /T (child) /V (Ana) >>"],
    ));
    assert_eq!(
        read.pages[0],
        "Town:\tGraz\n\nName of the child: Ana\nbus: ✓\ndays: Mon, Tue"
    );
}

#[test]
fn unmapped_glyphs_are_counted_page_by_page() {
    let file = page_with_font(&composite_font(""), "BT /F 12 Tf 50 700 Td <FFF0FFF1FFF2> Tj ET");
    assert_eq!(read(file).unmapped_by_page, [3]);
    assert_eq!(read(pages(&["", ""], "", &[])).unmapped_by_page, [0, 0]);
}

#[test]
fn marks_of_a_text_that_was_cut_stay_within_it() {
    let content = line(24, 50, 740, "River paths") + &lines(50, 700, &PROSE);
    let file = page_with("", &content, &[]);
    for bytes in 0..60 {
        let limits = Limits {
            text_bytes_max: bytes,
            ..Limits::default()
        };
        let cut = extract(file.clone(), &limits).unwrap();
        let text: String = cut.pages.concat();
        assert!(text.len() <= bytes);
        let written = markdown(&cut).unwrap();
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        assert_eq!(letters(&written), letters(&text));
    }
}
