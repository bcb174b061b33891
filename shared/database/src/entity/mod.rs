//! The tables as SeaORM sees them today. Private: callers get the aggregates' own types.

#![allow(missing_docs, unreachable_pub)] // the derive macros write public items

pub(crate) mod api_keys;
pub(crate) mod audit_log;
pub(crate) mod documents;
pub(crate) mod jobs;
pub(crate) mod passages;
pub(crate) mod refresh_tokens;
pub(crate) mod sessions;
pub(crate) mod tasks;
pub(crate) mod users;
pub(crate) mod workers;
