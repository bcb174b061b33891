//! What docmill does for its users, over HTTP, in both of its forms.
#![allow(clippy::unwrap_used)]

mod access;
mod accounts;
mod answers;
mod deleting;
mod downloads;
mod formats;
mod idempotency;
mod lists;
mod polling;
mod processing;
mod refusals;
mod reuse;
mod samples;
mod saved_searches;
mod search;
mod support;
mod surface;
mod versions;
