//! Search over whole documents instead of passages, labels, saved searches, versions and reuse of results.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl;

pub(crate) struct SearchDocuments;

impl MigrationName for SearchDocuments {
    fn name(&self) -> &str {
        "m0011_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SearchDocuments {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DbBackend::Postgres => {
                ddl::run(manager, UP_POSTGRES).await?;
                manager.get_connection().execute_unprepared(COMPRESSION).await?;
            }
            _ => ddl::run(manager, UP_SQLITE).await?,
        }
        ddl::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ddl::drop_tables(manager, &["saved_searches", "document_labels", "search_missing"]).await?;
        ddl::run(manager, DOWN).await?;
        match manager.get_database_backend() {
            DbBackend::Postgres => ddl::run(manager, DOWN_POSTGRES).await,
            _ => ddl::run(manager, DOWN_SQLITE).await,
        }
    }
}

// root_id is the first version of a document and NULL for it, so that a document without versions is in no index of them.
// It is no foreign key: the first version may be deleted with its job while later ones stay.
// own_title is the one that its owner gave it; it hides the one that was found and stays when that changes.
// search_missing are documents that have results and no entry in the index: those from before this step, at first. The schedulers
// write their entries.
// edits counts what its owner changed; together with the results it names what one version of the row shows.
// release is the docmill that made the results; with the options of the job it decides whether they can be used again.
const UP: &str = "
ALTER TABLE documents ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE documents ADD COLUMN root_id {uuid};
ALTER TABLE documents ADD COLUMN parent_id {uuid};
ALTER TABLE documents ADD COLUMN version_origin varchar(20);
ALTER TABLE documents ADD COLUMN release varchar(50);
ALTER TABLE documents ADD COLUMN reused_from {uuid};
ALTER TABLE documents ADD COLUMN own_title varchar(500);
ALTER TABLE documents ADD COLUMN edits integer NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX documents_versions ON documents (root_id, version) WHERE root_id IS NOT NULL;
CREATE INDEX documents_content ON documents (user_id, sha256);
CREATE TABLE document_labels (
    user_id {uuid} NOT NULL,
    label varchar(50) NOT NULL,
    document_id {uuid} NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, label, document_id)
);
CREATE INDEX document_labels_document ON document_labels (document_id);
CREATE TABLE saved_searches (
    id {uuid} PRIMARY KEY,
    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name varchar(100) NOT NULL,
    query text NOT NULL,
    filters {json} NOT NULL,
    version integer NOT NULL DEFAULT 1,
    idempotency_key varchar(255),
    fingerprint {bytes},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
);
CREATE UNIQUE INDEX saved_searches_name ON saved_searches (user_id, name);
CREATE UNIQUE INDEX saved_searches_idempotency_key ON saved_searches (user_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE TABLE search_missing (document_id {uuid} PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE);
INSERT INTO search_missing (document_id) SELECT id FROM documents WHERE status = 'completed';
";

const DOWN: &str = "
DROP INDEX documents_content;
DROP INDEX documents_versions;
ALTER TABLE documents DROP COLUMN edits;
ALTER TABLE documents DROP COLUMN own_title;
ALTER TABLE documents DROP COLUMN reused_from;
ALTER TABLE documents DROP COLUMN release;
ALTER TABLE documents DROP COLUMN version_origin;
ALTER TABLE documents DROP COLUMN parent_id;
ALTER TABLE documents DROP COLUMN root_id;
ALTER TABLE documents DROP COLUMN version;
";

// One row holds the words of a whole document, so that words of different passages are found together; a long document has
// several (`shared/terms/src/entry.rs`).
const UP_POSTGRES: &str = "
ALTER TABLE passages DROP COLUMN words;
CREATE TABLE search_parts (
    document_id uuid NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    part integer NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (document_id, part)
);
CREATE INDEX search_parts_words ON search_parts USING gin (words);
";

// Faster than the default where the server was built with it, which is no condition.
const COMPRESSION: &str = "DO $$ BEGIN
    ALTER TABLE search_parts ALTER COLUMN words SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL; END $$";

const DOWN_POSTGRES: &str = "
DROP TABLE search_parts;
ALTER TABLE passages ADD COLUMN words tsvector NOT NULL DEFAULT '';
CREATE INDEX passages_words ON passages USING gin (words);
";

// The terms are found by us and only divided by spaces, so the simplest tokenizer is the right one; the signs are those with
// which our own marks begin. The index keeps no text of its own: that is in the passages. Beginnings of three letters have lists of
// their own, or each would be put together from those of thousands of words; the ones of two are put together from these.
const UP_SQLITE: &str = "
DROP TRIGGER passages_inserted;
DROP TRIGGER passages_deleted;
DROP TABLE passages_index;
CREATE TABLE search_documents (
    row_number integer PRIMARY KEY AUTOINCREMENT,
    document_id blob NOT NULL UNIQUE REFERENCES documents (id) ON DELETE CASCADE
);
CREATE VIRTUAL TABLE search_index USING fts5 (
    names, tags, words, marks, content = '', contentless_delete = 1, prefix = '3',
    tokenize = 'ascii tokenchars ''~@=#_.'''
);
CREATE VIRTUAL TABLE search_vocabulary USING fts5vocab (search_index, 'row');
CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents BEGIN
    DELETE FROM search_index WHERE rowid = old.row_number; END;
";

const DOWN_SQLITE: &str = "
DROP TABLE search_documents;
DROP TABLE search_vocabulary;
DROP TABLE search_index;
CREATE VIRTUAL TABLE passages_index USING fts5 (
    text, content = 'passages', content_rowid = 'row_number', tokenize = 'unicode61 remove_diacritics 0'
);
INSERT INTO passages_index (passages_index) VALUES ('rebuild');
CREATE TRIGGER passages_inserted AFTER INSERT ON passages BEGIN
    INSERT INTO passages_index (rowid, text) VALUES (new.row_number, new.text); END;
CREATE TRIGGER passages_deleted AFTER DELETE ON passages BEGIN
    INSERT INTO passages_index (passages_index, rowid, text) VALUES ('delete', old.row_number, old.text); END;
";
