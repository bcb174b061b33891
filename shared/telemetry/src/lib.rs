//! What an operator sees of docmill from outside: log lines, metrics, and errors with their causes.
//!
//! Names, units and labels of metrics live here and nowhere else, so that a dashboard can be checked against
//! [`metrics::ALL`] and a label can never come from an open set.

mod error_chain;
mod exposition;
mod logging;
pub mod metrics;

pub use error_chain::chain;
pub use exposition::{Exposition, install_recorder};
pub use logging::{LogFormat, LogProblem, LogSettings, start};
