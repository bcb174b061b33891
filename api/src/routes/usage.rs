//! `/usage`, and for those who operate docmill `/admin/usage` and `/admin/users/{id}/quota`.

use std::fmt::Write;

use chrono::NaiveDate;
use database::quotas::NewLimits;
use database::usage::Period;
use domain::{QUOTA_MAX, UserId};
use poem::web::Data;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{MaybeUndefined, ToJSON, Type};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::Section;
use super::schema::Timestamp;
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::operations::quotas::{self, Account, Refused};
use crate::problem::{Code, Problem};

pub(super) struct Usage;

/// What an account uses and may use.
#[derive(Debug, Object)]
#[oai(rename = "Usage")]
struct UsageBody {
    #[oai(flatten)]
    now: UsageNow,
    /// This month and the year before it, the oldest first; months without use are left out.
    history: Vec<UsedMonth>,
}

/// What an account uses and may use in this month.
#[derive(Debug, Object)]
#[oai(rename = "UsageNow")]
struct UsageNow {
    /// The month in UTC, as `2026-03`.
    month: String,
    /// When the next month begins, and what was used in this one counts no more.
    renews_at: Timestamp,
    documents: Amount,
    /// Of kinds that have pages. Until a document is read it counts as one page.
    pages: Amount,
    bytes: Amount,
    /// Bytes in storage, originals and results; freed by deleting.
    storage_bytes: Amount,
}

/// How much of something is taken.
#[derive(Debug, Object)]
#[oai(rename = "Amount", skip_serializing_if_is_none)]
struct Amount {
    /// What was processed, or is stored.
    used: u64,
    /// What is accepted and has not ended. It becomes used when it succeeds, and is given back otherwise.
    reserved: u64,
    /// Absent without limit.
    limit: Option<u64>,
    /// What is neither used nor reserved; absent without limit.
    remaining: Option<u64>,
}

/// What an account used in one month.
#[derive(Debug, Object)]
#[oai(rename = "UsedMonth")]
struct UsedMonth {
    month: String,
    documents: u64,
    pages: u64,
    bytes: u64,
}

/// The limits of an account, and how it stands.
#[derive(Debug, Object)]
#[oai(rename = "Quota")]
struct QuotaBody {
    user_id: String,
    /// The account's own limits. Where it has none, that of the settings holds.
    own: OwnLimits,
    usage: UsageNow,
}

/// Limits of one account.
#[derive(Debug, Object)]
#[oai(rename = "QuotaLimits", skip_serializing_if_is_none)]
struct OwnLimits {
    documents_per_month: Option<u64>,
    pages_per_month: Option<u64>,
    bytes_per_month: Option<u64>,
    storage_bytes: Option<u64>,
}

/// New limits: 0 to 9007199254740991, or `null` for that of the settings. What is absent stays as it is.
#[derive(Debug, Object)]
#[oai(rename = "QuotaChange", deny_unknown_fields)]
struct QuotaChange {
    documents_per_month: MaybeUndefined<u64>,
    pages_per_month: MaybeUndefined<u64>,
    bytes_per_month: MaybeUndefined<u64>,
    storage_bytes: MaybeUndefined<u64>,
}

/// What accounts used, day by day.
#[derive(Debug, Object)]
#[oai(rename = "UsageExport")]
struct ExportBody {
    items: Vec<UsedDay>,
}

/// What an account used in one day.
#[derive(Debug, Object)]
#[oai(rename = "UsedDay")]
struct UsedDay {
    /// The day in UTC, as `2026-03-04`.
    day: String,
    user_id: String,
    documents: u64,
    pages: u64,
    bytes: u64,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum ExportFormat {
    Json,
    Csv,
}

/// An export in the form that was chosen.
struct Export {
    body: String,
    is_csv: bool,
}

impl Payload for Export {
    const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        ExportBody::schema_ref()
    }

    fn register(registry: &mut Registry) {
        ExportBody::register(registry);
    }
}

impl IntoResponse for Export {
    fn into_response(self) -> Response {
        let content_type = if self.is_csv {
            "text/csv; charset=utf-8"
        } else {
            Self::CONTENT_TYPE
        };
        Body::from(self.body)
            .with_content_type(content_type)
            .into_response()
    }
}

#[derive(ApiResponse)]
enum ExportAnswer {
    /// What was used, one line for each day and account, the oldest first; with `format=csv` as `text/csv` with a line of
    /// names.
    #[oai(status = 200)]
    Export(
        Export,
        /// Makes a browser save it.
        #[oai(header = "Content-Disposition")]
        String,
    ),
}

#[OpenApi]
impl Usage {
    /// What you use and may use
    #[oai(path = "/usage", method = "get", tag = "Section::Accounts")]
    async fn usage(&self, api: Data<&Api>, caller: Caller) -> Result<Json<UsageBody>, Problem> {
        let user = caller.0.user;
        let account = quotas::account(&api, user).await?;
        let history = quotas::history(&api, user).await?;
        Ok(Json(UsageBody {
            now: UsageNow::from(&account),
            history: history.into_iter().map(UsedMonth::from).collect(),
        }))
    }

