//! The history of the schema.
//!
//! One file per step, never changed once released, never importing entities (they describe today, a step
//! describes its own day). Every step works on Postgres and SQLite, can be undone, and tolerates the previous
//! release still running.

mod ddl;
mod forgetting;
mod m0001_accounts;
mod m0002_work;
mod m0003_search;
mod m0004_dispatch;
mod m0005_usage;
mod m0006_schedules;
mod m0007_knowledge;
mod m0008_access;
mod m0009_passwords;
mod m0010_conversations;
mod m0011_search;
mod m0012_models;
mod m0013_mail;
mod m0014_audit_keys;
mod m0015_earlier_hashes;

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait, migrator::MigrationStatus};

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
            Box::new(m0004_dispatch::Dispatch),
            Box::new(m0005_usage::Usage),
            Box::new(m0006_schedules::Schedules),
            Box::new(m0007_knowledge::Knowledge),
            Box::new(m0008_access::Access),
            Box::new(m0009_passwords::Passwords),
            Box::new(m0010_conversations::Conversations),
            Box::new(m0011_search::SearchDocuments),
            Box::new(m0012_models::Models),
            Box::new(m0013_mail::Mail),
            Box::new(m0014_audit_keys::AuditKeys),
            Box::new(m0015_earlier_hashes::EarlierHashes),
        ]
    }
}
