//! Repairs and cleans up, in bounded batches. Every sweep may run in several schedulers at once and finds nothing the second
//! time.

pub(crate) mod audit_seals;
pub(crate) mod closed_accounts;
pub(crate) mod deadlines;
pub(crate) mod discarded;
pub(crate) mod expired_rows;
pub(crate) mod leftovers;
pub(crate) mod observation;
pub(crate) mod orphans;

/// A sweep that did not finish; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    #[error("the database cannot be used")]
    Database(#[from] database::DatabaseError),
    #[error("the object store cannot be used")]
    Storage(#[from] storage::StorageError),
}
