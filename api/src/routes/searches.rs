//! `/searches`: searches that are kept under a name.

use database::saved_searches::{self, Saved, SavedSearch, SearchToSave};
use domain::{SavedSearchId, limits};
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::{ParseFromJSON, ToJSON};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Section;
use super::finding::{self, Asked, Filters};
use super::schema::{DocumentPage, Timestamp};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::request_headers;
use crate::operations::naming;
use crate::problem::{Code, Problem};

pub(super) struct Searches;

/// A search to keep.
#[derive(Debug, Object)]
#[oai(rename = "NewSearch", deny_unknown_fields)]
struct NewSearchBody {
    /// 1 to 100 characters; each name once.
    name: String,
    /// As in `q` of the documents, 1000 characters at most.
    q: String,
    #[oai(default)]
    filters: Filters,
}

/// What changes; what is absent stays.
#[derive(Debug, Object)]
#[oai(rename = "SearchChange", deny_unknown_fields)]
struct SearchChangeBody {
    name: Option<String>,
    q: Option<String>,
    filters: Option<Filters>,
}

/// A search that is kept.
#[derive(Debug, Object)]
#[oai(rename = "SavedSearch", skip_serializing_if_is_none)]
struct SearchBody {
    id: String,
    name: String,
    q: String,
    filters: Filters,
    created_at: Timestamp,
    updated_at: Timestamp,
    links: SearchLinks,
}

/// Where to go from a search.
#[derive(Debug, Object)]
#[oai(rename = "SearchLinks")]
struct SearchLinks {
    #[oai(rename = "self")]
    itself: String,
    /// Runs it.
    results: String,
}

/// Searches in the order of their names: all of them, for nobody has more than a hundred.
#[derive(Debug, Object)]
#[oai(rename = "SearchList")]
struct SearchList {
    items: Vec<SearchBody>,
}

#[derive(ApiResponse)]
enum Kept {
    /// The search is kept.
    #[oai(status = 201)]
    Created(
        Json<SearchBody>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
        /// Its version, for `If-Match`.
        #[oai(header = "ETag")]
        String,
        /// `true` when an earlier request with the same Idempotency-Key kept it.
        #[oai(header = "Idempotency-Replayed")]
        Option<bool>,
    ),
}

