//! Damaged documents and documents made to do harm, through a whole docmill: no worker dies, every job ends with a reason, no child
//! takes more memory than it may, and the next document does not wait. More of them, of every kind, go through the pool of
//! children alone in `shared/sandbox/tests/hostile`.
//!
//! What is random comes from a seed: a failure names the document, and the next run makes the same one.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../../shared/sandbox/tests/hostile/damage.rs"]
mod damage;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use damage::{Dice, KINDS, damaged};
use domain::ReasonCode;
use e2e::{Client, Fleet, Process, Settings};
use futures::{StreamExt, stream};
use serde_json::Value;

/// Times that every sample is damaged, each time in another way.
const ROUNDS: u64 = 8;
/// Documents under way at a time: more than children, so that some wait.
const AT_ONCE: usize = 6;
/// Memory that a child may have: less than usual, so that what needs too much dies soon.
const CHILD_MEMORY_MAX: u64 = 192 << 20;

struct Hostile {
    fleet: Fleet,
    ada: Client,
    worker: u32,
}

impl Hostile {
    async fn start() -> Self {
        let settings = Settings::new()
            .with("sandbox.address_space_max", "192MiB")
            .with("sandbox.input_max", "32MiB")
            // Long enough that what dies of its memory does so first, on a machine under load too.
            .with("sandbox.wall_time_max", "120s")
            .with("sandbox.cpu_time_max", "60s")
            // What reads pictures has tests of its own.
            .with("ocr.program", "");
        let fleet = Fleet::start(1, &settings).await;
        let ada = fleet.apis[0].user().await;
        let worker = fleet.workers[0].process.pid();
        Self { fleet, ada, worker }
    }

    fn worker(&self) -> &Process {
        &self.fleet.workers[0].process
    }

    /// Hands a document in and says how it ended: `refused` at the door, the status of a document, or its reason.
    async fn outcome(&self, name: &str, bytes: &[u8]) -> String {
        let answer = self.ada.send(self.ada.form("", &[(name, bytes)])).await;
        if answer.status != 202 {
            assert!(
                [400, 413, 415, 422].contains(&answer.status),
                "{name}: {}",
                answer.status
            );
            return "refused".to_owned();
        }
        let job = self.ada.ended(&answer.json()).await;
        let document: Value = self.ada.documents(&job).await.remove(0);
        let error = &document["error"]["code"];
        match error.as_str() {
            None => document["status"].as_str().unwrap().to_owned(),
            Some(code) => {
                let reason: ReasonCode = code.parse().unwrap();
                assert!(!reason.is_transient() && code != "internal", "{name}: {document}");
                assert!(document["error"]["detail"].is_string(), "{name}: {document}");
                code.to_owned()
            }
        }
    }

    /// The most memory that any living child of the worker ever had, in bytes.
    fn children_memory(&self) -> u64 {
        let children = self.worker().children().into_iter();
        children
            .map(|child| {
                let path = format!("/proc/{}/status", child.as_raw_nonzero());
                let status = std::fs::read_to_string(path).unwrap_or_default();
                let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let kib = peak.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
                kib.unwrap_or(0) << 10
            })
            .max()
            .unwrap_or(0)
    }

    fn assert_worker_lives(&self) {
        assert_eq!(self.worker().status(), None, "the worker has ended");
        assert_eq!(self.worker().pid(), self.worker);
        assert!(
            !self.worker().log().contains("panicked"),
            "something in the worker itself panicked"
        );
    }
}

/// One document of each format at least, with its name.
fn samples() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut samples = Vec::new();
    for folder in ["samples", "shared/extraction/tests/fixtures"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                samples.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    samples.sort();
    samples
}

fn mutants() -> Vec<(String, Vec<u8>)> {
    let samples = samples();
    let others: Vec<&[u8]> = samples.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let mut mutants = Vec::new();
    for round in 0..ROUNDS {
        for ((name, bytes), place) in samples.iter().zip(0..) {
            let mut dice = Dice(1_000_000 + round * 1_000 + place);
            let kind = KINDS[usize::try_from(round).unwrap() % KINDS.len()];
            let damaged = damaged(bytes.clone(), kind, &others, &mut dice);
            let (stem, ending) = name.rsplit_once('.').unwrap();
            mutants.push((format!("{stem}-{kind:?}-{round}.{ending}"), damaged));
        }
    }
    mutants
}

#[tokio::test]
async fn damaged_documents_end_with_a_text_or_a_reason_and_kill_no_worker() {
    let mill = Hostile::start().await;
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    let mut memory = 0;
    let mutants = mutants();
    let mut ended = stream::iter(&mutants)
        .map(async |(name, bytes)| mill.outcome(name, bytes).await)
        .buffer_unordered(AT_ONCE);
    while let Some(outcome) = ended.next().await {
        *outcomes.entry(outcome).or_default() += 1;
        memory = memory.max(mill.children_memory());
    }
    drop(ended);
    eprintln!("{outcomes:?}; the largest child took {} MiB", memory >> 20);
    assert!(
        outcomes["completed"] > 20 && outcomes["unreadable"] > 20,
        "{outcomes:?}"
    );
    assert!(
        0 < memory && memory < CHILD_MEMORY_MAX,
        "a child took {memory} bytes"
    );
    mill.assert_worker_lives();
    assert_eq!(mill.outcome("note.txt", b"all is well").await, "completed");
}

#[tokio::test]
async fn a_document_that_kills_its_reader_ends_for_good_and_the_next_one_does_not_wait() {
    let mill = Hostile::start().await;
    // Said at the start, before there is any document.
    let _ = mill.worker().line("parser children are confined").await;
    assert_eq!(mill.outcome("note.txt", b"all is well").await, "completed");
    // What a machine under load does to one run, the better of two does not show.
    let mut fastest = Duration::MAX;
    for _ in 0..2 {
        assert_eq!(
            mill.outcome("widths.pdf", wide_range_of_widths().as_bytes())
                .await,
            "crashed_parser"
        );
        let ended = Instant::now();
        assert_eq!(mill.outcome("note.txt", b"all is well").await, "completed");
        fastest = fastest.min(ended.elapsed());
    }
    eprintln!("the next document was done after {fastest:?}");
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    mill.assert_worker_lives();
    // Tried in a second child, but not in a second attempt: another worker would lose its children as well.
    let deaths = mill
        .worker()
        .log()
        .matches("a parser child died of a document; trying another")
        .count();
    assert_eq!(deaths, 2);
    for job in mill.ada.jobs().await {
        assert_eq!(job["attempt"], 1, "{job}");
    }
}

/// A PDF of a few hundred bytes whose table of widths is a range over two thousand million codes.
fn wide_range_of_widths() -> String {
    let font = "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [<< /Type /Font \
                /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) \
                /Supplement 0 >> /W [0 2147483647 500] >>] >>";
    format!(
        "%PDF-1.7\n\
         1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
         2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n\
         3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F {font} \
         >> >> >> endobj\n\
         4 0 obj << /Length 34 >>\nstream\nBT /F 12 Tf 72 700 Td <0041> Tj ET\nendstream endobj\n\
         trailer << /Size 5 /Root 1 0 R >>\n%%EOF\n"
    )
}
