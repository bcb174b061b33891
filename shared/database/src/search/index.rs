//! What a document is found by, as rows. Made anew from its passages whenever something of it changes.

use domain::{DocumentId, UserId};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use terms::{Entry, Flat, Part};
use uuid::Uuid;

use crate::tasks::PassageText;
use crate::{Database, Result, sql};

/// Texts up to this size are taken apart on the spot; longer ones would hold up everything else that runs on the thread.
const SHORT_BYTES_MAX: usize = 64 * 1024;

/// The entry of a document in the form of one database.
pub(crate) enum Indexed {
    Parts(Vec<Part>),
    Flat(Flat),
}

/// What an entry is made of, beside the text.
pub(crate) struct Subject {
    pub(crate) user: UserId,
    pub(crate) language: Option<String>,
    /// Title and file name.
    pub(crate) names: Vec<String>,
    pub(crate) tags: Vec<String>,
}

/// The entry of a document with these passages, which are handed back.
pub(crate) async fn of_result(
    backend: DbBackend,
    subject: Subject,
    passages: Vec<PassageText>,
) -> (Indexed, Vec<PassageText>) {
    let bytes: usize = passages.iter().map(|passage| passage.text.len()).sum();
    let work = move || {
        let texts = passages.iter().map(|passage| passage.text.as_str());
        let indexed = entry(backend, &subject, texts);
        (indexed, passages)
    };
    if bytes <= SHORT_BYTES_MAX {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn entry<'p>(backend: DbBackend, subject: &Subject, texts: impl Iterator<Item = &'p str>) -> Indexed {
    let owner = subject.user.uuid().simple().to_string();
    let names: Vec<&str> = subject.names.iter().map(String::as_str).collect();
    let tags: Vec<&str> = subject.tags.iter().map(String::as_str).collect();
    let entry = Entry {
        owner: &owner,
        language: subject.language.as_deref(),
        names: &names,
        tags: &tags,
    };
    match backend {
        DbBackend::Postgres => Indexed::Parts(entry.parts(texts)),
        _ => Indexed::Flat(entry.flat(texts)),
    }
}

/// Stores the entry of a document, in the place of the one that it may have.
pub(crate) async fn replace(db: &impl ConnectionTrait, document: DocumentId, indexed: Indexed) -> Result<()> {
    let table = match db.get_database_backend() {
        DbBackend::Postgres => "search_parts",
        _ => "search_documents",
    };
    sql::execute(
        db,
        format!("DELETE FROM {table} WHERE document_id = $1"),
        [document.uuid().into()],
    )
    .await?;
    match indexed {
        Indexed::Parts(parts) => {
            let (numbers, vectors): (Vec<i32>, Vec<String>) =
                parts.into_iter().map(|part| (part.number, part.vector)).unzip();
            let values: [Value; 3] = [document.uuid().into(), numbers.into(), vectors.into()];
            sql::execute(
                db,
                "INSERT INTO search_parts (document_id, part, words) \
                 SELECT $1, s.part, s.words::tsvector FROM unnest($2, $3) AS s (part, words)",
                values,
            )
            .await?;
        }
        Indexed::Flat(flat) => {
            #[derive(FromQueryResult)]
            struct Row {
                row_number: i64,
            }
            let row: Option<Row> = sql::first(
                db,
                "INSERT INTO search_documents (document_id) VALUES ($1) RETURNING row_number",
                [document.uuid().into()],
            )
            .await?;
            let Some(row) = row else { return Ok(()) };
            sql::execute(
                db,
                "INSERT INTO search_index (rowid, names, tags, words, marks) VALUES ($1, $2, $3, $4, $5)",
                [
                    row.row_number.into(),
                    flat.names.into(),
                    flat.tags.into(),
                    flat.text.into(),
                    flat.marks.into(),
                ],
            )
            .await?;
        }
    }
    Ok(())
}

/// Writes the entry of a completed document anew.
pub(crate) async fn again(db: &impl ConnectionTrait, document: DocumentId) -> Result<()> {
    #[derive(FromQueryResult)]
    struct Known {
        user_id: Uuid,
        title: Option<String>,
        file_name: String,
        language: Option<String>,
        tags: serde_json::Value,
    }
    #[derive(FromQueryResult)]
    struct Passage {
        text: String,
    }
    let known: Option<Known> = sql::first(
        db,
        "SELECT user_id, COALESCE(own_title, title) AS title, file_name, language, tags FROM documents \
         WHERE id = $1 AND status = 'completed'",
        [document.uuid().into()],
    )
    .await?;
    let Some(known) = known else { return Ok(()) };
    let passages: Vec<Passage> = sql::all(
        db,
        "SELECT text FROM passages WHERE document_id = $1 AND position > 0 ORDER BY position",
        [document.uuid().into()],
    )
    .await?;
    let passages = passages
        .into_iter()
        .map(|passage| PassageText {
            page: None,
            start_byte: 0,
            text: passage.text,
        })
        .collect();
    let tags = known.tags.as_array().into_iter().flatten();
    let subject = Subject {
        user: known.user_id.into(),
        language: known.language,
        names: known.title.into_iter().chain([known.file_name]).collect(),
        tags: tags
            .filter_map(|tag| tag["value"].as_str().map(str::to_owned))
            .collect(),
    };
    let backend = db.get_database_backend();
    let (indexed, _) = of_result(backend, subject, passages).await;
    replace(db, document, indexed).await
}

/// Writes the entries of documents that have results and no entry: those that were done by a release that wrote none, the newest
/// first, at most `limit`. Returns how many were written. Whoever does the same at the same time does no harm.
///
/// # Errors
/// When the database is away; what was written so far stays.
pub async fn write_missing(db: &Database, limit: u32) -> Result<u64> {
    #[derive(FromQueryResult)]
    struct Missing {
        document_id: Uuid,
    }
    let missing: Vec<Missing> = sql::all(
        db.connection(),
        "SELECT document_id FROM search_missing ORDER BY document_id DESC LIMIT $1",
        [i64::from(limit).into()],
    )
    .await?;
    let mut written = 0;
    for Missing { document_id } in missing {
        let transaction = db.begin().await?;
        // Its owner may be giving it another title, which writes the entry too.
        let lock = sql::locked(&transaction);
        sql::execute(
            &transaction,
            format!("SELECT 1 FROM documents WHERE id = $1{lock}"),
            [document_id.into()],
        )
        .await?;
        let noted = sql::execute(
            &transaction,
            "DELETE FROM search_missing WHERE document_id = $1",
            [document_id.into()],
        )
        .await?;
        if noted == 1 {
            again(&transaction, document_id.into()).await?;
            transaction.commit().await?;
            written += 1;
        }
    }
    Ok(written)
}
