//! Scanned pages, made by painting a page that has text and taking the text away.

#![allow(dead_code, reason = "each test uses its part")]

use std::fmt::Write;
use std::io::Cursor;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::GrayImage;
use tiff::encoder::{TiffEncoder, colortype};

/// A page of A4 in points.
const PAGE: (u32, u32) = (595, 842);

/// The lines as somebody would see them who scanned a printed page.
pub(crate) fn scanned(lines: &[&str], dpi: u32) -> GrayImage {
    let mut content = "BT /F 16 Tf 70 760 Td 26 TL\n".to_owned();
    for line in lines {
        writeln!(content, "({line}) Tj T*").unwrap();
    }
    content.push_str("ET");
    let font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";
    let page = Page {
        content: &content,
        resources: &format!("/Font << /F {font} >>"),
        rotated: 0,
        picture: None,
    };
    let pdf = Pdf::new(pdf(&[page])).unwrap();
    let scale = dpi as f32 / 72.0;
    let pixmap = render(
        &pdf.pages()[0],
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: WHITE,
        },
    );
    let shades = pixmap
        .data_as_u8_slice()
        .chunks(4)
        .map(|pixel| pixel[0])
        .collect();
    GrayImage::from_raw(pixmap.width().into(), pixmap.height().into(), shades).unwrap()
}

/// A PDF of scanned pages, each turned by so many degrees in its file and turned back by its reader.
pub(crate) fn scanned_pdf(pages: &[(&GrayImage, u32)]) -> Vec<u8> {
    let pages: Vec<Page<'_>> = pages
        .iter()
        .map(|(picture, rotated)| Page {
            content: "q 595 0 0 842 0 0 cm /I Do Q",
            resources: "",
            rotated: *rotated,
            picture: Some(picture),
        })
        .collect();
    pdf(&pages)
}

pub(crate) struct Page<'a> {
    pub(crate) content: &'a str,
    pub(crate) resources: &'a str,
    pub(crate) rotated: u32,
    pub(crate) picture: Option<&'a GrayImage>,
}

/// A PDF of these pages.
pub(crate) fn pdf(pages: &[Page<'_>]) -> Vec<u8> {
    let mut objects: Vec<Vec<u8>> = Vec::new();
    let kids: Vec<String> = (0..pages.len())
        .map(|page| format!("{} 0 R", 3 + 3 * page))
        .collect();
    objects.push(b"<< /Type /Catalog /Pages 2 0 R >>".to_vec());
    objects.push(
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} >>",
            kids.join(" "),
            pages.len()
        )
        .into(),
    );
    for (index, page) in pages.iter().enumerate() {
        let (content, picture) = (4 + 3 * index, 5 + 3 * index);
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Rotate {} /Contents {content} 0 R /Resources << {} \
                 /XObject << /I {picture} 0 R >> >> >>",
                PAGE.0, PAGE.1, page.rotated, page.resources
            )
            .into(),
        );
        objects.push(stream("", page.content.as_bytes()));
        objects.push(match page.picture {
            Some(picture) => {
                let (width, height) = picture.dimensions();
                let about = format!(
                    "/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceGray \
                     /BitsPerComponent 8"
                );
                stream(&about, picture.as_raw())
            }
            None => b"null".to_vec(),
        });
    }
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let table = file.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for place in places {
        writeln!(end, "{place:010} 00000 n ").unwrap();
    }
    writeln!(
        end,
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF",
        objects.len() + 1
    )
    .unwrap();
    file.extend_from_slice(end.as_bytes());
    file
}

fn stream(about: &str, content: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {about} /Length {} >>\nstream\n", content.len()).into_bytes();
    object.extend_from_slice(content);
    object.extend_from_slice(b"\nendstream");
    object
}

/// A picture as a file.
pub(crate) fn encoded(picture: &GrayImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::DynamicImage::from(picture.clone())
        .to_rgb8()
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

/// Pictures as the pages of one file.
pub(crate) fn tiff(pages: &[&GrayImage]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    for page in pages {
        encoder
            .write_image::<colortype::Gray8>(page.width(), page.height(), page.as_raw())
            .unwrap();
    }
    bytes.into_inner()
}
