//! The truth: what docmill knows, in Postgres for a fleet or in SQLite for one process.
//!
//! One file per aggregate. A change of state is one statement that checks and changes, and reports whether it won;
//! where several rows must agree, one transaction holds them together. Times are handed in. This is the only
//! crate that speaks SeaORM, and the only one that knows which database it talks to.

pub mod agenda;
pub mod api_keys;
pub mod audit;
mod clock;
mod connection;
pub mod conversations;
pub mod discarded;
pub mod documents;
mod entity;
mod error;
pub mod events;
pub mod jobs;
mod knowledge;
pub mod labels;
pub mod mail_links;
pub mod mails;
pub mod politeness;
mod pulse;
pub mod queues;
pub mod quotas;
pub mod registrations;
pub mod reuse;
pub mod saved_searches;
pub mod schedules;
mod scheduling;
pub mod search;
pub mod second_factors;
pub mod sessions;
mod settings;
mod sql;
pub mod tasks;
pub mod tenants;
pub mod todos;
pub mod unique_keys;
pub mod usage;
pub mod users;
pub mod versions;
pub mod workers;

pub use clock::DatabaseClock;
pub use connection::{Database, MigrationState};
pub use error::{DatabaseError, Result};
pub use knowledge::Knowledge;
pub use pulse::Pulse;
pub use scheduling::{SchedulingSettings, WEIGHT_MAX};
pub use settings::DatabaseSettings;
