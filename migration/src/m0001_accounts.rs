//! People, their sessions and what they did.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Accounts;

impl MigrationName for Accounts {
    fn name(&self) -> &str {
        "m0001_accounts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Accounts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(manager, &["audit_log", "refresh_tokens", "sessions", "users"]).await
    }
}

// E-mail addresses and user names are stored in lower case, so uniqueness ignores case.
// A refresh token is stored as its SHA-256 only. `sessions` are the families of refresh tokens.
// The audit log keeps no foreign keys: it outlives what it speaks of.
const UP: &str = "
CREATE TABLE users (
    id {uuid} PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    username varchar(50) UNIQUE,
    full_name varchar(255),
    password_hash varchar(255) NOT NULL,
    role varchar(20) NOT NULL,
    status varchar(20) NOT NULL,
    last_login_at {time},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
);
CREATE TABLE sessions (
    id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ip varchar(45),
    user_agent varchar(255),
    created_at {time} NOT NULL,
    last_used_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    revoked_at {time}
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);
CREATE TABLE refresh_tokens (
    token_hash {bytes} PRIMARY KEY,
    session_id {uuid} NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at {time} NOT NULL,
    spent_at {time}
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE TABLE audit_log (
    id {uuid} PRIMARY KEY,
    at {time} NOT NULL,
    user_id {uuid},
    action varchar(50) NOT NULL,
    resource_type varchar(50),
    resource_id {uuid},
    outcome varchar(20) NOT NULL,
    ip varchar(45),
    request_id {uuid}
);
CREATE INDEX audit_log_user ON audit_log (user_id, id);
";
