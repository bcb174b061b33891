//! Clock in, hints out.
//!
//! The dispatcher keeps the queue filled from the database and replaces lost hints; the sweeps repair
//! what died half-way and clean up. Any number of schedulers may run: everything here is safe to do twice, and what should
//! happen once is a row that one of them wins.

mod dispatcher;
mod mail_line;
mod recurring;
mod scheduler;
mod schedules;
mod sweeps;
#[cfg(test)]
mod tests;

pub use scheduler::{Parts, Scheduler, process_name};
