//! The command line, as people and scripts use it.
#![allow(clippy::unwrap_used)]

mod extract;
mod operating;
mod output;
mod process;
mod settings;
