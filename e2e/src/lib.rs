//! Runs docmill as its users do, and looks at it from outside: over HTTP, on the command line, and, to check on faults,
//! in its database, queue and object store. Knows no code of docmill but the words of `domain`.
//!
//! A [`Mill`] is a running docmill in one of its two forms. Whatever does not go as it should ends the test with a panic
//! that says what was expected; the processes end with their [`Process`], or at the latest with the test executable.
#![allow(clippy::unwrap_used)] // panicking is how a test fails
#![allow(clippy::print_stderr)] // and this is where it says why

mod answer;
mod certificates;
pub mod chaos;
mod client;
mod command;
mod embedded;
mod fleet;
mod folder;
mod gate;
mod mail_server;
mod mill;
mod operator;
mod process;
mod programs;
mod servers;
mod settings;
mod store_gate;
mod stores;
pub mod texts;
mod waiting;

pub use answer::Answer;
pub use certificates::{Authority, ServerCertificate};
pub use client::Client;
pub use command::{Output, docmill, run};
pub use embedded::Embedded;
pub use fleet::{Fleet, Service};
pub use folder::Folder;
pub use gate::Gate;
pub use mail_server::{MailServer, Manners, Protection, Received, secret};
pub use mill::{Mill, ShownOnFailure};
pub use process::{Process, signal};
pub use programs::program;
pub use servers::{ModelServer, Mood, Objects, Persistence, Postgres, Redis, Servers};
pub use settings::Settings;
pub use store_gate::{StoreGate, Treated, Treatment};
pub use stores::{Bucket, Hints, Stores};
pub use waiting::{PATIENCE, eventually, until};
