//! Questions about documents and their answers.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Conversations;

impl MigrationName for Conversations {
    fn name(&self) -> &str {
        "m0010_conversations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Conversations {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(manager, &["messages", "conversations"]).await
    }
}

// A message is a question or an answer. Citations name documents by id and are no foreign keys: an answer outlives what it
// cites.
const UP: &str = "
CREATE TABLE conversations (
    id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL,
    title varchar(200) NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
);
CREATE INDEX conversations_user ON conversations (user_id, id);
CREATE TABLE messages (
    id {uuid} PRIMARY KEY,
    conversation_id {uuid} NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    author varchar(10) NOT NULL,
    text text NOT NULL,
    language varchar(10),
    intent varchar(20),
    citations {json} NOT NULL,
    created_at {time} NOT NULL
);
CREATE INDEX messages_conversation ON messages (conversation_id, id);
";
