//! What reading a document costs: by kind, what it costs more to read it in a child, what it costs to start a child, and what a
//! page costs that is a picture of text. Processor time of all processes together, which other work on the machine hardly changes.
//!
//! `cargo bench -p docmill-sandbox [-- FOLDER…]`; without a folder, the samples of this repository.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::DocumentKind;
use extraction::Limits;
use futures::stream::{self, BoxStream, StreamExt};
use image::ImageFormat;
use rustix::time::{ClockId, clock_gettime};
use sandbox::{ChildProgram, OcrSettings, ParseRequest, ParserPool, SandboxSettings};

/// Processor time for which a kind is read again and again. The kernel tells that of ended children in hundredths of a second,
/// so that this is the accuracy of one per cent.
const MEASURED: Duration = Duration::from_secs(1);
/// Documents of a kind that are read over and over at most, in their order by name.
const DOCUMENTS_MAX: usize = 2_000;
/// Children that are started one after the other.
const STARTS: u32 = 200;
/// Pages that are read as pictures.
const PAGES: u32 = 6;

struct Document {
    name: String,
    kind: DocumentKind,
    bytes: Bytes,
}

fn main() {
    let folders: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .map(PathBuf::from)
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        kinds(&documents(&folders)).await;
        starts().await;
        pictures().await;
    });
}

/// The documents in these folders by their kind.
fn documents(folders: &[PathBuf]) -> BTreeMap<&'static str, Vec<Document>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = [
        root.join("samples"),
        root.join("shared/extraction/tests/fixtures"),
    ];
    let mut waiting = if folders.is_empty() {
        own.to_vec()
    } else {
        folders.to_vec()
    };
    let mut paths = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let mut kinds: BTreeMap<&'static str, Vec<Document>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = Bytes::from(std::fs::read(&path).unwrap());
        if let Ok(kind) = DocumentKind::recognize(&bytes, &name) {
            let of_kind = kinds.entry(kind.as_str()).or_default();
            if of_kind.len() < DOCUMENTS_MAX {
                of_kind.push(Document { name, kind, bytes });
            }
        }
    }
    kinds
}

/// For each kind, what a document costs here and in a child.
async fn kinds(kinds: &BTreeMap<&'static str, Vec<Document>>) {
    println!(
        "{:>8} {:>9} {:>6} {:>7} {:>12} {:>12} {:>9}",
        "kind", "documents", "read", "KiB", "here, ms", "in child, ms", "more, ms"
    );
    for (kind, all) in kinds {
        // What does not survive in a child is not tried here.
        let pool = pool(nobody_reads_pictures());
        let mut readable = Vec::new();
        let mut refused = 0;
        for document in all {
            match read(&pool, document).await {
                Ok(()) => readable.push(document),
                Err(()) => refused += 1,
            }
        }
        pool.shut_down().await;
        if readable.is_empty() {
            println!("{kind:>8} {:>9} {:>6}", all.len(), 0);
            continue;
        }
        let size: usize = readable.iter().map(|document| document.bytes.len()).sum();
        // Twice at least, so that what is done once is told from what is done for each.
        let (mut here, mut rounds) = (Duration::ZERO, 0_u32);
        while here < MEASURED || rounds < 2 {
            let before = own_time();
            for document in &readable {
                let limits = Limits {
                    time_max: Some(Duration::from_secs(12)),
                    ..Limits::default()
                };
                let _ = extraction::extract(document.kind, &document.name, document.bytes.to_vec(), &limits);
            }
            here += own_time() - before;
            rounds += 1;
        }
        let before = all_time();
        let pool = self::pool(nobody_reads_pictures());
        for _ in 0..rounds {
            for document in &readable {
                let _ = read(&pool, document).await;
            }
        }
        // The time of a child counts when it has ended.
        pool.shut_down().await;
        let in_child = all_time() - before;
        let documents = f64::from(rounds) * readable.len() as f64;
        let each = |time: Duration| 1000.0 * time.as_secs_f64() / documents;
        println!(
            "{kind:>8} {:>9} {:>6} {:>7} {:>12.3} {:>12.3} {:>9.3}",
            all.len(),
            all.len() - refused,
            size / readable.len() / 1024,
            each(here),
            each(in_child),
            each(in_child) - each(here)
        );
    }
}

