//! What a person can do, one file per resource. Outcomes only: no JSON, no HTML, no status codes.

pub mod accounts;
pub(crate) mod addresses;
pub(crate) mod answering;
pub(crate) mod api_keys;
pub(crate) mod calendar;
pub(crate) mod cleanup;
pub(crate) mod differences;
pub(crate) mod downloads;
pub(crate) mod given_up;
pub(crate) mod handover;
pub(crate) mod naming;
pub(crate) mod parts;
pub(crate) mod people;
pub(crate) mod profile;
pub(crate) mod quotas;
pub mod registering;
pub(crate) mod reuse;
pub(crate) mod schedules;
pub(crate) mod second_factor;
pub(crate) mod upload;
pub(crate) mod versions;
pub(crate) mod waiting;
