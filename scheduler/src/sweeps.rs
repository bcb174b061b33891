//! Repairs and cleans up, in bounded batches. Every sweep may run in several schedulers at once and finds nothing the second
//! time.

pub(crate) mod audit_seals;
pub(crate) mod clean_up;
pub(crate) mod closed_accounts;
pub(crate) mod deadlines;
pub(crate) mod discarded;
pub(crate) mod expired_rows;
pub(crate) mod leftovers;
pub(crate) mod observation;
pub(crate) mod orphans;
pub(crate) mod search_entries;

/// How far a sweep came that a schedule wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swept {
    /// There was nothing left to do.
    All,
    /// It was asked to stop first; whoever goes on finds the rest.
    Some,
}

/// A sweep that did not finish; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    #[error("the database cannot be used")]
    Database(#[from] database::DatabaseError),
    #[error("the object store cannot be used")]
    Storage(#[from] storage::StorageError),
}
