//! The audit log says with which API key something was done.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct AuditKeys;

impl MigrationName for AuditKeys {
    fn name(&self) -> &str {
        "m0014_audit_keys"
    }
}

// No foreign key: a line outlives the key. No index either: a key belongs to one account, whose lines are found by theirs.
//
// A seal says what it is made over. A scheduler of the release before knows nothing of keys and leaves the 1 there.
#[async_trait::async_trait]
impl MigrationTrait for AuditKeys {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, DOWN).await
    }
}

const UP: &str = "
ALTER TABLE audit_log ADD COLUMN api_key_id {uuid};
ALTER TABLE audit_seals ADD COLUMN form integer NOT NULL DEFAULT 1;
";

const DOWN: &str = "
ALTER TABLE audit_seals DROP COLUMN form;
ALTER TABLE audit_log DROP COLUMN api_key_id;
";
