//! Pictures of text: PNG, JPEG, TIFF, WebP, BMP, GIF.
//!
//! What stands on them is for a program that reads pictures to find. Here they are counted and measured by their headers,
//! before anything is decoded: a picture of a few hundred bytes can be larger than any memory.

use std::io::Cursor;

use domain::DocumentKind;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};

use crate::scans::{RASTER_PIXELS_MAX, Raster, grey};
use crate::{Extracted, ExtractionError, Limits};

/// Part of the results, so that those of older versions can be told apart.
const ENGINE: &str = "picture/1 image 0.25";

/// Pixels of a picture: a page of A3 scanned at 600 dots per inch has seventy million.
const PIXELS_MAX: u64 = 80_000_000;
/// Bytes that a picture may take while it is decoded: four for each of its pixels, the working memory not counted.
const DECODED_BYTES_MAX: u64 = 4 * PIXELS_MAX;
/// Pictures with no side longer than this are enlarged: their letters would be too small for a reader of scanned pages.
const SMALL_SIDE_MAX: u32 = 1_400;

/// Counts and measures, and leaves all pages to be read.
pub(crate) fn extract(
    kind: DocumentKind,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Extracted, ExtractionError> {
    let mut extracted = Extracted {
        paged: kind == DocumentKind::Tiff,
        engine: ENGINE.to_owned(),
        ..Extracted::default()
    };
    let (width, height, pages) = match kind {
        DocumentKind::Tiff => {
            let mut decoder = open_tiff(bytes)?;
            let size = decoder.dimensions().map_err(|_| damaged())?;
            check_size(size)?;
            let (pages, more) = count_pages(&mut decoder, limits.pages_max);
            extracted.truncated = more;
            extracted
                .metadata
                .insert("page_count".to_owned(), pages.to_string());
            (size.0, size.1, pages)
        }
        _ => {
            let (width, height) = open(kind, bytes)?.dimensions();
            check_size((width, height))?;
            (width, height, 1)
        }
    };
    extracted.metadata.insert("width".to_owned(), width.to_string());
    extracted.metadata.insert("height".to_owned(), height.to_string());
    extracted.pages = (0..pages).map(|_| String::new()).collect();
    extracted.unread_pages = (0..pages).collect();
    extracted.judge_unread_pages();
    Ok(extracted)
}

/// Decodes a picture, or a page of one that has pages, upright and in a size that suits a reader.
pub(crate) fn decode(kind: DocumentKind, bytes: &[u8], page: u32) -> Result<Raster, ExtractionError> {
    let picture = match kind {
        DocumentKind::Tiff => decode_tiff(bytes, page)?,
        _ => decode_single(kind, bytes)?,
    };
    let picture = in_a_size_to_read(picture);
    Ok(Raster {
        width: picture.width(),
        height: picture.height(),
        resolution_dpi: None,
        pixels: picture.into_raw(),
    })
}

fn decode_single(kind: DocumentKind, bytes: &[u8]) -> Result<GrayImage, ExtractionError> {
    let mut decoder = open(kind, bytes)?;
    check_size(decoder.dimensions())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| damaged())?;
    picture.apply_orientation(orientation);
    Ok(on_white(picture))
}

fn open(kind: DocumentKind, bytes: &[u8]) -> Result<impl ImageDecoder, ExtractionError> {
    let format = match kind {
        DocumentKind::Png => ImageFormat::Png,
        DocumentKind::Jpeg => ImageFormat::Jpeg,
        DocumentKind::Webp => ImageFormat::WebP,
        DocumentKind::Bmp => ImageFormat::Bmp,
        _ => ImageFormat::Gif,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    reader.into_decoder().map_err(|_| damaged())
}

/// What is transparent lies on white paper.
fn on_white(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.into_luma8();
    }
    let picture = picture.into_luma_alpha8();
    let (width, height) = picture.dimensions();
    let pixels = picture.pixels().map(|pixel| {
        let [shade, opacity] = pixel.0.map(u32::from);
        u8::try_from((shade * opacity + 255 * (255 - opacity)) / 255).unwrap_or(u8::MAX)
    });
    of_pixels(width, height, pixels.collect())
}

fn in_a_size_to_read(picture: GrayImage) -> GrayImage {
    use image::imageops::{FilterType, resize, thumbnail};

    let (width, height) = picture.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > u64::from(RASTER_PIXELS_MAX) {
        let mut parts = 2;
        while pixels / (u64::from(parts) * u64::from(parts)) > u64::from(RASTER_PIXELS_MAX) {
            parts += 1;
        }
        return thumbnail(&picture, (width / parts).max(1), (height / parts).max(1));
    }
    if width.max(height) <= SMALL_SIDE_MAX {
        return resize(&picture, width * 2, height * 2, FilterType::Triangle);
    }
    picture
}

type TiffDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