#[derive(ApiResponse)]
enum SearchAnswer {
    /// The search.
    #[oai(status = 200)]
    Search(
        Json<SearchBody>,
        /// Its version, for `If-Match`. It grows with every change.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone, or was never there.
    #[oai(status = 204)]
    Done,
}

#[derive(ApiResponse)]
enum Results {
    /// A page of documents, the best first.
    #[oai(status = 200)]
    Page(
        Json<DocumentPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[OpenApi(tag = "Section::Documents")]
impl Searches {
    /// Your searches
    #[oai(path = "/searches", method = "get")]
    async fn list(&self, api: Data<&Api>, caller: Caller) -> Result<Json<SearchList>, Problem> {
        let items = saved_searches::list(&api.database, caller.0.user).await?;
        Ok(Json(SearchList {
            items: items.into_iter().map(SearchBody::from).collect(),
        }))
    }

    /// Keep a search
    ///
    /// With an `Idempotency-Key` the same request can be sent again without keeping a second one; the answer is the search as it
    /// is by then.
    #[oai(path = "/searches", method = "post")]
    async fn create(
        &self,
        api: Data<&Api>,
        caller: Caller,
        request: &Request,
        body: Json<NewSearchBody>,
    ) -> Result<Kept, Problem> {
        let Json(body) = body;
        let new = to_save(&body.name, &body.q, &body.filters)?;
        let key = request_headers::idempotency_key(request.headers())?;
        let idempotency = key.map(|key| (key, fingerprint(&new)));
        let (who, now) = (caller.0, api.clock.now());
        let saved =
            saved_searches::insert(&api.database, who.user, new, idempotency, who.origin, now).await?;
        let replayed = matches!(saved, Saved::Replayed(_)).then_some(true);
        let saved = done(saved)?;
        let (location, etag) = (path_of(saved.id), etag(&saved));
        Ok(Kept::Created(Json(saved.into()), location, etag, replayed))
    }

    /// A search
    #[oai(path = "/searches/:id", method = "get")]
    async fn search(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<SearchAnswer, Problem> {
        Ok(answer(find(&api, &caller, &id.0).await?))
    }

    /// Change a search
    ///
    /// The version that the change is meant for stands in `If-Match`.
    #[oai(path = "/searches/:id", method = "patch")]
    async fn change(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Json<SearchChangeBody>,
    ) -> Result<SearchAnswer, Problem> {
        let known = find(&api, &caller, &id.0).await?;
        request_headers::check_version(if_match.0.as_deref(), &etag(&known))?;
        let Json(body) = body;
        let filters = body.filters.unwrap_or_else(|| filters_of(&known));
        let change = to_save(
            body.name.as_deref().unwrap_or(&known.name),
            body.q.as_deref().unwrap_or(&known.query),
            &filters,
        )?;
        let who = caller.0;
        let saved = saved_searches::update(
            &api.database,
            who.user,
            (known.id, known.version),
            change,
            who.origin,
            api.clock.now(),
        )
        .await?;
        Ok(answer(done(saved)?))
    }

    /// Delete a search
    ///
    /// Deleting twice is fine: what is not there, and what is not yours, is answered as if it had just gone.
    #[oai(path = "/searches/:id", method = "delete")]
    async fn delete(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Deleted, Problem> {
        let id: SavedSearchId = id.0.parse().map_err(|_| Problem::new(Code::NotFound))?;
        let who = caller.0;
        saved_searches::delete(&api.database, who.user, id, who.origin, api.clock.now()).await?;
        Ok(Deleted::Done)
    }

    /// Run a search
    #[oai(path = "/searches/:id/results", method = "get")]
    async fn results(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        /// What to count over everything that matches: some of kind, language, tag, label, with commas between them.
        facets: Query<Option<String>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<Results, Problem> {
        let known = find(&api, &caller, &id.0).await?;
        let path = format!("{}/results", path_of(known.id));
        let wanted = Asked {
            path: &path,
            filters: filters_of(&known),
            query: Some(known.query),
            is_typed: false,
            job: None,
            facets: facets.0,
            limit: limit.0,
            cursor: cursor.0,
        };
        let (page, link) = finding::page(&api, caller.0.user, wanted).await?;
        Ok(Results::Page(Json(page), link))
    }
}

async fn find(api: &Api, caller: &Caller, id: &str) -> Result<SavedSearch, Problem> {
    let not_found = || Problem::new(Code::NotFound);
    let id: SavedSearchId = id.parse().map_err(|_| not_found())?;
    let found = saved_searches::find(&api.database, caller.0.user, id).await?;
    found.ok_or_else(not_found)
}

fn answer(search: SavedSearch) -> SearchAnswer {
    let etag = etag(&search);
    SearchAnswer::Search(Json(search.into()), etag)
}

fn etag(search: &SavedSearch) -> String {
    format!("\"{}\"", search.version)
}

fn to_save(name: &str, query: &str, filters: &Filters) -> Result<SearchToSave, Problem> {
    filters.read(|name| format!("/filters/{name}"))?;
    Ok(SearchToSave {
        name: naming::search_name(name).map_err(|rule| Problem::invalid("/name", rule))?,
        query: naming::query(query).map_err(|rule| Problem::invalid("/q", rule))?,
        filters: filters.to_json().unwrap_or_default(),
    })
}

/// The same request is the same search under the same name.
fn fingerprint(new: &SearchToSave) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(json!([new.name, new.query, new.filters]).to_string());
    digest.finalize().into()
}

fn done(saved: Saved) -> Result<SavedSearch, Problem> {
    match saved {
        Saved::Done(saved) | Saved::Replayed(saved) => Ok(*saved),
        Saved::KeyReused => Err(Problem::new(Code::IdempotencyKeyReused)),
        Saved::NameTaken => {
            Err(Problem::new(Code::NameTaken).detail("another search of yours has this name"))
        }
        Saved::TooMany => Err(Problem::new(Code::TooManySearches).detail(format!(
            "there are {} already; delete one",
            limits::SAVED_SEARCHES_MAX
        ))),
        Saved::ChangedMeanwhile => Err(request_headers::changed_meanwhile()),
        Saved::NoSuchSearch => Err(Problem::new(Code::NotFound)),
    }
}

/// What an earlier release kept and this one does not know is left out.
fn filters_of(search: &SavedSearch) -> Filters {
    Filters::parse_from_json(Some(search.filters.clone())).unwrap_or_default()
}

fn path_of(id: SavedSearchId) -> String {
    format!("/api/v1/searches/{id}")
}

impl From<SavedSearch> for SearchBody {
    fn from(search: SavedSearch) -> Self {
        let itself = path_of(search.id);
        Self {
            id: search.id.to_string(),
            filters: filters_of(&search),
            name: search.name,
            q: search.query,
            created_at: search.created_at.into(),
            updated_at: search.updated_at.into(),
            links: SearchLinks {
                results: format!("{itself}/results"),
                itself,
            },
        }
    }
}