/// What it costs to start a child, and that this does not grow with the worker.
async fn starts() {
    println!(
        "{:>22} {:>12} {:>14}",
        "a worker of, MiB", "processor, ms", "start, ms"
    );
    for ballast_mib in [0, 1024] {
        let ballast = vec![1_u8; ballast_mib << 20];
        let (before, began) = (all_time(), Instant::now());
        for _ in 0..STARTS {
            let pool = pool(nobody_reads_pictures());
            pool.warm_up().await.unwrap();
            pool.shut_down().await;
        }
        let each = |time: Duration| 1000.0 * time.as_secs_f64() / f64::from(STARTS);
        println!(
            "{:>22} {:>12.2} {:>14.2}",
            std::hint::black_box(ballast).len() >> 20,
            each(all_time() - before),
            each(began.elapsed())
        );
    }
}

/// What it costs to paint a page of A4 full of text at 200 dots per inch, and to read it.
async fn pictures() {
    let line = "The boat leaves the harbour at seven in the morning, and whoever comes late";
    let scan = support::scanned(&[line; 27], 200);
    let page = Document {
        name: "page.pdf".to_owned(),
        kind: DocumentKind::Pdf,
        bytes: support::scanned_pdf(&[(&scan, 0)]).into(),
    };
    let picture = Document {
        name: "page.png".to_owned(),
        kind: DocumentKind::Png,
        bytes: support::encoded(&scan, ImageFormat::Png).into(),
    };
    println!(
        "{:>22} {:>12} {:>14}",
        "a page that is a", "found, s", "and read, s"
    );
    for (name, document) in [("scan in a PDF", &page), ("PNG", &picture)] {
        let mut times = Vec::new();
        for ocr in [nobody_reads_pictures(), OcrSettings::default()] {
            let pool = pool(ocr);
            if times.len() == 1
                && let Err(reason) = pool.ocr().await
            {
                println!("{name:>22}: {reason}");
                return;
            }
            let before = all_time();
            for _ in 0..PAGES {
                read(&pool, document).await.unwrap();
            }
            pool.shut_down().await;
            times.push((all_time() - before).as_secs_f64() / f64::from(PAGES));
        }
        println!("{name:>22} {:>12.3} {:>14.3}", times[0], times[1]);
    }
}

fn nobody_reads_pictures() -> OcrSettings {
    OcrSettings {
        program: String::new(),
        ..OcrSettings::default()
    }
}

fn pool(ocr: OcrSettings) -> ParserPool {
    let program = ChildProgram {
        path: env!("CARGO_BIN_EXE_sandbox-test-child").into(),
        args: Vec::new(),
    };
    let settings = SandboxSettings {
        children: NonZeroU32::new(1),
        ..SandboxSettings::default()
    };
    ParserPool::new(program, settings).with_ocr(ocr)
}

async fn read(pool: &ParserPool, document: &Document) -> Result<(), ()> {
    let request = ParseRequest {
        kind: document.kind,
        file_name: document.name.clone(),
        size: document.bytes.len() as u64,
        limits: Limits::default(),
        password: None,
    };
    let read = pool.extract(&request, || pieces(&document.bytes)).await;
    read.map(drop).map_err(drop)
}

type Pieces = BoxStream<'static, Result<Bytes, Infallible>>;

/// A document in the pieces in which it comes from storage.
fn pieces(document: &Bytes) -> Ready<Result<Pieces, Infallible>> {
    const PIECE: usize = 64 << 10;
    let starts = (0..document.len()).step_by(PIECE);
    let pieces: Vec<_> = starts
        .map(|start| Ok(document.slice(start..document.len().min(start + PIECE))))
        .collect();
    ready(Ok(stream::iter(pieces).boxed()))
}

fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Processor time of this process and its children that have ended.
fn all_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // User and system time of the children, in hundredths of a second, as the kernel counts for programs.
    let hundredths: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    own_time() + Duration::from_millis(hundredths * 10)
}
