//! The truth: what docmill knows, in Postgres for a fleet or in SQLite for one process.
//!
//! One file per aggregate. A change of state is one statement that checks and changes, and reports whether it won;
//! where several rows must agree, one transaction holds them together. Times are handed in. This is the only
//! crate that speaks SeaORM, and the only one that knows which database it talks to.

pub mod audit;
mod clock;
mod connection;
pub mod conversations;
pub mod cron_slots;
pub mod discarded;
pub mod documents;
mod entity;
mod error;
pub mod jobs;
pub mod labels;
mod pulse;
pub mod reuse;
pub mod saved_searches;
pub mod search;
pub mod sessions;
mod settings;
mod sql;
pub mod tasks;
pub mod users;
pub mod versions;
pub mod workers;

pub use clock::DatabaseClock;
pub use connection::{Database, MigrationState};
pub use error::{DatabaseError, Result};
pub use pulse::Pulse;
pub use settings::DatabaseSettings;