    /// What everybody used, day by day in UTC
    ///
    /// A document is used on the day on which its results were stored, once, and stays so when it is deleted: days that have
    /// passed do not change. At most 366 days and 100,000 lines at once.
    #[oai(path = "/admin/usage", method = "get", tag = "Section::Operating")]
    async fn export(
        &self,
        api: Data<&Api>,
        caller: Caller,
        /// The first day, as `2026-03-01`; the first of this month when absent.
        from: Query<Option<String>>,
        /// The last day; today when absent.
        to: Query<Option<String>>,
        format: Query<Option<ExportFormat>>,
    ) -> Result<ExportAnswer, Problem> {
        let (from, to) = (day("from", from.0.as_deref())?, day("to", to.0.as_deref())?);
        let days = quotas::export(&api, &caller.0, from, to).await?;
        let is_csv = format.0 == Some(ExportFormat::Csv);
        let (body, name) = if is_csv {
            (csv(&days), "usage.csv")
        } else {
            let items = days.into_iter().map(UsedDay::from).collect();
            (ExportBody { items }.to_json_string(), "usage.json")
        };
        let disposition = format!("attachment; filename=\"{name}\"");
        Ok(ExportAnswer::Export(Export { body, is_csv }, disposition))
    }

    /// The limits of an account, and how it stands
    #[oai(path = "/admin/users/:id/quota", method = "get", tag = "Section::Operating")]
    async fn quota(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<QuotaBody>, Problem> {
        let account = quotas::account_of(&api, &caller.0, user_id(&id.0)?).await?;
        Ok(Json(account.into()))
    }

    /// Change the limits of an account
    ///
    /// Only for administrators. They hold from the next request on; what is taken already counts.
    #[oai(path = "/admin/users/:id/quota", method = "patch", tag = "Section::Operating")]
    async fn change_quota(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        body: Json<QuotaChange>,
    ) -> Result<Json<QuotaBody>, Problem> {
        let user = user_id(&id.0)?;
        let QuotaChange {
            documents_per_month,
            pages_per_month,
            bytes_per_month,
            storage_bytes,
        } = body.0;
        let new = NewLimits {
            documents: limit("documents_per_month", documents_per_month)?,
            pages: limit("pages_per_month", pages_per_month)?,
            bytes: limit("bytes_per_month", bytes_per_month)?,
            storage_bytes: limit("storage_bytes", storage_bytes)?,
        };
        Ok(Json(quotas::change(&api, caller.0, user, new).await?.into()))
    }
}

fn user_id(id: &str) -> Result<UserId, Problem> {
    id.parse().map_err(|_| Problem::new(Code::NotFound))
}

fn day(name: &str, given: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    given
        .map(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d"))
        .transpose()
        .map_err(|_| Problem::invalid(format!("query:{name}"), "must be a day, as 2026-03-04"))
}

fn limit(name: &str, given: MaybeUndefined<u64>) -> Result<Option<Option<u64>>, Problem> {
    match given {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(limit) if limit <= QUOTA_MAX => Ok(Some(Some(limit))),
        MaybeUndefined::Value(_) => {
            let rule = format!("must be at most {QUOTA_MAX}");
            Err(Problem::invalid(format!("/{name}"), rule))
        }
    }
}

/// Nothing in it needs quotes, and nothing could be taken for a formula: days, ids and numbers.
fn csv(days: &[Period]) -> String {
    let mut csv = String::from("day,user_id,documents,pages,bytes\r\n");
    for Period { name, user, used } in days {
        // Writing to a text cannot fail.
        let _ = write!(
            csv,
            "{name},{user},{},{},{}\r\n",
            used.documents, used.pages, used.bytes
        );
    }
    csv
}

impl From<&Account> for UsageNow {
    fn from(account: &Account) -> Self {
        let (standing, limits) = (&account.standing, &account.limits);
        let (used, reserved) = (standing.used, standing.reserved);
        Self {
            month: account.month.to_string(),
            renews_at: account.month.ends_at().into(),
            documents: Amount::new(used.documents, reserved.documents, limits.documents),
            pages: Amount::new(used.pages, reserved.documents, limits.pages),
            bytes: Amount::new(used.bytes, reserved.bytes, limits.bytes),
            storage_bytes: Amount::new(standing.storage_bytes, 0, limits.storage_bytes),
        }
    }
}

impl Amount {
    fn new(used: u64, reserved: u64, limit: Option<u64>) -> Self {
        Self {
            used,
            reserved,
            limit,
            remaining: limit.map(|limit| limit.saturating_sub(used).saturating_sub(reserved)),
        }
    }
}

impl From<Account> for QuotaBody {
    fn from(account: Account) -> Self {
        let own = account.standing.own;
        Self {
            user_id: account.user.to_string(),
            own: OwnLimits {
                documents_per_month: own.documents,
                pages_per_month: own.pages,
                bytes_per_month: own.bytes,
                storage_bytes: own.storage_bytes,
            },
            usage: UsageNow::from(&account),
        }
    }
}

impl From<Period> for UsedMonth {
    fn from(period: Period) -> Self {
        Self {
            month: period.name,
            documents: period.used.documents,
            pages: period.used.pages,
            bytes: period.used.bytes,
        }
    }
}

impl From<Period> for UsedDay {
    fn from(period: Period) -> Self {
        Self {
            day: period.name,
            user_id: period.user.to_string(),
            documents: period.used.documents,
            pages: period.used.pages,
            bytes: period.used.bytes,
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotAnOperator | Refused::NotAnAdministrator => {
                Self::new(Code::Forbidden).detail(refused)
            }
            Refused::NoSuchAccount => Self::new(Code::NotFound),
            Refused::EndsBeforeItBegins | Refused::TooManyDays | Refused::TooManyLines => {
                Self::invalid("query:to", refused)
            }
            Refused::Database(error) => error.into(),
        }
    }
}
