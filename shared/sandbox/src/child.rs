//! The child: reads documents from its standard input until that ends.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};

use extraction::{Extracted, ExtractionError, Limits, Raster, Scans, Source};

use crate::confinement;
use crate::wire::{self, Answer, Order, OtherProgram, Painted, Painting, Request, Setup};

/// Where a child looks for another program that is named without a path. Its environment has nothing but this, and what
/// keeps the program to one thread.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What the hidden subcommand of the program runs. Standard input and output must be the pipes of a [`ParserPool`].
///
/// [`ParserPool`]: crate::ParserPool
#[must_use]
pub fn child_main() -> ExitCode {
    child_main_with(extraction::open)
}

/// [`child_main`] around another parser, so that tests can have one that misbehaves.
#[doc(hidden)]
pub fn child_main_with(
    parse: impl Fn(Source<'_>, &Limits) -> Result<(Extracted, Option<Scans>), ExtractionError>,
) -> ExitCode {
    // A panic becomes an answer; its message could carry the document's content into a log.
    std::panic::set_hook(Box::new(|_| {}));
    let stdin = BufReader::with_capacity(64 << 10, io::stdin().lock());
    let stdout = BufWriter::new(io::stdout().lock());
    match serve(stdin, stdout, parse) {
        Ok(()) => ExitCode::SUCCESS,
        // The worker is gone or speaks another language; either way it sees the end of this process.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(
    mut stdin: impl Read,
    mut stdout: impl Write,
    parse: impl Fn(Source<'_>, &Limits) -> Result<(Extracted, Option<Scans>), ExtractionError>,
) -> io::Result<()> {
    let Some(setup) = wire::read_message_blocking::<Setup>(&mut stdin)? else {
        return Ok(());
    };
    let confinement = confinement::confine(&setup)?;
    wire::write_message_blocking(&mut stdout, &confinement)?;
    if let Some(other) = &setup.other_program {
        return Err(become_other(other));
    }

    let mut scans = None;
    while let Some(order) = wire::read_message_blocking::<Order>(&mut stdin)? {
        match order {
            Order::Read(request) => {
                // Before there is another one to make room for.
                drop(scans.take());
                let bytes = read_document(&mut stdin, &request, setup.input_bytes_max)?;
                confinement::allow_cpu_time(setup.cpu_time_max)?;
                let answer: Answer = survive(|| {
                    let source = Source {
                        kind: request.kind,
                        file_name: &request.file_name,
                        bytes,
                        password: request.password.as_deref(),
                    };
                    let (extracted, pages) = parse(source, &request.limits)?;
                    scans = pages.filter(|_| request.keep_scans);
                    Ok(extracted)
                });
                wire::write_message_blocking(&mut stdout, &answer)?;
            }
            Order::Paint { page, resolution_dpi } => {
                confinement::allow_cpu_time(setup.cpu_time_max)?;
                let painted = survive(|| match &scans {
                    Some(scans) => scans.paint(page, resolution_dpi),
                    None => Err(ExtractionError::Unreadable(
                        "there is nothing to paint".to_owned(),
                    )),
                });
                write_painting(&mut stdout, painted)?;
            }
            Order::Forget => drop(scans.take()),
        }
    }
    Ok(())
}

/// Nothing outlives a panic but the answer, so there is nothing to be left half done.
fn survive<T>(work: impl FnOnce() -> Result<T, ExtractionError>) -> Result<T, ExtractionError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ExtractionError::Unreadable("the parser gave up on it".to_owned())))
}

fn write_painting(to: &mut impl Write, painted: Result<Raster, ExtractionError>) -> io::Result<()> {
    match painted {
        Ok(raster) => {
            let painting: Painting = Ok(Painted {
                width: raster.width,
                height: raster.height,
                resolution_dpi: raster.resolution_dpi,
            });
            wire::write_message_blocking(to, &painting)?;
            wire::write_frame_blocking(to, &raster.pixels)
        }
        Err(refusal) => wire::write_message_blocking(to, &Painting::Err(refusal)),
    }
}

/// Returns only when the other program cannot be run.
fn become_other(other: &OtherProgram) -> io::Error {
    let error = Command::new(&other.program)
        .args(&other.arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("OMP_THREAD_LIMIT", "1")
        .exec();
    // For the worker, which tells the operator.
    let _ = writeln!(io::stderr(), "{}: {error}", other.program);
    error
}

fn read_document(stdin: &mut impl Read, request: &Request, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut document = Vec::new();
    let expected = usize::try_from(request.size.min(bytes_max)).unwrap_or(0);
    // A failed reservation is an error here and not an abort: the address space is bounded by now.
    document.try_reserve_exact(expected)?;
    loop {
        match wire::read_frame_blocking(stdin, &mut document, bytes_max)? {
            Some(0) => return Ok(document),
            Some(_) => {}
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
