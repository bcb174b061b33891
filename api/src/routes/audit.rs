//! `/admin/audit`: who did what, for administrators.

use chrono::{DateTime, Utc};
use database::Database;
use database::audit::{self, Line, LineFilter, Order, Outcome};
use domain::AuditId;
use futures::stream;
use poem::Body;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::{Binary, Json};
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::Section;
use super::listing::{self, Page};
use super::schema::Timestamp;
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::cursor::Position;
use crate::problem::Problem;

pub(super) struct Audit;

const LIST: &str = "audit";
const PATH: &str = "/api/v1/admin/audit";
/// Lines that an export reads at once.
const BATCH: u64 = 500;

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum OutcomeName {
    Success,
    Refused,
}

/// One line of the audit log.
#[derive(Debug, Object)]
#[oai(rename = "AuditLine", skip_serializing_if_is_none)]
struct LineBody {
    id: String,
    at: Timestamp,
    /// Who; absent for somebody without an account.
    user_id: Option<String>,
    /// What was done, as `thing.verb`.
    action: String,
    resource_type: Option<String>,
    resource_id: Option<String>,
    outcome: String,
    /// From which address.
    ip: Option<String>,
    request_id: Option<String>,
    /// The API key that it was done with; absent for a login. Its secret is nowhere in the log.
    api_key_id: Option<String>,
}

#[derive(Object)]
#[oai(rename = "AuditPage", skip_serializing_if_is_none)]
struct LinePage {
    items: Vec<LineBody>,
    /// Where the list goes on; absent at its end.
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum LineList {
    /// A page of lines, the newest first.
    #[oai(status = 200)]
    Page(
        Json<LinePage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Export {
    /// One line of the log as a JSON object on each line, the oldest first.
    #[oai(status = 200, content_type = "application/x-ndjson")]
    Lines(Binary<Body>),
}

#[OpenApi(tag = "Section::Operating")]
impl Audit {
    /// The audit log, the newest line first
    #[oai(path = "/admin/audit", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn list(
        &self,
        api: Data<&Api>,
        _caller: Caller,
        /// Only what this account did.
        user_id: Query<Option<String>>,
        action: Query<Option<String>>,
        resource_type: Query<Option<String>>,
        resource_id: Query<Option<String>>,
        outcome: Query<Option<OutcomeName>>,
        request_id: Query<Option<String>>,
        /// Only what was done with this API key.
        api_key_id: Query<Option<String>>,
        /// At this time or later (RFC 3339).
        since: Query<Option<DateTime<Utc>>>,
        /// Before this time (RFC 3339).
        until: Query<Option<DateTime<Utc>>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<LineList, Problem> {
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        let filter = LineFilter {
            user: id("user_id", user_id.0.as_deref())?,
            action: action.0,
            resource_type: resource_type.0,
            resource_id: id("resource_id", resource_id.0.as_deref())?,
            outcome: outcome.0.map(Outcome::from),
            request: id("request_id", request_id.0.as_deref())?,
            key: id("api_key_id", api_key_id.0.as_deref())?,
            since: since.0,
            until: until.0,
        };
        let order = Order::NewestFirst(page.after().map(AuditId::from));
        let mut found = audit::list(&api.database, &filter, order, page.fetch()).await?;
        let next = page.end(&api, LIST, &mut found, |line| Position::After(line.id.uuid()));
        let given = [
            ("user_id", user_id.0),
            ("action", filter.action),
            ("resource_type", filter.resource_type),
            ("resource_id", resource_id.0),
            ("outcome", filter.outcome.map(|it| it.as_str().to_owned())),
            ("request_id", request_id.0),
            ("api_key_id", api_key_id.0),
            ("since", since.0.map(|at| at.to_rfc3339())),
            ("until", until.0.map(|at| at.to_rfc3339())),
            ("limit", limit.0.map(|limit| limit.to_string())),
        ];
        let link = listing::links(PATH, &given, next.as_deref());
        let page = LinePage {
            items: found.into_iter().map(LineBody::from).collect(),
            next_cursor: next,
        };
        Ok(LineList::Page(Json(page), link))
    }

    /// The audit log as NDJSON, the oldest line first
    #[oai(path = "/admin/audit/export", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn export(
        &self,
        api: Data<&Api>,
        _caller: Caller,
        /// Only what this account did.
        user_id: Query<Option<String>>,
        action: Query<Option<String>>,
        resource_type: Query<Option<String>>,
        resource_id: Query<Option<String>>,
        outcome: Query<Option<OutcomeName>>,
        request_id: Query<Option<String>>,
        /// Only what was done with this API key.
        api_key_id: Query<Option<String>>,
        /// At this time or later (RFC 3339).
        since: Query<Option<DateTime<Utc>>>,
        /// Before this time (RFC 3339).
        until: Query<Option<DateTime<Utc>>>,
    ) -> Result<Export, Problem> {
        let filter = LineFilter {
            user: id("user_id", user_id.0.as_deref())?,
            action: action.0,
            resource_type: resource_type.0,
            resource_id: id("resource_id", resource_id.0.as_deref())?,
            outcome: outcome.0.map(Outcome::from),
            request: id("request_id", request_id.0.as_deref())?,
            key: id("api_key_id", api_key_id.0.as_deref())?,
            since: since.0,
            until: until.0,
        };
        Ok(Export::Lines(Binary(exported(api.database.clone(), filter))))
    }
}

/// Batch after batch, as fast as the client takes them. When the database fails in the middle the body breaks off, so that
/// nobody takes a part for the whole.
fn exported(database: Database, filter: LineFilter) -> Body {
    let batches = stream::try_unfold(
        (database, filter, None, false),
        |(database, filter, after, done)| async move {
            if done {
                return Ok(None);
            }
            let lines = audit::list(&database, &filter, Order::OldestFirst(after), BATCH)
                .await
                .map_err(std::io::Error::other)?;
            let done = (lines.len() as u64) < BATCH;
            let after = lines.last().map(|line| line.id).or(after);
            let mut text = String::new();
            for line in lines {
                text.push_str(&LineBody::from(line).to_json_string());
                text.push('\n');
            }
            Ok::<_, std::io::Error>(Some((text.into_bytes(), (database, filter, after, done))))
        },
    );
    Body::from_bytes_stream(batches)
}

fn id<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    let wrong = |_| Problem::invalid(format!("query:{name}"), "must be an id");
    text.map(|text| text.parse().map_err(wrong)).transpose()
}

impl From<OutcomeName> for Outcome {
    fn from(name: OutcomeName) -> Self {
        match name {
            OutcomeName::Success => Self::Success,
            OutcomeName::Refused => Self::Refused,
        }
    }
}

impl From<Line> for LineBody {
    fn from(line: Line) -> Self {
        Self {
            id: line.id.to_string(),
            at: line.at.into(),
            user_id: line.user.map(|user| user.to_string()),
            action: line.action,
            resource_type: line.resource_type,
            resource_id: line.resource_id.map(|id| id.to_string()),
            outcome: line.outcome,
            ip: line.ip,
            request_id: line.request.map(|request| request.to_string()),
            api_key_id: line.key.map(|key| key.to_string()),
        }
    }
}
