//! Small documents, written here by hand, and what must be read from them.

#![allow(clippy::unwrap_used)]

mod structure;

use std::time::Duration;

use super::*;

/// A PDF of these objects, the first of which is the catalog.
fn pdf(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = "%PDF-1.7\n".to_owned();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file += &format!("{} 0 obj\n{object}\nendobj\n", index + 1);
    }
    let table = file.len();
    file += &format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        file += &format!("{offset:010} 00000 n \n");
    }
    file += &format!(
        "trailer << /Size {} /Root 1 0 R {trailer} >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    );
    file.into_bytes()
}

fn stream(content: &str) -> String {
    format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len())
}

/// Pages with these contents and Helvetica as `/F`. Objects: catalog, page tree, then page and content in turn.
fn pages(contents: &[&str], trailer: &str, extra: &[String]) -> Vec<u8> {
    let kids: Vec<String> = (0..contents.len())
        .map(|page| format!("{} 0 R", 3 + 2 * page))
        .collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} >>",
            kids.join(" "),
            contents.len()
        ),
    ];
    for (page, content) in contents.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {} 0 R /Resources << /Font << /F << /Type \
             /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >> >> >>",
            4 + 2 * page
        ));
        objects.push(stream(content));
    }
    objects.extend_from_slice(extra);
    pdf(&objects, trailer)
}

fn read(file: Vec<u8>) -> Extracted {
    extract(file, &Limits::default()).unwrap()
}

fn page_of(content: &str) -> String {
    read(pages(&[content], "", &[])).pages.remove(0)
}

#[test]
fn words_and_lines_are_found_by_their_places() {
    let content = "BT /F 12 Tf 50 700 Td (Hello) Tj 40 0 Td (world,) Tj -40 -14 Td (next) Tj ET";
    assert_eq!(page_of(content), "Hello world,\nnext");
    let kerned = "BT /F 12 Tf 50 700 Td [(T) 80 (o) -20 (day) -400 (is) -300 (Mon) 10 (day)] TJ ET";
    assert_eq!(page_of(kerned), "Today is Monday");
}

#[test]
fn letters_set_apart_are_still_words() {
    let content = "BT /F 12 Tf 3 Tc 50 700 Td (SPACED LETTERS ARE WORDS) Tj ET";
    assert_eq!(page_of(content), "SPACED LETTERS ARE WORDS");
}

#[test]
fn a_wider_distance_of_lines_begins_a_paragraph() {
    let content = "BT /F 12 Tf 14 TL 50 700 Td (a one) Tj T* (a two) Tj T* (a three) Tj 0 -30 Td (b one) Tj T* (b two) Tj ET";
    assert_eq!(page_of(content), "a one\na two\na three\n\nb one\nb two");
}

#[test]
fn cells_of_a_row_are_set_apart_by_tabs() {
    let content = "BT /F 12 Tf 14 TL 50 700 Td (item) Tj 200 0 Td (price) Tj -200 -14 Td (tea) Tj 200 0 Td (3.20) Tj ET";
    assert_eq!(page_of(content), "item\tprice\ntea\t3.20");
}

#[test]
fn a_large_heading_of_two_lines_is_one_paragraph() {
    let content = "BT /F 24 Tf 50 700 Td (A long) Tj 0 -29 Td (heading) Tj /F 12 Tf 14 TL 0 -40 Td (a) Tj T* (b) Tj T* (c) Tj ET";
    assert_eq!(page_of(content), "A long\nheading\n\na\nb\nc");
}

#[test]
fn text_drawn_twice_is_read_once() {
    let content = "BT /F 12 Tf 50 700 Td (Shadow) Tj 0.4 -0.3 Td (Shadow) Tj 0 -14 Td (Shadow) Tj ET";
    assert_eq!(page_of(content), "Shadow\nShadow");
}

#[test]
fn text_beside_the_page_is_not_read() {
    assert_eq!(
        page_of("BT /F 12 Tf 700 700 Td (off) Tj -650 0 Td (on) Tj ET"),
        "on"
    );
}

