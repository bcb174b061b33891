//! Lists of documents: all of them, or those that answer a query, with the same filters.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use database::documents::{self, DocumentFilter};
use database::search::{self, Facet, FacetCounts, Search};
use domain::{DocumentId, DocumentKind, DocumentStatus, JobId, UserId};
use poem_openapi::{Enum, Object};

use super::listing::{self, Page};
use super::schema::{
    DocumentBody, DocumentKindName, DocumentPage, DocumentStatusName, FacetValueBody, FacetsBody,
    SpellingBody,
};
use crate::context::Api;
use crate::http::cursor::Position;
use crate::problem::Problem;

const LIST: &str = "documents";
const SEARCH: &str = "search";

/// Which versions of documents count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum Versions {
    /// Only the newest completed one of each.
    Current,
    /// All.
    All,
}

/// Which documents count. What is absent matches everything.
#[derive(Debug, Clone, Default, Object)]
#[oai(rename = "DocumentFilters", deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct Filters {
    pub(super) status: Option<DocumentStatusName>,
    pub(super) kind: Option<DocumentKindName>,
    /// ISO 639-1.
    pub(super) language: Option<String>,
    /// Case and signs do not matter.
    pub(super) tag: Option<String>,
    pub(super) label: Option<String>,
    /// Accepted on this day or at this time, or later: RFC 3339, a day in UTC or a time.
    pub(super) from: Option<String>,
    /// Accepted on this day or before it, or before this time.
    pub(super) to: Option<String>,
    pub(super) versions: Option<Versions>,
}

/// What is asked for.
pub(super) struct Asked<'w> {
    /// Where the list is.
    pub(super) path: &'w str,
    /// Absent for a list.
    pub(super) query: Option<String>,
    /// Whether the query stands in the links to other pages.
    pub(super) is_typed: bool,
    pub(super) filters: Filters,
    pub(super) job: Option<String>,
    pub(super) facets: Option<String>,
    pub(super) limit: Option<u64>,
    pub(super) cursor: Option<String>,
}

impl Filters {
    /// As the database knows it. `pointer` tells where a filter is in the request.
    pub(super) fn read(&self, pointer: impl Fn(&str) -> String) -> Result<DocumentFilter, Problem> {
        let time = |name: &str, given: &Option<String>, days: i64| {
            given
                .as_deref()
                .map(|text| {
                    read_time(text, days).ok_or_else(|| {
                        Problem::invalid(
                            pointer(name),
                            "must be a day like 2027-01-31 or a time like 2027-01-31T09:00:00Z",
                        )
                    })
                })
                .transpose()
        };
        Ok(DocumentFilter {
            status: self.status.map(DocumentStatus::from),
            kind: self.kind.map(DocumentKind::from),
            language: self.language.clone(),
            tag: self.tag.clone(),
            label: self.label.clone(),
            from: time("from", &self.from, 0)?,
            until: time("to", &self.to, 1)?,
            ..DocumentFilter::default()
        })
    }
}

/// A time, or the beginning of a day so many days later.
fn read_time(text: &str, days: i64) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let day: NaiveDate = text.parse().ok()?;
    let day = day.checked_add_signed(TimeDelta::days(days))?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

/// A page of documents, and its `Link` header.
pub(super) async fn page(
    api: &Api,
    user: UserId,
    wanted: Asked<'_>,
) -> Result<(DocumentPage, String), Problem> {
    let query = wanted.query.filter(|query| !query.trim().is_empty());
    let list = if query.is_some() { SEARCH } else { LIST };
    let page = Page::read(api, list, wanted.limit, wanted.cursor.as_deref())?;
    let job = wanted.job.as_ref().map(|id| id.parse::<JobId>()).transpose();
    let filters = wanted.filters;
    let filter = DocumentFilter {
        job: job.map_err(|_| Problem::invalid("query:job_id", "must be the id of a job"))?,
        before: page.after().map(DocumentId::from),
        // A search is for what is true now; a list is for everything that was handed in.
        current_only: filters.versions == Some(Versions::Current)
            || (query.is_some() && filters.versions.is_none()),
        ..filters.read(|name| format!("query:{name}"))?
    };
    let facets = read_facets(wanted.facets.as_deref())?;
    let mut body = match &query {
        Some(query) => found(api, user, query, &filter, &page, facets).await?,
        None => listed(api, user, filter, &page, facets).await?,
    };
    let next = body.1.map(|position| api.cursors.write(list, position));
    body.0.next_cursor.clone_from(&next);
    let word = |value: Option<&dyn std::fmt::Display>| value.map(ToString::to_string);
    let versions = filters.versions.map(|versions| match versions {
        Versions::Current => "current".to_owned(),
        Versions::All => "all".to_owned(),
    });
    let status = filters.status.map(DocumentStatus::from);
    let kind = filters.kind.map(DocumentKind::from);
    let given = [
        ("q", query.filter(|_| wanted.is_typed)),
        ("status", word(status.as_ref().map(|it| it as _))),
        ("kind", word(kind.as_ref().map(|it| it as _))),
        ("language", filters.language),
        ("tag", filters.tag),
        ("label", filters.label),
        ("from", filters.from),
        ("to", filters.to),
        ("versions", versions),
        ("job_id", wanted.job),
        ("facets", wanted.facets),
        ("limit", word(wanted.limit.as_ref().map(|it| it as _))),
    ];
    let given: Vec<_> = if wanted.is_typed {
        given.to_vec()
    } else {
        given
            .into_iter()
            .filter(|(name, _)| ["facets", "limit"].contains(name))
            .collect()
    };
    let link = listing::links(wanted.path, &given, next.as_deref());
    Ok((body.0, link))
}

