//! Passages from which a question can be answered.

use std::collections::HashSet;

use domain::{DocumentId, UserId};
use sea_orm::{FromQueryResult, Value};
use terms::{Finder, Query, Wanted};
use uuid::Uuid;

use super::excerpts::{FURTHER_PASSAGES, like, patterns};
use super::matching::{Needed, candidates};
use crate::documents::DocumentFilter;
use crate::{Database, Result, sql};

/// A passage with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The document.
    pub document: DocumentId,
    /// The label that its owner gave it.
    pub file_name: String,
    /// The page, where its kind has pages.
    pub page: Option<i32>,
    /// Where the passage begins, in bytes of the document's text.
    pub start_byte: i64,
    /// The passage.
    pub text: String,
}

/// Documents whose passages are looked at: those that match best.
const DOCUMENTS_MAX: usize = 50;
/// Passages that are weighed at most: a word that stands everywhere must not make a question expensive.
const WEIGHED_MAX: usize = 2_000;

/// Passages of a user's documents that have words that begin with `beginnings`, at most `limit`: those that have most of them
/// first, of the documents that match best, in their current version. `documents` narrows it, to whatever version; empty
/// means all of the user's.
///
/// # Errors
/// When the database is away.
pub async fn evidence(
    db: &Database,
    user: UserId,
    documents: &[DocumentId],
    beginnings: &str,
    limit: u64,
) -> Result<Vec<Evidence>> {
    let wanted: Vec<(Wanted, Vec<String>)> = Query::parse(beginnings)
        .wanted
        .into_iter()
        .map(|wanted| match wanted {
            Wanted::Word(word) => Wanted::Beginning(word),
            other => other,
        })
        .map(|wanted| (wanted, Vec::new()))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let filter = DocumentFilter {
        among: documents.to_vec(),
        current_only: documents.is_empty(),
        ..DocumentFilter::default()
    };
    let mut best: Vec<Uuid> = Vec::new();
    for how_much in [Needed::All, Needed::Any] {
        for candidate in candidates(db, user, how_much, &wanted, None, &filter).await? {
            if best.len() < DOCUMENTS_MAX && !best.contains(&candidate.id) {
                best.push(candidate.id);
            }
        }
        if best.len() == DOCUMENTS_MAX {
            break;
        }
    }
    let mut found = weighed(db, user, &best, &wanted).await?;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// The beginnings of a user's documents: of each the first passages, in the order of `documents` and of the text, at most
/// `limit` altogether.
///
/// # Errors
/// When the database is away.
pub async fn beginnings(
    db: &Database,
    user: UserId,
    documents: &[DocumentId],
    limit: u64,
) -> Result<Vec<Evidence>> {
    let share = limit / (documents.len().max(1) as u64);
    let mut found = Vec::new();
    for document in documents {
        let rows: Vec<Row> = sql::all(
            db.connection(),
            "SELECT p.document_id, d.file_name, p.page, p.start_byte, p.text FROM passages p \
             JOIN documents d ON d.id = p.document_id WHERE p.document_id = $1 AND d.user_id = $2 AND p.position > 0 \
             ORDER BY p.position LIMIT $3",
            [
                document.uuid().into(),
                user.uuid().into(),
                i64::try_from(share.max(1)).unwrap_or(i64::MAX).into(),
            ],
        )
        .await?;
        found.extend(rows.into_iter().map(Evidence::from));
    }
    Ok(found)
}

/// The passages of these documents that have anything of what is wanted, those with most of it first, then in the order of
/// the documents.
async fn weighed(
    db: &Database,
    user: UserId,
    documents: &[Uuid],
    wanted: &[(Wanted, Vec<String>)],
) -> Result<Vec<Evidence>> {
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let mut values = patterns(wanted);
    let like = like(db.backend(), 1, values.len());
    let list = sql::placeholders(values.len() + 1, documents.len());
    values.extend(documents.iter().copied().map(Value::from));
    values.push(user.uuid().into());
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "SELECT p.document_id, d.file_name, p.page, p.start_byte, p.text FROM passages p \
             JOIN documents d ON d.id = p.document_id WHERE p.document_id IN ({list}) AND d.user_id = ${} \
             AND p.position BETWEEN 1 AND {FURTHER_PASSAGES} AND ({like}) \
             ORDER BY p.document_id DESC, p.position LIMIT {WEIGHED_MAX}",
            values.len()
        ),
        values,
    )
    .await?;
    let finder = Finder::new(wanted, None);
    let mut found: Vec<(usize, usize, Evidence)> = Vec::new();
    for row in rows {
        let places = finder.find(&row.text);
        let shows = places
            .iter()
            .map(|place| place.number)
            .collect::<HashSet<_>>()
            .len();
        if shows > 0 {
            let rank = documents
                .iter()
                .position(|id| *id == row.document_id)
                .unwrap_or(DOCUMENTS_MAX);
            found.push((shows, rank, row.into()));
        }
    }
    // Stable, so that passages of one document stay in order.
    found.sort_by_key(|(shows, rank, _)| (std::cmp::Reverse(*shows), *rank));
    Ok(found.into_iter().map(|(_, _, evidence)| evidence).collect())
}

#[derive(FromQueryResult)]
struct Row {
    document_id: Uuid,
    file_name: String,
    page: Option<i32>,
    start_byte: i64,
    text: String,
}

impl From<Row> for Evidence {
    fn from(row: Row) -> Self {
        Self {
            document: row.document_id.into(),
            file_name: row.file_name,
            page: row.page,
            start_byte: row.start_byte,
            text: row.text,
        }
    }
}
