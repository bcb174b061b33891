//! The documents of a page, each with the passage that shows best why it was found.

use std::collections::{HashMap, HashSet};

use domain::UserId;
use sea_orm::{DbBackend, FromQueryResult, Value};
use terms::{Finder, Wanted};
use uuid::Uuid;

use super::matching::Candidate;
use super::{DocumentRow, Hit, highlight};
use crate::documents::{self, Document};
use crate::{Database, Result, sql};

/// Passages at the beginning of each document that are read first, about 64 kB of text.
const FIRST_PASSAGES: i32 = 32;
/// Behind those the database looks for words itself, in so many passages of a document (about 4 MB of text) at most.
pub(super) const FURTHER_PASSAGES: i32 = 2_000;

#[derive(FromQueryResult)]
struct Passage {
    document_id: Uuid,
    page: Option<i32>,
    text: String,
}

/// The best passage of a document so far.
struct Best {
    page: Option<i32>,
    text: String,
    /// Different things of the query that it shows.
    shows: usize,
}

pub(super) async fn hits(
    db: &Database,
    user: UserId,
    page: Vec<Candidate>,
    wanted: &[(Wanted, Vec<String>)],
) -> Result<Vec<Hit>> {
    if page.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = page.iter().map(|candidate| candidate.id).collect();
    let mut values: Vec<Value> = vec![user.uuid().into()];
    values.extend(ids.iter().copied().map(Value::from));
    let rows: Vec<DocumentRow> = sql::all(
        db.connection(),
        format!(
            "SELECT {} FROM documents d WHERE d.user_id = $1 AND d.id IN ({})",
            documents::columns(db.backend()),
            sql::placeholders(2, ids.len())
        ),
        values,
    )
    .await?;
    let mut found: HashMap<Uuid, Document> = HashMap::new();
    for row in rows {
        let document = Document::try_from(row)?;
        found.insert(document.id.uuid(), document);
    }
    let finders = Finders::new(wanted, found.values());
    let mut best: HashMap<Uuid, Best> = HashMap::new();
    let first = passages(
        db,
        &ids,
        &format!("position BETWEEN 1 AND {FIRST_PASSAGES}"),
        Vec::new(),
    )
    .await?;
    keep_best(&mut best, first, &found, &finders);
    let without: Vec<Uuid> = ids.iter().copied().filter(|id| !best.contains_key(id)).collect();
    keep_best(&mut best, further(db, &without, wanted).await?, &found, &finders);
    Ok(page
        .into_iter()
        // One that was deleted since is left out.
        .filter_map(|candidate| Some((candidate.score, found.remove(&candidate.id)?)))
        .map(|(score, document)| {
            let best = best.remove(&document.id.uuid());
            Hit {
                score,
                page: best.as_ref().and_then(|best| best.page),
                excerpt: best
                    .map(|best| highlight::excerpt(&best.text, finders.of(document.language.as_deref()))),
                document,
            }
        })
        .collect())
}

/// One for each language of the page.
struct Finders<'q>(HashMap<Option<String>, Finder<'q>>);

impl<'q> Finders<'q> {
    fn new<'d>(wanted: &'q [(Wanted, Vec<String>)], documents: impl Iterator<Item = &'d Document>) -> Self {
        let languages: HashSet<Option<String>> = documents
            .map(|document| document.language.clone())
            .chain([None])
            .collect();
        let finders = languages.into_iter().map(|language| {
            let finder = Finder::new(wanted, language.as_deref());
            (language, finder)
        });
        Self(finders.collect())
    }

    fn of(&self, language: Option<&str>) -> &Finder<'q> {
        self.0
            .get(&language.map(str::to_owned))
            .or_else(|| self.0.get(&None))
            .expect("there always is one without a language")
    }
}

