//! What docmill does for its users, over HTTP, in both of its forms.
#![allow(clippy::unwrap_used)]

mod access;
mod accounts;
mod agenda;
mod answers;
mod api_keys;
mod bodies;
mod browser_sessions;
mod browsers;
mod deleting;
mod downloads;
mod formats;
mod idempotency;
mod isolation;
mod lists;
mod locked;
mod parts;
mod polling;
mod processing;
mod profile;
mod quotas;
mod refusals;
mod reuse;
mod roles;
mod samples;
mod saved_searches;
mod scans;
mod schedules;
mod search;
mod second_factor;
mod support;
mod surface;
#[path = "../support/totp.rs"]
mod totp;
mod unique_jobs;
mod versions;
