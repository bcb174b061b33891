//! What both databases must do alike: every test runs on a fresh SQLite file and on a fresh Postgres database.
#![allow(missing_docs, clippy::unwrap_used)]

mod accounts;
mod cancelling;
mod conversations;
mod history;
mod jobs;
mod search;
mod state_machine;
mod support;
mod tasks;
mod versions;
