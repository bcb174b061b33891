//! What both databases must do alike: every test runs on a fresh SQLite file and on a fresh Postgres database.
#![allow(missing_docs, clippy::unwrap_used)]

mod accounts;
mod api_keys;
mod cancelling;
mod conversations;
mod deadlines;
mod fairness;
mod history;
mod jobs;
mod knowledge;
mod mails;
mod passwords;
mod politeness;
mod quotas;
mod schedules;
mod scheduling;
mod sealing;
mod search;
mod second_factors;
mod state_machine;
mod support;
mod tasks;
mod unique_keys;
mod usage;
mod versions;
