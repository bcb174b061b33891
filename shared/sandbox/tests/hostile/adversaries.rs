//! Documents made by hand to do harm: depth, circles, amplification, lies about sizes.

use std::fmt::Write as _;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A document, and the ways in which it may end.
pub(crate) struct Adversary {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: &'static [&'static str],
}

/// A text, or a good reason to have none.
const READ_OR_REFUSED: &[&str] = &["ok", "unreadable", "too_large"];
/// Nobody has found a way around it in the library that reads it; its child pays for it.
const CONTAINED: &[&str] = &[
    "ok",
    "unreadable",
    "too_large",
    "parser_timeout",
    "crashed_parser",
];
const REFUSED: &[&str] = &["unreadable", "too_large"];

const DEPTH: usize = 200_000;

pub(crate) fn all() -> Vec<Adversary> {
    let mut all = Vec::new();
    let mut add = |name, ends, bytes| all.push(Adversary { name, bytes, ends });
    // Archives.
    add("forty-two.docx", REFUSED, nested_archives());
    add(
        "bomb.docx",
        REFUSED,
        docx(&format!("<w:t>{}</w:t>", "A".repeat(80 << 20))),
    );
    add("overlapping.docx", REFUSED, overlapping_archive());
    add(
        "many-entries.docx",
        REFUSED,
        [b"PK\x03\x04".to_vec(), entry_headers(1_000_000)].concat(),
    );
    // XML.
    add(
        "billion-laughs.docx",
        REFUSED,
        part_with_entities("word/document.xml", DOCX),
    );
    add(
        "billion-laughs.xlsx",
        REFUSED,
        part_with_entities("xl/workbook.xml", XLSX),
    );
    add(
        "billion-laughs.odt",
        REFUSED,
        part_with_entities("content.xml", ODT),
    );
    add(
        "deep.docx",
        READ_OR_REFUSED,
        docx(&nested("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>")),
    );
    add("repeated.ods", READ_OR_REFUSED, repeated_cells());
    add("sparse.xlsx", READ_OR_REFUSED, sparse_sheet());
    // Text formats.
    add("deep.html", READ_OR_REFUSED, nested("<div>", "</div>").into());
    add(
        "attributes.html",
        READ_OR_REFUSED,
        format!("<p {}>text", "a='x' ".repeat(500_000)).into(),
    );
    add(
        "deep.rtf",
        READ_OR_REFUSED,
        format!("{{\\rtf1 {}}}", nested("{", "}")).into(),
    );
    add("deep.json", READ_OR_REFUSED, nested("[", "]").into());
    add("deep.eml", READ_OR_REFUSED, deep_mail());
    add("parts.eml", READ_OR_REFUSED, many_parts());
    add("quotes.md", READ_OR_REFUSED, ">".repeat(50_000).into());
    // PDF.
    add(
        "page-circle.pdf",
        CONTAINED,
        pdf(&[CATALOG, "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"]),
    );
    add("page-fan.pdf", CONTAINED, fan_of_pages());
    add("form-circle.pdf", CONTAINED, form_circle());
    add("form-fan.pdf", CONTAINED, fan_of_forms());
    add("widths.pdf", CONTAINED, wide_range_of_widths());
    add("flate-bomb.pdf", CONTAINED, flate_bomb());
    add(
        "deep.pdf",
        CONTAINED,
        pdf_page("BT ET", &format!("/X {}", nested("[", "]"))),
    );
    add(
        "count.pdf",
        CONTAINED,
        pdf(&[
            CATALOG,
            "<< /Type /Pages /Kids [3 0 R] /Count 2147483647 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        ]),
    );
    // Pictures.
    add("flood.png", &["too_large"], huge_png());
    add(
        "flood.gif",
        &["too_large"],
        [b"GIF89a\xFF\xFF\xFF\xFF\x80\0\0".to_vec(), vec![0; 32]].concat(),
    );
    add("flood.bmp", REFUSED, huge_bitmap());
    add("pages.tiff", READ_OR_REFUSED, tiff_of_many_pages(100_000));
    add("circle.tiff", READ_OR_REFUSED, tiff_circle());
    // Compound files.
    add("circle.xls", REFUSED, compound_file_in_circles());
    add("circle.msg", REFUSED, compound_file_in_circles());
    all
}

fn nested(open: &str, close: &str) -> String {
    format!("{}text{}", open.repeat(DEPTH), close.repeat(DEPTH))
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packed = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let method = match *name {
            "mimetype" => CompressionMethod::Stored,
            _ => CompressionMethod::Deflated,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        packed.start_file(*name, options).unwrap();
        packed.write_all(content).unwrap();
    }
    packed.finish().unwrap().into_inner()
}

type Parts = &'static [(&'static str, &'static str)];

const DOCX: Parts = &[
    (
        "[Content_Types].xml",
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
    ),
    (
        "_rels/.rels",
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
        Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
        Target=\"word/document.xml\"/></Relationships>",
    ),
];
const XLSX: Parts = &[
    DOCX[0],
    (
        "_rels/.rels",
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
        Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
        Target=\"xl/workbook.xml\"/></Relationships>",
    ),
];
const ODT: Parts = &[("mimetype", "application/vnd.oasis.opendocument.text")];
const ODS: Parts = &[("mimetype", "application/vnd.oasis.opendocument.spreadsheet")];

fn with_part(parts: Parts, name: &str, content: &str) -> Vec<u8> {
    let mut all: Vec<(&str, &[u8])> = parts
        .iter()
        .map(|(name, content)| (*name, content.as_bytes()))
        .collect();
    all.push((name, content.as_bytes()));
    archive(&all)
}

fn docx(body: &str) -> Vec<u8> {
    let document = format!(
        "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{body}</w:body>\
         </w:document>"
    );
    with_part(DOCX, "word/document.xml", &document)
}

/// Archives in archives in archives, the innermost full of zeros.
fn nested_archives() -> Vec<u8> {
    let mut bytes = archive(&[("zeros.xml", &vec![b' '; 4 << 20])]);
    for _ in 0..6 {
        let copies: Vec<String> = (0..16).map(|n| format!("word/{n}.docx")).collect();
        let parts: Vec<(&str, &[u8])> = copies
            .iter()
            .map(|name| (name.as_str(), bytes.as_slice()))
            .collect();
        bytes = archive(&parts);
    }
    bytes
}

/// A list of parts of which each is the same bytes.
fn overlapping_archive() -> Vec<u8> {
    let names: Vec<String> = (0..500).map(|n| format!("word/{n:03}.xml")).collect();
    let kernel = vec![b' '; 1 << 20];
    let mut bytes = archive(&[(names[0].as_str(), &kernel)]);
    let list = bytes
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    let end = bytes
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .unwrap();
    let entry = bytes[list..end].to_vec();
    let mut tail = bytes.split_off(end);
    for _ in &names[1..] {
        bytes.extend_from_slice(&entry);
    }
    let length = u32::try_from(entry.len() * names.len()).unwrap();
    tail[8..10].copy_from_slice(&500_u16.to_le_bytes());
    tail[10..12].copy_from_slice(&500_u16.to_le_bytes());
    tail[12..16].copy_from_slice(&length.to_le_bytes());
    [bytes, tail].concat()
}

fn entry_headers(count: usize) -> Vec<u8> {
    [b"PK\x01\x02".as_slice(), &[0; 42]].concat().repeat(count)
}

/// Ten entities, each ten times the one before.
fn part_with_entities(name: &str, parts: Parts) -> Vec<u8> {
    let mut entities = "<!DOCTYPE x [<!ENTITY e0 \"ha\">".to_owned();
    for n in 1..10 {
        write!(
            entities,
            "<!ENTITY e{n} \"{}\">",
            format!("&e{};", n - 1).repeat(10)
        )
        .unwrap();
    }
    with_part(parts, name, &format!("{entities}]><x>&e9;</x>"))
}

fn repeated_cells() -> Vec<u8> {
    let content = "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
        xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
        xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet><table:table \
        table:name=\"S\"><table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell \
        table:number-columns-repeated=\"10000\"><text:p>x</text:p></table:table-cell></table:table-row></table:table>\
        </office:spreadsheet></office:body></office:document-content>";
    with_part(ODS, "content.xml", content)
}

fn sparse_sheet() -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let workbook = format!(
        "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r\"/></sheets>\
         </workbook>"
    );
    let sheet = format!(
        "<worksheet xmlns=\"{main}\"><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c \
         r=\"XFD1048576\"><v>2</v></c></row></sheetData></worksheet>"
    );
    let links = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r\" \
         Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
    );
    archive(&[
        (XLSX[0].0, XLSX[0].1.as_bytes()),
        (XLSX[1].0, XLSX[1].1.as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", links.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

fn deep_mail() -> Vec<u8> {
    let mut mail = "hello\r\n".to_owned();
    for n in 0..2000 {
        mail =
            format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n{mail}\r\n--b{n}--\r\n");
    }
    format!("From: a@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n{mail}").into()
}

fn many_parts() -> Vec<u8> {
    let parts = "--b\r\n\r\nhi\r\n".repeat(300_000);
    format!(
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n"
    )
    .into()
}

const CATALOG: &str = "<< /Type /Catalog /Pages 2 0 R >>";
const PAGES: &str = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>";

fn pdf<T: AsRef<[u8]>>(objects: &[T]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    for (number, object) in (1..).zip(objects) {
        file.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        file.extend_from_slice(object.as_ref());
        file.extend_from_slice(b"\nendobj\n");
    }
    let trailer = format!(
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n0\n%%EOF\n",
        objects.len() + 1
    );
    file.extend_from_slice(trailer.as_bytes());
    file
}

fn stream(about: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<< /Length {} {about} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

fn page(resources: &str) -> Vec<u8> {
    format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << {resources} >> >>"
    )
    .into()
}

fn pdf_page(content: &str, resources: &str) -> Vec<u8> {
    pdf(&[
        CATALOG.into(),
        PAGES.into(),
        page(resources),
        stream("", content.as_bytes()),
    ])
}

/// Ten pages that are ten pages each, ten times over.
fn fan_of_pages() -> Vec<u8> {
    let mut objects = vec![CATALOG.to_owned()];
    for number in 2..12 {
        let kids = format!("{} 0 R ", number + 1).repeat(10);
        objects.push(format!("<< /Type /Pages /Kids [{kids}] /Count 1000000000 >>"));
    }
    objects.push("<< /Type /Page /MediaBox [0 0 9 9] >>".to_owned());
    pdf(&objects)
}

fn form(content: &str, calls: usize) -> Vec<u8> {
    let about = format!(
        "/Type /XObject /Subtype /Form /BBox [0 0 999 999] /Resources << /XObject << /F {calls} 0 R >> >>"
    );
    stream(&about, content.as_bytes())
}

fn form_circle() -> Vec<u8> {
    pdf(&[
        CATALOG.into(),
        PAGES.into(),
        page("/XObject << /F 5 0 R >>"),
        stream("", b"/F Do"),
        form("/F Do /F Do", 5),
    ])
}

/// Drawings that draw others ten times each.
fn fan_of_forms() -> Vec<u8> {
    let mut objects = vec![
        CATALOG.into(),
        PAGES.into(),
        page("/XObject << /F 5 0 R >>"),
        stream("", "/F Do ".repeat(10).as_bytes()),
    ];
    for number in 5..13 {
        objects.push(form(&"/F Do ".repeat(10), number + 1));
    }
    objects.push(form("0 0 9 9 re f", 13));
    pdf(&objects)
}

fn wide_range_of_widths() -> Vec<u8> {
    let font = "/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [<< /Type \
        /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> \
        /W [0 2147483647 500] >>] >> >>";
    pdf_page("BT /F 12 Tf 72 700 Td <0041> Tj ET", font)
}

fn flate_bomb() -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..700 {
        packed.write_all(&zeros).unwrap();
    }
    let content = stream("/Filter /FlateDecode", &packed.finish().unwrap());
    pdf(&[CATALOG.into(), PAGES.into(), page(""), content])
}

/// A picture of 60,000 times 60,000 pixels, as its header says.
fn huge_png() -> Vec<u8> {
    let header = [
        b"IHDR".as_slice(),
        &60_000_u32.to_be_bytes(),
        &60_000_u32.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    let sum = header.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 * (sum & 1))
        })
    });
    [
        b"\x89PNG\r\n\x1A\n\0\0\0\x0D".as_slice(),
        &header,
        &(!sum).to_be_bytes(),
        b"\0\0\0\x01IDATx",
        &[0; 8],
    ]
    .concat()
}

