//! Prints a new key for access tokens.

use std::process::ExitCode;

use secrecy::ExposeSecret;

pub(crate) fn run() -> ExitCode {
    println!("{}", api::auth::keys::generate_key().expose_secret());
    ExitCode::SUCCESS
}
