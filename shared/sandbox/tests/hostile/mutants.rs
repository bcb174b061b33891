//! Sound documents of every format, and what becomes of them when they are damaged at random.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use image::{GrayImage, ImageFormat};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::damage::{Dice, KINDS, Kind, damaged};
use super::support::{encoded, scanned, tiff};

/// Mutants of each document.
const MUTANTS: u64 = 10;

/// A file.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// One document of each format at least.
pub(crate) fn samples() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut samples = Vec::new();
    for folder in ["samples", "shared/extraction/tests/fixtures"] {
        let mut paths: Vec<_> = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // Those that nobody has the password of.
            if !name.starts_with("locked.") {
                let bytes = std::fs::read(path).unwrap();
                samples.push(File { name, bytes });
            }
        }
    }
    let page: GrayImage = scanned(&["A page that somebody scanned"], 60);
    for (name, format) in [
        ("page.png", ImageFormat::Png),
        ("page.jpeg", ImageFormat::Jpeg),
        ("page.webp", ImageFormat::WebP),
        ("page.bmp", ImageFormat::Bmp),
        ("page.gif", ImageFormat::Gif),
    ] {
        let bytes = encoded(&page, format);
        samples.push(File {
            name: name.to_owned(),
            bytes,
        });
    }
    let bytes = tiff(&[&page, &page]);
    samples.push(File {
        name: "pages.tiff".to_owned(),
        bytes,
    });
    samples
}

/// Damaged copies of the samples.
pub(crate) fn of(samples: &[File]) -> impl Iterator<Item = File> {
    (0..MUTANTS).flat_map(move |round| {
        let others: Vec<&[u8]> = samples.iter().map(|sample| sample.bytes.as_slice()).collect();
        samples.iter().zip(0..).map(move |(sample, place)| {
            let mut dice = Dice(round * 1_000 + place);
            let kind = KINDS[usize::try_from(round).unwrap() % KINDS.len()];
            // Archives are damaged outside and, packed again, inside: there the damage reaches the readers.
            let inside = round % 2 == 1 && sample.bytes.starts_with(b"PK\x03\x04");
            let bytes = if inside {
                damaged_inside(&sample.bytes, kind, &others, &mut dice)
            } else {
                damaged(sample.bytes.clone(), kind, &others, &mut dice)
            };
            let (stem, ending) = sample.name.rsplit_once('.').unwrap();
            File {
                name: format!("{stem}-{kind:?}-{round}.{ending}"),
                bytes,
            }
        })
    })
}

/// The same archive with some of its parts damaged.
fn damaged_inside(bytes: &[u8], kind: Kind, others: &[&[u8]], dice: &mut Dice) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut packed = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = String::from_utf8_lossy(part.name_raw()).into_owned();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        if name != "mimetype" && dice.below(3) == 0 {
            content = damaged(content, kind, others, dice);
        }
        packed.start_file(name, SimpleFileOptions::default()).unwrap();
        packed.write_all(&content).unwrap();
    }
    packed.finish().unwrap().into_inner()
}
