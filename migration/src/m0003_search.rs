//! Passages and their full-text index: the one place where the two databases truly differ.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl;

pub(crate) struct Search;

impl MigrationName for Search {
    fn name(&self) -> &str {
        "m0003_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Search {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DbBackend::Postgres => {
                ddl::run(manager, UP_POSTGRES).await?;
                manager.get_connection().execute_unprepared(COMPRESSION).await?;
                Ok(())
            }
            _ => ddl::run(manager, UP_SQLITE).await,
        }
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            ddl::drop_tables(manager, &["passages_index"]).await?;
        }
        ddl::drop_tables(manager, &["passages"]).await
    }
}

// Passage 0 holds a document's title, file name and tags; the text begins with passage 1.
// The words of a passage are found by whoever writes it, alike for both databases: Postgres' own parser would take
// addresses and file names for single words, and takes several times as long. Storing them makes ranking cheap.
const UP_POSTGRES: &str = "
CREATE TABLE passages (
    document_id uuid NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position integer NOT NULL,
    page integer,
    start_byte bigint NOT NULL,
    text text NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (document_id, position)
);
CREATE INDEX passages_words ON passages USING gin (words);
";

// Faster than the default where the server was built with it, which is no condition.
const COMPRESSION: &str = "DO $$ BEGIN
    ALTER TABLE passages ALTER COLUMN text SET COMPRESSION lz4, ALTER COLUMN words SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL; END $$";

// An external-content FTS5 index points at rows by their integer key, so here the table has one.
const UP_SQLITE: &str = "
CREATE TABLE passages (
    row_number integer PRIMARY KEY AUTOINCREMENT,
    document_id blob NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position integer NOT NULL,
    page integer,
    start_byte bigint NOT NULL,
    text text NOT NULL,
    UNIQUE (document_id, position)
);
CREATE VIRTUAL TABLE passages_index USING fts5 (
    text, content = 'passages', content_rowid = 'row_number', tokenize = 'unicode61 remove_diacritics 0'
);
CREATE TRIGGER passages_inserted AFTER INSERT ON passages BEGIN
    INSERT INTO passages_index (rowid, text) VALUES (new.row_number, new.text); END;
CREATE TRIGGER passages_deleted AFTER DELETE ON passages BEGIN
    INSERT INTO passages_index (passages_index, rowid, text) VALUES ('delete', old.row_number, old.text); END;
";
