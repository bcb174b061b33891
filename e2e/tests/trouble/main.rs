//! What the API does when something is missing, slow, or too much: it says so, soon, and nothing is lost.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout)] // the figures behind a promise

mod database_away;
mod overload;
mod raw;
mod readiness;
mod waiting;