fn huge_bitmap() -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend_from_slice(&[0; 8]);
    for number in [54, 40, 60_000, 60_000_u32] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&[1, 0, 24, 0]);
    bytes.extend_from_slice(&[0; 24]);
    bytes
}

/// A directory of one page: one pixel, black.
fn tiff_directory(next: u32) -> Vec<u8> {
    let entries: [(u16, u16, u32); 8] = [
        (256, 3, 1),
        (257, 3, 1),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (279, 4, 1),
    ];
    let mut directory = 8_u16.to_le_bytes().to_vec();
    for (tag, kind, value) in entries {
        directory.extend_from_slice(&tag.to_le_bytes());
        directory.extend_from_slice(&kind.to_le_bytes());
        directory.extend_from_slice(&1_u32.to_le_bytes());
        directory.extend_from_slice(&value.to_le_bytes());
    }
    directory.extend_from_slice(&next.to_le_bytes());
    directory
}

fn tiff_of_many_pages(pages: u32) -> Vec<u8> {
    let length = u32::try_from(tiff_directory(0).len()).unwrap();
    let mut bytes = b"II*\0\x0A\0\0\0\0\0".to_vec();
    for page in 1..=pages {
        let next = if page == pages { 0 } else { 10 + page * length };
        bytes.extend_from_slice(&tiff_directory(next));
    }
    bytes
}

fn tiff_circle() -> Vec<u8> {
    [b"II*\0\x0A\0\0\0\0\0".to_vec(), tiff_directory(10)].concat()
}

/// Every sector is followed by itself.
fn compound_file_in_circles() -> Vec<u8> {
    let mut bytes = vec![0; 512 * 4];
    bytes[..8].copy_from_slice(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
    bytes[24..34].copy_from_slice(&[0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0]);
    // One sector of the table, which is sector 0; the directory begins in sector 1; no others.
    bytes[44] = 1;
    bytes[48] = 1;
    bytes[57] = 0x10;
    bytes[60..64].copy_from_slice(&[0xFE, 0xFF, 0xFF, 0xFF]);
    bytes[68..72].copy_from_slice(&[0xFE, 0xFF, 0xFF, 0xFF]);
    bytes[76..512].fill(0xFF);
    bytes[76..80].fill(0);
    for sector in 0..128_u32 {
        let at = 512 + 4 * usize::try_from(sector).unwrap();
        bytes[at..at + 4].copy_from_slice(&sector.to_le_bytes());
    }
    bytes
}
