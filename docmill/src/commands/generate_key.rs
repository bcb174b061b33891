//! Prints a new key.

use std::process::ExitCode;

use crate::output::say;
use clap::Args;
use secrecy::ExposeSecret;

#[derive(Args)]
pub(crate) struct Options {
    /// Make a key with which API and workers seal the passwords of documents, in place of one for access tokens.
    #[arg(long)]
    sealing: bool,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let key = if options.sealing {
        sealing::generate_key()
    } else {
        api::auth::keys::generate_key()
    };
    say!("{}", key.expose_secret());
    ExitCode::SUCCESS
}
