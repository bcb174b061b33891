//! What accounts have used and may use, keys that stand for one job at a time, and the manners towards other hosts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl;

pub(crate) struct Usage;

impl MigrationName for Usage {
    fn name(&self) -> &str {
        "m0005_usage"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Usage {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            ddl::run(manager, UP_POSTGRES).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(
            manager,
            &[
                "host_pauses",
                "host_leases",
                "unique_keys",
                "quota_reservations",
                "quotas",
                "usage_entries",
            ],
        )
        .await?;
        ddl::run(manager, "ALTER TABLE documents DROP COLUMN result_bytes;\n").await
    }
}

// usage_entries only ever grows; its key is what makes a document count once, however often its task runs. It has no
// foreign keys: what was used stays used when the document is deleted.
// quotas has a row only for accounts with limits, so that nobody else's uploads queue for one. month is the year times a
// hundred plus the month, in UTC: counters of an earlier one count as zero. recount_at is when the counters have to be
// compared with the facts once more, because work that did not know the row yet may have been under way when it was made.
// quota_reservations are the open documents of those accounts; their sums are the reserved counters.
// documents.result_bytes are the stored text and Markdown; 0 for what was processed before this step.
// unique_keys: a scope is an account, or the nil UUID for docmill's own work.
const UP: &str = "
ALTER TABLE documents ADD COLUMN result_bytes bigint NOT NULL DEFAULT 0;
CREATE TABLE usage_entries (
    document_id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL,
    job_id {uuid} NOT NULL,
    at {time} NOT NULL,
    pages bigint NOT NULL,
    bytes bigint NOT NULL
);
CREATE INDEX usage_entries_user ON usage_entries (user_id, at);
CREATE TABLE quotas (
    user_id {uuid} PRIMARY KEY,
    documents_max bigint,
    pages_max bigint,
    bytes_max bigint,
    storage_max bigint,
    month integer NOT NULL,
    documents_used bigint NOT NULL,
    pages_used bigint NOT NULL,
    bytes_used bigint NOT NULL,
    documents_reserved bigint NOT NULL,
    bytes_reserved bigint NOT NULL,
    storage_used bigint NOT NULL,
    recount_at {time},
    updated_at {time} NOT NULL
);
CREATE TABLE quota_reservations (
    document_id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL,
    bytes bigint NOT NULL
);
CREATE INDEX quota_reservations_user ON quota_reservations (user_id);
CREATE TABLE unique_keys (
    scope {uuid} NOT NULL,
    key varchar(255) NOT NULL,
    holder {uuid} NOT NULL,
    expires_at {time} NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX unique_keys_expires ON unique_keys (expires_at);
CREATE TABLE host_leases (
    host varchar(255) NOT NULL,
    place smallint NOT NULL,
    holder {uuid} NOT NULL,
    expires_at {time} NOT NULL,
    PRIMARY KEY (host, place)
);
CREATE TABLE host_pauses (
    host varchar(255) PRIMARY KEY,
    until {time} NOT NULL
);
";

// The export asks for days, and entries come in the order of their time: this index is a page for millions of them.
const UP_POSTGRES: &str = "
CREATE INDEX usage_entries_at ON usage_entries USING brin (at);
";
