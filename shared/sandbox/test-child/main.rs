//! The child of the integration tests: the real one around a parser that misbehaves when a file name asks for it.
//! A program of its own, so that no misbehaviour can be reached in the product.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use extraction::{Extracted, ExtractionError, Limits, Scans, Source};

type Parsed = Result<(Extracted, Option<Scans>), ExtractionError>;

/// What a leaking parser never gives back.
static LEAKED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Documents that this process was given.
static DOCUMENTS: AtomicU32 = AtomicU32::new(0);

fn main() -> ExitCode {
    sandbox::child_main_with(parse)
}

fn parse(source: Source<'_>, limits: &Limits) -> Parsed {
    let is_first = DOCUMENTS.fetch_add(1, Ordering::Relaxed) == 0;
    match source.file_name {
        "abort unless first" if is_first => process_id(),
        "abort unless first" => std::process::abort(),
        "fork bomb" => fork_bomb(),
        "abort" => std::process::abort(),
        "panic" => panic!("with the document's content"),
        "overflow" => answer(&overflow(1).to_string()),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "allocate" => answer(&format!("{}", vec![1_u8; 4 << 30].len())),
        "leak" => {
            LEAKED.lock().unwrap().push(vec![1_u8; 64 << 20]);
            process_id()
        }
        "flood" => flood(),
        "process id" => process_id(),
        "environment" => answer(&format!("{:?}", std::env::vars().collect::<Vec<_>>())),
        "file" => answer(&outcome(std::fs::File::open("/etc/passwd"))),
        "network" => answer(&outcome(std::net::TcpStream::connect("127.0.0.1:1"))),
        "program" => answer(&outcome(std::process::Command::new("/bin/true").spawn())),
        "thread" => answer(&outcome(std::thread::Builder::new().spawn(|| {}))),
        _ => extraction::open(source, limits),
    }
}

fn answer(text: &str) -> Parsed {
    let extracted = Extracted {
        pages: vec![text.to_owned()],
        ..Extracted::default()
    };
    Ok((extracted, None))
}

fn process_id() -> Parsed {
    answer(&std::process::id().to_string())
}

fn outcome<T>(result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => "allowed".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn flood() -> ! {
    let mut stdout = std::io::stdout();
    loop {
        let _ = stdout.write_all(&[b'x'; 4096]);
    }
}

/// Multiplies until it is stopped; by threads too, of which the kernel keeps the same count.
fn fork_bomb() -> Parsed {
    let mut born = 0;
    for _ in 0..10_000 {
        let own = std::process::Command::new("/proc/self/exe").arg("bomb").spawn();
        let other = std::process::Command::new("/bin/sleep").arg("60").spawn();
        let thread =
            std::thread::Builder::new().spawn(|| std::thread::sleep(std::time::Duration::from_secs(60)));
        born += u32::from(own.is_ok()) + u32::from(other.is_ok()) + u32::from(thread.is_ok());
    }
    answer(&born.to_string())
}

#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 1024]);
    overflow(room[17] + 1) + room[3]
}
