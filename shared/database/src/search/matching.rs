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
        _ => in_sqlite(db, user, needed, wanted, unwanted, &filter_by_row).await?,
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
    let strict = Expression::Any(wanted.iter().map(|(wanted, _)| ranked(wanted)).collect());
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
    // "Ranking Search Results"). Each ranking fetches the words of the document, so there is a second one only where the first
    // says nothing.
    let loose = if loose.is_empty() {
        "0".to_owned()
    } else {
        values.push(Expression::Any(loose).for_postgres().into());
        format!("ts_rank(f.words, ${}::tsquery, 1)", values.len())
    };
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
    // The newest are joined and ranked one after the other until there are enough, instead of all that match.
    sql::all(
        db.connection(),
        format!(
            "SELECT f.id, max(CASE WHEN r.strict > 0 THEN {STRICT_WEIGHT} * r.strict ELSE {loose} END)::float8 AS score \
             FROM (SELECT p.document_id AS id, p.words FROM \
                (SELECT document_id, part, words FROM search_parts WHERE words @@ $1::tsquery \
                 ORDER BY document_id DESC OFFSET 0) AS p \
                CROSS JOIN LATERAL (SELECT 1 FROM documents d \
                 WHERE d.id = p.document_id AND d.user_id = $2{conditions} OFFSET 0) AS d LIMIT {RANKED_MAX}) AS f \
             CROSS JOIN LATERAL (SELECT ts_rank(f.words, $3::tsquery, 1) AS strict OFFSET 0) AS r GROUP BY f.id"
        ),
        values,
    )
    .await
}

/// What a thing that is wanted is ranked by.
fn ranked(wanted: &Wanted) -> Expression {
    wanted.ranked().unwrap_or_else(|| wanted.strict())
}

/// FTS5 hands rows out in the order of their numbers without sorting. Its score counts each term of a query over the documents
/// of everybody; so it is asked for words and phrases only, among the newest that match, and not for beginnings, for which
/// there are too many terms. It gives better matches a more negative number.
async fn in_sqlite(
    db: &Database,
    user: UserId,
    needed: Expression,
    wanted: &[(Wanted, Vec<String>)],
    unwanted: Option<&Expression>,
    filter: &DocumentFilter,
) -> Result<Vec<Candidate>> {
    let needed = match unwanted {
        None => needed,
        Some(unwanted) => Expression::Except(Box::new(needed), Box::new(unwanted.clone())),
    };
    let mut values: Vec<Value> = vec![needed.for_sqlite().into(), user.uuid().into()];
    let conditions = documents::conditions(db.backend(), user, filter, &mut values);
    let words: Vec<Expression> = wanted.iter().filter_map(|(wanted, _)| wanted.ranked()).collect();
    let others = wanted.iter().flat_map(|(_, others)| others);
    let spellings = others.map(|other| Expression::Term(other.clone()));
    let by_words: Vec<Expression> = words.into_iter().chain(spellings).collect();
    let owner = mark_of(user).for_sqlite();
    let score = if by_words.is_empty() {
        let strict: Vec<Expression> = wanted.iter().map(|(wanted, _)| wanted.strict()).collect();
        let strict = Expression::Any(strict).for_sqlite();
        let mut held = |column: &str, weight: f64| {
            values.push(format!("{column} : {strict} AND marks : {owner}").into());
            let number = values.len();
            format!("{weight:?} * (n IN (SELECT rowid FROM search_index WHERE search_index MATCH ${number}))")
        };
        format!(
            " SELECT id, {} + {} AS score FROM found",
            held("names", NAMES_WEIGHT),
            held("tags", TAGS_WEIGHT)
        )
    } else {
        values.push(format!("{} AND marks : {owner}", Expression::Any(by_words).for_sqlite()).into());
        format!(
            ", ranked AS MATERIALIZED (SELECT rowid AS n, \
                -bm25(search_index, {NAMES_WEIGHT:?}, {TAGS_WEIGHT:?}, 1.0, 1.0) AS score FROM search_index \
                WHERE search_index MATCH ${} AND rowid >= (SELECT min(n) FROM found)) \
             SELECT id, COALESCE(ranked.score, 0.0) AS score FROM found LEFT JOIN ranked ON ranked.n = found.n",
            values.len()
        )
    };
    sql::all(
        db.connection(),
        format!(
            "WITH found AS MATERIALIZED (SELECT d.id AS id, search_index.rowid AS n FROM search_index \
             CROSS JOIN search_documents s ON s.row_number = search_index.rowid \
             CROSS JOIN documents d ON d.id = s.document_id \
             WHERE search_index MATCH $1 AND d.user_id = $2{conditions} \
             ORDER BY search_index.rowid DESC LIMIT {RANKED_MAX}){score}"
        ),
        values,
    )
    .await
}
