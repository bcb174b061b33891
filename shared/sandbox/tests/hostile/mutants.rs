//! Sound documents of every format, and what becomes of them when they are damaged at random.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use image::{GrayImage, ImageFormat};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

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

/// Numbers that look random and are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is more than nothing.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).unwrap()
    }
}

/// Damaged copies of the samples.
pub(crate) fn of(samples: &[File]) -> impl Iterator<Item = File> {
    (0..MUTANTS).flat_map(move |round| {
        samples.iter().zip(0..).map(move |(sample, place)| {
            let mut dice = Dice(round * 1_000 + place);
            let kind = KINDS[usize::try_from(round).unwrap() % KINDS.len()];
            // Archives are damaged outside and, packed again, inside: there the damage reaches the readers.
            let inside = round % 2 == 1 && sample.bytes.starts_with(b"PK\x03\x04");
            let bytes = if inside {
                damaged_inside(&sample.bytes, kind, samples, &mut dice)
            } else {
                damaged(sample.bytes.clone(), kind, samples, &mut dice)
            };
            let (stem, ending) = sample.name.rsplit_once('.').unwrap();
            File {
                name: format!("{stem}-{kind:?}-{round}.{ending}"),
                bytes,
            }
        })
    })
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    BreakOff,
    Flip,
    Splice,
    Number,
}

const KINDS: [Kind; 4] = [Kind::BreakOff, Kind::Flip, Kind::Splice, Kind::Number];

const NUMBERS: [&[u8]; 8] = [
    b"0",
    b"-1",
    b"1",
    b"65536",
    b"99999999",
    b"2147483647",
    b"4294967295",
    b"18446744073709551615",
];

fn damaged(mut bytes: Vec<u8>, kind: Kind, samples: &[File], dice: &mut Dice) -> Vec<u8> {
    if bytes.is_empty() {
        return bytes;
    }
    match kind {
        Kind::BreakOff => bytes.truncate(1 + dice.below(bytes.len())),
        Kind::Flip => {
            for _ in 0..=dice.below(200) {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        Kind::Splice => {
            let other = &samples[dice.below(samples.len())].bytes;
            let start = dice.below(other.len());
            let length = 1 + dice.below((other.len() - start).min(20_000));
            let at = dice.below(bytes.len());
            let replaced = if dice.below(2) == 0 {
                length.min(bytes.len() - at)
            } else {
                0
            };
            bytes.splice(at..at + replaced, other[start..start + length].iter().copied());
        }
        Kind::Number => {
            for _ in 0..=dice.below(12) {
                let from = dice.below(bytes.len());
                let Some(start) = (from..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) else {
                    continue;
                };
                let digits = bytes[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                let number = NUMBERS[dice.below(NUMBERS.len())];
                bytes.splice(start..start + digits, number.iter().copied());
            }
        }
    }
    bytes
}

/// The same archive with some of its parts damaged.
fn damaged_inside(bytes: &[u8], kind: Kind, samples: &[File], dice: &mut Dice) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut packed = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = String::from_utf8_lossy(part.name_raw()).into_owned();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        if name != "mimetype" && dice.below(3) == 0 {
            content = damaged(content, kind, samples, dice);
        }
        packed.start_file(name, SimpleFileOptions::default()).unwrap();
        packed.write_all(&content).unwrap();
    }
    packed.finish().unwrap().into_inner()
}
