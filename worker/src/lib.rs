//! Tasks in, results out. Knows no HTTP server.
//!
//! [`Worker::run`] takes hints from the queue, claims their tasks, and hands each claim to `dispatch`, which runs the
//! function of its kind in `tasks` and writes down how it ended. Beside it, `heartbeat` tells the fleet that this worker
//! lives, and hears which of its tasks are no longer wanted. Where there is a way for mail, `postman` sends messages.

mod context;
mod dispatch;
mod heartbeat;
mod outcome;
mod postman;
mod settings;
mod tasks;
mod worker;

pub use context::Parts;
pub use settings::WorkerSettings;
pub use worker::{Worker, WorkerError};
