//! The history of the schema.
//!
//! One file per step, never changed once released, never importing entities (they describe today, a step
//! describes its own day). Every step works on Postgres and SQLite, can be undone, and tolerates the previous
//! release still running.

mod ddl;
mod m0001_accounts;
mod m0002_work;
mod m0003_search;
mod m0009_search;
mod m0010_conversations;

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::{MigratorTrait, migrator::MigrationStatus};

/// Applies and undoes the steps.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_accounts::Accounts),
            Box::new(m0002_work::Work),
            Box::new(m0003_search::Search),
            Box::new(m0009_search::SearchDocuments),
            Box::new(m0010_conversations::Conversations),
        ]
    }
}
