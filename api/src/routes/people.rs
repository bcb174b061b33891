//! `/admin/users`: for administrators.

use database::users::{User, UserFilter};
use domain::{UserId, UserRole, UserStatus};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use super::Section;
use super::done::Done;
use super::listing::{self, Page};
use super::schema::{Timestamp, mirror};
use crate::auth::caller::Caller;
use crate::context::Api;
use crate::http::cursor::Position;
use crate::operations::people::{self, Refused};
use crate::problem::{Code, Problem};

pub(super) struct People;

const LIST: &str = "users";
const PATH: &str = "/api/v1/admin/users";
/// Characters of a search at most.
pub(super) const SEARCH_CHARS_MAX: usize = 255;

mirror! {
    /// What an account may do. Each role may do what those before it may.
    RoleName = UserRole { User, Operator, Admin }
}
mirror! {
    /// Whether an account may be used.
    StatusName = UserStatus { Active, Disabled, Closed }
}

/// An account, as administrators see it.
#[derive(Object)]
#[oai(rename = "Account", skip_serializing_if_is_none)]
struct AccountBody {
    id: String,
    email: String,
    username: Option<String>,
    full_name: Option<String>,
    organization: Option<String>,
    role: RoleName,
    status: StatusName,
    /// Whether a code is asked for beside the password.
    second_factor: bool,
    created_at: Timestamp,
    last_login_at: Option<Timestamp>,
}

#[derive(Object)]
#[oai(rename = "AccountPage", skip_serializing_if_is_none)]
struct AccountPage {
    items: Vec<AccountBody>,
    /// Where the list goes on; absent at its end.
    next_cursor: Option<String>,
}

#[derive(ApiResponse)]
enum AccountList {
    /// A page of accounts, the newest first.
    #[oai(status = 200)]
    Page(
        Json<AccountPage>,
        /// The first and the next page (RFC 8288).
        #[oai(header = "Link")]
        String,
    ),
}

#[derive(Object)]
#[oai(rename = "RoleChange", deny_unknown_fields)]
struct RoleBody {
    role: RoleName,
}

#[OpenApi(tag = "Section::Operating")]
impl People {
    /// Accounts, the newest first
    #[oai(path = "/admin/users", method = "get")]
    #[allow(clippy::too_many_arguments)] // one for each query parameter
    async fn list(
        &self,
        api: Data<&Api>,
        _caller: Caller,
        /// Part of the address, the user name, the full name or the organisation.
        q: Query<Option<String>>,
        role: Query<Option<RoleName>>,
        status: Query<Option<StatusName>>,
        /// Items on the page, 1 to 100.
        limit: Query<Option<u64>>,
        /// Where the list goes on.
        cursor: Query<Option<String>>,
    ) -> Result<AccountList, Problem> {
        let page = Page::read(&api, LIST, limit.0, cursor.0.as_deref())?;
        if q.0
            .as_ref()
            .is_some_and(|text| text.chars().count() > SEARCH_CHARS_MAX)
        {
            let rule = format!("must have at most {SEARCH_CHARS_MAX} characters");
            return Err(Problem::invalid("query:q", rule));
        }
        let filter = UserFilter {
            text: q.0.filter(|text| !text.is_empty()),
            role: role.0.map(UserRole::from),
            status: status.0.map(UserStatus::from),
            before: page.after().map(UserId::from),
        };
        let mut found = people::list(&api, &filter, page.fetch()).await?;
        let next = page.end(&api, LIST, &mut found, |user| Position::After(user.id.uuid()));
        let given = [
            ("q", filter.text),
            ("role", filter.role.map(|role| role.to_string())),
            ("status", filter.status.map(|status| status.to_string())),
            ("limit", limit.0.map(|limit| limit.to_string())),
        ];
        let link = listing::links(PATH, &given, next.as_deref());
        let page = AccountPage {
            items: found.into_iter().map(AccountBody::from).collect(),
            next_cursor: next,
        };
        Ok(AccountList::Page(Json(page), link))
    }

    /// An account
    #[oai(path = "/admin/users/:id", method = "get")]
    async fn find(
        &self,
        api: Data<&Api>,
        _caller: Caller,
        id: Path<String>,
    ) -> Result<Json<AccountBody>, Problem> {
        Ok(Json(people::find(&api, user_id(&id.0)?).await?.into()))
    }

    /// Disable an account
    ///
    /// Its sessions end, and its API keys are refused within five seconds. Its jobs go on.
    #[oai(path = "/admin/users/:id/disable", method = "post")]
    async fn disable(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<AccountBody>, Problem> {
        Ok(Json(
            people::set_active(&api, caller.0, user_id(&id.0)?, false)
                .await?
                .into(),
        ))
    }

    /// Enable an account that was disabled, or closed and not deleted yet
    #[oai(path = "/admin/users/:id/enable", method = "post")]
    async fn enable(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Json<AccountBody>, Problem> {
        Ok(Json(
            people::set_active(&api, caller.0, user_id(&id.0)?, true)
                .await?
                .into(),
        ))
    }

    /// Change what an account may do
    #[oai(path = "/admin/users/:id/role", method = "put")]
    async fn set_role(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
        body: Json<RoleBody>,
    ) -> Result<Json<AccountBody>, Problem> {
        let user = people::set_role(&api, caller.0, user_id(&id.0)?, body.0.role.into()).await?;
        Ok(Json(user.into()))
    }

    /// End every session of an account
    #[oai(path = "/admin/users/:id/logout", method = "post")]
    async fn log_out(&self, api: Data<&Api>, caller: Caller, id: Path<String>) -> Result<Done, Problem> {
        people::log_out(&api, caller.0, user_id(&id.0)?).await?;
        Ok(Done::Done)
    }

    /// Take the second factor of an account away
    ///
    /// For somebody who has lost the app and the recovery codes. Every session of the account ends.
    #[oai(path = "/admin/users/:id/second-factor", method = "delete")]
    async fn remove_second_factor(
        &self,
        api: Data<&Api>,
        caller: Caller,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        people::remove_second_factor(&api, caller.0, user_id(&id.0)?).await?;
        Ok(Done::Done)
    }
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound))
}

impl From<User> for AccountBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            username: user.username,
            full_name: user.full_name,
            organization: user.organization,
            role: user.role.into(),
            status: user.status.into(),
            second_factor: user.second_factor,
            created_at: user.created_at.into(),
            last_login_at: user.last_login_at.map(Timestamp::from),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSuchAccount => Self::new(Code::NotFound),
            Refused::OwnAccount => Self::new(Code::OwnAccount).detail(refused),
            Refused::Database(error) => error.into(),
            Refused::Account(error) => error.into(),
        }
    }
}
