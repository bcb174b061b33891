//! Passwords of documents leave with the end of their task, and workers say what reads pictures where they run.

use sea_orm_migration::prelude::*;

use crate::ddl;
use crate::forgetting::Forgetting;

pub(crate) struct Passwords;

impl MigrationName for Passwords {
    fn name(&self) -> &str {
        "m0009_passwords"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Passwords {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, "ALTER TABLE workers ADD COLUMN ocr {json}").await?;
        FORGET.begin(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        FORGET.end(manager).await?;
        ddl::run(manager, "ALTER TABLE workers DROP COLUMN ocr").await
    }
}

// It costs nothing where there is no password.
const FORGET: Forgetting = Forgetting {
    trigger: "tasks_forget_password",
    field: "sealed_password",
};
