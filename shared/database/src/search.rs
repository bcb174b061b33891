//! Full-text search over titles, file names, tags and text.
//!
//! What a query means and what a document is found by is decided in the crate `terms`, alike for both databases. Here it is
//! looked up, in steps of bounded cost: the newest documents that match, ranked; a second try with other spellings when
//! there are hardly any; then the documents of one page, with the passage that shows best why each was found.

mod evidence;
mod excerpts;
mod facets;
mod highlight;
mod index;
mod matching;
mod spelling;

use domain::{DocumentId, UserId};
use matching::Needed;
use sea_orm::{DbBackend, FromQueryResult, Value};
use terms::{Expression, Query, Wanted};
use uuid::Uuid;

use crate::documents::{self, Document, DocumentFilter};
use crate::{Database, Result, sql};
pub use evidence::{Evidence, beginnings, evidence};
pub use facets::{Facet, FacetCounts, FacetValue, of_list as facets_of_list};
pub use highlight::Excerpt;
pub use index::write_missing;
pub(crate) use index::{Indexed, Subject, of_result as index_of, replace as replace_entry};

/// Documents that are ranked and counted: the newest ones, when more match.
pub const RANKED_MAX: usize = 2_000;
/// With fewer documents than this, other spellings are tried.
const FEW: usize = 5;

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

/// What is searched.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The query, as somebody typed it. Without any word it finds nothing.
    pub query: String,
    /// Which documents count.
    pub filter: DocumentFilter,
    /// Documents before the page.
    pub offset: u64,
    /// Documents on the page at most.
    pub limit: u64,
    /// What to count over everything that was found.
    pub facets: Vec<Facet>,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The page, the best first.
    pub hits: Vec<Hit>,
    /// Documents that match, [`RANKED_MAX`] at most.
    pub total: usize,
    /// Other spellings that were looked up too, beside the words of the query that they stand for.
    pub spellings: Vec<(String, Vec<String>)>,
    /// What was asked to be counted.
    pub facets: Vec<FacetCounts>,
}

/// Documents of a user that answer a query, the best first.
///
/// # Errors
/// When the database is away.
pub async fn search(db: &Database, user: UserId, search: &Search) -> Result<Found> {
    let query = Query::parse(&search.query);
    if query.is_empty() {
        return Ok(Found::default());
    }
    let mut wanted: Vec<(Wanted, Vec<String>)> = query
        .wanted
        .iter()
        .map(|wanted| (wanted.clone(), Vec::new()))
        .collect();
    let unwanted = query.unwanted();
    let look_up = async |wanted: &[(Wanted, Vec<String>)]| {
        matching::candidates(db, user, Needed::All, wanted, unwanted.as_ref(), &search.filter).await
    };
    let mut ranked = look_up(&wanted).await?;
    if ranked.len() < FEW && spelling::add_others(db, user, &mut wanted).await? {
        ranked = look_up(&wanted).await?;
    }
    let ids: Vec<Uuid> = ranked.iter().map(|candidate| candidate.id).collect();
    let page: Vec<matching::Candidate> = ranked
        .into_iter()
        .skip(usize::try_from(search.offset).unwrap_or(usize::MAX))
        .take(usize::try_from(search.limit).unwrap_or(usize::MAX))
        .collect();
    Ok(Found {
        hits: excerpts::hits(db, user, page, &wanted).await?,
        total: ids.len(),
        facets: facets::of(db, user, &ids, &search.facets).await?,
        spellings: wanted
            .into_iter()
            .filter(|(_, others)| !others.is_empty())
            .filter_map(|(wanted, others)| Some((wanted.word()?.to_owned(), others)))
            .collect(),
    })
}

/// As [`search`], only the documents.
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
    let wanted = Search {
        query: query.to_owned(),
        filter: filter.clone(),
        offset,
        limit,
        facets: Vec::new(),
    };
    Ok(search(db, user, &wanted).await?.hits)
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

/// That `documents d` of a user has a tag, its value appended to `values`.
pub(crate) fn tag_condition(backend: DbBackend, user: UserId, tag: &str, values: &mut Vec<Value>) -> String {
    let marks = Expression::All(vec![
        matching::mark_of(user),
        Expression::Term(terms::tag_mark(tag)),
    ]);
    let (marks, which) = match backend {
        DbBackend::Postgres => (
            marks.for_postgres(),
            "SELECT p.document_id FROM search_parts p WHERE p.words @@",
        ),
        _ => (
            marks.for_sqlite(),
            "SELECT s.document_id FROM search_index CROSS JOIN search_documents s \
             ON s.row_number = search_index.rowid WHERE search_index MATCH",
        ),
    };
    values.push(marks.into());
    let cast = if backend == DbBackend::Postgres {
        "::tsquery"
    } else {
        ""
    };
    format!(" AND d.id IN ({which} ${}{cast})", values.len())
}

/// Writes the index entry of a completed document anew, after something that it is found by has changed. Nothing happens when
/// the document has no results.
pub(crate) async fn index_again(db: &impl sea_orm::ConnectionTrait, document: DocumentId) -> Result<()> {
    index::again(db, document).await
}

pub(crate) use documents::Row as DocumentRow;
