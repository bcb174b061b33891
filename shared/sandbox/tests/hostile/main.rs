//! Documents that were damaged at random or made to do harm, of every format, through a real pool of children. Whatever they
//! are, the pool outlives them, each ends with a text or a reason, and no child takes more memory than it may.
//!
//! What is random comes from a seed: a failure names the document, and the next run makes the same one.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod adversaries;
mod damage;
mod mutants;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{ByteSize, DocumentKind, ReasonCode};
use extraction::Limits;
use futures::stream::{self, BoxStream, StreamExt};
use sandbox::{ChildProgram, OcrSettings, ParseError, ParseRequest, ParserPool, SandboxSettings};

/// What a child may have; the default of the product.
const ADDRESS_SPACE_MAX: u64 = 512 << 20;
/// What the worker itself may take at most while children die around it. It holds a document and an answer at a time.
const WORKER_MEMORY_MAX: u64 = 400 << 20;

/// A pool whose children can be told from others by their argument.
struct Mill {
    pool: ParserPool,
    tag: &'static str,
    outcomes: BTreeMap<String, u32>,
    largest_child: u64,
}

impl Mill {
    fn new(tag: &'static str, ocr: OcrSettings) -> Self {
        let program = ChildProgram {
            path: env!("CARGO_BIN_EXE_sandbox-test-child").into(),
            args: vec![tag.into()],
        };
        let settings = SandboxSettings {
            children: NonZeroU32::new(1),
            address_space_max: ByteSize::from_mib(ADDRESS_SPACE_MAX >> 20),
            wall_time_max: Duration::from_secs(10),
            cpu_time_max: Duration::from_secs(4),
            ..SandboxSettings::default()
        };
        Self {
            pool: ParserPool::new(program, settings).with_ocr(ocr),
            tag,
            outcomes: BTreeMap::new(),
            largest_child: 0,
        }
    }

    /// Reads a document and says how it ended: `ok`, or the reason.
    async fn read(&mut self, name: &str, bytes: &[u8]) -> String {
        // What nobody would accept at the door is read as what its name says.
        let named = || DocumentKind::from_file_name(name).unwrap_or(DocumentKind::Text);
        let kind = DocumentKind::recognize(bytes, name).unwrap_or_else(|_| named());
        let request = ParseRequest {
            kind,
            file_name: name.to_owned(),
            size: bytes.len() as u64,
            limits: Limits::default(),
            password: Some("Obstgarten 7".to_owned().into()),
        };
        let outcome = match self.pool.extract(&request, || pieces(bytes)).await {
            Ok(_) => "ok".to_owned(),
            Err(error @ (ParseError::Unavailable(_) | ParseError::Body(_))) => {
                panic!("{name}: the pool did not survive: {error}")
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                error.code().to_string()
            }
        };
        let memory = self.children_memory();
        assert!(memory <= ADDRESS_SPACE_MAX, "{name}: a child took {memory} bytes");
        self.largest_child = self.largest_child.max(memory);
        *self.outcomes.entry(outcome.clone()).or_default() += 1;
        outcome
    }

    async fn is_well(&mut self) -> bool {
        self.read("note.txt", b"all is well").await == "ok"
    }

    /// The most memory that any of its living children ever had.
    fn children_memory(&self) -> u64 {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let ours = processes.filter(|process| {
            let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            command.split(|byte| *byte == 0).nth(1) == Some(self.tag.as_bytes())
        });
        ours.map(|process| memory_peak(&process.path().join("status")))
            .max()
            .unwrap_or(0)
    }

    fn report(&self) {
        eprintln!(
            "{}: {:?}; the largest child took {} MiB, the worker {} MiB",
            self.tag,
            self.outcomes,
            self.largest_child >> 20,
            memory_peak("/proc/self/status".as_ref()) >> 20
        );
    }
}

/// The most memory that a process ever had, as its status says; 0 when it is gone.
fn memory_peak(status: &std::path::Path) -> u64 {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

type Pieces = BoxStream<'static, Result<Bytes, Infallible>>;

fn pieces(document: &[u8]) -> Ready<Result<Pieces, Infallible>> {
    let pieces: Vec<_> = document
        .chunks(64 << 10)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    ready(Ok(stream::iter(pieces).boxed()))
}

fn nobody_reads_pictures() -> OcrSettings {
    OcrSettings {
        program: String::new(),
        ..OcrSettings::default()
    }
}

#[tokio::test]
async fn every_damaged_document_ends_with_a_text_or_a_reason() {
    let mut mill = Mill::new("mutants", nobody_reads_pictures());
    let samples = mutants::samples();
    for sample in &samples {
        // Whole, each of them can be read.
        assert_eq!(
            mill.read(&sample.name, &sample.bytes).await,
            "ok",
            "{}",
            sample.name
        );
    }
    for mutant in mutants::of(&samples) {
        let outcome = mill.read(&mutant.name, &mutant.bytes).await;
        let code = outcome.parse::<ReasonCode>();
        assert!(
            outcome == "ok" || code.is_ok_and(|code| !code.is_transient()),
            "{}: {outcome}",
            mutant.name
        );
        // A crash is contained, and still a fault: damage alone kills no child but by what it makes it allocate.
        assert_ne!(outcome, "internal", "{}", mutant.name);
    }
    assert!(mill.is_well().await);
    mill.report();
    assert!(memory_peak("/proc/self/status".as_ref()) < WORKER_MEMORY_MAX);
}

#[tokio::test]
async fn damaged_pictures_are_painted_or_refused() {
    // The program reads nothing; what matters here is the painting before it.
    let mut mill = Mill::new("damaged pictures", OcrSettings::default());
    assert!(mill.pool.ocr().await.is_ok());
    let pictures: Vec<_> = mutants::samples()
        .into_iter()
        .filter(|sample| DocumentKind::from_file_name(&sample.name).is_some_and(DocumentKind::is_picture))
        .collect();
    assert_eq!(pictures.len(), 6);
    for mutant in mutants::of(&pictures) {
        let outcome = mill.read(&mutant.name, &mutant.bytes).await;
        assert!(
            ["ok", "unreadable", "too_large"].contains(&outcome.as_str()),
            "{}: {outcome}",
            mutant.name
        );
    }
    assert!(mill.is_well().await);
    mill.report();
}

#[tokio::test]
async fn documents_made_to_do_harm_hurt_nobody() {
    let mut mill = Mill::new("adversaries", nobody_reads_pictures());
    for adversary in adversaries::all() {
        let started = Instant::now();
        let outcome = mill.read(adversary.name, &adversary.bytes).await;
        eprintln!("{}: {outcome} after {:?}", adversary.name, started.elapsed());
        assert!(
            adversary.ends.contains(&outcome.as_str()),
            "{}: {outcome}",
            adversary.name
        );
        assert!(mill.is_well().await, "{}", adversary.name);
    }
    mill.report();
    assert!(memory_peak("/proc/self/status".as_ref()) < WORKER_MEMORY_MAX);
}
