//! What both databases must do alike: every test runs on a fresh SQLite file and on a fresh Postgres database.
#![allow(missing_docs, clippy::unwrap_used)]

mod accounts;
mod cancelling;
mod conversations;
mod deadlines;
mod history;
mod jobs;
mod politeness;
mod quotas;
mod search;
mod state_machine;
mod support;
mod tasks;
mod unique_keys;
mod usage;
