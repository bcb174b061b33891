//! How what was found is spread: over kinds, languages, tags and labels.

use domain::UserId;
use sea_orm::{DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use super::RANKED_MAX;
use crate::documents::{self, DocumentFilter};
use crate::{Database, Result, sql};

/// Values of a facet that are told, the most frequent ones.
const VALUES_MAX: usize = 20;

/// What documents can be counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// What they are.
    Kind,
    /// Their language.
    Language,
    /// Their tags.
    Tag,
    /// The labels that their owner gave them.
    Label,
}

/// One value and how many documents have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValue {
    /// The value.
    pub value: String,
    /// Documents that have it.
    pub count: i64,
}

/// The values of a facet, the most frequent first, 20 at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCounts {
    /// What was counted.
    pub facet: Facet,
    /// The counts.
    pub values: Vec<FacetValue>,
}

/// Counts over the newest documents of a user that pass a filter, [`RANKED_MAX`] at most. Returns how many those are, too.
///
/// # Errors
/// When the database is away.
pub async fn of_list(
    db: &Database,
    user: UserId,
    filter: &DocumentFilter,
    wanted: &[Facet],
) -> Result<(usize, Vec<FacetCounts>)> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
    }
    let mut values: Vec<Value> = vec![user.uuid().into()];
    let conditions = documents::conditions(db.backend(), user, filter, &mut values);
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!("SELECT d.id FROM documents d WHERE d.user_id = $1{conditions} ORDER BY d.id DESC LIMIT {RANKED_MAX}"),
        values,
    )
    .await?;
    let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    Ok((ids.len(), of(db, user, &ids, wanted).await?))
}

/// Counts over these documents, in one look at each of them.
pub(super) async fn of(
    db: &Database,
    user: UserId,
    ids: &[Uuid],
    wanted: &[Facet],
) -> Result<Vec<FacetCounts>> {
    #[derive(FromQueryResult)]
    struct Row {
        facet: i32,
        value: String,
        count: i64,
    }
    let mut counts: Vec<FacetCounts> = wanted
        .iter()
        .map(|facet| FacetCounts {
            facet: *facet,
            values: Vec::new(),
        })
        .collect();
    if ids.is_empty() || wanted.is_empty() {
        return Ok(counts);
    }
    let mut values: Vec<Value> = vec![user.uuid().into()];
    let these = match db.backend() {
        DbBackend::Postgres => {
            values.push(ids.to_vec().into());
            "= ANY($2)".to_owned()
        }
        _ => {
            values.extend(ids.iter().copied().map(Value::from));
            format!("IN ({})", sql::placeholders(2, ids.len()))
        }
    };
    let columns = if wanted.contains(&Facet::Tag) {
        "id, kind, language, tags"
    } else {
        "id, kind, language"
    };
    let parts: Vec<String> = (0..)
        .zip(wanted)
        .map(|(number, facet)| part(db.backend(), number, *facet))
        .collect();
    let rows: Vec<Row> = sql::all(
        db.connection(),
        format!(
            "WITH d AS MATERIALIZED (SELECT {columns} FROM documents WHERE user_id = $1 AND id {these}) {}",
            parts.join(" UNION ALL ")
        ),
        values,
    )
    .await?;
    for Row { facet, value, count } in rows {
        if let Some(counts) = usize::try_from(facet).ok().and_then(|at| counts.get_mut(at)) {
            counts.values.push(FacetValue { value, count });
        }
    }
    for counts in &mut counts {
        // The parts of a union come in no order.
        counts
            .values
            .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    }
    Ok(counts)
}

/// The part of the statement that counts one facet. No document has a value twice.
fn part(backend: DbBackend, number: i32, facet: Facet) -> String {
    let (value, source) = match (facet, backend) {
        (Facet::Kind, _) => ("d.kind", "d"),
        (Facet::Language, _) => ("d.language", "d"),
        (Facet::Tag, DbBackend::Postgres) => (
            "t.tag ->> 'value'",
            "d CROSS JOIN LATERAL jsonb_array_elements(d.tags) AS t (tag)",
        ),
        (Facet::Tag, _) => ("t.value ->> 'value'", "d, json_each(d.tags) AS t"),
        (Facet::Label, _) => ("l.label", "d JOIN document_labels l ON l.document_id = d.id"),
    };
    format!(
        "SELECT * FROM (SELECT {number} AS facet, {value} AS value, count(*) AS count FROM {source} \
         WHERE {value} IS NOT NULL GROUP BY {value} ORDER BY count(*) DESC, {value} LIMIT {VALUES_MAX}) AS f{number}"
    )
}
