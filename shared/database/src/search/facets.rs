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
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
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

/// Counts over these documents.
pub(super) async fn of(
    db: &Database,
    user: UserId,
    ids: &[Uuid],
    wanted: &[Facet],
) -> Result<Vec<FacetCounts>> {
    let mut counts = Vec::with_capacity(wanted.len());
    for facet in wanted {
        let values = if ids.is_empty() {
            Vec::new()
        } else {
            count(db, user, ids, *facet).await?
        };
        counts.push(FacetCounts {
            facet: *facet,
            values,
        });
    }
    Ok(counts)
}

async fn count(db: &Database, user: UserId, ids: &[Uuid], facet: Facet) -> Result<Vec<FacetValue>> {
    let is_postgres = db.backend() == DbBackend::Postgres;
    let (list, first): (String, Value) = if is_postgres {
        ("= ANY($2)".to_owned(), ids.to_vec().into())
    } else {
        (format!("IN ({})", sql::placeholders(2, ids.len())), ids[0].into())
    };
    let (value, source) = match facet {
        Facet::Kind => ("d.kind", "documents d"),
        Facet::Language => ("d.language", "documents d"),
        Facet::Tag if is_postgres => (
            "t.tag ->> 'value'",
            "documents d, jsonb_array_elements(d.tags) AS t (tag)",
        ),
        Facet::Tag => ("t.value ->> 'value'", "documents d, json_each(d.tags) AS t"),
        Facet::Label => (
            "l.label",
            "documents d JOIN document_labels l ON l.document_id = d.id",
        ),
    };
    let mut values: Vec<Value> = vec![user.uuid().into(), first];
    if !is_postgres {
        values.extend(ids[1..].iter().copied().map(Value::from));
    }
    sql::all(
        db.connection(),
        format!(
            "SELECT {value} AS value, count(DISTINCT d.id) AS count FROM {source} \
             WHERE d.user_id = $1 AND d.id {list} AND {value} IS NOT NULL \
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {VALUES_MAX}"
        ),
        values,
    )
    .await
}
