//! Breaks a scratch fleet on purpose. What that needs is no part of this program: it lies in `docmill-chaos` beside it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;

const PROGRAM: &str = "docmill-chaos";

#[derive(Args)]
pub(crate) struct Options {
    /// Handed on as they are: see `docmill chaos --help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<OsString>,
}

pub(crate) fn run(options: Options) -> ExitCode {
    let program = match beside_us() {
        Ok(program) if program.is_file() => program,
        Ok(program) => {
            eprintln!(
                "docmill: {} is not there; it is built from the sources with: cargo build --release --workspace --bins",
                program.display()
            );
            return ExitCode::from(runtime::EXIT_CODE_USAGE);
        }
        Err(error) => {
            eprintln!("docmill: cannot tell where this program lies, and {PROGRAM} beside it: {error}");
            return ExitCode::FAILURE;
        }
    };
    // It takes the place of this process, so that signals reach it and its exit code is ours.
    let error = Command::new(&program).args(options.options).exec();
    eprintln!("docmill: could not start {}: {error}", program.display());
    ExitCode::FAILURE
}

fn beside_us() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(PROGRAM))
}
