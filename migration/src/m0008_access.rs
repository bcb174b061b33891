//! What accounts need to be trusted: more about people, API keys, second factors, and seals of the audit log.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Access;

impl MigrationName for Access {
    fn name(&self) -> &str {
        "m0008_access"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Access {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(manager, &["audit_seals", "recovery_codes", "api_keys"]).await?;
        ddl::run(manager, DOWN).await
    }
}

// An API key is stored as its SHA-256 only; `hint` is its beginning, by which its owner recognises it.
// A second factor counts from totp_confirmed_at on; totp_last_step is the newest code that was used, so that none is good
// twice. totp_secret is encrypted with a key of the settings.
// Rows of the audit log are never changed: their seals lie in a table of their own, in the order in which they were sealed.
// Each seal is a digest over its row and the seal before it. It has no foreign key, so that a row can be missed.
const UP: &str = "
ALTER TABLE users ADD COLUMN organization varchar(100);
ALTER TABLE users ADD COLUMN closed_at {time};
ALTER TABLE users ADD COLUMN totp_secret text;
ALTER TABLE users ADD COLUMN totp_confirmed_at {time};
ALTER TABLE users ADD COLUMN totp_last_step bigint;
CREATE INDEX users_closed ON users (closed_at) WHERE closed_at IS NOT NULL;
CREATE TABLE recovery_codes (
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash {bytes} NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);
CREATE TABLE api_keys (
    id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    hint varchar(20) NOT NULL,
    key_hash {bytes} NOT NULL UNIQUE,
    scopes varchar(255) NOT NULL,
    created_at {time} NOT NULL,
    expires_at {time},
    last_used_at {time},
    disabled_at {time}
);
CREATE INDEX api_keys_user ON api_keys (user_id, id);
CREATE TABLE audit_seals (
    sequence bigint PRIMARY KEY,
    audit_id {uuid} NOT NULL UNIQUE,
    sealed_at {time} NOT NULL,
    seal {bytes} NOT NULL
);
";

const DOWN: &str = "
DROP INDEX users_closed;
ALTER TABLE users DROP COLUMN totp_last_step;
ALTER TABLE users DROP COLUMN totp_confirmed_at;
ALTER TABLE users DROP COLUMN totp_secret;
ALTER TABLE users DROP COLUMN closed_at;
ALTER TABLE users DROP COLUMN organization;
";
