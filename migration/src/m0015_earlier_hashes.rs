//! Finds what is left of the passwords that earlier systems hashed.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct EarlierHashes;

impl MigrationName for EarlierHashes {
    fn name(&self) -> &str {
        "m0015_earlier_hashes"
    }
}

// The API asks every few seconds what the costliest of them costs. Only they are in the index: it shrinks with each login, and
// where all passwords were made here it is empty.
#[async_trait::async_trait]
impl MigrationTrait for EarlierHashes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, DOWN).await
    }
}

const UP: &str = "
CREATE INDEX users_bcrypt_cost ON users (substr(password_hash, 5, 2)) WHERE substr(password_hash, 1, 2) = '$2';
";

const DOWN: &str = "
DROP INDEX users_bcrypt_cost;
";