async fn found(
    api: &Api,
    user: UserId,
    query: &str,
    filter: &DocumentFilter,
    page: &Page,
    facets: Vec<Facet>,
) -> Result<(DocumentPage, Option<Position>), Problem> {
    let wanted = Search {
        query: query.to_owned(),
        filter: filter.clone(),
        offset: page.offset(),
        limit: page.fetch(),
        facets,
    };
    let mut found = search::search(&api.database, user, &wanted).await?;
    let next = page
        .cut(&mut found.hits)
        .then(|| Position::Offset(page.offset() + page.limit));
    let spellings: Vec<SpellingBody> = found
        .spellings
        .into_iter()
        .map(|(word, others)| SpellingBody { word, others })
        .collect();
    let body = DocumentPage {
        items: found.hits.into_iter().map(DocumentBody::from).collect(),
        next_cursor: None,
        spellings: (!spellings.is_empty()).then_some(spellings),
        facets: counts(found.total, found.facets),
    };
    Ok((body, next))
}

async fn listed(
    api: &Api,
    user: UserId,
    filter: DocumentFilter,
    page: &Page,
    facets: Vec<Facet>,
) -> Result<(DocumentPage, Option<Position>), Problem> {
    let mut listed = documents::list(&api.database, user, &filter, page.fetch()).await?;
    let more = page.cut(&mut listed);
    let next = listed
        .last()
        .filter(|_| more)
        .map(|document| Position::After(document.id.uuid()));
    let facets = if facets.is_empty() {
        None
    } else {
        // Counts are of the whole list, whichever page is shown.
        let whole = DocumentFilter {
            before: None,
            ..filter
        };
        let (counted, facets) = search::facets_of_list(&api.database, user, &whole, &facets).await?;
        counts(counted, facets)
    };
    let body = DocumentPage {
        items: listed.into_iter().map(DocumentBody::from).collect(),
        next_cursor: None,
        spellings: None,
        facets,
    };
    Ok((body, next))
}

/// `kind,tag` and so on.
fn read_facets(given: Option<&str>) -> Result<Vec<Facet>, Problem> {
    let mut facets = Vec::new();
    for word in given.into_iter().flat_map(|given| given.split(',')) {
        let facet = match word.trim() {
            "kind" => Facet::Kind,
            "language" => Facet::Language,
            "tag" => Facet::Tag,
            "label" => Facet::Label,
            _ => {
                let rule = "must be some of kind, language, tag, label, with commas between them";
                return Err(Problem::invalid("query:facets", rule));
            }
        };
        if !facets.contains(&facet) {
            facets.push(facet);
        }
    }
    Ok(facets)
}

fn counts(counted: usize, facets: Vec<FacetCounts>) -> Option<FacetsBody> {
    if facets.is_empty() {
        return None;
    }
    let mut body = FacetsBody {
        counted: counted as u64,
        kind: None,
        language: None,
        tag: None,
        label: None,
    };
    for counts in facets {
        let values = counts.values.into_iter().map(|value| FacetValueBody {
            value: value.value,
            count: value.count,
        });
        let place = match counts.facet {
            Facet::Kind => &mut body.kind,
            Facet::Language => &mut body.language,
            Facet::Tag => &mut body.tag,
            Facet::Label => &mut body.label,
        };
        *place = Some(values.collect());
    }
    Some(body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_its_beginning_or_its_end() {
        let shown = |text: &str, days| read_time(text, days).map(|time| time.to_rfc3339());
        assert_eq!(shown("2027-01-31", 0).unwrap(), "2027-01-31T00:00:00+00:00");
        assert_eq!(shown("2027-01-31", 1).unwrap(), "2027-02-01T00:00:00+00:00");
        assert_eq!(
            shown("2027-01-31T09:00:00+02:00", 1).unwrap(),
            "2027-01-31T07:00:00+00:00"
        );
        for text in ["", "yesterday", "2027-02-30", "2027", "9999999-01-01"] {
            assert_eq!(shown(text, 1), None, "{text}");
        }
    }

    #[test]
    fn facets_are_words_of_a_closed_set() {
        assert_eq!(
            read_facets(Some("kind, tag,kind")).unwrap(),
            [Facet::Kind, Facet::Tag]
        );
        assert_eq!(read_facets(None).unwrap(), []);
        assert!(read_facets(Some("owner")).is_err() && read_facets(Some("")).is_err());
    }
}