/// Of each document the first of those passages that show most.
fn keep_best(
    best: &mut HashMap<Uuid, Best>,
    passages: Vec<Passage>,
    documents: &HashMap<Uuid, Document>,
    finders: &Finders<'_>,
) {
    for passage in passages {
        let Some(document) = documents.get(&passage.document_id) else {
            continue;
        };
        let places = finders.of(document.language.as_deref()).find(&passage.text);
        let shows = places
            .iter()
            .map(|place| place.number)
            .collect::<HashSet<_>>()
            .len();
        let before = best.get(&passage.document_id).map_or(0, |best| best.shows);
        if shows > before {
            let kept = Best {
                page: passage.page,
                text: passage.text,
                shows,
            };
            best.insert(passage.document_id, kept);
        }
    }
}

async fn passages(db: &Database, documents: &[Uuid], which: &str, more: Vec<Value>) -> Result<Vec<Passage>> {
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let list = sql::placeholders(more.len() + 1, documents.len());
    sql::all(
        db.connection(),
        format!(
            "SELECT document_id, page, text FROM passages WHERE document_id IN ({list}) AND {which} \
             ORDER BY document_id, position"
        ),
        more.into_iter().chain(documents.iter().copied().map(Value::from)),
    )
    .await
}

/// The first passage far behind the beginning of each document that holds anything like the words of the query.
async fn further(
    db: &Database,
    documents: &[Uuid],
    wanted: &[(Wanted, Vec<String>)],
) -> Result<Vec<Passage>> {
    let patterns = patterns(wanted);
    if patterns.is_empty() || documents.is_empty() {
        return Ok(Vec::new());
    }
    let like = like(db.backend(), 1, patterns.len());
    let last = FIRST_PASSAGES + FURTHER_PASSAGES;
    // Placeholders may be used twice, in both databases.
    let list = sql::placeholders(patterns.len() + 1, documents.len());
    let which = format!(
        "(document_id, position) IN (SELECT document_id, min(position) FROM passages WHERE document_id IN ({list}) \
         AND position > {FIRST_PASSAGES} AND position <= {last} AND ({like}) GROUP BY document_id)"
    );
    passages(db, documents, &which, patterns).await
}

/// The patterns of `LIKE` for any form of anything that is wanted.
pub(super) fn patterns(wanted: &[(Wanted, Vec<String>)]) -> Vec<Value> {
    let beginnings = wanted
        .iter()
        .flat_map(|(wanted, others)| beginnings(wanted, others));
    beginnings
        .map(|beginning| Value::from(format!("%{beginning}%")))
        .collect()
}

/// `text LIKE $first OR …`, for so many patterns, whatever the case.
pub(super) fn like(backend: DbBackend, first: usize, count: usize) -> String {
    let like = match backend {
        DbBackend::Postgres => "ILIKE",
        _ => "LIKE",
    };
    let conditions: Vec<String> = (first..first + count)
        .map(|number| format!("text {like} ${number}"))
        .collect();
    conditions.join(" OR ")
}

/// How any form of it begins. Terms are letters and digits, so that nothing in them is a wildcard. SQLite knows upper case of
/// ASCII only.
fn beginnings(wanted: &Wanted, others: &[String]) -> Vec<String> {
    let start = |word: &str| -> String {
        let length = word.chars().count();
        word.chars().take((length * 2 / 3).max(3)).collect()
    };
    let mut beginnings: Vec<String> = others.iter().map(|other| start(other)).collect();
    beginnings.extend(match wanted {
        Wanted::Word(word) => Some(start(word)),
        Wanted::Beginning(beginning) | Wanted::Character(beginning) => Some(beginning.clone()),
        Wanted::Phrase(terms) => terms.first().cloned(),
    });
    let capitals: Vec<String> = beginnings
        .iter()
        .filter(|beginning| !beginning.is_ascii())
        .map(|beginning| {
            let mut letters = beginning.chars();
            letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .chain(letters)
                .collect()
        })
        .collect();
    beginnings.extend(capitals);
    beginnings
}
