//! Clock in, hints out.
//!
//! The dispatcher keeps the queue filled from the database and replaces lost hints; the sweeps repair
//! what died half-way and clean up. Any number of schedulers may run: everything here is safe to do twice, and what should
//! happen once a day is claimed by inserting its slot.

mod dispatcher;
mod recurring;
mod scheduler;
mod sweeps;
#[cfg(test)]
mod tests;

pub use scheduler::{Parts, Scheduler};
