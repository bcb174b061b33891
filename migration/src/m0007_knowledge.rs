//! What documents ask somebody to do and what they say takes place; their languages, and which rules found all that.

use sea_orm_migration::prelude::*;

use crate::ddl;

pub(crate) struct Knowledge;

impl MigrationName for Knowledge {
    fn name(&self) -> &str {
        "m0007_knowledge"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Knowledge {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(manager, &["events", "todos"]).await?;
        ddl::run(manager, DOWN).await
    }
}

// The id of a todo or an event follows from its document and the sentence that it was found in, so finding it again finds
// the same row. `edited` has a bit for each part that a person changed; a later run leaves those alone.
// Moments are text (a day, a time, a time with an offset); `due_second` and `first_second` put them in order, with those
// that have none at the end, and `last_second` finds what has not ended.
// The columns of documents have defaults for the release before, which does not know them.
const UP: &str = "
CREATE TABLE todos (
    id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL,
    document_id {uuid} NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position integer NOT NULL,
    text text NOT NULL,
    owner text,
    priority varchar(10) NOT NULL,
    due varchar(25),
    due_second bigint NOT NULL,
    done {bool} NOT NULL,
    done_at {time},
    edited integer NOT NULL,
    page integer,
    start_character bigint NOT NULL,
    end_character bigint NOT NULL,
    quote text NOT NULL,
    engine varchar(50) NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
);
CREATE INDEX todos_user ON todos (user_id, due_second, id);
CREATE INDEX todos_open ON todos (user_id, due_second, id) WHERE NOT done;
CREATE INDEX todos_document ON todos (document_id, position);
CREATE TABLE events (
    id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL,
    document_id {uuid} NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position integer NOT NULL,
    title text NOT NULL,
    starts varchar(25),
    ends varchar(25),
    first_second bigint NOT NULL,
    last_second bigint NOT NULL,
    page integer,
    start_character bigint NOT NULL,
    end_character bigint NOT NULL,
    quote text NOT NULL,
    engine varchar(50) NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
);
CREATE INDEX events_user ON events (user_id, first_second, id);
CREATE INDEX events_document ON events (document_id, position);
ALTER TABLE documents ADD COLUMN languages {json} NOT NULL DEFAULT '[]';
ALTER TABLE documents ADD COLUMN enriched_by varchar(100);
";

const DOWN: &str = "
ALTER TABLE documents DROP COLUMN enriched_by;
ALTER TABLE documents DROP COLUMN languages;
";
