//! Which documents match, and how well.

use sea_orm::{DbBackend, FromQueryResult, Value};
use terms::{Expression, Wanted, owner_mark, tag_mark};
use uuid::Uuid;

use super::RANKED_MAX;
use crate::documents::{self, DocumentFilter};
use crate::{Database, Result, sql};
use domain::UserId;

/// Words of names count so many times as much as words of the text, and so do those of tags. (Postgres weighs by its own
/// table: A, B and D are to each other as these.)
const NAMES_WEIGHT: f64 = 10.0;
const TAGS_WEIGHT: f64 = 4.0;
/// What is exactly as it was asked for counts so many times as much as what may stand for it.
const STRICT_WEIGHT: f64 = 4.0;

/// A document that matches.
#[derive(Debug, Clone, Copy, FromQueryResult)]
pub(super) struct Candidate {
    pub(super) id: Uuid,
    pub(super) score: f64,
}

/// How much of what is wanted a document must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    All,
    Any,
}

/// The newest documents that match, the best first.
pub(super) async fn candidates(
    db: &Database,
    user: UserId,
    how_much: Needed,
    wanted: &[(Wanted, Vec<String>)],
    unwanted: Option<&Expression>,
    filter: &DocumentFilter,
) -> Result<Vec<Candidate>> {
    // The tag is looked up with the words, where it costs least.
    let filter_by_row = DocumentFilter {
        tag: None,
        ..filter.clone()
    };
    let forms: Vec<Expression> = wanted
        .iter()
        .map(|(wanted, others)| any_form(wanted, others))
        .collect();
    let mut needed = match how_much {
        Needed::All => forms,
        Needed::Any => vec![Expression::Any(forms)],
    };
    needed.push(mark_of(user));
    needed.extend(filter.tag.as_deref().map(|tag| Expression::Term(tag_mark(tag))));
    let needed = Expression::All(needed);
    let mut found = match db.backend() {
        DbBackend::Postgres => in_postgres(db, user, needed, wanted, unwanted, &filter_by_row).await?,
        _ => in_sqlite(db, user, needed, unwanted, &filter_by_row).await?,
    };
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.id.cmp(&a.id)));
    Ok(found)
}

/// The documents of a user.
pub(super) fn mark_of(user: UserId) -> Expression {
    Expression::Term(owner_mark(&user.uuid().simple().to_string()))
}

/// A word as it is, inflected, as a beginning, or spelt otherwise.
fn any_form(wanted: &Wanted, others: &[String]) -> Expression {
    let mut forms = vec![wanted.strict()];
    forms.extend(loose_forms(wanted, others));
    Expression::Any(forms)
}

fn loose_forms<'w>(wanted: &'w Wanted, others: &'w [String]) -> impl Iterator<Item = Expression> + 'w {
    let spellings = others.iter().map(|other| Expression::Term(other.clone()));
    wanted.loose().into_iter().chain(spellings)
}

async fn in_postgres(
    db: &Database,
    user: UserId,
    needed: Expression,
    wanted: &[(Wanted, Vec<String>)],
    unwanted: Option<&Expression>,
    filter: &DocumentFilter,
) -> Result<Vec<Candidate>> {
    let strict = Expression::Any(wanted.iter().map(|(wanted, _)| wanted.strict()).collect());
    let loose: Vec<Expression> = wanted
        .iter()
        .flat_map(|(wanted, others)| loose_forms(wanted, others))
        .collect();
    let needed = match unwanted {
        None => needed,
        Some(unwanted) => Expression::Except(Box::new(needed), Box::new(unwanted.clone())),
    };
    let mut values: Vec<Value> = vec![
        needed.for_postgres().into(),
        user.uuid().into(),
        strict.for_postgres().into(),
    ];
    // Longer documents would win by their length alone: normalisation 1 divides by the logarithm of it (PostgreSQL manual,
    // "Ranking Search Results").
    let mut score = format!("{STRICT_WEIGHT} * ts_rank(p.words, $3::tsquery, 1)");
    if !loose.is_empty() {
        values.push(Expression::Any(loose).for_postgres().into());
        score += &format!(" + ts_rank(p.words, ${}::tsquery, 1)", values.len());
    }
    let mut conditions = documents::conditions(db.backend(), user, filter, &mut values);
    if let Some(unwanted) = unwanted {
        // What a long document must not have may stand in another part of it. Asked for each such part by itself: as a set, it
        // would be made from the documents of everybody first.
        values.push(unwanted.for_postgres().into());
        conditions += &format!(
            " AND (p.part = 0 OR NOT (SELECT COALESCE(bool_or(n.words @@ ${}::tsquery), false) FROM search_parts n \
             WHERE n.document_id = p.document_id))",
            values.len()
        );
    }
    sql::all(
        db.connection(),
        format!(
            "WITH found AS (SELECT p.document_id, p.part FROM search_parts p JOIN documents d ON d.id = p.document_id \
                WHERE p.words @@ $1::tsquery AND d.user_id = $2{conditions} \
                ORDER BY p.document_id DESC LIMIT {RANKED_MAX}) \
             SELECT p.document_id AS id, max({score})::float8 AS score \
             FROM found f JOIN search_parts p ON p.document_id = f.document_id AND p.part = f.part \
             GROUP BY p.document_id"
        ),
        values,
    )
    .await
}

/// FTS5 gives better matches a more negative number. It hands rows out in the order of their numbers without sorting, and a
/// score is computed for those only that are taken.
async fn in_sqlite(
    db: &Database,
    user: UserId,
    needed: Expression,
    unwanted: Option<&Expression>,
    filter: &DocumentFilter,
) -> Result<Vec<Candidate>> {
    let needed = match unwanted {
        None => needed,
        Some(unwanted) => Expression::Except(Box::new(needed), Box::new(unwanted.clone())),
    };
    let mut values: Vec<Value> = vec![needed.for_sqlite().into(), user.uuid().into()];
    let conditions = documents::conditions(db.backend(), user, filter, &mut values);
    sql::all(
        db.connection(),
        format!(
            "SELECT d.id, -bm25(search_index, {NAMES_WEIGHT:?}, {TAGS_WEIGHT:?}, 1.0, 1.0) AS score FROM search_index \
             CROSS JOIN search_documents s ON s.row_number = search_index.rowid \
             CROSS JOIN documents d ON d.id = s.document_id \
             WHERE search_index MATCH $1 AND d.user_id = $2{conditions} \
             ORDER BY search_index.rowid DESC LIMIT {RANKED_MAX}"
        ),
        values,
    )
    .await
}