#[test]
fn invisible_text_behind_a_scan_is_read() {
    assert_eq!(
        page_of("BT 3 Tr /F 12 Tf 50 700 Td (recognised) Tj ET"),
        "recognised"
    );
}

#[test]
fn a_turned_page_reads_as_it_is_seen() {
    assert_eq!(
        page_of("BT /F 12 Tf 0 1 -1 0 300 100 Tm (upward) Tj 50 0 Td (text) Tj ET"),
        "upward text"
    );
}

#[test]
fn replacement_text_stands_for_its_glyphs() {
    let content = "BT /F 12 Tf 50 700 Td (A ) Tj /Span << /ActualText (real) >> BDC (xxxx) Tj EMC ( B) Tj ET";
    assert_eq!(page_of(content), "A real B");
}

#[test]
fn text_over_replaced_text_is_read_as_well() {
    let content = "BT /F 12 Tf 50 700 Td /Span << /ActualText (real) >> BDC (xxxx) Tj EMC ET \
                   BT /F 12 Tf 50 700 Td (xxxx) Tj ET";
    assert!(page_of(content).contains("real"));
}

#[test]
fn pages_metadata_and_title_are_those_of_the_file() {
    let info = "<< /Title (Plan) /Author <FEFF00C500730061> /CreationDate (D:20260304090000+01'00') /Producer ( ) >>";
    let first = "BT /F 12 Tf 50 700 Td (one) Tj ET";
    let file = pages(&[first, "", first], "/Info 9 0 R", &[info.to_owned()]);
    let extracted = read(file);
    assert_eq!(extracted.pages, ["one", "", "one"]);
    assert!(extracted.paged && !extracted.truncated && !extracted.needs_ocr);
    assert_eq!(extracted.title.as_deref(), Some("Plan"));
    let metadata: Vec<(&str, &str)> = extracted.metadata.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(
        metadata,
        [
            ("author", "Åsa"),
            ("created_at", "2026-03-04T09:00:00+01:00"),
            ("page_count", "3")
        ]
    );
}

#[test]
fn limits_cut_pages_and_text() {
    let page = "BT /F 12 Tf 50 700 Td (0123456789) Tj ET";
    let file = pages(&[page; 4], "", &[]);
    let limited = |limits: Limits| extract(file.clone(), &limits).unwrap();

    let by_pages = limited(Limits {
        pages_max: 2,
        ..Limits::default()
    });
    assert_eq!((by_pages.pages.len(), by_pages.truncated), (2, true));
    assert_eq!(by_pages.metadata["page_count"], "4");
    let by_bytes = limited(Limits {
        text_bytes_max: 20,
        ..Limits::default()
    });
    assert_eq!((by_bytes.pages.concat().len(), by_bytes.truncated), (20, true));
    assert!(
        !limited(Limits {
            pages_max: 4,
            ..Limits::default()
        })
        .truncated
    );
}

#[test]
fn a_page_that_is_only_a_picture_needs_ocr() {
    let image = "q 500 0 0 700 50 50 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \u{7f} EI Q";
    assert!(read(pages(&[image], "", &[])).needs_ocr);
    assert!(
        !read(pages(&[""], "", &[])).needs_ocr,
        "an empty page needs nothing"
    );
    let text = "BT /F 12 Tf 50 700 Td (A picture with a caption that is long enough to be useful) Tj ET";
    assert!(!read(pages(&[&format!("{image} {text}")], "", &[])).needs_ocr);
}

/// One page with this font as `/F`.
fn page_with_font(font: &str, content: &str) -> Vec<u8> {
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F {font} >> >> >>"
    );
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        page,
        stream(content),
        stream("500 0 0 0 500 500 d1 0 0 500 500 re f"),
        font.to_owned(),
    ];
    pdf(&objects, "")
}

