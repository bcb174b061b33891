//! Full-text search over titles, file names, tags and text.
//!
//! Every word of the query must stand in one passage, as a whole word or as its beginning. A document ranks by its best
//! passage; passage 0, its heading, counts more than its text. What is shown is the best passage of the text: a word that a
//! document is about is often in its heading too, and people want to see where it stands.

mod evidence;
mod highlight;
mod terms;

use domain::{DocumentId, UserId};
use sea_orm::{DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use crate::documents::{self, Document, DocumentFilter};
use crate::{Database, Result, sql};
pub use evidence::{Evidence, beginnings, evidence};
pub use highlight::Excerpt;
use terms::Terms;
pub(crate) use terms::vector;

/// A document that answers a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The document.
    pub document: Document,
    /// Higher is better; comparable within one answer only.
    pub score: f64,
    /// The page of the passage, where its kind has pages.
    pub page: Option<i32>,
    /// The place in the text that answers best; `None` when only the heading does.
    pub excerpt: Option<Excerpt>,
}

// Weights of words in a heading against words in the text.
const HEADING_WEIGHT: f64 = 4.0;

/// Documents of a user that answer `query`, the best first, at most `limit` after the first `offset`.
///
/// A query without any word finds nothing.
///
/// # Errors
/// When the database is away.
pub async fn documents(
    db: &Database,
    user: UserId,
    query: &str,
    filter: &DocumentFilter,
    offset: u64,
    limit: u64,
) -> Result<Vec<Hit>> {
    let terms = Terms::parse(query);
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let (words, ranked) = match db.backend() {
        DbBackend::Postgres => (terms.for_postgres(), RANKED_POSTGRES),
        _ => (terms.for_sqlite(), RANKED_SQLITE),
    };
    let mut values: Vec<Value> = vec![words.into(), user.uuid().into(), HEADING_WEIGHT.into()];
    let conditions = documents::conditions(filter, &mut values);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    values.push(i64::try_from(offset).unwrap_or(i64::MAX).into());
    let (limit, offset) = (values.len() - 1, values.len());
    let statement = format!(
        "WITH ranked AS ({ranked}{conditions}), \
         best AS (SELECT document_id, position, page, text, max(score) OVER (PARTITION BY document_id) AS score, \
            row_number() OVER (PARTITION BY document_id ORDER BY position = 0, score DESC, position) AS place \
            FROM ranked) \
         SELECT {columns}, best.score, best.position AS passage_position, best.page, best.text \
         FROM best JOIN documents d ON d.id = best.document_id \
         WHERE best.place = 1 ORDER BY best.score DESC, d.id DESC LIMIT ${limit} OFFSET ${offset}",
        columns = documents::columns(),
    );
    let rows: Vec<Row> = sql::all(db.connection(), statement, values).await?;
    rows.into_iter()
        .map(|row| {
            let excerpt = (row.passage_position > 0).then(|| highlight::excerpt(&row.text, &terms));
            Ok(Hit {
                document: Document::try_from(row.document)?,
                score: row.score,
                page: row.page,
                excerpt,
            })
        })
        .collect()
}

/// The passages of a document in their order, without the heading: page, first byte and text.
///
/// # Errors
/// When the database is away.
pub async fn passages(db: &Database, document: DocumentId) -> Result<Vec<crate::tasks::PassageText>> {
    #[derive(FromQueryResult)]
    struct Passage {
        page: Option<i32>,
        start_byte: i64,
        text: String,
    }
    let rows: Vec<Passage> = sql::all(
        db.connection(),
        "SELECT page, start_byte, text FROM passages WHERE document_id = $1 AND position > 0 ORDER BY position",
        [Uuid::from(document).into()],
    )
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| crate::tasks::PassageText {
            page: row.page,
            start_byte: row.start_byte,
            text: row.text,
        })
        .collect())
}

// Longer passages would win by their length alone: normalisation 1 divides by the logarithm of it (PostgreSQL manual,
// "Ranking Search Results").
const RANKED_POSTGRES: &str = "SELECT p.document_id, p.position, p.page, p.text, \
    ts_rank(p.words, $1::tsquery, 1)::float8 * CASE WHEN p.position = 0 THEN $3 ELSE 1.0 END AS score \
    FROM passages p JOIN documents d ON d.id = p.document_id WHERE p.words @@ $1::tsquery AND d.user_id = $2";

// FTS5 gives better hits a more negative number.
const RANKED_SQLITE: &str = "SELECT p.document_id, p.position, p.page, p.text, \
    -bm25(passages_index) * CASE WHEN p.position = 0 THEN $3 ELSE 1.0 END AS score \
    FROM passages_index JOIN passages p ON p.row_number = passages_index.rowid \
    JOIN documents d ON d.id = p.document_id \
    WHERE passages_index MATCH $1 AND d.user_id = $2";

#[derive(FromQueryResult)]
struct Row {
    #[sea_orm(nested)]
    document: documents::Row,
    score: f64,
    passage_position: i32,
    page: Option<i32>,
    text: String,
}
