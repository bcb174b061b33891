//! Messages to people, the links in them, addresses that are yet to be proven, and sessions of browsers.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Mail;

impl MigrationName for Mail {
    fn name(&self) -> &str {
        "m0013_mail"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Mail {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(manager, &["mail_links", "mails"]).await?;
        ddl::run(manager, DOWN).await
    }
}

// A message is a task of its own: no document, no job, nobody's share of the fleet. Its id travels as a hint like that of any
// other task. user_id is empty where only an address is known: whether an account has it is looked up when it is sent, so that
// whoever asked learns nothing, not even by the time that it took.
// A link is stored as the SHA-256 of its secret only; a message that is sent again has another link beside the first one.
// unverified_since is set for accounts that must prove their address, and empty for all that were made before or otherwise.
// cookie_hash makes a session one of a browser; the other ones have refresh tokens.
const UP: &str = "
ALTER TABLE users ADD COLUMN unverified_since {time};
ALTER TABLE sessions ADD COLUMN cookie_hash {bytes};
CREATE UNIQUE INDEX sessions_cookie ON sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;
CREATE TABLE mails (
    id {uuid} PRIMARY KEY,
    kind varchar(30) NOT NULL,
    state varchar(20) NOT NULL,
    user_id {uuid},
    address varchar(255) NOT NULL,
    attempt smallint NOT NULL,
    attempts_max smallint NOT NULL,
    fence bigint NOT NULL,
    owner {uuid},
    run_at {time} NOT NULL,
    dispatched_at {time},
    created_at {time} NOT NULL,
    started_at {time},
    finished_at {time},
    error_code varchar(50),
    error_detail text
);
CREATE INDEX mails_waiting ON mails (run_at) WHERE state = 'queued';
CREATE INDEX mails_running ON mails (owner) WHERE state = 'running';
CREATE INDEX mails_ended ON mails (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX mails_address ON mails (address, created_at);
CREATE TABLE mail_links (
    token_hash {bytes} PRIMARY KEY,
    mail_id {uuid} NOT NULL REFERENCES mails (id) ON DELETE CASCADE,
    purpose varchar(30) NOT NULL,
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address varchar(255) NOT NULL,
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    spent_at {time}
);
CREATE INDEX mail_links_user ON mail_links (user_id);
CREATE INDEX mail_links_mail ON mail_links (mail_id);
";

const DOWN: &str = "
DROP INDEX sessions_cookie;
ALTER TABLE sessions DROP COLUMN cookie_hash;
ALTER TABLE users DROP COLUMN unverified_since;
";
