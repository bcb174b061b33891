//! What the commands print.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line to standard output.
///
/// Unlike `println!` it does not panic when nobody reads any more (`docmill … | head`): then the rest is printed to nobody,
/// and the command goes on to its end, with the exit code of what it did.
macro_rules! say {
    () => { $crate::output::line(format_args!("")) };
    ($($argument:tt)*) => { $crate::output::line(format_args!($($argument)*)) };
}
pub(crate) use say;

/// Prints a line; see [`say`].
pub(crate) fn line(text: Arguments<'_>) {
    // In one piece, so that a line is not torn when several commands print into one file.
    let text = format!("{text}\n");
    finished(std::io::stdout().lock().write_all(text.as_bytes()));
}

/// Prints a whole text as it is; see [`say`].
pub(crate) fn whole(text: &str) {
    let mut stdout = std::io::stdout().lock();
    finished(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

#[allow(clippy::print_stderr)]
fn finished(written: std::io::Result<()>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("docmill: could not write to standard output: {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}