fn open_tiff(bytes: &[u8]) -> Result<TiffDecoder<'_>, ExtractionError> {
    let mut limits = tiff::decoder::Limits::default();
    limits.decoding_buffer_size = usize::try_from(DECODED_BYTES_MAX).unwrap_or(usize::MAX);
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    Ok(decoder.with_limits(limits))
}

/// Pages up to the bound, and whether there are more. The list of pages may be damaged, or lead back into itself.
fn count_pages(decoder: &mut TiffDecoder<'_>, pages_max: u32) -> (u32, bool) {
    let mut pages = 1;
    while decoder.more_images() {
        if pages >= pages_max {
            return (pages, true);
        }
        if decoder.next_image().is_err() {
            return (pages, true);
        }
        pages += 1;
    }
    (pages, false)
}

fn decode_tiff(bytes: &[u8], page: u32) -> Result<GrayImage, ExtractionError> {
    let mut decoder = open_tiff(bytes)?;
    let page = usize::try_from(page).map_err(|_| damaged())?;
    decoder.seek_to_image(page).map_err(|_| damaged())?;
    let (width, height) = decoder.dimensions().map_err(|_| damaged())?;
    check_size((width, height))?;
    let colours = decoder.colortype().map_err(|_| damaged())?;
    let mut content = DecodingResult::U8(Vec::new());
    let layout = decoder
        .read_image_to_buffer(&mut content)
        .map_err(|_| damaged())?;
    if layout.planes > 1 {
        return Err(not_decoded());
    }
    let bytes = match content {
        DecodingResult::U8(bytes) => bytes,
        DecodingResult::U16(samples) => samples.iter().map(|sample| sample.to_be_bytes()[0]).collect(),
        _ => return Err(not_decoded()),
    };
    let row = usize::try_from(width).map_err(|_| damaged())?;
    let pixels: Vec<u8> = match colours {
        ColorType::Gray(bits @ (1 | 2 | 4)) => unpacked(&bytes, row, bits),
        ColorType::Gray(8 | 16) => bytes,
        ColorType::GrayA(8 | 16) => bytes.as_chunks::<2>().0.iter().map(|[shade, _]| *shade).collect(),
        // What JPEG packed as brightness and colours comes out of it as red, green and blue.
        ColorType::RGB(8 | 16) | ColorType::YCbCr(8) => bytes
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[red, green, blue]| grey(*red, *green, *blue))
            .collect(),
        ColorType::RGBA(8 | 16) => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[red, green, blue, _]| grey(*red, *green, *blue))
            .collect(),
        ColorType::CMYK(8) => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[cyan, magenta, yellow, black]| {
                let light = |ink: &u8| {
                    let light = u32::from(255 - ink) * u32::from(255 - black) / 255;
                    u8::try_from(light).unwrap_or(u8::MAX)
                };
                grey(light(cyan), light(magenta), light(yellow))
            })
            .collect(),
        _ => return Err(not_decoded()),
    };
    Ok(of_pixels(width, height, pixels))
}

/// Shades of less than a byte, each row of which begins with a byte of its own.
fn unpacked(bytes: &[u8], row: usize, bits: u8) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let brightest = (1_u16 << bits) - 1;
    let shade = |byte: u8, place: usize| {
        let shift = 8 - usize::from(bits) * (place + 1);
        let value = (u16::from(byte) >> shift) & brightest;
        u8::try_from(value * 255 / brightest).unwrap_or(u8::MAX)
    };
    bytes
        .chunks(row.div_ceil(per_byte).max(1))
        .flat_map(|packed| {
            let shades = packed
                .iter()
                .flat_map(|byte| (0..per_byte).map(|place| shade(*byte, place)));
            shades.take(row)
        })
        .collect()
}

/// Rows that are missing are white.
fn of_pixels(width: u32, height: u32, mut pixels: Vec<u8>) -> GrayImage {
    let count = usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(usize::MAX);
    pixels.resize(count, u8::MAX);
    GrayImage::from_raw(width, height, pixels).unwrap_or_default()
}

fn check_size((width, height): (u32, u32)) -> Result<(), ExtractionError> {
    if width == 0 || height == 0 {
        return Err(damaged());
    }
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(ExtractionError::TooLarge(format!(
            "the picture has {width} times {height} pixels; {} million are the most that are read",
            PIXELS_MAX / 1_000_000
        )));
    }
    Ok(())
}

fn damaged() -> ExtractionError {
    ExtractionError::Unreadable("the picture is damaged, or of a sort that is not read".to_owned())
}

