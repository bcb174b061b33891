//! The child of the integration tests: the real one around a parser that misbehaves when a file name asks for it.
//! A program of its own, so that no misbehaviour can be reached in the product.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;

use domain::DocumentKind;
use extraction::{Extracted, ExtractionError, Limits};

/// What a leaking parser never gives back.
static LEAKED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    sandbox::child_main_with(parse)
}

fn parse(
    kind: DocumentKind,
    file_name: &str,
    bytes: Vec<u8>,
    limits: &Limits,
) -> Result<Extracted, ExtractionError> {
    match file_name {
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
        _ => extraction::extract(kind, file_name, bytes, limits),
    }
}

fn answer(text: &str) -> Result<Extracted, ExtractionError> {
    Ok(Extracted {
        pages: vec![text.to_owned()],
        ..Extracted::default()
    })
}

fn process_id() -> Result<Extracted, ExtractionError> {
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

#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 1024]);
    overflow(room[17] + 1) + room[3]
}