fn composite_font(more: &str) -> String {
    format!(
        "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H {more} /DescendantFonts [<< /Type /Font \
         /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> \
         >>] >>"
    )
}

#[test]
fn glyphs_without_letters_are_counted() {
    let file = page_with_font(&composite_font(""), "BT /F 12 Tf 50 700 Td <FFF0FFF1FFF2> Tj ET");
    let extracted = read(file);
    assert_eq!(extracted.pages[0].matches('\u{fffd}').count(), 3);
    assert_eq!(extracted.unmapped_glyphs, 3);
    assert!(extracted.needs_ocr);
}

#[test]
fn codes_that_are_unicode_are_letters() {
    let font = composite_font("/ToUnicode /Identity-H");
    let extracted = read(page_with_font(&font, "BT /F 12 Tf 50 700 Td <017D0065> Tj ET"));
    assert_eq!(extracted.pages, ["Že"]);
}

#[test]
fn nameless_bitmaps_of_tex_are_letters() {
    let font = "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 500 500] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 0 \
                /LastChar 255 /Widths [500] /CharProcs << /a28 5 0 R /a101 5 0 R /a233 5 0 R >> /Encoding << /Type \
                /Encoding /Differences [28 /a28 101 /a101 233 /a233] >> >>";
    let font = font.replace("[500]", &format!("[{}]", "500 ".repeat(256)));
    let extracted = read(page_with_font(&font, "BT /F 12 Tf 50 700 Td <1CE965> Tj ET"));
    assert_eq!(extracted.pages, ["fiée"]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let refused = |file: Vec<u8>| extract(file, &Limits::default()).unwrap_err().code();
    assert_eq!(refused(b"%PDF-1.7\nnothing else".to_vec()), "unreadable");
    assert_eq!(refused(Vec::new()), "unreadable");
    let mut broken_off = pages(&[""], "", &[]);
    broken_off.truncate(
        broken_off
            .windows(4)
            .position(|window| window == b"xref")
            .unwrap(),
    );
    assert_eq!(refused(broken_off), "unreadable");
    // Verifiers that no password produces.
    let encrypt = format!(
        "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{}> /U <{}> >>",
        "00".repeat(32),
        "11".repeat(32)
    );
    assert_eq!(refused(pages(&[""], &encrypt, &[])), "encrypted");
}

/// A page that begins with a word, and goes on with drawings that draw each other ten times over, 10,000,000,000 in all, the
/// innermost with this content.
fn endless_page(innermost: &str) -> Vec<u8> {
    const DEPTH: usize = 10;
    let font = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>";
    let form = |number: usize, content: &str| {
        format!(
            "<< /Type /XObject /Subtype /Form /BBox [0 0 999 999] /Resources << {font} /XObject << /X {} 0 R >> >> /Length {} \
             >>\nstream\n{content}\nendstream",
            number + 1,
            content.len()
        )
    };
    let all = "/X Do ".repeat(10);
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << {font} /XObject << /X 5 0 R >> \
             >> >>"
        ),
        stream(&format!("BT /F 12 Tf 72 700 Td (Beginning) Tj ET {all}")),
    ];
    for depth in 1..DEPTH {
        objects.push(form(objects.len() + 1, &all));
        assert_eq!(objects.len(), 4 + depth);
    }
    objects.push(form(objects.len() + 1, innermost));
    pdf(&objects, "")
}

#[test]
fn what_an_endless_page_has_drawn_in_its_time_is_kept() {
    let limits = Limits {
        time_max: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    for innermost in ["0 0 9 9 re f", "0 0 9 9 re W n", ""] {
        let extracted = extract(endless_page(innermost), &limits).unwrap();
        assert_eq!(extracted.pages, ["Beginning"], "{innermost:?}");
        assert!(extracted.truncated, "{innermost:?}");
        // Nobody should try to paint it.
        assert!(
            extracted.unread_pages.is_empty() && !extracted.needs_ocr,
            "{innermost:?}"
        );
    }
}