fn not_decoded() -> ExtractionError {
    ExtractionError::Unreadable("the colours of the picture are written in a way that is not read".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::{ImageFormat, Luma, LumaA};
    use tiff::encoder::{TiffEncoder, colortype};

    use super::*;

    /// Dark on the left, light on the right.
    fn picture(width: u32, height: u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, _| Luma([if x < width / 2 { 20 } else { 250 }]))
    }

    fn encoded(format: ImageFormat, picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn shade(raster: &Raster, x: u32, y: u32) -> u8 {
        raster.pixels[(y * raster.width + x) as usize]
    }

    #[test]
    fn every_kind_of_picture_is_measured_and_decoded() {
        let picture = DynamicImage::from(picture(2000, 300));
        for (kind, format) in [
            (DocumentKind::Png, ImageFormat::Png),
            (DocumentKind::Jpeg, ImageFormat::Jpeg),
            (DocumentKind::Webp, ImageFormat::WebP),
            (DocumentKind::Bmp, ImageFormat::Bmp),
            (DocumentKind::Gif, ImageFormat::Gif),
        ] {
            let source = match kind {
                DocumentKind::Webp | DocumentKind::Gif => DynamicImage::from(picture.to_rgba8()),
                _ => DynamicImage::from(picture.to_rgb8()),
            };
            let bytes = encoded(format, &source);
            let extracted = extract(kind, &bytes, &Limits::default()).unwrap();
            assert_eq!((extracted.pages.len(), extracted.paged), (1, false), "{kind}");
            assert_eq!(
                (extracted.metadata["width"].as_str(), extracted.needs_ocr),
                ("2000", true)
            );
            let raster = decode(kind, &bytes, 0).unwrap();
            assert_eq!((raster.width, raster.height), (2000, 300), "{kind}");
            assert!(
                shade(&raster, 500, 150) < 40 && shade(&raster, 1500, 150) > 230,
                "{kind}"
            );
        }
    }

    #[test]
    fn all_pages_of_a_fax_are_read() {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
        for width in [1500, 1600, 1700] {
            let page = picture(width, 20);
            encoder
                .write_image::<colortype::Gray8>(width, 20, page.as_raw())
                .unwrap();
        }
        let bytes = bytes.into_inner();
        let extracted = extract(DocumentKind::Tiff, &bytes, &Limits::default()).unwrap();
        assert_eq!((extracted.pages.len(), extracted.paged), (3, true));
        assert_eq!(extracted.unread_pages, [0, 1, 2]);
        let third = decode(DocumentKind::Tiff, &bytes, 2).unwrap();
        assert_eq!((third.width, shade(&third, 10, 10)), (1700, 20));
        assert!(decode(DocumentKind::Tiff, &bytes, 3).is_err());

        let limits = Limits {
            pages_max: 2,
            ..Limits::default()
        };
        let extracted = extract(DocumentKind::Tiff, &bytes, &limits).unwrap();
        assert_eq!((extracted.pages.len(), extracted.truncated), (2, true));
    }

    #[test]
    fn black_and_white_takes_a_bit() {
        let packed = [0b1010_0000, 0b0100_0000, 0b1111_0000, 0b0000_0000];
        assert_eq!(
            unpacked(&packed, 10, 1),
            [
                255, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0
            ]
        );
        assert_eq!(unpacked(&[0x0F, 0x80], 3, 4), [0, 255, 136]);
    }

    #[test]
    fn what_is_transparent_lies_on_white() {
        let picture = image::ImageBuffer::from_fn(1500, 4, |x, _| LumaA([0, if x < 750 { 255 } else { 0 }]));
        let bytes = encoded(ImageFormat::Png, &DynamicImage::ImageLumaA8(picture));
        let raster = decode(DocumentKind::Png, &bytes, 0).unwrap();
        assert_eq!((shade(&raster, 0, 0), shade(&raster, 1499, 0)), (0, 255));
    }

    #[test]
    fn small_pictures_are_enlarged() {
        let bytes = encoded(ImageFormat::Png, &DynamicImage::from(picture(400, 100)));
        let raster = decode(DocumentKind::Png, &bytes, 0).unwrap();
        assert_eq!((raster.width, raster.height), (800, 200));
    }

    #[test]
    fn a_flood_of_pixels_is_refused_by_its_header() {
        let mut bytes = encoded(ImageFormat::Png, &DynamicImage::from(picture(10, 10)));
        // Width and height of the header; its check sum is not looked at by whoever refuses.
        bytes[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
        let crc = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        for error in [
            extract(DocumentKind::Png, &bytes, &Limits::default()).unwrap_err(),
            decode(DocumentKind::Png, &bytes, 0).unwrap_err(),
        ] {
            assert_eq!(error.code(), "too_large", "{error}");
            assert!(error.to_string().contains("60000 times 60000"), "{error}");
        }
    }

    /// The check sum of PNG.
    fn crc32(bytes: &[u8]) -> u32 {
        let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ (0xEDB8_8320 * (sum & 1))
            })
        });
        !sum
    }

    #[test]
    fn a_picture_that_breaks_off_is_unreadable() {
        for bytes in [b"\x89PNG\r\n\x1A\n".as_slice(), b"II*\0\x08\0\0\0", b""] {
            for kind in [DocumentKind::Png, DocumentKind::Tiff, DocumentKind::Gif] {
                let error = extract(kind, bytes, &Limits::default()).unwrap_err();
                assert_eq!(error.code(), "unreadable", "{error}");
            }
        }
    }
}
