//! The command line, as people and scripts use it.
#![allow(clippy::unwrap_used)]

mod operating;
mod process;
mod settings;
