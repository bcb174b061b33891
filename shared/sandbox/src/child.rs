//! The child: reads documents from its standard input until that ends.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use domain::DocumentKind;
use extraction::{Extracted, ExtractionError, Limits};

use crate::confinement;
use crate::wire::{self, Answer, Request, Setup};

/// What the hidden subcommand of the program runs. Standard input and output must be the pipes of a [`ParserPool`].
///
/// [`ParserPool`]: crate::ParserPool
#[must_use]
pub fn child_main() -> ExitCode {
    child_main_with(extraction::extract)
}

/// [`child_main`] around another parser, so that tests can have one that misbehaves.
#[doc(hidden)]
pub fn child_main_with(
    parse: impl Fn(DocumentKind, &str, Vec<u8>, &Limits) -> Result<Extracted, ExtractionError>,
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
    parse: impl Fn(DocumentKind, &str, Vec<u8>, &Limits) -> Result<Extracted, ExtractionError>,
) -> io::Result<()> {
    let Some(setup) = wire::read_message_blocking::<Setup>(&mut stdin)? else {
        return Ok(());
    };
    let confinement = confinement::confine(&setup)?;
    wire::write_message_blocking(&mut stdout, &confinement)?;

    while let Some(request) = wire::read_message_blocking::<Request>(&mut stdin)? {
        let document = read_document(&mut stdin, &request, setup.input_bytes_max)?;
        confinement::allow_cpu_time(setup.cpu_time_max)?;
        // Nothing outlives a panic but the answer, so there is nothing to be left half done.
        let parsing = AssertUnwindSafe(|| parse(request.kind, &request.file_name, document, &request.limits));
        let answer: Answer = catch_unwind(parsing)
            .unwrap_or_else(|_| Err(ExtractionError::Unreadable("the parser gave up on it".to_owned())));
        wire::write_message_blocking(&mut stdout, &answer)?;
    }
    Ok(())
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
