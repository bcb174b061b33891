//! Attacks, and what becomes of them: nothing. The list is in `docs/access.md`.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // the figures behind a promise

mod bounds;
mod enumeration;
mod exposure;
mod framing;
mod guessing;
mod leaks;
mod poisoning;
#[path = "../support/totp.rs"]
mod totp;
mod trust;
